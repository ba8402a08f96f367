"""The surface for authors of transports, wire formats and providers: nothing else of outlay is theirs to import.

A **transport** patches an HTTP client. It asks ``recognise`` about every request, opens an exchange for those that are
model calls, sends, and tells the exchange what came back. A **wire format** is an ``API`` table; a **provider** is a
``Provider`` row. They are found by the entry points ``outlay.transports``, ``outlay.apis`` and ``outlay.providers``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from outlay.guard import guard
from outlay.wire.api import API, Answer, Provider, Request, Stream, Total, UsageTable
from outlay.wire.exchange import Exchange
from outlay.wire.recognise import Match
from outlay.wire.tee import watch, watch_async

__all__ = [
    "API",
    "Answer",
    "Exchange",
    "Match",
    "Patch",
    "Provider",
    "Request",
    "Stream",
    "Total",
    "Transport",
    "UsageTable",
    "begin",
    "connect",
    "guard",
    "recognise",
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
    def find(self, method: str, host: str, path: str) -> Match | None: ...

    def begin(
        self, transport: str, match: Match, host: str, path: str, body: bytes | None, *, streams: bool
    ) -> Exchange | None: ...


_meter: _Meter | None = None


def connect(meter: _Meter | None) -> _Meter | None:
    """Let transports meter with ``meter``, or with nothing; return what they metered with before."""
    global _meter
    before, _meter = _meter, meter
    return before


def recognise(method: str, host: str, path: str) -> Match | None:
    """Return the match of a request, or None for one that is no model call (or when outlay is off)."""
    return None if _meter is None else _meter.find(method, host, path)


def begin(transport: str, match: Match, host: str, path: str, body: bytes | None, *, streams: bool) -> Exchange | None:
    """Open the exchange of a recognised request; None where an outer client has one for it already."""
    if _meter is None:
        return None
    return _meter.begin(transport, match, host, path, body, streams=streams)
