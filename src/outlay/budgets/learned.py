"""What calls without an output limit have cost of late: the 99th percentile by feature and model, in bounded memory."""

from __future__ import annotations

from collections import deque

from outlay.histories import Histories

KEPT = 256
"""Calls of a feature and model that are looked back on."""
ENOUGH = 100
"""Calls before which there is no 99th percentile."""
ANEW = 16
"""Calls after which the percentile is taken anew."""


class _History:
    __slots__ = ("costs", "due", "top")

    def __init__(self) -> None:
        self.costs: deque[int] = deque(maxlen=KEPT)
        self.top: int | None = None
        self.due = ENOUGH

    def add(self, *seen: int) -> None:
        self.costs.extend(seen)
        self.due -= 1
        if self.due <= 0:
            self.due = ANEW
            ranked = sorted(self.costs)
            self.top = ranked[-(len(ranked) // 100) - 1]


class Learned(Histories[tuple[str, str], _History]):
    """Costs beyond what the input costs at most, in nano-USD, by (feature, model)."""

    def __init__(self) -> None:
        super().__init__(_History)

    def top(self, feature: str, model: str) -> int | None:
        """Return nano-USD that 99 of 100 calls cost at most beyond their input's bound; None without history.

        Negative where that bound is loose.
        """
        history = self.get((feature, model))
        return history.top if history else None
