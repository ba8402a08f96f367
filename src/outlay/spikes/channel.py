"""A channel: one factor of a series' cost, with what is usual for it.

What is seen in a bucket (calls, tokens, dollars) is set against an exposure (time, calls, tokens) times the usual rate.
The logarithm of the rate is a sum: a level, the hour of the day, the day of the week; beside it a slow wander. Each
part has a variance, so that the expectation knows how well it is known: without a history only the gross is evidence.
"""

from __future__ import annotations

from math import exp, log

from outlay.spikes.traits import Traits
from outlay.spikes.windows import LONGEST, MEMORY, SCALES, Windows

_CLIP = 2.5
"""Deviations beyond which what is seen teaches no more."""
_ACCEPTED = 48
"""Buckets whose mean becomes the new level."""
_FIRST_DAY = 0.0004
"""Variance of the day of the week on which the history begins: the others are known by how they differ from it."""
_FORGOTTEN = 1.0 - MEMORY * MEMORY


class Channel(Windows):
    """The usual rate of one channel, learned bucket by bucket and hour by hour."""

    __slots__ = (
        *("days", "falling", "hot", "hour", "hours", "known", "level", "p_days", "p_hours", "p_level", "p_now"),
        *("p_wander", "spreads", "white"),
    )

    def __init__(self, traits: Traits) -> None:
        super().__init__(traits)
        self.level = 0.0
        self.p_level = 1.0
        self.hours = [0.0] * 24
        self.p_hours = [traits.hours**2] * 24
        self.days = [0.0] * 7
        self.p_days = [traits.days**2] * 5 + [traits.rest_days**2] * 2
        self.p_wander = traits.wander**2
        self.p_now = 0.0
        """Variance of this hour of the day and day of the week."""
        self.spreads = 1.0
        """Buckets that ``spread`` was learned from."""
        self.white = traits.white
        self.hour = [0.0, 0.0, 0.0, 0.0]
        """Of the hour that runs: seen, expected, calls, and whether something may have been wrong."""
        self.known = False
        self.hot = 0
        """Buckets in alarm."""
        self.falling = 0
        """Buckets far below the usual."""

    def rate(self, left: int, right: int, part: float, day: int) -> float:
        """Return the usual rate, wander apart, ``part`` of the way from the middle of one hour to that of the next."""
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
        self.push(seen, expected, number)
        if not learn:
            self.wander *= MEMORY
        elif self._suspicious():
            if self.traits.lumpy and number > 0.0 and seen > 0.0 < expected:
                self._learn_spread(log(seen / expected), number)  # else what is suspicious would be so for ever
            self.hour[3] = 1.0
            self.wander *= MEMORY
            self.p_wander += (self._stationary() - self.p_wander) * _FORGOTTEN
        elif expected > 0.0:
            self._follow(seen, expected, number)
        self._settle()

    def _suspicious(self) -> bool:
        hold, evidence = self.traits.hold, self.evidence
        return (
            evidence[0] > hold or evidence[1] > hold or evidence[2] > hold or evidence[3] > hold or evidence[4] > hold
        )

    def _stationary(self) -> float:
        """Return the variance of a wander that nothing was seen of; what is not known of the hour counts as one."""
        return self.traits.wander**2 + self.p_now if self.traits.wander else 0.0

    def _follow(self, seen: float, expected: float, number: float) -> None:
        """Let the wander follow, and learn how much single calls and single buckets differ."""
        if not self.traits.counts:
            if number > 0.0 and seen > 0.0:
                self._learn_spread(log(seen / expected), number)
            return
        if not self.traits.wander:
            return
        likely = expected * exp(self.wander)
        noise = 1.0 / likely + self.white
        innovation = log((seen + 0.5) / (likely + 0.5)) if likely > 3.0 else (seen - likely) / likely
        variance = self.p_wander + noise
        most = _CLIP * variance**0.5
        innovation = max(-most, min(most, innovation))
        excess = innovation * innovation - 1.0 / likely - self.p_wander
        self.white = max(0.003, min(0.2, self.white + 0.002 * (excess - self.white)))
        gain = self.p_wander / variance
        stationary = self._stationary()
        most = 2.0 * stationary**0.5
        self.wander = max(-most, min(most, MEMORY * (self.wander + gain * innovation)))
        self.p_wander = MEMORY * MEMORY * (1.0 - gain) * self.p_wander + stationary * _FORGOTTEN

    def _learn_spread(self, difference: float, number: float) -> None:
        """Learn from a bucket of ``number`` calls how much one call differs from the mean."""
        self.spreads += 1.0
        square = min(difference * difference * number, 6.0 * self.spread)
        spread = self.spread + max(1.0 / self.spreads, 0.001) * (square - self.spread)
        self.spread = max(spread, self.traits.spread_least)

    def _settle(self) -> None:
        """Take for usual what has lasted."""
        traits = self.traits
        most = self.most
        if most >= traits.limit or (self.hot and most >= 0.5 * traits.limit):
            self.hot += 1
            if self.hot >= traits.accept:
                self.accept()
        elif self.hot:
            self.hot -= 1
        if self.clock % 16 == 0 and self.clock >= LONGEST:
            self.falling = self.falling + 16 if self._is_low() else 0
            if self.falling >= traits.fallen:
                self.accept()

    def _is_low(self) -> bool:
        """Return whether the last hours lie far below the usual."""
        seen, expected, number = self.window(LONGEST)
        if expected <= 0.0 or (seen <= 0.0 and not self.traits.counts):
            return False
        if self.traits.counts:
            noise, rise = 1.0 / expected, log((seen + 0.5) / (expected + 0.5))
        else:
            noise, rise = self.spread / max(number, 1.0), log(seen / expected)
        down = -rise - 0.03
        return down > 0.0 and down * down > 16.0 * (noise + self.variances[-1])

    def accept(self, buckets: int = _ACCEPTED) -> None:
        """Take the mean of the last ``buckets`` for the new level."""
        seen, expected, _ = self.window(min(buckets, LONGEST))
        self.wander = 0.0
        if seen > 0.0 and expected > 0.0:
            factor = seen / expected
            self.level += log(factor)
            self.p_level += 0.0025
            self.hour[1] *= factor
            self.restate(factor)
        self.hot = self.falling = 0
        self.rest()

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
        certain = self.p_level + traits.floor**2
        if traits.wander:
            stationary = self._stationary()
            now = min(self.p_wander, stationary)
            left = [MEMORY**length for length in SCALES]
            self.variances = [
                certain + now * share + stationary * (1.0 - share) + self.white / length
                for share, length in zip(left, SCALES, strict=True)
            ]
        else:
            # Hours are known apart from each other: over several of them, what each is off by evens out.
            self.variances = [certain + self.p_now / max(1.0, length / 12) for length in SCALES]

    def _commit(self, hour: int, day: int) -> None:
        """Learn from the hour that ends: level, hour and day share what is new by how little each is known."""
        seen, expected, number, suspicious = self.hour
        if expected <= 0.0 or (seen <= 0.0 and not (self.known and self.traits.counts)):
            return
        innovation, noise = self._news(seen, expected, number)
        if not self.known:
            self.level = log(seen / expected)
            self.p_level = noise - 1.0 / expected + 1.0 / seen if self.traits.counts else noise
            self.p_days[day] = min(self.p_days[day], _FIRST_DAY)
            self.known = True
            return
        p_level, p_hour, p_day = self.p_level, self.p_hours[hour], self.p_days[day]
        total = noise + p_level + p_hour + p_day
        most = _CLIP * total**0.5
        share = max(-most, min(most, innovation)) / total * (self.traits.held if suspicious else 1.0)
        self.level += p_level * share
        self.hours[hour] += p_hour * share
        self.days[day] += p_day * share
        self.p_level *= 1.0 - p_level / total
        self.p_hours[hour] *= 1.0 - p_hour / total
        self.p_days[day] *= 1.0 - p_day / total
        if self.traits.wander:
            self._explain((p_level + p_day) * share)

    def _news(self, seen: float, expected: float, number: float) -> tuple[float, float]:
        """Return by how much an hour's logarithm differs from the usual, and the variance of that."""
        traits = self.traits
        beyond = self.white / 12.0 + 2.0 * traits.wander**2 + 0.0004
        if not traits.counts:
            noise = self.spread / max(number, 1.0)
            return log(seen / expected) + noise / 2, noise + beyond
        noise = 1.0 / expected
        return log((seen + 0.5) / (expected + 0.5)) if expected > 3.0 else (seen - expected) * noise, noise + beyond

    def _explain(self, moved: float) -> None:
        """Take out of the wander what the level and the day now account for: it must not count twice."""
        wander = self.wander - moved
        self.wander = max(0.0, wander) if self.wander > 0.0 else min(0.0, wander)
        if abs(moved) > 0.1:
            self.restate(exp(moved))


