"""Where the time of a call goes: the self time of functions inside one another, in place, between real calls."""

from __future__ import annotations

import functools
import importlib
import statistics
import time
from collections.abc import Callable
from typing import Any

_clock = time.perf_counter_ns


class Stopwatch:
    """Time functions of one thread, each without what its timed callees took and without what timing costs."""

    def __init__(self) -> None:
        self._within: list[int] = []
        self._spent: dict[str, list[int]] = {}
        self._inside = self._outside = 0
        self._inside, self._outside = self._calibrate()

    def watch(self, place: str, label: str) -> None:
        """Put a timer around the function at ``place``, which is written ``module:Class.method``."""
        module, _, path = place.partition(":")
        parent: Any = importlib.import_module(module)
        *outer, name = path.split(".")
        for part in outer:
            parent = getattr(parent, part)
        setattr(parent, name, self._timed(label, getattr(parent, name)))

    def per_call(self, calls: int) -> dict[str, float]:
        """Return µs by label of ``calls`` calls: the tenth percentile of one visit, times the visits a call makes."""
        return {
            label: sorted(spent)[len(spent) // 10] * len(spent) / calls / 1000
            for label, spent in self._spent.items()
            if spent
        }

    def clear(self) -> None:
        """Forget what was timed so far."""
        for spent in self._spent.values():
            spent.clear()

    def _timed(self, label: str, function: Callable[..., Any]) -> Callable[..., Any]:
        within, spent = self._within, self._spent.setdefault(label, [])

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            within.append(0)
            began = _clock()
            try:
                return function(*args, **kwargs)
            finally:
                took = _clock() - began
                spent.append(took - within.pop() - self._inside)
                if within:
                    within[-1] += took + self._outside

        return timed

    def _calibrate(self) -> tuple[int, int]:
        """Return ns that timing adds to the function timed, and to its caller."""
        nothing = self._timed("", _nothing)
        alone, watched = [], []
        for _ in range(20_000):
            began = _clock()
            _nothing()
            between = _clock()
            nothing()
            watched.append(_clock() - between)
            alone.append(between - began)
        call, inside = int(statistics.median(alone)), int(statistics.median(self._spent.pop("")))
        return inside, int(statistics.median(watched)) - inside - call


def _nothing() -> None:
    pass
