"""What is watched: the whole, each feature, each model of a feature, and the values of tags that cost enough."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from outlay.spikes.detector import Bucket, Detector
from outlay.spikes.state import pack, unpack
from outlay.traffic import Traffic

Key = tuple[str, ...]
"""``("whole",)``, ``("feature", F)``, ``("model", F, M)``, ``("tag", NAME, VALUE)``, or ``("other",)``."""

WHOLE: Key = ("whole",)
OTHER: Key = ("other",)
"""The calls of all keys for which there is no room."""

KEPT = 72
"""Buckets of a series whose cost is kept beside what it was expected to be: six hours."""
PICO = 1e12
_FADING = 1.0 - 1.0 / 288
"""Share of a day's spend that is left after a bucket."""


def depth(key: Key) -> int:
    """Return how specific a key is: a model of a feature says more than the whole."""
    return {"whole": 0, "other": 0, "tag": 1, "feature": 2, "model": 3}[key[0]]


def filters_of(key: Key, living: Iterable[Key] = ()) -> dict[str, str | None]:
    """Return the filters that find a key's calls in the ledger; those of all others are not of the ``living`` ones."""
    if key == OTHER:
        own = [each[1:] for each in living if each[0] == "model"]
        return {"without": msgspec.json.encode(own).decode()}
    if key[0] == "feature":
        return {"feature": key[1]}
    if key[0] == "model":
        return {"feature": key[1], "model": key[2]}
    return {f"tag:{key[1]}": key[2]} if key[0] == "tag" else {}


def title_of(key: Key) -> str:
    """Return a key as people read it."""
    if key[0] == "model":
        return f"{key[1] or '(no feature)'} on {key[2]}"
    if key[0] == "feature":
        return key[1] or "(no feature)"
    return f"{key[1]} {key[2]}" if key[0] == "tag" else {"whole": "all calls", "other": "all others"}[key[0]]


def related(one: Key, other: Key) -> bool:
    """Return whether calls of one key can be calls of the other: the same, or one a part of the other."""
    if one[0] in ("feature", "model") and other[0] in ("feature", "model"):
        shortest = min(len(one), len(other))
        return one[1:shortest] == other[1:shortest]
    return one == other or one[0] != other[0]


class Amount(NamedTuple):
    """A bucket's cost beside what it was expected to be, in USD, and the calls that were expected."""

    cost: float
    usual: float
    usual_calls: float


class Series:
    """A key's detector, its last hours, and what it costs in a day."""

    def __init__(self, key: Key) -> None:
        """Watch ``key``, of which nothing is known yet."""
        self.key = key
        self.detector = Detector()
        self.amounts: list[Amount] = []
        self.spend = 0.0
        """USD of a day, fading."""
        self.idle = 0
        """Buckets without a call."""

    def close(self, slot: int, bucket: Bucket) -> float:
        """Take in a bucket that is over; return its score."""
        detector = self.detector
        score = detector.update(slot * 300, bucket)
        self.amounts.append(Amount(bucket.cost, detector.usual_cost(), detector.usual_calls))
        del self.amounts[:-KEPT]
        self.spend = self.spend * _FADING + bucket.cost
        self.idle = 0 if bucket.calls else self.idle + 1
        return score

    def pack(self) -> bytes:
        """Return the series as bytes."""
        amounts = array("f", [number for amount in self.amounts for number in amount]).tolist()
        return msgspec.msgpack.encode((pack(self.detector), array("f", amounts).tobytes(), self.spend, self.idle))

    @classmethod
    def unpack(cls, key: Key, state: bytes) -> Series | None:
        """Return the series that ``state`` was made of; None where it can't be read any more."""
        try:
            packed, amounts, spend, idle = msgspec.msgpack.decode(state, type=tuple[bytes, bytes, float, int])
        except msgspec.DecodeError:
            return None
        detector = unpack(packed)
        if detector is None:
            return None
        series = cls(key)
        series.detector, series.spend, series.idle = detector, spend, idle
        numbers = array("f", amounts).tolist()
        series.amounts = [Amount(*numbers[at : at + 3]) for at in range(0, len(numbers), 3)]
        return series


def add(one: Bucket, other: Bucket) -> Bucket:
    """Return the sum of two buckets."""
    return Bucket(*[left + right for left, right in zip(one, other, strict=True)])


def gather(parts: Iterable[tuple[Key, Bucket]]) -> dict[Key, Bucket]:
    """Return the buckets of all keys that the buckets of models and tags add up to."""
    found: dict[Key, Bucket] = {}
    for key, bucket in parts:
        keys = (key, ("feature", key[1]), WHOLE) if key[0] == "model" else (key,)
        for each in keys:
            found[each] = add(found[each], bucket) if each in found else bucket
    return found


Pending = dict[int, dict[Key, Bucket]]
"""Buckets that are not over, by slot."""


def dimensions(tags: Iterable[str]) -> list[tuple[str, ...]]:
    """Return the fields by which the ledger's traffic is asked for."""
    return [("feature", "model"), *((f"tag:{tag}",) for tag in tags)]


def collect(pending: Pending, by: tuple[str, ...], rows: Iterable[Traffic], slot: int) -> None:
    """Add ``rows`` of the traffic by the fields ``by`` to ``pending``; what is from before ``slot`` counts in it."""
    for row in rows:
        key, bucket = collected(by, row)
        buckets = pending.setdefault(max(row.slot, slot), {})
        buckets[key] = add(buckets[key], bucket) if key in buckets else bucket


def collected(by: tuple[str, ...], row: Traffic) -> tuple[Key, Bucket]:
    """Return a row of the traffic by the fields ``by`` as a key's bucket."""
    key = ("model", *row.key) if len(by) == 2 else ("tag", by[0].removeprefix("tag:"), *row.key)
    tokens = row.input, row.cached, row.output
    return key, Bucket(row.calls, row.errors, *tokens, row.cost / PICO, row.seconds, row.retries)


def name_of(key: Key) -> str:
    """Return the name that a key is kept under."""
    return msgspec.json.encode(key).decode()


def key_of(name: str) -> Key:
    """Return the key that is kept under ``name``."""
    return msgspec.json.decode(name, type=tuple[str, ...])


States = Mapping[str, bytes]
