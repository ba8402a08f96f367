"""What the watch asks of a ledger, and keeps there: it knows no more of one than this."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from outlay.traffic import Mark, Model, Spent, Traffic, Watching

Filters = Mapping[str, str | None]
Time = tuple[int, int]
"""From when until when, in nanoseconds since the epoch."""


class Source(Protocol):
    """Questions about calls."""

    def spent(self, since: int, until: int, filters: Filters | None = None) -> Mapping[Model, Spent]:
        """Return what the calls of a time were, by model."""

    def carriers(self, name: str, times: tuple[Time, Time], filters: Filters | None = None) -> dict[str, Time]:
        """Return what each value of a field cost in two times, in pico-USD."""

    def examples(self, since: int, until: int, filters: Filters, order: str) -> list[str]:
        """Return ids of three calls: the ``dearest``, the ``slowest``, or some that ``failed``."""

    def marks(self, since: int, until: int) -> list[Mark]:
        """Return deploy markers and new releases."""


class Book(Source, Protocol):
    """A ledger: the calls as they come, and what is kept of the watch."""

    def take_lease(self, name: str, holder: str, now: int, length: int) -> bool:
        """Return whether ``holder`` may do it until ``now + length`` (ns)."""

    def drop_lease(self, name: str, holder: str) -> None:
        """Let the lease go."""

    def last_seq(self) -> int:
        """Return the number of the latest call."""

    def watch_cursor(self) -> int | None:
        """Return the number of the latest call that was kept as watched."""

    def traffic_after(self, by: tuple[str, ...], after: int, last: int) -> Iterable[Traffic]:
        """Return the traffic of the calls after one and up to another, by the fields ``by``."""

    def traffic_between(self, by: tuple[str, ...], since: int, until: int, last: int) -> Iterable[Traffic]:
        """Return the traffic of the calls that began in a time, up to the number ``last``."""

    def watched_calls(self, after: int, last: int) -> Iterator[Watching]:
        """Yield what guards look at of the calls after one and up to another."""

    def states(self) -> dict[str, bytes]:
        """Return what was kept, by name."""

    def save_states(
        self,
        states: Mapping[str, bytes],
        gone: Iterable[str],
        seq: int,
        incidents: Iterable[tuple[str, int, int | None, bytes]],
        *,
        first: bool,
    ) -> bool:
        """Keep all of it, and that calls up to ``seq`` were watched; return whether it was kept.

        It is not where the ledger has let go of what was kept before: somebody was forgotten.
        """

    def reviews(self) -> dict[tuple[str, str], tuple[str, int]]:
        """Return what people said of incidents: by id and kind of word, the word, and until when (ns) it holds."""
