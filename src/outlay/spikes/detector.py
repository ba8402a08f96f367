"""The detector of one series: bucket by bucket, what is out of the ordinary, by how much, and which factor drives it."""

from __future__ import annotations

from math import exp, log
from typing import NamedTuple

from outlay.spikes.channel import SCALES, Channel, Rates, Traits
from outlay.spikes.habits import Habits

BUCKET = 300
"""Seconds of a bucket."""


class Bucket(NamedTuple):
    """What a series did in five minutes."""

    calls: float
    errors: float
    input: float
    cached: float
    output: float
    cost: float
    seconds: float


CALLS = Traits("calls", counts=True, floor=0.03, hours=0.6, hours_drift=2e-3, days=0.8, days_drift=1e-3, level_drift=1e-5, wander=0.1, white=0.02, frozen=0.2, hold=12.0, accept=288, fallen=288)
INPUT = Traits("input", limit=10.0, spread=1.0, floor=0.005, least=0.03, hours=0.03, hours_drift=1e-5)
OUTPUT = Traits("output", limit=10.0, spread=1.0, floor=0.005, least=0.03, hours=0.03, hours_drift=1e-5)
PRICE = Traits("price", spread=0.05, spread_least=1e-4, floor=0.05)
MISSES = Traits("misses", spread=0.1, spread_least=1e-4, floor=0.05)
LATENCY = Traits("latency", spread=0.4, hours=0.12, hours_drift=1e-4)
ERRORS = Traits("errors", limit=11.0, counts=True, floor=0.1)

PAIRS = (("calls", "input"), ("calls", "errors"), ("errors", "latency"))
JOINT = 14.0


class Detector:
    """Watch one series."""

    def __init__(self) -> None:
        self.calls = Channel(CALLS)
        self.input = Channel(INPUT)
        self.output = Channel(OUTPUT)
        self.price = Channel(PRICE)
        self.misses = Channel(MISSES)
        self.latency = Channel(LATENCY)
        self.errors = Rates(ERRORS)
        self.channels = (self.calls, self.input, self.output, self.price, self.misses, self.latency, self.errors)
        self.habits = Habits()
        self.hour = -1
        self.why = ""
        self.score = 0.0
        self.window = 0

    def update(self, at: int, bucket: Bucket) -> float:
        """Take in the bucket that begins ``at`` seconds since the epoch; return its score, at 0.5 an alarm."""
        hour = at // 3600
        if hour != self.hour:
            self._turn(hour)
        left, part = divmod((at + BUCKET / 2) / 3600 - 0.5, 1.0)
        one = int(left) % 24
        other = (one + 1) % 24
        day = (hour // 24 + 3) % 7
        calls, errors, read, cached, written, cost, seconds = bucket
        usual = self.calls.expect(one, other, part, day)
        factor = self.habits.factor(at // BUCKET)
        self.calls.update(calls, usual * factor, calls, learn=factor == 1.0)
        self.habits.note(self.calls, calls, usual, factor)
        if calls:
            self.input.update(read, calls * self.input.expect(one, other, part, day), calls)
            done = calls - errors
            self.output.update(written, done * self.output.expect(one, other, part, day), done)
            standard = (read - cached) + 0.1 * cached + 5.0 * written
            self.price.update(cost * 1e6, standard * self.price.expect(one, other, part, day), calls)
            self.misses.update(read - cached, read * self.misses.expect(one, other, part, day), calls)
            self.latency.update(seconds, calls * self.latency.expect(one, other, part, day), calls)
            self.errors.update(errors, calls * exp(self.errors.level), calls)
        else:
            for channel in self.channels[1:]:
                channel.update(0.0, 0.0, 0.0)
        return self._judge()

    def _turn(self, hour: int) -> None:
        before, day = self.hour % 24, (self.hour // 24 + 3) % 7
        for channel in self.channels:
            channel.turn(before, day, hour % 24, (hour // 24 + 3) % 7)
        self.hour = hour

    def _judge(self) -> float:
        best, why = 0.0, ""
        for channel in self.channels:
            found = max(channel.evidence) / channel.traits.limit
            if found > best:
                best, why = found, channel.traits.name
        for one, other in PAIRS:
            a, b = getattr(self, one), getattr(self, other)
            for x, y in zip(a.evidence, b.evidence):
                if x > 1.5 and y > 1.5 and (x + y) / JOINT > best:
                    best, why = (x + y) / JOINT, one if x >= y else other
        self.why = why
        self.score = best / (1.0 + best)
        return self.score
