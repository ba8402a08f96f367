"""The detector of one series: bucket by bucket, whether something rose, which factor it was, and since when.

It sees each bucket once, in order of time, and takes as long for each: eight channels, seven windows, no history.
"""

from __future__ import annotations

from math import exp, log
from typing import NamedTuple

from outlay.spikes.channel import Channel, Rates
from outlay.spikes.habits import Habits
from outlay.spikes.traits import CALLS, ERRORS, INPUT, LATENCY, MISSES, OUTPUT, PRICE, RETRIES

BUCKET = 300
"""Seconds of a bucket."""
THRESHOLD = 0.5
"""Score from which on a series is in alarm."""

CACHED, WRITTEN = 0.1, 5.0
"""What a token read from a cache, and one that was written, costs in most price lists, an uncached one being 1."""

_PAIRS = ((0, 1), (0, 6), (6, 5))
"""Channels whose evidence is added: a loop makes more and longer calls, a retry storm more that fail."""
_PAIRED = 14.0
"""Limit of two channels together: twice as much can happen by chance."""
_BOTH = 1.5
"""Evidence that each of a pair must bring."""
_OFF = 4.0
"""Usual calls of a bucket from which on none at all is no chance."""
_SCALE = 1e6
"""Makes dollars per token a number of the size of one."""


class Bucket(NamedTuple):
    """What a series did in five minutes."""

    calls: float = 0.0
    errors: float = 0.0
    input: float = 0.0
    """Tokens, cached ones included."""
    cached: float = 0.0
    output: float = 0.0
    cost: float = 0.0
    """USD."""
    seconds: float = 0.0
    """Time that the answered calls took, added up."""
    retries: float = 0.0
    """Calls that try again what failed."""


