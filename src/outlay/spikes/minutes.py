"""One-minute series: where traffic allows, what runs away is told of before its bucket of five minutes is over.

Volume and dollars per call are judged in windows of one to five minutes that end with each minute, by what the detector
of the five-minute series knows. It learns nothing from them.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from math import log
from typing import NamedTuple

from outlay.spikes.board import Alarm, Board
from outlay.spikes.detector import BUCKET, Bucket, Detector
from outlay.spikes.evidence import of_count, of_ratio
from outlay.spikes.series import Amount, Key, add, collected, gather
from outlay.traffic import Traffic

MINUTE = 60
"""Seconds."""
LONGEST = BUCKET // MINUTE
BUSY = 20.0
"""Usual calls of five minutes from which on a minute can tell something."""
LIMIT = 14.0
"""Evidence, in nats, at which a window is in alarm: more than in a bucket, since it is looked at so often."""
LEAST = 0.05
"""Rise of dollars per call that is worth telling."""
_NOTHING = Bucket()


class Minutes:
    """The last minutes of all series."""

    def __init__(self) -> None:
        """Know of none."""
        self._kept: dict[int, dict[Key, Bucket]] = {}
        self._judged = 0

    def take(self, by: tuple[str, ...], rows: Iterable[Traffic]) -> None:
        """Take in traffic by minutes. What comes late is left to its bucket."""
        for row in rows:
            if row.slot > self._judged - LONGEST:
                key, bucket = collected(by, row)
                minute = self._kept.setdefault(row.slot, {})
                minute[key] = add(minute[key], bucket) if key in minute else bucket

    def judge(self, board: Board, minute: int) -> list[Alarm]:
        """Return which series are in alarm at the end of ``minute`` (since 1970); each minute is judged once."""
        if minute <= self._judged:
            return []
        self._judged = minute
        self._kept = {at: parts for at, parts in self._kept.items() if at > minute - LONGEST}
        latest = [gather(self._kept.get(at, {}).items()) for at in range(minute, minute - LONGEST, -1)]
        alarms = [_alarm(key, board.series[key].detector, minute, latest) for key in latest[0] if key in board.series]
        return [alarm for alarm in alarms if alarm is not None]


class Rush(NamedTuple):
    """What runs away."""

    score: float
    driver: str
    length: int
    """Minutes since which it has been so."""


def _alarm(key: Key, detector: Detector, minute: int, latest: Sequence[Mapping[Key, Bucket]]) -> Alarm | None:
    at, minutes = minute * MINUTE, [parts.get(key, _NOTHING) for parts in latest]
    found = rush(detector, at, minutes)
    if found is None:
        return None
    calls, per_call = _expected(detector, at), detector.usual_cost_of_call()
    # What lies in the bucket that this minute is in, after what lies in the one before.
    parts = [range(min(found.length, _inside(at)), found.length), range(min(found.length, _inside(at)))]
    return Alarm(
        key=key,
        began=(at + MINUTE - found.length * MINUTE) * 10**9,
        until=(at + MINUTE) * 10**9,
        score=found.score,
        driver=found.driver,
        amounts=tuple(
            Amount(
                sum(minutes[back].cost for back in part),
                sum(calls[back] for back in part) * per_call,
                sum(calls[back] for back in part),
            )
            for part in parts
        ),
        days_known=detector.days_known,
    )


def _inside(at: int) -> int:
    """Return how many minutes of its bucket have passed with the minute that begins ``at``."""
    return at % BUCKET // MINUTE + 1


def _expected(detector: Detector, at: int) -> list[float]:
    """Return the calls that were to be expected of each of the last minutes, the latest first."""
    inside = _inside(at)
    now, before = detector.expected_calls(at) / LONGEST, detector.usual_calls / LONGEST
    return [now] * inside + [before] * (LONGEST - inside)


def rush(detector: Detector, at: int, latest: Sequence[Bucket]) -> Rush | None:
    """Return what is in alarm in the minutes up to the one that begins ``at`` (seconds), the latest first."""
    usual = _expected(detector, at)
    if usual[0] * LONGEST < BUSY:
        return None
    channel, per_call = detector.calls, detector.usual_cost_of_call()
    calls = cost = expected = best = 0.0
    driver, since = "", 0
    for length, (minute, likely) in enumerate(zip(latest, usual, strict=False), start=1):
        calls, cost, expected = calls + minute.calls, cost + minute.cost, expected + likely
        if not calls or cost <= expected * per_call:
            continue
        # Of a bucket's chance beyond counting a minute has five times as much.
        variance = channel.variances[0] + channel.white * (LONGEST / length - 1.0)
        if (more := calls - expected) > 0.0 and more * more > LIMIT * expected * (1.0 + variance * expected):
            evidence = of_count(calls, expected, variance) / channel.calibration[0]
            if evidence > best:
                best, driver, since = evidence, "calls", length
        evidence = _dear(detector, calls, log(cost / calls / per_call)) if per_call > 0.0 else 0.0
        if evidence > best:
            best, driver, since = evidence, "", length
    if best < LIMIT:
        return None
    if not driver:
        rises = detector.rises(at, functools.reduce(add, latest[:since]))
        driver = max(rises, key=rises.__getitem__)
    return Rush(best / (best + LIMIT), driver, since)


def _dear(detector: Detector, calls: float, rise: float) -> float:
    """Return the evidence that a call has become dearer by ``rise``, a logarithm, on the mean of so many."""
    noise = (detector.input.spread + detector.output.spread + detector.price.spread) / calls
    rise += noise / 2
    if rise <= LEAST:
        return 0.0
    channels = (detector.input, detector.output, detector.price, detector.misses)
    variance = noise + sum(channel.variances[0] for channel in channels[:3])
    return of_ratio(rise, variance, calls) / max(channel.calibration[0] for channel in channels)
