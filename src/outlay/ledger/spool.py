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
import secrets
import time
import weakref
from collections import deque
from pathlib import Path

from outlay.ledger.inflight import Journal
from outlay.ledger.lines import encode
from outlay.ledger.locking import lock_shared
from outlay.records import Loss, Record

logger = logging.getLogger("outlay")

SUFFIX = ".jsonl"
NEW_SUFFIX = ".new"
"""A file that is not locked yet: nobody may adopt it."""

_APPEND = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0)


class Segment:
    """One append-only file of records, locked for as long as its process lives.

    ``fd`` writes; ``reader`` has a description and a lock of its own, so that the file stays ours after ``fd`` was
    turned to the next segment and until a late write has been drained.
    """

    __slots__ = ("fd", "opened", "path", "reader", "torn")

    def __init__(self, directory: Path, now: int) -> None:
        name = f"{now:020d}-{os.getpid()}-{secrets.token_hex(4)}"
        self.path = directory / (name + SUFFIX)
        self.opened = now
        self.torn = False
        # Locked first and named second: a file by the final name without a lock could be adopted and deleted.
        unnamed = directory / (name + NEW_SUFFIX)
        self.fd = os.open(unnamed, _APPEND, 0o600)
        self.reader = -1
        try:
            self.reader = os.open(unnamed, _READ)
            lock_shared(self.fd)
            lock_shared(self.reader)
            unnamed.rename(self.path)
        except OSError:
            self.close()
            raise

    def write(self, line: bytes) -> None:
        """Append ``line`` by one system call; raise OSError where it did not fit whole."""
        if self.torn:
            line = b"\n" + line
        written = os.write(self.fd, line)
        if written != len(line):
            self.torn = True
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.torn = False

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return os.fstat(self.reader).st_size

    def close(self) -> None:
        """Give the file up to whoever adopts it."""
        for fd in (self.fd, self.reader):
            with contextlib.suppress(OSError):
                os.close(fd)
        self.fd = self.reader = -1


class Spool:
    """This process's end of the spool in ``directory``; made once, valid in every forked child."""

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)
        self._segments: dict[int, Segment] = {}
        self._journals: dict[int, Journal | None] = {}
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
            self._failures.append(_reason(error))
            if error.errno == errno.EBADF:
                self._segments.pop(os.getpid(), None)  # someone closed every descriptor: the next call opens anew

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
        return self._journals[pid]

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
        self._draining += self._rotated
        self._rotated = []
        segment = self._segments.get(os.getpid())
        if segment is None:
            return
        with contextlib.suppress(OSError):
            size = segment.size
            if size >= rotate_bytes or (size and now - segment.opened >= rotate_after) or _gone(segment):
                self.rotate(now)

    def rotate(self, now: int) -> None:
        """Turn the descriptor of the current segment to a new one; the old one is kept until it has been drained."""
        current = self._segments.get(os.getpid())
        if current is None:
            return
        new = Segment(self.directory, now)
        # One atomic step under every thread that is about to write: the number stays, the file behind it changes.
        os.dup2(new.fd, current.fd, inheritable=False)
        os.close(new.fd)
        old = Segment.__new__(Segment)
        old.path, old.fd, old.reader, old.opened, old.torn = current.path, -1, current.reader, current.opened, False
        current.path, current.reader, current.opened = new.path, new.reader, new.opened
        self._rotated.append(old)

    def drained(self, path: Path) -> None:
        """Let go of a rotated segment, so that it can be deleted."""
        for segment in [segment for segment in self._draining if segment.path == path]:
            self._draining.remove(segment)
            segment.close()

    @property
    def draining(self) -> list[Path]:
        """Segments that were rotated a tick ago: a write that was under way then has ended since."""
        return [segment.path for segment in self._draining]

    def close(self) -> None:
        """Give up the segments; what is appended later goes to a new one, for the next process to adopt."""
        self._report(time.time_ns())
        pid = os.getpid()
        for segment in [self._segments.pop(pid, None), *self._rotated, *self._draining]:
            if segment is not None:
                segment.close()
        self._rotated, self._draining = [], []
        journal = self._journals.pop(pid, None)
        if journal is not None:
            journal.close()

    def _open(self) -> Segment:
        pid = os.getpid()
        self.inherit(pid)
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        opened = Segment(self.directory, time.time_ns())
        kept = self._segments.setdefault(pid, opened)
        if kept is not opened:
            opened.close()
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


def _gone(segment: Segment) -> bool:
    return not segment.path.exists()


def _reason(error: OSError) -> str:
    return f"the spool can't be written ({error.strerror or type(error).__name__})"


_logged: set[str] = set()
_spools: weakref.WeakSet[Spool] = weakref.WeakSet()


def _after_fork() -> None:
    for spool in list(_spools):
        spool.inherit(os.getpid())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
