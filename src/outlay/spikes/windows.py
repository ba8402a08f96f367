"""What a channel saw lately against what was expected, and the evidence in windows from five minutes to five hours."""

from __future__ import annotations

from itertools import pairwise
from math import exp, log

from outlay.spikes.evidence import of_count, of_ratio
from outlay.spikes.traits import Traits

SCALES = (1, 2, 4, 8, 16, 32, 64)
"""Buckets of the windows."""
LONGEST = SCALES[-1]
RING = 128
"""Places for running sums: a power of two that the longest window fits into."""
MASK = RING - 1
LOOKS = 4
"""Buckets after which all windows were looked at."""
_OFTEN = (1, 1, 1, 2, 4, 4, 4)
"""Buckets between two looks at each window."""
_LOOKS = tuple(
    [(place, length) for place, (length, every) in enumerate(zip(SCALES, _OFTEN, strict=True)) if clock % every == 0]
    for clock in range(LOOKS)
)
"""Place and length of the windows that are looked at, by the bucket."""
EASE = 0.9
"""A long window is looked at less often: its limit is lower by this times the logarithm of its length."""
MEMORY = 0.983
"""Share of the wander that is left after a bucket: a time constant of about five hours."""
_DECAYS = tuple(MEMORY ** (length / 2) for length in SCALES)
_STILL = 0.35
"""Share of a window's rise that its last quarter must have: what is over is no news."""
_PART = 0.25
"""Share of a rise that each of two buckets must have where one dear call could be all of it."""
_SEVERAL = 10
"""Calls that such buckets must have together."""
_CALM = 1500.0
"""Buckets over which is learned how far windows usually lie from the expectation."""


