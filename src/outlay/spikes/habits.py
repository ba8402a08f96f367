"""Habits: bursts of calls that came at the same time yesterday or a week ago, and are no news."""

from __future__ import annotations

from math import exp, log

from outlay.spikes.channel import Channel
from outlay.spikes.evidence import of_count

DAY, WEEK = 288, 2016
_LATE = 12
"""Buckets after which a burst is written down: what goes on must not excuse itself."""
_LONGEST = 48
"""Buckets of a burst that can become a habit: what lasts longer is none."""
_NEAR = 2
"""Buckets that a habit may come early or late."""
_STEP = 0.125
"""Logarithm of the ratio that one unit of the memory stands for."""
NOTED = 5.0
"""Evidence from which on a burst is remembered."""


class Habits:
    """What bursts there were in the last week: one byte a bucket."""

    def __init__(self) -> None:
        self.memory = bytearray(WEEK)
        self.pending = bytearray()
        self.at = 0
        self.running = 0
        self.seen = self.expected = 0.0

    def factor(self, at: int) -> float:
        """Return how many times the usual calls are a habit at bucket ``at``."""
        self.at = at
        day, week = (at - DAY) % WEEK, at % WEEK
        memory = self.memory
        if _NEAR <= day < WEEK - _NEAR and _NEAR <= week < WEEK - _NEAR:
            most = max(max(memory[day - 2 : day + 3]), max(memory[week - 2 : week + 3]))
        else:
            most = max(memory[(place + near) % WEEK] for place in (day, week) for near in range(-2, 3))
        return exp(most * _STEP) if most else 1.0

    def note(self, channel: Channel, calls: float, usual: float, factor: float) -> None:
        """Remember the bucket where it was a burst."""
        value = 0
        expected = usual * exp(channel.wander)
        self.seen = 0.6 * self.seen + calls
        self.expected = 0.6 * self.expected + expected
        if channel.known and calls > 1.2 * expected and of_count(self.seen, self.expected, 0.03) >= NOTED:
            self.running += 1
            if self.running <= _LONGEST:
                value = min(255, round(log(calls / expected) / _STEP))
        else:
            self.running = 0
        self.pending.append(value)
        if len(self.pending) > _LATE:
            self.memory[(self.at - _LATE) % WEEK] = self.pending.pop(0)
