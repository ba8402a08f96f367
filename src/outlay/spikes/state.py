"""A detector as bytes, to be kept with the ledger: single precision, packed, at most 8 KB."""

from __future__ import annotations

import sys
import zlib
from array import array
from collections.abc import Iterable

import msgspec

from outlay.readable import readable
from outlay.spikes.channel import Channel, Rates
from outlay.spikes.detector import Detector

FORMAT = 2
"""Changes when states of before can't be read: they are thrown away then, and learned from the ledger again."""


class _Kept(msgspec.Struct, array_like=True):
    format: int
    hour: int
    at: int
    running: int
    sums: tuple[float, float]
    pending: bytes
    memory: bytes
    channels: list[tuple[tuple[int, ...], bytes]]
    """Whole numbers, and packed ones."""


_NAMES = ("level", "p_level", "wander", "p_wander", "p_now", "spread", "spreads", "white")


def pack(detector: Detector) -> bytes:
    """Return ``detector`` as bytes."""
    habits = detector.habits
    kept = _Kept(
        FORMAT,
        detector.hour,
        habits.at,
        habits.running,
        (habits.seen, habits.expected),
        bytes(habits.pending),
        bytes(habits.memory),
        [_pack(channel) for channel in detector.channels],
    )
    return zlib.compress(msgspec.msgpack.encode(kept), 6)


def unpack(state: bytes) -> Detector | None:
    """Return the detector that ``state`` was made of; None where it is of another format, or damaged."""
    try:
        kept = msgspec.msgpack.decode(zlib.decompress(state), type=readable(_Kept))
    except (zlib.error, msgspec.DecodeError):
        return None
    if kept.format != FORMAT:
        return None
    detector = Detector()
    detector.hour = kept.hour
    habits = detector.habits
    habits.at, habits.running, habits.memory = kept.at, kept.running, bytearray(kept.memory)
    habits.pending, (habits.seen, habits.expected) = bytearray(kept.pending), kept.sums
    for channel, (whole, numbers) in zip(detector.channels, kept.channels, strict=True):
        _unpack(channel, whole, numbers)
    return detector


def _pack(channel: Channel) -> tuple[tuple[int, ...], bytes]:
    numbers = [getattr(channel, name) for name in _NAMES]
    numbers += [channel.events, channel.among] if isinstance(channel, Rates) else []
    for column in _columns(channel):
        numbers += column
    numbers += channel.recent()
    return (channel.clock, int(channel.known), channel.hot, channel.falling), _floats(numbers)


def _columns(channel: Channel) -> list[list[float]]:
    traits = channel.traits
    columns = [channel.hour, channel.evidence, channel.rises, channel.variances, channel.calibration]
    columns += [channel.hours, channel.p_hours] if traits.hours else []
    return columns + ([channel.days, channel.p_days] if traits.days else [])


def _unpack(channel: Channel, whole: tuple[int, ...], packed: bytes) -> None:
    numbers = array("f", packed)
    if sys.byteorder == "big":
        numbers.byteswap()
    left = iter(numbers.tolist())
    for name in _NAMES:
        setattr(channel, name, next(left))
    if isinstance(channel, Rates):
        channel.events, channel.among = next(left), next(left)
    for column in _columns(channel):
        column[:] = [next(left) for _ in column]
    clock, known, channel.hot, channel.falling = whole
    channel.known, channel.most = bool(known), max(channel.evidence)
    channel.recall(list(left), clock)


def _floats(numbers: Iterable[float]) -> bytes:
    packed = array("f", numbers)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()