class Rates(Channel):
    """A channel of rare events among many: how often they happen is known as well as they were seen often."""

    __slots__ = ("among", "events")

    def __init__(self, traits: Traits) -> None:
        super().__init__(traits)
        self.events = 1.0
        self.among = 60.0
        self.level = log(self.events / self.among)
        self.known = True

    @property
    def calibrates(self) -> bool:  # type: ignore[override]  # an attribute of the others, which looks up faster
        """Whether the expectation is what was seen, and not the least that is expected."""
        return self.events > _RARE * self.among

    def turn(self, hour: int, day: int, next_hour: int, next_day: int) -> None:  # noqa: ARG002 - a rate has no day
        """End an hour: learn from it."""
        seen, _, number, suspicious = self.hour
        self.hour = [0.0, 0.0, 0.0, 0.0]
        if not suspicious:
            self.events = max(0.5, self.events * _KEPT + seen)
            self.among = self.among * _KEPT + number
        events = max(self.events, _RARE * self.among)
        self.level = log(events / max(self.among, 30.0))
        self.variances = [1.0 / min(events, 60.0) + self.traits.floor**2] * len(SCALES)


_RARE = 0.005
"""Share of calls below which it does not matter how rare an event is: of a series that never fails two are no news."""
_KEPT = 0.996
"""Share of the events that is still known after an hour: half of them for a week."""
