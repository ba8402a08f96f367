"""How many tokens a byte of a request's text has turned out to be: by provider and model, in bounded memory."""

from __future__ import annotations

import threading
from collections import OrderedDict

ENOUGH = 32
"""Calls before which there is no ratio."""

LOOKED_BACK = 256
"""Calls after which the highest ratio of those before the last so many is forgotten."""

MARGIN = 1.25
"""By how much more than the highest ratio seen the next call is taken for."""

KEYS = 1024
"""Providers and models that are remembered: those longest unused go first."""


class _Seen:
    __slots__ = ("before", "calls", "highest")

    def __init__(self) -> None:
        self.calls = 0
        self.highest = self.before = 0.0


class Ratios:
    """The highest ratio of the last 256 to 512 calls, by (provider, model)."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, str | None], _Seen] = OrderedDict()
        self._lock = threading.Lock()

    def forked(self) -> None:
        """Have a lock of one's own, after a fork."""
        self._lock = threading.Lock()

    def of(self, provider: str, model: str | None) -> float | None:
        """Return the tokens that a byte is likely to be at most, margin included; None where too little was seen."""
        seen = self._seen.get((provider, model))
        if seen is None or (seen.calls < ENOUGH and not seen.before):
            return None
        return max(seen.highest, seen.before) * MARGIN

    def add(self, provider: str, model: str | None, text: int, tokens: int) -> None:
        """Learn that a request with so many bytes of text had so many tokens."""
        key = (provider, model)
        with self._lock:
            seen = self._seen.get(key)
            if seen is None:
                seen = self._seen[key] = _Seen()
                if len(self._seen) > KEYS:
                    self._seen.popitem(last=False)
            self._seen.move_to_end(key)
            if seen.calls >= LOOKED_BACK:
                seen.before, seen.highest, seen.calls = seen.highest, 0.0, 0
            seen.calls += 1
            seen.highest = max(seen.highest, tokens / text)
