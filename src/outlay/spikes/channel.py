"""A channel: one factor of a series' cost with what is expected of it, and the evidence that it has risen.

What is seen in a bucket (calls, tokens, dollars) is set against an exposure (time, calls, tokens) times an expected rate.
The logarithm of the rate is a sum: a level, the hour of the day, the day of the week, and a slow wander about these. Each
part keeps a variance, so the expectation knows how well it is known: with no history nothing but the gross is evidence.
"""

from __future__ import annotations

from math import exp, log
from typing import NamedTuple

from outlay.spikes.evidence import of_count, of_ratio

SCALES = (1, 2, 4, 8, 16, 32, 64)
"""Buckets of the windows in which evidence is sought."""
_RING = 128
_MASK = _RING - 1
LOOKS = ((0, 1, 1), (1, 2, 1), (2, 4, 1), (3, 8, 2), (4, 16, 4), (5, 32, 4), (6, 64, 4))
"""Place and length of each window, and the buckets between two looks at it."""


class Traits(NamedTuple):
    """What is known of a channel before anything was seen. Variances are of logarithms."""

    name: str
    counts: bool = False
    """Whether what is seen is a count of events; else a sum whose mean is of interest."""
    spread: float = 1.0
    """Variance of one call about the mean, to begin with."""
    spread_least: float = 0.01
    floor: float = 0.03
    """Standard deviation that is always granted: less than this is of no practical importance."""
    least: float = 0.0
    """Rise (of the logarithm) that is worth telling."""
    hours: float = 0.0
    """Standard deviation of an hour of the day that was not seen yet."""
    hours_drift: float = 0.0
    """Variance that an hour's value gains from one day to the next."""
    days: float = 0.0
    days_drift: float = 0.0
    level_drift: float = 1e-7
    """Variance that the level gains in an hour."""
    wander: float = 0.0
    """Standard deviation of the slow wander."""
    white: float = 0.0
    """Variance of a bucket beyond counting, to begin with."""
    ease: float = 0.9
    limit: float = 12.0
    """Evidence, in nats, at which the channel is in alarm."""
    accept: int = 144
    """Buckets in alarm after which a new level is taken for the usual one."""
    frozen: float = 0.0
    """Share of what would be learned that is while something may be wrong."""
    hold: float = 4.0
    fallen: int = 48
    """Buckets after which a lower level is."""


MEMORY = 0.983
"""Share of the wander that is left after five minutes: a time constant of about five hours."""