class Detector:
    """Watch one series."""

    def __init__(self) -> None:
        """Know nothing yet."""
        channels = (*map(Channel, (CALLS, INPUT, OUTPUT, PRICE, MISSES, LATENCY)), Rates(ERRORS), Rates(RETRIES))
        self.channels: tuple[Channel, ...] = channels
        self.calls, self.input, self.output, self.price, self.misses, self.latency, self.errors, self.retries = channels
        self.habits = Habits()
        self.hour = -1
        """Hours since 1970 of the latest bucket."""
        self.usual_calls = 0.0
        """Calls that were to be expected in the latest bucket."""
        self.score = 0.0
        self.driver = ""
        """The channel with the most evidence."""
        self._place = (0, 0, 0.0, 0)
        self._window = 0

    def update(self, at: int, bucket: Bucket) -> float:
        """Take in the bucket that begins ``at`` (seconds since the epoch); return its score, from 0 to 1."""
        hour = at // 3600
        if hour != self.hour:
            self._turn(hour)
        place = self._place = _place(at)
        calls, errors, read, cached, written, cost, seconds, retries = bucket
        usual = self.calls.rate(*place)
        factor = self.habits.factor(at // BUCKET)
        self.usual_calls = usual * factor * exp(self.calls.wander)
        off = not calls and usual > _OFF  # an application that is stopped says nothing of what is usual
        self.calls.update(calls, usual * factor, calls, learn=factor == 1.0 and not off)
        self.habits.note(self.calls, calls, usual)
        if not calls:
            for channel in self.channels[1:]:
                channel.update(0.0, 0.0, 0.0)
            return self._judge()
        answered = calls - errors
        tokens = read - cached + CACHED * cached + WRITTEN * written
        self.input.update(read, calls * self.input.rate(*place), calls)
        self.output.update(written, answered * self.output.rate(*place), answered)
        self.price.update(cost * _SCALE, tokens * self.price.rate(*place), calls)
        self.misses.update(read - cached, read * self.misses.rate(*place), calls)
        self.latency.update(seconds, answered * self.latency.rate(*place), answered)
        self.errors.update(errors, calls * self.errors.rate(*place), calls)
        self.retries.update(retries, calls * self.retries.rate(*place), calls)
        return self._judge()

    def expected_calls(self, at: int) -> float:
        """Return the calls that are to be expected of the bucket that ``at`` lies in (seconds); 0 before any are."""
        if not self.calls.known:
            return 0.0
        at -= at % BUCKET
        return self.calls.rate(*_place(at)) * self.habits.factor(at // BUCKET) * exp(self.calls.wander)

    def rises(self, at: int, bucket: Bucket) -> dict[str, float]:
        """Return how much more of each channel that makes a call dear there was than is usual, as logarithms."""
        place, (calls, errors, read, cached, written, cost, *_) = _place(at - at % BUCKET), bucket
        tokens = read - cached + CACHED * cached + WRITTEN * written
        found = {}
        for channel, seen, exposure in (
            (self.input, read, calls),
            (self.output, written, calls - errors),
            (self.price, cost * _SCALE, tokens),
            (self.misses, read - cached, read),
        ):
            expected = exposure * channel.rate(*place)
            found[channel.traits.name] = log(seen / expected) if seen > 0.0 < expected else 0.0
        return found

    def began(self) -> int:
        """Return how many buckets ago what is in alarm most likely began."""
        channel = next((channel for channel in self.channels if channel.traits.name == self.driver), self.calls)
        return channel.began(self._window)

    def usual_cost(self) -> float:
        """Return what the latest bucket was expected to cost, in USD."""
        return self.usual_calls * self.usual_cost_of_call()

    def usual_cost_of_call(self) -> float:
        """Return what a call was expected to cost in the latest bucket, in USD: tokens x price."""
        place = self._place
        read = self.input.rate(*place) if self.input.known else 0.0
        missed = min(1.0, self.misses.rate(*place)) if self.misses.known else 1.0
        written = self.output.rate(*place) if self.output.known else 0.0
        price = self.price.rate(*place) if self.price.known else 0.0
        tokens = read * (missed + CACHED * (1.0 - missed)) + WRITTEN * written
        return tokens * price / _SCALE

    @property
    def days_known(self) -> float:
        """Days of history that the expectation rests on, as far as the calls tell."""
        return self.calls.clock * BUCKET / 86_400

    def accept(self, buckets: int) -> None:
        """Take the last ``buckets`` for the usual: somebody said that all is well."""
        for channel in self.channels:
            channel.accept(buckets)

    def _turn(self, hour: int) -> None:
        before = self.hour
        for channel in self.channels:
            channel.turn(before % 24, _weekday(before), hour % 24, _weekday(hour))
        self.hour = hour

    def _judge(self) -> float:
        best, driver, place = 0.0, "", 0
        for channel in self.channels:
            most = channel.most
            if (
                channel.traits.lumpy
                and most >= channel.traits.limit
                and not channel.lasts(channel.evidence.index(most))
            ):
                continue
            if most > best * channel.traits.limit:
                best, driver, place = most / channel.traits.limit, channel.traits.name, channel.evidence.index(most)
        for one, other in _PAIRS:
            left, right = self.channels[one], self.channels[other]
            if left.most <= _BOTH or right.most <= _BOTH:
                continue
            for at, (here, there) in enumerate(zip(left.evidence, right.evidence, strict=True)):
                if here > _BOTH and there > _BOTH and here + there > best * _PAIRED:
                    name = (left if here >= there else right).traits.name
                    best, driver, place = (here + there) / _PAIRED, name, at
        self.driver, self._window = driver, place
        self.score = best / (1.0 + best)
        return self.score


def _place(at: int) -> tuple[int, int, float, int]:
    """Return the hours whose middles a bucket lies between, how far from the first to the second, and the weekday."""
    first, part = divmod((at + BUCKET / 2) / 3600 - 0.5, 1.0)
    left = int(first) % 24
    return left, (left + 1) % 24, part, _weekday(at // 3600)


def _weekday(hour: int) -> int:
    """Return the day of the week, from Monday as 0, of an hour since 1970 (a Thursday)."""
    return (hour // 24 + 3) % 7