class Windows:
    """Running sums of a channel, and the evidence that they rose."""

    calibrates = True
    """Whether what is seen tells how far the expectation lies from it."""

    __slots__ = (
        *("calibration", "clock", "evidence", "expected", "most", "numbers", "rises", "seen", "spread"),
        *("traits", "variances", "wander", "wanders", "weights"),
    )

    def __init__(self, traits: Traits) -> None:
        self.traits = traits
        self.clock = 0
        """Buckets taken in."""
        self.seen = [0.0] * RING
        self.expected = [0.0] * RING
        self.numbers = [0.0] * RING
        self.wanders = [0.0] * RING
        """The wander before each bucket."""
        self.wander = 0.0
        self.spread = traits.spread
        self.evidence = [0.0] * len(SCALES)
        self.most = 0.0
        """The largest of them."""
        self.rises = [0.0] * len(SCALES)
        """Logarithm of seen over expected in each window."""
        self.variances = [1.0] * len(SCALES)
        """Of the expectation of each window."""
        self.calibration = [1.0] * len(SCALES)
        self.weights = [traits.limit / (traits.limit - EASE * log(length)) for length in SCALES]

    def push(self, seen: float, expected: float, number: float) -> None:
        """Add a bucket: what was seen where ``expected`` was, in ``number`` calls; look at the windows that end now."""
        was = self.clock & MASK
        self.clock += 1
        now = self.clock & MASK
        self.seen[now] = self.seen[was] + seen
        self.expected[now] = self.expected[was] + expected
        self.numbers[now] = self.numbers[was] + number
        self.wanders[now] = self.wander
        if self.traits.counts:
            self._weigh_counts(now)
        else:
            self._weigh_ratios(now)

    def window(self, length: int) -> tuple[float, float, float]:
        """Return what was seen in the last ``length`` buckets, what was expected (wander apart), and the calls."""
        now = self.clock & MASK
        then = (now - min(length, self.clock)) & MASK
        return (
            self.seen[now] - self.seen[then],
            self.expected[now] - self.expected[then],
            self.numbers[now] - self.numbers[then],
        )

    def began(self, place: int) -> int:
        """Return how many buckets ago the rise in the window at ``place`` most likely began."""
        now, rise = self.clock & MASK, self.rises[place]
        wander = self.wanders[(now - SCALES[place] + 1) & MASK]
        most, found, gain = 0.0, 1, 0.0
        for back in range(SCALES[place]):
            at, before = (now - back) & MASK, (now - back - 1) & MASK
            expected = (self.expected[at] - self.expected[before]) * exp(wander)
            gain += (self.seen[at] - self.seen[before]) * rise - expected * (exp(rise) - 1.0)
            if gain > most:
                most, found = gain, back + 1
        return found

    def lasts(self, place: int) -> bool:
        """Return whether the last buckets with calls, two or more, all have a part of the rise in a window."""
        now, found, calls = self.clock & MASK, 0, 0.0
        for back in range(min(self.clock, LONGEST)):
            at, before = (now - back) & MASK, (now - back - 1) & MASK
            expected = self.expected[at] - self.expected[before]
            number = self.numbers[at] - self.numbers[before]
            if not number or expected <= 0.0:
                continue
            if self.seen[at] - self.seen[before] <= expected * exp(_PART * self.rises[place]):
                return False
            found, calls = found + 1, calls + number
            if found >= 2 and calls >= _SEVERAL:
                return True
        return False

    def restate(self, factor: float) -> None:
        """Take the expectation of the last hours for ``factor`` times what it was."""
        self.expected = [value * factor for value in self.expected]
        self.wanders = [self.wander] * RING

    def rest(self) -> None:
        """Forget the evidence."""
        self.most = 0.0
        self.evidence = [0.0] * len(SCALES)
        self.rises = [0.0] * len(SCALES)

    def _weigh_counts(self, now: int) -> None:
        """Look at the windows of a count that end now. What both kinds of channels do stands twice, for its speed."""
        seen_sums, expected_sums, wanders, clock = self.seen, self.expected, self.wanders, self.clock
        evidence, rises, variances, calibrates = self.evidence, self.rises, self.variances, self.calibrates
        for place, length in _LOOKS[clock % LOOKS]:
            if clock < length:
                break
            then = (now - length) & MASK
            expected = expected_sums[now] - expected_sums[then]
            evidence[place] = rises[place] = 0.0
            if expected <= 0.0:
                continue
            if wander := wanders[(then + 1) & MASK]:
                expected *= exp(wander * _DECAYS[place])
            seen, variance = seen_sums[now] - seen_sums[then], variances[place]
            far, whole = (seen - expected) / expected, 1.0 / expected + variance
            if clock % length == 0 and calibrates:
                self._calibrate(place, length, far * far / whole)
            if far > 0.0:
                rise = rises[place] = log((seen + 0.1) / (expected + 0.1))
                if rise * rise >= whole and (length < 8 or min(rises[place - 2], rises[2]) >= _STILL * rise):
                    found = of_count(seen, expected, variance)
                    evidence[place] = found * self.weights[place] / self.calibration[place]
        self.most = max(evidence)

    def _weigh_ratios(self, now: int) -> None:
        """Look at the windows of a mean that end now."""
        seen_sums, expected_sums, numbers, clock = self.seen, self.expected, self.numbers, self.clock
        evidence, rises, variances = self.evidence, self.rises, self.variances
        spread, least = self.spread, self.traits.least
        for place, length in _LOOKS[clock % LOOKS]:
            if clock < length:
                break
            then = (now - length) & MASK
            expected, seen = expected_sums[now] - expected_sums[then], seen_sums[now] - seen_sums[then]
            number = numbers[now] - numbers[then]
            evidence[place] = rises[place] = 0.0
            if expected <= 0.0 or number <= 0.0 or seen <= 0.0:
                continue
            noise = spread / number
            rise = rises[place] = log(seen / expected) + noise / 2
            variance = noise + variances[place]
            if clock % length == 0:
                self._calibrate(place, length, rise * rise / variance)
            if rise > least and rise * rise >= variance:
                if length >= 8 and min(rises[place - 2], rises[2]) < _STILL * rise:
                    continue
                found = of_ratio(rise, variance, number)
                evidence[place] = found * self.weights[place] / self.calibration[place]
        self.most = max(evidence)

    def _calibrate(self, place: int, length: int, square: float) -> None:
        """Learn how much farther from the expectation windows lie than they should: real traffic follows no model.

        What lies very far is an incident, and counts little; where all lies far, the bounds move on.
        """
        was = self.calibration[place]
        if was > 1.0 or square > 1.0:
            square = square if square < 8.0 * was else 1.5 * was
            self.calibration[place] = max(1.0, was + length / (length + _CALM) * (square - was))

    def recent(self) -> list[float]:
        """Return the buckets of the longest window, as numbers to be kept; ``recall`` takes them."""
        last = range(max(0, self.clock - LONGEST), self.clock + 1)
        sums = (self.seen, self.expected, self.numbers)
        columns = [[b - a for a, b in pairwise(column[at & MASK] for at in last)] for column in sums]
        columns.append([self.wanders[at & MASK] for at in last[1:]])
        return [number for column in columns for number in column]

    def recall(self, numbers: list[float], clock: int) -> None:
        """Take up where ``recent`` left off."""
        self.clock = clock
        length = len(numbers) // 4
        columns = [numbers[at * length : (at + 1) * length] for at in range(4)]
        for at in range(length):
            now, was = (clock - length + 1 + at) & MASK, (clock - length + at) & MASK
            self.seen[now] = self.seen[was] + columns[0][at]
            self.expected[now] = self.expected[was] + columns[1][at]
            self.numbers[now] = self.numbers[was] + columns[2][at]
            self.wanders[now] = columns[3][at]
