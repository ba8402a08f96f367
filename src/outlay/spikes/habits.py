"""Habits: bursts of calls that came at the same time yesterday or a week ago, and are no news."""

from __future__ import annotations

from math import exp, log

from outlay.spikes.channel import Channel
from outlay.spikes.evidence import of_count

DAY, WEEK = 288, 2016
"""Buckets of a day and of a week."""
_LATE = 12
"""Buckets after which a burst is written down: what goes on must not excuse itself."""
_LONGEST = 48
"""Buckets of a burst that can become a habit: what lasts longer is none."""
_NEAR = 2
"""Buckets that a habit may come early or late."""
_STEP = 0.125
"""Logarithm of the ratio that one unit of the memory stands for."""
_NOTED = 5.0
"""Evidence from which on a burst is remembered: chance must not become a habit."""
_FADING = 0.6
"""Share of the sums of a bucket that is left in the next one."""
_LOOSE = 0.03
"""Variance of the expectation that such evidence allows for."""


class Habits:
    """What bursts there were in the last week: one byte a bucket."""

    def __init__(self) -> None:
        """Know of none."""
        self.memory = bytearray(WEEK)
        self.pending = bytearray()
        self.at = 0
        self.running = 0
        self.seen = self.expected = 0.0

    def factor(self, at: int) -> float:
        """Return how many times the usual calls are a habit at bucket ``at``."""
        self.at = at
        memory, day, week = self.memory, (at - DAY) % WEEK, at % WEEK
        if _NEAR <= day < WEEK - _NEAR and _NEAR <= week < WEEK - _NEAR:
            most = max(*memory[day - _NEAR : day + _NEAR + 1], *memory[week - _NEAR : week + _NEAR + 1])
        else:
            near = range(-_NEAR, _NEAR + 1)
            most = max(memory[(place + by) % WEEK] for place in (day, week) for by in near)
        return exp(most * _STEP) if most else 1.0

    def note(self, channel: Channel, calls: float, usual: float) -> None:
        """Remember the bucket of ``calls`` where ``usual`` ones, habits apart, were expected, if it is a burst."""
        value = 0
        expected = usual * exp(channel.wander)
        self.seen = _FADING * self.seen + calls
        self.expected = _FADING * self.expected + expected
        burst = channel.known and calls > 1.2 * expected
        if burst and of_count(self.seen, self.expected, _LOOSE) >= _NOTED:
            self.running += 1
            if self.running <= _LONGEST:
                value = min(255, round(log(calls / expected) / _STEP))
        else:
            self.running = 0
        self.pending.append(value)
        if len(self.pending) > _LATE:
            self.memory[(self.at - _LATE) % WEEK] = self.pending.pop(0)
