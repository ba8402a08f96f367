"""What calls without an output limit have cost of late: the 99th percentile by feature and model, in bounded memory."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque

KEPT = 256
"""Calls of a feature and model that are looked back on."""
ENOUGH = 100
"""Calls before which there is no 99th percentile."""
KEYS = 1024
"""Features and models that are remembered: those longest unused go first."""
ANEW = 16
"""Calls after which the percentile is taken anew."""


class _History:
    __slots__ = ("costs", "due", "top")

    def __init__(self) -> None:
        self.costs: deque[int] = deque(maxlen=KEPT)
        self.top: int | None = None
        self.due = ENOUGH


class Learned:
    """Costs beyond what the input costs at most, by (feature, model)."""

    def __init__(self) -> None:
        self._histories: OrderedDict[tuple[str, str], _History] = OrderedDict()
        self._lock = threading.Lock()

    def forked(self) -> None:
        """Have a lock of one's own, after a fork."""
        self._lock = threading.Lock()

    def top(self, feature: str, model: str) -> int | None:
        """Return nano-USD that 99 of 100 calls cost at most beyond their input's bound; None without history.

        Negative where that bound is loose.
        """
        history = self._histories.get((feature, model))
        return history.top if history else None

    def add(self, feature: str, model: str, beyond: int) -> None:
        """Learn that a call cost so much beyond its input's bound."""
        key = (feature, model)
        with self._lock:
            history = self._histories.setdefault(key, _History())
            self._histories.move_to_end(key)
            if len(self._histories) > KEYS:
                self._histories.popitem(last=False)
            self._learn(history, beyond)

    def _learn(self, history: _History, beyond: int) -> None:
        history.costs.append(beyond)
        history.due -= 1
        if history.due <= 0:
            history.due = ANEW
            ranked = sorted(history.costs)
            history.top = ranked[-(len(ranked) // 100) - 1]
