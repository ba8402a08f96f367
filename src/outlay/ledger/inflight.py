"""The journal of calls in flight: a mapped file that outlives its process, so that a kill leaves them named.

Beginning a call, noting what was answered and ending it are stores to memory. The system keeps the pages when the
process is killed; who adopts its spool reads what was noted, and turns the slots that are still open into calls of
unknown cost.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import mmap
import os
import struct
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from outlay.ledger.segment import NEW_SUFFIX, new_name
from outlay.locking import lock_shared
from outlay.records import Call, Cost

SUFFIX = ".inflight"
SLOTS = 1024
LABELS = 256
_SLOT_BYTES = 1536
_LABEL_BYTES = 256
_LABELS_AT = SLOTS * _SLOT_BYTES
BYTES = _LABELS_AT + LABELS * _LABEL_BYTES
_NOTED, _OPEN, _FREE = 2, 1, 0
_SLOT = struct.Struct("<16sqqHH")
"""Id, start, upper bound (-1: none), label, bytes that were noted."""
_pack = _SLOT.pack_into
_NOTES_AT = 1 + _SLOT.size
LONGEST_NOTE = _SLOT_BYTES - _NOTES_AT
_LENGTH_AT = _NOTES_AT - 2
_LENGTH = struct.Struct("<H")
_pack_length, _length_of = _LENGTH.pack_into, _LENGTH.unpack_from
_serials = itertools.count(1)


class Journal:
    """The calls in flight of one process; ``begin`` and ``end`` make no system call and take no lock.

    What calls have in common (provider, API, host, feature, project) is a label, written once; a slot names it.
    """

    __slots__ = ("_give", "_labels", "_lock", "_map", "_numbers", "_serial", "_take", "path")

    def __init__(self, directory: Path, now: int) -> None:
        name = new_name(now)
        self.path = directory / (name + SUFFIX)
        unnamed = directory / (name + NEW_SUFFIX)
        self._lock = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        try:
            # Written, not only sized: a page that the disk had no room for would kill the process when touched.
            _fill(self._lock)
            lock_shared(self._lock)
            self._map = mmap.mmap(self._lock, BYTES)
            unnamed.rename(self.path)
        except OSError:
            os.close(self._lock)
            unnamed.unlink(missing_ok=True)
            raise
        free = deque(range(SLOTS))
        self._take, self._give = free.pop, free.append  # the slot that was used last is the one in the caches
        self._labels: dict[tuple[str, str, str, str, str], int] = {}
        self._numbers = itertools.count()
        self._serial = next(_serials) << 32

    def begin(
        self, call: str, start: int, provider: str, api: str, host: str, feature: str, upper: int | None, project: str
    ) -> int | None:
        """Note that the call with id ``call`` is about to be sent; None when every slot is taken.

        ``upper`` is the most that it can cost, in pico-USD, where that is known.
        """
        try:
            index = self._take()
        except IndexError:
            return None
        what = (provider, api, host, project, feature)
        label = self._labels.get(what)
        if label is None:
            label = self._label(what)
        at = index * _SLOT_BYTES
        try:
            _pack(self._map, at + 1, call.encode(), start, -1 if upper is None else upper, label, 0)
            self._map[at] = _OPEN  # last: a slot is open once it is whole
        except (ValueError, struct.error):  # closed meanwhile, or beyond 64 bits
            self._give(index)
            return None
        return self._serial | index

    def note(self, slot: int, facts: bytes) -> bool:
        """Keep in ``slot`` what is known of the call now, until it ends; return False where there is no room for it."""
        index = slot ^ self._serial
        if len(facts) > LONGEST_NOTE or not 0 <= index < SLOTS:
            return False
        at = index * _SLOT_BYTES
        try:
            self._map[at + _NOTES_AT : at + _NOTES_AT + len(facts)] = facts
            _pack_length(self._map, at + _LENGTH_AT, len(facts))
            self._map[at] = _NOTED  # last: what is noted is whole
        except ValueError:  # closed meanwhile
            return False
        return True

    def end(self, slot: int) -> None:
        """Free ``slot``, and wipe what was noted there; nothing happens where it is a parent process's."""
        index = slot ^ self._serial
        if 0 <= index < SLOTS:
            at = index * _SLOT_BYTES
            try:
                noted, self._map[at] = self._map[at] == _NOTED, _FREE
                if noted:
                    (length,) = _length_of(self._map, at + _LENGTH_AT)
                    self._map[at + _NOTES_AT : at + _NOTES_AT + length] = bytes(length)
            except ValueError:  # closed meanwhile
                return
            self._give(index)

    def _label(self, what: tuple[str, str, str, str, str]) -> int:
        """Write a label down; the last one is for all that came too late and says nothing."""
        number = next(self._numbers)
        if number >= LABELS - 1:
            return LABELS - 1
        data = "\t".join(what).encode("utf-8", "replace")[: _LABEL_BYTES - 1] + b"\0"
        at = _LABELS_AT + number * _LABEL_BYTES
        with contextlib.suppress(ValueError):
            self._map[at : at + len(data)] = data
        return self._labels.setdefault(what, number)

    def abandon(self) -> None:
        """Let go of a parent's journal in a forked child: the parent goes on with it."""
        self._map.close()
        with contextlib.suppress(OSError):
            os.close(self._lock)

    def close(self) -> None:
        """Give the journal up; without a call in flight its file goes too."""
        if not any(self._map[0:_LABELS_AT:_SLOT_BYTES]):
            self.path.unlink(missing_ok=True)
        self.abandon()


def _fill(fd: int) -> None:
    if os.write(fd, bytes(BYTES)) != BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


Revive = Callable[[bytes], Call | None]
"""From what was noted to the call; None where nobody here can read it."""


def read_open(content: bytes, now: int, revive: Revive | None = None) -> Iterator[Call]:
    """Yield the calls that a dead process's journal shows; ``now`` ends those of which nothing was noted."""
    if len(content) != BYTES:
        return
    for at in range(0, _LABELS_AT, _SLOT_BYTES):
        if content[at] == _FREE:
            continue
        call, start, upper, label, length = _SLOT.unpack_from(content, at + 1)
        text = content[_LABELS_AT + label * _LABEL_BYTES :][:_LABEL_BYTES].partition(b"\0")[0]
        what = (text.decode("utf-8", "replace").split("\t", 4) + [""] * 4)[:5]
        facts = content[at + _NOTES_AT :][:length] if content[at] == _NOTED else b""
        yield (revive(facts) if facts and revive else None) or _uncertain(
            call.decode("ascii", "replace"), start, now, upper, what
        )


def _uncertain(call: str, start: int, now: int, upper: int, what: list[str]) -> Call:
    provider, api, host, project, feature = what
    return Call(
        id=call.rstrip("\0"),
        trace_id="",
        project=project,
        feature=feature,
        path=feature,
        provider=provider or "unknown",
        api=api,
        operation="",
        host=host,
        start=start,
        end=max(start, now),
        outcome="uncertain",
        cost=Cost(status="unknown", upper=None if upper < 0 else upper),
        marks=("process_died",),
    )
