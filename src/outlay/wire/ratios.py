"""How many tokens a byte of a request's text has turned out to be: by provider and model, in bounded memory."""

from __future__ import annotations

from outlay.histories import Histories

ENOUGH = 32
"""Calls before which there is no ratio."""

LOOKED_BACK = 256
"""Calls after which the highest ratio of those before the last so many is forgotten."""

MARGIN = 1.25
"""By how much more than the highest ratio seen the next call is taken for."""


class _Seen:
    __slots__ = ("before", "calls", "highest")

    def __init__(self) -> None:
        self.calls = 0
        self.highest = self.before = 0.0

    def add(self, *seen: int) -> None:
        text, tokens = seen
        if self.calls >= LOOKED_BACK:
            self.before, self.highest, self.calls = self.highest, 0.0, 0
        self.calls += 1
        self.highest = max(self.highest, tokens / text)


class Ratios(Histories[tuple[str, str | None], _Seen]):
    """The highest ratio of the last 256 to 512 calls, by (provider, model); bytes of text and tokens are added."""

    def __init__(self) -> None:
        super().__init__(_Seen)

    def of(self, provider: str, model: str | None) -> float | None:
        """Return the tokens that a byte is likely to be at most, margin included; None where too little was seen."""
        seen = self.get((provider, model))
        if seen is None or (seen.calls < ENOUGH and not seen.before):
            return None
        return max(seen.highest, seen.before) * MARGIN
