"""The surface for authors of transports, wire formats, providers and exporters: all of outlay that is theirs to import.

A **transport** patches an HTTP client. It asks ``meter.find`` about every request, opens an exchange for those that are
model calls with ``meter.begin``, asks the budgets where the exchange has a ``policy`` (``permit``), sends, and tells
the exchange what came back. A **wire format** is an ``API`` table; a **provider** is a ``Provider`` row; an
**exporter** is a ``Backend`` row, and ``outlay.export`` says what it has to do. They are found by the entry points
``outlay.transports``, ``outlay.apis``, ``outlay.providers`` and ``outlay.exporters``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from outlay.guard import guard, guarded

if TYPE_CHECKING:
    from outlay.export import (
        Backend,
        Batch,
        Content,
        Delivered,
        Dollars,
        Exporter,
        Later,
        Place,
        Refused,
        Rejected,
        Result,
        dollars,
    )
    from outlay.forks import Connection
    from outlay.readable import readable
    from outlay.records import Call, Cost, Span, Usage
    from outlay.wire.api import (
        API,
        Answer,
        Apart,
        Beside,
        Bounds,
        Jobs,
        Request,
        Session,
        Stream,
        Total,
        UsageTable,
    )
    from outlay.wire.conversation import Conversation
    from outlay.wire.declined import Declined
    from outlay.wire.exchange import Exchange
    from outlay.wire.messages import Messages
    from outlay.wire.permission import permit, permit_async
    from outlay.wire.provider import Provider
    from outlay.wire.recognise import Match
    from outlay.wire.tee import watch, watch_async
else:
    _FROM = {
        **dict.fromkeys(
            (
                "API",
                "Answer",
                "Apart",
                "Beside",
                "Bounds",
                "Jobs",
                "Request",
                "Session",
                "Stream",
                "Total",
                "UsageTable",
            ),
            "outlay.wire.api",
        ),
        **dict.fromkeys(
            (
                *("Backend", "Batch", "Content", "Delivered", "Dollars", "Exporter", "Later", "Place", "Refused"),
                *("Rejected", "Result", "dollars"),
            ),
            "outlay.export",
        ),
        **dict.fromkeys(("Call", "Cost", "Span", "Usage"), "outlay.records"),
        "Connection": "outlay.forks",
        "readable": "outlay.readable",
        "Conversation": "outlay.wire.conversation",
        "Declined": "outlay.wire.declined",
        "Provider": "outlay.wire.provider",
        "Messages": "outlay.wire.messages",
        "Exchange": "outlay.wire.exchange",
        "Match": "outlay.wire.recognise",
        **dict.fromkeys(("permit", "permit_async"), "outlay.wire.permission"),
        **dict.fromkeys(("watch", "watch_async"), "outlay.wire.tee"),
    }

    def __getattr__(name: str) -> Any:
        """Load what only requests need with the first that asks: patches are put in place before any request."""
        if name not in _FROM:
            raise AttributeError(f"module 'outlay.integration' has no attribute {name!r}")
        found = globals()[name] = getattr(importlib.import_module(_FROM[name]), name)
        return found


__all__ = [
    "API",
    "Answer",
    "Apart",
    "Backend",
    "Batch",
    "Beside",
    "Bounds",
    "Call",
    "Connection",
    "Content",
    "Conversation",
    "Cost",
    "Declined",
    "Delivered",
    "Dollars",
    "Exchange",
    "Exporter",
    "Jobs",
    "Later",
    "Match",
    "Messages",
    "Patch",
    "Place",
    "Provider",
    "Refused",
    "Rejected",
    "Request",
    "Result",
    "Session",
    "Span",
    "Stream",
    "Total",
    "Transport",
    "Usage",
    "UsageTable",
    "dollars",
    "guard",
    "guarded",
    "meter",
    "permit",
    "permit_async",
    "readable",
    "watch",
    "watch_async",
]


class Patch(msgspec.Struct, frozen=True):
    """One function of an HTTP client's module that outlay puts a wrapper around when the module is imported."""

    module: str
    target: str
    """Where the function stands in the module: ``Client.send``."""
    wrap: Callable[[Any, Any], Any]
    """From the module and the function to the function that takes its place; it must set ``__wrapped__``."""


class Transport(msgspec.Struct, frozen=True):
    """An HTTP client library."""

    name: str
    patches: tuple[Patch, ...]
    sdks: tuple[str, ...] = ()
    """Well-known packages that call through it, for doctor."""


class _Meter(Protocol):
    """What transports ask."""

    @property
    def budgets(self) -> bool:
        """Whether there are budgets, to be asked before a request is made that can't be changed later."""

    def find(self, method: str, host: str, path: str, /) -> Match | None:
        """Return the match of a request, or None for one that is no model call.

        ``host`` has its port where that is not the scheme's own; ``path`` comes without its query.
        """

    def sockets(self, host: str, path: str, /) -> tuple[Match, ...]:
        """Return the matches of a websocket, one for each format that is spoken on its path; none where it is none."""

    def begin(
        self, transport: str, match: Match, host: str, path: str, body: bytes | None, *, streams: bool
    ) -> Exchange | None:
        """Open an exchange for a request that was recognised, or None if it is the inner half of one that is open.

        ``body``: None unless it is in memory. ``streams``: whether the client was told to leave the answer unread.
        """


class _InForce:
    """The meter that is in force, or one that lets everything by."""

    __slots__ = ("begin", "find", "held", "sockets")

    def __init__(self) -> None:
        self.put(None)

    @property
    def budgets(self) -> bool:
        """Whether there are budgets."""
        return self.held is not None and self.held.budgets

    def put(self, held: _Meter | None) -> _Meter | None:
        """Meter with ``held`` from now on, or with nothing; return what metered before."""
        before: _Meter | None = getattr(self, "held", None)
        self.held = held
        # Bound once, so that a transport's question is one call.
        self.begin = _let_by if held is None else held.begin
        self.find = _let_by if held is None else held.find
        self.sockets = _no_sockets if held is None else held.sockets
        return before


def _let_by(*_: object, streams: bool = False) -> None:  # noqa: ARG001 - what ``begin`` takes
    return None


def _no_sockets(*_: object) -> tuple[Match, ...]:
    return ()


meter = _InForce()
"""What a transport asks about every request: ``meter.find``, then ``meter.begin``."""
