"""Calls that run in the background, until a poll shows their end."""

from __future__ import annotations

from outlay.context import LiveSpan
from outlay.records import Call

REMEMBERED = 10_000
"""Calls that are remembered; an older one is settled by its id alone, without its span."""


class Pending:
    """Remember, by the provider's id, which call and span a background answer belongs to."""

    def __init__(self) -> None:
        self._calls: dict[str, tuple[Call, LiveSpan | None]] = {}
        self._settled: dict[str, None] = {}

    def note(self, call: Call, span: LiveSpan | None) -> None:
        """Remember a call that was accepted."""
        if call.response_id is not None:
            while len(self._calls) >= REMEMBERED:
                self._calls.pop(next(iter(self._calls)), None)
            self._calls[call.response_id] = (call, span)

    def take(self, response_id: str) -> tuple[Call, LiveSpan | None] | None:
        """Return and forget the call of a provider's id; None where another process began it."""
        return self._calls.pop(response_id, None)

    def settle(self, response_id: str | None) -> bool:
        """Claim a provider's id for settling; False where it was settled before (it may be polled again and again)."""
        if response_id is None or response_id in self._settled:
            return False
        while len(self._settled) >= REMEMBERED:
            self._settled.pop(next(iter(self._settled)), None)
        self._settled[response_id] = None
        return True
