"""What an exchange needs of parts that lie above it: each is handed to it, none is imported."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from outlay.records import Call
    from outlay.wire.exchange import Exchange


class Journal(Protocol):
    """Where calls in flight are noted (``outlay.ledger.inflight``)."""

    def begin(
        self, call: str, start: int, provider: str, api: str, host: str, feature: str, upper: int | None, project: str
    ) -> int | None:
        """Note that a call is about to be sent; None when there is no room."""

    def note(self, slot: int, facts: bytes) -> bool:
        """Keep what is known of a call by now; return False where there is no room for it."""

    def end(self, slot: int) -> None:
        """Take a call out."""


class Worker(Protocol):
    """The thread that settles what waits, once a second or when it is woken."""

    due: int
    """The clock (``time.perf_counter_ns``) from which on it wants to be woken."""

    def wake(self) -> None:
        """Start it, or have it look now."""


class Flights(Protocol):
    """Where the journal of calls in flight is had from: the spool."""

    @property
    def in_use(self) -> Journal | None:
        """The journal, if it was asked for before."""

    @property
    def journal(self) -> Journal | None:
        """The journal of this process; None where there is no room for one."""


class Policy(Protocol):
    """What the budgets say about a call, and are told of it (``outlay.policy``)."""

    def decide(self, exchange: Exchange, fixed: bool, /) -> Callable[[], Any] | None:  # noqa: FBT001 - see guarded
        """Decide whether and how a call may be sent; ``fixed`` says that its request can't be changed.

        What was decided is noted in the exchange. Where that takes a trip to a store, return the trip: a function that
        blocks for as long as it takes, and returns the next one if it needs another.
        """

    def settle(self, exchange: Exchange, call: Call | None) -> None:
        """Tell the budgets what a call did cost that they hold money for; None for a request that was none."""


class Source(Protocol):
    """What a transport has a request and its answer in, where it is not the bytes of one HTTP exchange."""

    def request(self) -> bytes | None:
        """Return all that was asked, as JSON: what a call without figures is estimated from."""

    def answer(self, pieces: list[Any]) -> bytes:
        """Return what came of the answer, as JSON or lines of it."""
