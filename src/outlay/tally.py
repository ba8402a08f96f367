"""The running sum of a span: right the moment a call has returned, safe to add to from any thread or finaliser."""

from __future__ import annotations

import os
import threading
from collections import deque

from outlay.money import Spend
from outlay.records import Call, Cost, Quantity, Usage

FOLD_AT = 512
"""Entries that may wait before an addition folds them, so that a span of a million calls stays small."""

_folding = threading.RLock()
"""One for all tallies: a fork can replace it. Re-entrant: a finaliser may read a sum amid a fold of its own thread."""


class Tally:
    """Sum calls, usage and cost.

    An addition is one ``deque.append``: atomic, and harmless inside a garbage collection that interrupts this very
    object. Only readers (and every 512th addition, if nobody else is at it) fold the entries into the sums.
    """

    __slots__ = (
        "_calls",
        "_classes",
        "_cost",
        "_entries",
        "_estimated",
        "_lower",
        "_reasoning",
        "_unpriced",
        "_upper",
    )

    def __init__(self) -> None:
        self._entries: deque[tuple[int, Usage | None, Cost]] = deque()
        self._calls = self._cost = self._lower = self._reasoning = self._unpriced = 0
        self._upper: int | None = 0
        self._classes: dict[str, Quantity] = {}
        self._estimated = False

    def add(self, call: Call, *, again: bool = False) -> None:
        """Add a call; ``again`` when it was added as pending before, so that it is not counted twice."""
        self._entries.append((-1 if again else 1, call.usage, call.cost))
        if len(self._entries) > FOLD_AT and _folding.acquire(blocking=False):
            try:
                self._fold()
            finally:
                _folding.release()

    @property
    def calls(self) -> int:
        """Attempts so far."""
        with _folding:
            self._fold()
            return self._calls

    @property
    def spend(self) -> Spend:
        """USD so far, with its bounds and the number of calls it leaves out."""
        with _folding:
            self._fold()
            return Spend(self._cost, unpriced_calls=self._unpriced, lower=self._lower, upper=self._upper)

    @property
    def usage(self) -> Usage:
        """Usage so far, by class."""
        with _folding:
            self._fold()
            return Usage(classes=dict(self._classes), reasoning=self._reasoning, estimated=self._estimated)

    def _fold(self) -> None:
        while self._entries:
            count, usage, cost = self._entries.popleft()
            self._calls += count > 0
            self._fold_cost(count, cost)
            if usage is not None:
                self._reasoning += usage.reasoning
                self._estimated |= usage.estimated
                for name, quantity in usage.classes.items():
                    self._classes[name] = self._classes.get(name, 0) + quantity

    def _fold_cost(self, count: int, cost: Cost) -> None:
        unpriced = cost.status in ("unknown", "partial")
        # A pending call was counted as unpriced: its final answer takes that back.
        self._unpriced += unpriced if count > 0 else unpriced - 1
        if cost.amount is None:
            return
        self._cost += cost.amount
        self._lower += cost.amount if cost.lower is None else cost.lower
        bounded = cost.lower is None or cost.upper is not None
        if self._upper is not None:
            self._upper = self._upper + (cost.amount if cost.upper is None else cost.upper) if bounded else None


def _in_child() -> None:
    global _folding  # noqa: PLW0603 - a thread that is not here any more may hold it
    _folding = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
