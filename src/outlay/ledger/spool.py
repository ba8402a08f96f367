"""The spool: a file per process that records are appended to, one ``write`` each, before the call returns.

Nothing here takes a lock: ``append`` may run in a finaliser that interrupted another ``append`` of the same thread, and
in a child forked while another thread was inside it. Whatever must happen once (opening a segment) is decided by
``dict.setdefault``, which is atomic.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import time
import weakref
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from outlay.ledger.inflight import Journal
from outlay.ledger.lines import encode
from outlay.ledger.segment import Segment
from outlay.records import Loss, Record

logger = logging.getLogger("outlay")

_LATE_WRITE = 10**9
"""Nanoseconds after which no write that began before a rotation is under way any more."""


class Spool:
    """This process's end of the spool in ``directory``; made once, valid in every forked child."""

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)
        self._segments: dict[int, Segment] = {}
        self._journals: dict[int, Journal | None] = {}
        self.in_use: Journal | None = None
        """``journal``, once it was asked for; a child of a fork starts without one."""
        self._rotated: list[Segment] = []
        self._draining: list[Segment] = []
        self._failures: deque[str] = deque()
        self._unreported: dict[str, int] = {}
        self._reported = 0
        _spools.add(self)

    def append(self, record: Record) -> None:
        """Write ``record`` down before returning; on any failure of the disk count a loss instead."""
        line = encode(record)
        try:
            (self._segments.get(os.getpid()) or self._open()).write(line)
        except OSError as error:
            self._write_again(line, error)

    def append_all(self, records: Sequence[Record]) -> None:
        """Do what ``append`` does for each, by one write: the interpreter is let go once, and not once a record."""
        lines = b"".join(map(encode, records))
        try:
            (self._segments.get(os.getpid()) or self._open()).write(lines)
        except OSError:  # what was written in part comes twice, and the ledger takes each call once
            for record in records:
                self.append(record)

    @property
    def journal(self) -> Journal | None:
        """The calls in flight of this process; None where the disk gave no room for it."""
        pid = os.getpid()
        if pid not in self._journals:
            self.inherit(pid)
            made = self._journal()
            kept = self._journals.setdefault(pid, made)
            if made is not None and kept is not made:
                made.close()
        self.in_use = self._journals[pid]
        return self.in_use

    @property
    def losses(self) -> int:
        """Records that this process could not keep."""
        return self._reported + sum(self._unreported.values()) + len(self._failures)

    @property
    def path(self) -> Path | None:
        """The segment that this process writes now; None before its first record."""
        segment = self._segments.get(os.getpid())
        return None if segment is None else segment.path

    def tick(self, now: int, *, rotate_bytes: int = 8 << 20, rotate_after: int = 600 * 10**9) -> None:
        """Report losses, and start a new segment where the current one is large or old (one thread calls this)."""
        self._report(now)
        self._drain(now)
        segment = self._segments.get(os.getpid())
        if segment is None:
            return
        with contextlib.suppress(OSError):
            size = segment.size
            if size >= rotate_bytes or (size and now - segment.opened >= rotate_after) or segment.gone:
                self.rotate(now)

    def rotate(self, now: int) -> None:
        """Turn the current segment to a new file; the old one is kept until it has been carried."""
        current = self._segments.get(os.getpid())
        if current is not None:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            old = Segment(self.directory, now)
            current.turn(old)
            old.opened = now
            self._rotated.append(old)

    def drained(self, path: Path) -> None:
        """Let go of a rotated segment, so that it can be deleted."""
        for segment in [segment for segment in self._draining if segment.path == path]:
            self._draining.remove(segment)
            segment.close()

    @property
    def draining(self) -> list[Path]:
        """Segments that were rotated so long ago that a write that was under way then has ended."""
        return [segment.path for segment in self._draining]

    def close(self) -> None:
        """Give up the segments; what is appended later goes to a new one, for the next process to adopt."""
        self._report(time.time_ns())
        self._segments.pop(os.getpid(), None)
        self._rotated, self._draining = [], []
        self.in_use = None
        journal = self._journals.pop(os.getpid(), None)
        if journal is not None:
            journal.close()

    def _drain(self, now: int) -> None:
        late = [old for old in self._rotated if now - old.opened < _LATE_WRITE or not self._rescued(old)]
        self._draining += [old for old in self._rotated if old not in late]
        self._rotated = late

    def _rescued(self, old: Segment) -> bool:
        """Write again what stands in a file that somebody deleted: the ledger takes each call once."""
        if old.gone:
            try:
                os.lseek(old.reader, 0, os.SEEK_SET)
                (self._segments.get(os.getpid()) or self._open()).write(os.read(old.reader, old.size) + b"\n")
            except OSError:
                return False
        return True

    def _write_again(self, line: bytes, error: OSError) -> None:
        """Write to a new file where somebody closed ours with all the rest; count a loss where that is not it."""
        if error.errno == errno.EBADF:
            self._segments.pop(os.getpid(), None)
            try:
                self._open().write(line)
            except OSError as another:
                error = another
            else:
                return
        self._failures.append(_reason(error))

    def _open(self) -> Segment:
        pid = os.getpid()
        self.inherit(pid)
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        opened = Segment(self.directory, time.time_ns())
        kept = self._segments.setdefault(pid, opened)
        if kept is not opened:
            opened.path.unlink(missing_ok=True)
        return kept

    def _journal(self) -> Journal | None:
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            return Journal(self.directory, time.time_ns())
        except OSError:
            return None

    def inherit(self, pid: int) -> None:
        """Let go of what a parent left in this process: its files, its losses, its calls in flight."""
        self.in_use = self._journals.get(pid)
        foreign = [other for other in (*self._segments, *self._journals) if other != pid]
        if not foreign:
            return
        for other in foreign:
            if (segment := self._segments.pop(other, None)) is not None:
                segment.close()
            if (journal := self._journals.pop(other, None)) is not None:
                journal.abandon()
        for segment in [*self._rotated, *self._draining]:
            segment.close()
        self._rotated, self._draining = [], []
        self._failures, self._unreported, self._reported = deque(), {}, 0

    def _report(self, now: int) -> None:
        for _ in range(len(self._failures)):
            reason = self._failures.popleft()
            if reason not in _logged:
                _logged.add(reason)
                logger.warning(
                    "outlay could not keep a record: %s; the application goes on, losses are counted.", reason
                )
            self._unreported[reason] = self._unreported.get(reason, 0) + 1
        for reason, count in list(self._unreported.items()):
            try:
                segment = self._segments.get(os.getpid()) or self._open()
                segment.write(encode(Loss(at=now, records=count, reason=reason)))
            except OSError:
                return
            del self._unreported[reason]
            self._reported += count


def _reason(error: OSError) -> str:
    return f"the spool can't be written ({error.strerror or type(error).__name__})"


_logged: set[str] = set()
_spools: weakref.WeakSet[Spool] = weakref.WeakSet()


def _after_fork() -> None:
    for spool in list(_spools):
        spool.inherit(os.getpid())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
