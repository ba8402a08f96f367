"""Calls that run in the background, until a poll shows their end."""

from __future__ import annotations

import contextlib
import hashlib
from typing import Any

from outlay.context import LiveSpan
from outlay.records import Call

REMEMBERED = 10_000
"""Calls that are remembered; an older one is settled by its id alone, without its span."""


class Pending:
    """Remember, by the provider's id, which call and span a background answer belongs to."""

    def __init__(self) -> None:
        self._calls: dict[str, tuple[Call, LiveSpan | None]] = {}
        self._settled: dict[str, object] = {}

    def note(self, call: Call, span: LiveSpan | None) -> None:
        """Remember a call that was accepted."""
        if call.response_id is not None:
            self._calls[call.response_id] = (call, span)
            _forget_oldest(self._calls)

    def take(self, response_id: str) -> tuple[Call, LiveSpan | None] | None:
        """Return and forget the call of a provider's id; None where another process began it."""
        return self._calls.pop(response_id, None)

    def settle(self, response_id: str | None) -> bool:
        """Claim a provider's id for settling; False where it was settled before (it may be polled again and again)."""
        if response_id is None:
            return False
        claim = object()
        if self._settled.setdefault(response_id, claim) is not claim:  # of two threads only one sets it
            return False
        _forget_oldest(self._settled)
        return True


def background_id(provider: str, response_id: str) -> str:
    """Return the id of a call that runs in the background: whoever polls it first or twice, it is one record."""
    return hashlib.blake2b(f"{provider}:{response_id}".encode(), digest_size=8).hexdigest()


def _forget_oldest(remembered: dict[str, Any]) -> None:
    with contextlib.suppress(RuntimeError):  # another thread adds to it at this moment: the next one forgets for both
        while len(remembered) > REMEMBERED:
            remembered.pop(next(iter(remembered)), None)