class Channel:
    """The expectation of one channel, what was seen lately, and the evidence in each window."""

    __slots__ = (
        "clock", "cE", "cN", "cX", "days", "evidence", "falling", "hot", "hours", "hour",
        "level", "p_days", "p_hours", "p_level", "p_wander", "spread", "spreads", "traits", "variances", "wander",
        "wanders", "white", "decays", "calibration", "known", "p_now", "rises", "weights",
    )

    def __init__(self, traits: Traits) -> None:
        self.traits = traits
        self.level = 0.0
        self.p_level = 25.0
        self.hours = [0.0] * 24
        self.p_hours = [traits.hours**2] * 24
        self.days = [0.0] * 7
        self.p_days = [traits.days**2] * 7
        self.wander = 0.0
        self.p_wander = traits.wander**2
        self.spread = traits.spread
        self.spreads = 1.0
        self.white = traits.white
        self.cX = [0.0] * _RING
        self.cE = [0.0] * _RING
        self.cN = [0.0] * _RING
        self.wanders = [0.0] * _RING
        self.clock = 0
        self.evidence = [0.0] * len(SCALES)
        self.rises = [0.0] * len(SCALES)
        self.calibration = [1.0] * len(SCALES)
        self.variances = [1.0] * len(SCALES)
        self.hour = [0.0, 0.0, 0.0, 0.0]
        """Of the hour that runs: seen, expected, events; and whether it must not be learned from."""
        self.known = False
        self.p_now = 0.0
        self.hot = 0
        self.falling = 0
        self.weights = [traits.limit / (traits.limit - traits.ease * log(k)) for k in SCALES]
        self.decays = [MEMORY ** (k / 2) for k in SCALES]

    # -- expectation ------------------------------------------------------------------------------------------------

    def expect(self, left: int, right: int, part: float, day: int) -> float:
        """Return the expected rate without the wander; ``part`` of the way from the middle of one hour to the next's."""
        hours = self.hours
        return exp(self.level + hours[left] + (hours[right] - hours[left]) * part + self.days[day])

    def update(self, seen: float, expected: float, number: float, *, learn: bool = True) -> None:
        """Take in a bucket: what was seen where ``expected`` was, in ``number`` calls."""
        if learn:
            hour = self.hour
            hour[0] += seen
            hour[1] += expected
            hour[2] += number
        if not self.known:
            return
        at = self.clock
        now = (at + 1) & _MASK
        was = at & _MASK
        self.clock = at + 1
        self.cX[now] = self.cX[was] + seen
        self.cE[now] = self.cE[was] + expected
        self.cN[now] = self.cN[was] + number
        self.wanders[now] = self.wander
        self._weigh(now)
        if learn:
            self._follow(seen, expected, number)
        else:
            self.wander *= MEMORY
        self._settle(now)

    def _weigh(self, now: int) -> None:
        """Look at the windows that end now."""
        traits = self.traits
        x1, e1, n1 = self.cX[now], self.cE[now], self.cN[now]
        clock, evidence, rises, counts, least = self.clock, self.evidence, self.rises, traits.counts, traits.least
        for index, k, every in LOOKS:
            if clock % every or clock < k:
                continue
            then = (now - k) & _MASK
            expected = e1 - self.cE[then]
            seen = x1 - self.cX[then]
            evidence[index] = rises[index] = 0.0
            if expected <= 0.0:
                continue
            wander = self.wanders[(then + 1) & _MASK]
            if wander:
                expected *= exp(wander * self.decays[index])
            if counts:
                noise, number = 1.0 / expected, expected
                rise = log((seen + 0.1) / (expected + 0.1))
                square = (seen - expected) / expected
            else:
                number = n1 - self.cN[then]
                if number <= 0.0 or seen <= 0.0:
                    continue
                noise = self.spread / number
                square = rise = log(seen / expected) + noise / 2
            rises[index] = rise
            variance = self.variances[index]
            if clock % k == 0:
                self._calibrate(index, square * square / (noise + variance))
            # What is over is no news: the last quarter of a window must have risen too.
            if rise <= least or (k >= 8 and rises[index - 2] < 0.35 * rise) or rise * rise < noise + variance:
                continue
            found = of_count(seen, expected, variance) if counts else of_ratio(rise, noise + variance, number)
            evidence[index] = found * self.weights[index] / self.calibration[index]

    def _calibrate(self, index: int, square: float) -> None:
        """Learn how much farther from the expectation windows lie than they should: real traffic is no model."""
        k = SCALES[index]
        share = k / (k + 1500.0)
        was = self.calibration[index]
        grown = was + share * ((square if square < 8.0 * was else 1.5 * was) - was)
        self.calibration[index] = grown if grown > 1.0 else 1.0

    def _follow(self, seen: float, expected: float, number: float) -> None:
        """Let the wander follow, and learn how much single calls and single buckets differ."""
        traits = self.traits
        evidence = self.evidence
        hold = traits.hold
        suspicious = evidence[0] > hold or evidence[1] > hold or evidence[2] > hold or evidence[3] > hold or evidence[4] > hold
        if suspicious:
            self.hour[3] = 1.0
        if not traits.wander:
            if not traits.counts and number > 0.0 and seen > 0.0 and not suspicious:
                self._learn_spread(log(seen / expected), number, 0.0)
            return
        sigma = traits.wander
        stationary = sigma * sigma + self.p_now
        if suspicious or expected <= 0.0:
            self.wander *= MEMORY
            self.p_wander += (stationary - self.p_wander) * (1.0 - MEMORY * MEMORY)
            return
        if traits.counts:
            likely = expected * exp(self.wander)
            innovation = log((seen + 0.5) / (likely + 0.5)) if likely > 3.0 else (seen - likely) / likely
            noise = 1.0 / likely + self.white
        else:
            if number <= 0.0 or seen <= 0.0:
                return
            noise = self.spread / number + self.white
            innovation = log(seen / expected) - self.wander + noise / 2
        variance = self.p_wander + noise
        limit = 2.5 * variance**0.5
        innovation = max(-limit, min(limit, innovation))
        if traits.counts:
            excess = innovation * innovation - 1.0 / likely - self.p_wander
            self.white = max(0.003, min(0.2, self.white + 0.002 * (excess - self.white)))
        else:
            self._learn_spread(innovation, number, self.p_wander + self.white)
        gain = self.p_wander / variance
        self.wander = MEMORY * (self.wander + gain * innovation)
        most = 2.0 * stationary**0.5
        self.wander = max(-most, min(most, self.wander))
        self.p_wander = MEMORY * MEMORY * (1.0 - gain) * self.p_wander + stationary * (1.0 - MEMORY * MEMORY)

    def _learn_spread(self, difference: float, number: float, known: float) -> None:
        """Learn from a bucket of ``number`` calls how much one call differs from the mean."""
        self.spreads += 1.0
        share = max(1.0 / self.spreads, 0.001)
        square = (difference * difference - known) * number
        most = 6.0 * self.spread
        self.spread += share * ((square if square < most else most) - self.spread)
        if self.spread < self.traits.spread_least:
            self.spread = self.traits.spread_least

    def _settle(self, now: int) -> None:
        """Take for the usual what has lasted: a higher level after half a day, a lower one after hours."""
        traits = self.traits
        if max(self.evidence) >= traits.limit:
            self.hot += 1
            if self.hot >= traits.accept:
                self._accept(now, 48)
        elif self.hot:
            self.hot -= 1
        if self.clock % 16 == 0 and self.clock >= 64:
            seen, expected, number = self._window(now, 64)
            if expected <= 0.0:
                return
            noise = 1.0 / expected if traits.counts else self.spread / max(number, 1.0)
            difference = log((seen + 0.5) / (expected + 0.5)) if traits.counts else log(seen / expected) if seen else 0.0
            down = -difference - 0.03
            if down > 0.0 and down * down > 16.0 * (noise + self.variances[6]):
                self.falling += 16
                if self.falling >= traits.fallen:
                    self._accept(now, 48)
            else:
                self.falling = 0

    def _window(self, now: int, k: int) -> tuple[float, float, float]:
        then = (now - k) & _MASK
        return self.cX[now] - self.cX[then], self.cE[now] - self.cE[then], self.cN[now] - self.cN[then]

    def _accept(self, now: int, k: int) -> None:
        seen, expected, _ = self._window(now, k)
        if seen > 0.0 and expected > 0.0:
            factor = seen / expected
            self.level += log(factor)
            self.p_level += 0.0025
            self.cE = [value * factor for value in self.cE]
            self.hour[1] *= factor
        self.wander = 0.0
        self.wanders = [0.0] * _RING
        self.hot = self.falling = 0
        self.evidence = [0.0] * len(SCALES)

    def turn(self, hour: int, day: int, next_hour: int, next_day: int) -> None:
        """End an hour: learn from it, and say how well the next one is known."""
        traits = self.traits
        self._commit(hour, day)
        self.hour = [0.0, 0.0, 0.0, 0.0]
        if next_day != day:
            self.p_days[next_day] += traits.days_drift
        self.p_hours[next_hour] += traits.hours_drift
        self.p_level += traits.level_drift
        self.p_now = self.p_hours[next_hour] + self.p_days[next_day]
        floor = traits.floor**2
        if traits.wander:
            stationary = traits.wander**2 + self.p_now
            for index, k in enumerate(SCALES):
                left = MEMORY**k
                self.variances[index] = self.p_level + floor + min(self.p_wander, stationary) * left + stationary * (1.0 - left) + self.white / k
        else:
            self.variances = [self.p_level + self.p_now + floor + self.white / k for k in SCALES]

    def _commit(self, hour: int, day: int) -> None:
        seen, expected, number, frozen = self.hour
        if expected <= 0.0 or seen <= 0.0 and not self.known:
            return
        traits = self.traits
        if traits.counts:
            noise = 1.0 / expected
            innovation = log((seen + 0.5) / (expected + 0.5)) if expected > 3.0 else (seen - expected) / expected
        else:
            if number <= 0.0 or seen <= 0.0:
                return
            noise = self.spread / number
            innovation = log(seen / expected) + noise / 2
        noise += self.white / 12.0 + 2.0 * traits.wander**2 + 0.0004
        if not self.known:
            self.level = log(seen / expected)
            self.p_level = noise if not traits.counts else 1.0 / seen + noise - 1.0 / expected
            self.known = True
            return
        p_hour, p_day = self.p_hours[hour], self.p_days[day]
        total = noise + self.p_level + p_hour + p_day
        limit = 2.5 * total**0.5
        innovation = max(-limit, min(limit, innovation)) / total
        if frozen:
            innovation *= traits.frozen
        p_level = self.p_level
        self.level += p_level * innovation
        self.hours[hour] += p_hour * innovation
        self.days[day] += p_day * innovation
        self.p_level *= 1.0 - self.p_level / total
        self.p_hours[hour] *= 1.0 - p_hour / total
        self.p_days[day] *= 1.0 - p_day / total
        if traits.wander:
            self._explain((p_level + p_day) * innovation)

    def _explain(self, moved: float) -> None:
        """Take out of the wander what the level and the day now account for: it must not count twice."""
        wander = self.wander
        self.wander = max(0.0, wander - moved) if wander > 0.0 else min(0.0, wander - moved)
        if abs(moved) > 0.1:
            factor = exp(moved)
            self.cE = [value * factor for value in self.cE]
            self.wanders = [self.wander] * _RING


class Rates(Channel):
    """A channel of rare events among many: how often they happen is known as well as they were seen often."""

    __slots__ = ("among", "events")

    def __init__(self, traits: Traits) -> None:
        super().__init__(traits)
        self.events = 1.0
        self.among = 60.0
        self.level = log(self.events / self.among)
        self.known = True
        self.variances = [1.0 / self.events] * len(SCALES)

    def turn(self, hour: int, day: int, next_hour: int, next_day: int) -> None:
        """End an hour: learn from it."""
        seen, _, number, frozen = self.hour
        self.hour = [0.0, 0.0, 0.0, 0.0]
        if not frozen:
            kept = 0.996
            self.events = max(0.5, self.events * kept + seen)
            self.among = self.among * kept + number
        self.level = log(self.events / max(self.among, 30.0))
        self.variances = [1.0 / min(self.events, 60.0) + self.traits.floor**2] * len(SCALES)
