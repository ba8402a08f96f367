"""What keeps callers from waiting for a store that is down: after a failure it is left alone for a while."""

from __future__ import annotations

from time import monotonic

FIRST, LONGEST = 0.5, 15.0
"""Seconds for which a store is left alone, after the first failure and at most."""


class Breaker:
    """Closed while the store answers."""

    def __init__(self) -> None:
        self._until = 0.0
        self._pause = FIRST
        self.reason = ""
        """What the store's last failure said; empty while it answers."""

    @property
    def open(self) -> bool:
        """Whether the store is not to be asked now."""
        return self._until > monotonic()

    def failed(self, reason: str) -> bool:
        """Note a failure; return whether it is the first of a row."""
        first = not self.reason
        self.reason = reason
        self._until = monotonic() + self._pause
        self._pause = min(self._pause * 2, LONGEST)
        return first

    def worked(self) -> None:
        """Note that the store answered."""
        if self.reason:
            self._until, self._pause, self.reason = 0.0, FIRST, ""
