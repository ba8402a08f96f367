"""All series that are watched, so many and no more: the smallest fold into one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from outlay.spikes.detector import BUCKET, THRESHOLD, Bucket
from outlay.spikes.series import OTHER, WHOLE, Amount, Key, Series, States, add, key_of, name_of

MOST = 256
"""Series that are watched at a time: about two megabytes."""
CANDIDATES = 2_000
"""Keys without a series whose spend is known."""
FLOOR = 1.0
"""USD a day from which on a tag's value is watched."""
IDLE = 14 * 288
"""Buckets without a call after which a series is let go of."""
_NOTHING = Bucket()
_NANOSECONDS = BUCKET * 10**9
_FADING = 1.0 - 1.0 / 288


class Alarm(NamedTuple):
    """A series that is in alarm."""

    key: Key
    began: int
    """Nanoseconds since the epoch since which it has been so."""
    until: int
    """End of what was seen."""
    score: float
    driver: str
    amounts: tuple[Amount, ...]
    """What was seen since, bucket by bucket, the latest last."""
    days_known: float


class Board:
    """The series by key."""

    def __init__(self, states: States | None = None) -> None:
        """Take up the ``states`` that were kept; those that can't be read begin anew."""
        self.series: dict[Key, Series] = {WHOLE: Series(WHOLE)}
        self.candidates: dict[Key, float] = {}
        self.gone: set[Key] = set()
        for name, state in (states or {}).items():
            key = key_of(name)
            if (series := Series.unpack(key, state)) is not None:
                self.series[key] = series

    @property
    def begun(self) -> bool:
        """Whether a bucket was taken in."""
        return self.series[WHOLE].detector.hour >= 0

    def close(self, slot: int, buckets: Mapping[Key, Bucket]) -> list[Alarm]:
        """Take in the bucket ``slot`` of all series, those without calls too; return which are in alarm."""
        self._admit(buckets)
        folded = dict.fromkeys(self.series, _NOTHING)
        for key, bucket in buckets.items():
            if key in folded:
                folded[key] = bucket
            elif key[0] == "model":  # each call is in one model of one feature: so nothing folds twice
                folded[OTHER] = add(folded.get(OTHER, _NOTHING), bucket)
        if OTHER in folded and OTHER not in self.series:
            self.series[OTHER] = Series(OTHER)
        found = []
        for key, bucket in folded.items():
            series = self.series[key]
            score = series.close(slot, bucket)
            if score >= THRESHOLD:
                detector = series.detector
                began, end = detector.began(), slot + 1
                amounts = tuple(series.amounts[-began:])
                times = (end - began) * _NANOSECONDS, end * _NANOSECONDS
                found.append(Alarm(key, *times, score, detector.driver, amounts, detector.days_known))
        self._release()
        return found

    def states(self) -> dict[str, bytes]:
        """Return all that is to be kept."""
        return {name_of(key): series.pack() for key, series in self.series.items()}

    def _admit(self, buckets: Mapping[Key, Bucket]) -> None:
        """Give series to new keys: at once while there is room, else to those that cost more than the smallest."""
        for key in self.candidates:
            self.candidates[key] *= _FADING
        fresh: set[Key] = set()
        for key, bucket in buckets.items():
            if key in self.series:
                continue
            spend = self.candidates.get(key, 0.0) + bucket.cost
            if (key[0] != "tag" or spend >= FLOOR) and self._has_room(spend, fresh):
                self.series[key] = Series(key)
                self.series[key].spend = self.candidates.pop(key, 0.0)
                fresh.add(key)
                self.gone.discard(key)
            else:
                self.candidates[key] = spend
        if len(self.candidates) > CANDIDATES:
            kept = sorted(self.candidates, key=self.candidates.__getitem__, reverse=True)[: CANDIDATES // 2]
            self.candidates = {key: self.candidates[key] for key in kept}

    def _has_room(self, spend: float, fresh: set[Key]) -> bool:
        if len(self.series) < MOST:
            return True
        old = [series for key, series in self.series.items() if key not in (WHOLE, OTHER) and key not in fresh]
        smallest = min(old, key=lambda series: series.spend, default=None)
        if smallest is None or spend <= 2.0 * smallest.spend:
            return False
        self._drop(smallest.key)
        return True

    def _release(self) -> None:
        for key in [key for key, series in self.series.items() if series.idle > IDLE and key != WHOLE]:
            self._drop(key)

    def _drop(self, key: Key) -> None:
        del self.series[key]
        self.gone.add(key)
