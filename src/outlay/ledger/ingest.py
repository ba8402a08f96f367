"""From the spool into the ledger, exactly once: any process may carry any segment, and die at any point of it.

A transaction advances a segment's position only from the value that its reader began at, together with the rows and
rollups of the lines between. A segment's file is deleted when its owner is dead and all of it is in the ledger.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from outlay.forks import in_use
from outlay.ledger import inflight, segment
from outlay.ledger.database import transaction
from outlay.ledger.labels import Labels
from outlay.ledger.lines import decode
from outlay.ledger.rollups import Known
from outlay.ledger.spool import Spool
from outlay.ledger.writing import CHUNK, Batch, write
from outlay.locking import lock_exclusive
from outlay.records import Loss, Record

LINES = 500
"""Lines that one transaction carries at most."""
FEW = 1 << 20
"""Bytes of this process's lines below which they wait as others' do: by the line, a small transaction costs most."""
_BLOCK = 1 << 18
_POSITION = "INSERT INTO segments VALUES (?, ?) ON CONFLICT DO UPDATE SET position = excluded.position"
_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0)
_READ_WRITE = os.O_RDWR | getattr(os, "O_BINARY", 0)


class Ingested(msgspec.Struct, frozen=True, kw_only=True):
    """What an ingestion did, and what it left behind."""

    records: int = 0
    torn: int = 0
    """Lines that held no record."""
    left: int = 0
    """Bytes that still wait in the spool."""
    trouble: str | None = None
    """Why they wait; None when the time was up, or nothing is left."""


class Look(msgspec.Struct):
    """What the passes over one spool directory remember."""

    at: float = float("-inf")
    """When all of it was last looked at (``time.monotonic()``)."""
    ends: dict[Path, int] = {}
    """How much of a segment was in the ledger; another process may have carried more since."""


class Ingestion:
    """One pass over a spool directory."""

    def __init__(
        self,
        database: sqlite3.Connection,
        directory: Path,
        *,
        deadline: float | None,
        own: Spool | None,
        labels: Labels,
        known: Known,
        look: Look,
        patience: float,
    ) -> None:
        self._database = database
        self._directory = directory
        self._deadline = deadline
        self._own = own
        self._labels = labels
        self._known = known
        self._look = look
        self._patience = patience
        self._revive: inflight.Revive | None = None
        self._records = self._torn = 0

    def run(self, revive: inflight.Revive | None = None) -> Ingested:
        """Carry every whole line; stop softly where the database or the deadline says so.

        ``revive`` reads what killed processes had noted of calls that were answered.
        """
        self._revive = revive
        if self._own is not None and time.monotonic() - self._look.at < self._patience:
            return self._run_own(self._own)
        trouble, self._look.at = None, time.monotonic()
        try:
            with contextlib.ExitStack() as held:
                # The dead are counted before their segments are read to the end: nothing is added after that.
                orphans = list(self._orphans(held))
                ends = [self._carry(path) for path in self._paths(segment.SUFFIX)]
                if all(ends):
                    for path, fd in orphans:
                        self._adopt_journal(path, fd)
            self._forget_gone()
        except (sqlite3.Error, OSError) as error:
            trouble = f"{type(error).__name__}: {error}"
        return Ingested(records=self._records, torn=self._torn, left=self._left(), trouble=trouble)

    def _run_own(self, own: Spool) -> Ingested:
        """Carry this process's lines, if they are many; without a look at the directory, or else at the database."""
        trouble, left = None, 0
        paths = own.draining if own.path is None else [*own.draining, own.path]
        try:
            for path, size in _sizes(paths):
                if path != own.path or size - self._look.ends.get(path, 0) >= FEW:
                    self._carry(path)
                left += max(size - self._look.ends.get(path, 0), 0)
        except (sqlite3.Error, OSError) as error:
            trouble, left = f"{type(error).__name__}: {error}", self._left()
        return Ingested(records=self._records, torn=self._torn, left=left, trouble=trouble)

    def _paths(self, suffix: str) -> list[Path]:
        return sorted(path for path in self._directory.glob("*" + suffix))

    def _late(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _carry(self, path: Path) -> bool:
        """Carry one segment to its end; return False where the deadline left some of it."""
        try:
            fd = os.open(path, _READ)
        except FileNotFoundError:
            return True
        try:
            # Known before the last read: what a rotated segment or a dead process wrote is all there by then.
            released = self._own is not None and path in self._own.draining
            dead = lock_exclusive(fd)
            while True:
                if self._late():
                    return False
                position = self._position(path)
                size, lines, last = _read_lines(fd, position, dead=dead)
                carried = self._write(path, position, size, lines) if size else None
                if carried is None or (carried and last):
                    break
        finally:
            os.close(fd)
        if dead:
            path.unlink(missing_ok=True)
            self._look.ends.pop(path, None)
        elif released and self._own is not None:
            self._own.drained(path)
            self._look.at = float("-inf")  # the next pass finds it without an owner
        return True

    def _write(self, path: Path, position: int, size: int, lines: list[bytes]) -> bool | None:
        """Write one block's records; return False where another process did meanwhile, None where it is done."""
        batch = Batch(self._labels, lambda: _decode(lines))
        records = 0
        for first in range(0, len(lines), CHUNK):
            decoded = _decode(lines[first : first + CHUNK])
            records += len(decoded)
            batch.add(decoded)
        torn = sum(map(bool, lines)) - records
        if torn:
            batch.add([Loss(at=time.time_ns(), records=torn, reason="a line of the spool was torn")])
        with transaction(self._database):
            if not path.exists():
                return None
            if self._position(path) != position:
                return False
            batch.write(self._database, self._known)
            self._database.execute(_POSITION, (path.name, position + size))
        self._look.ends[path] = position + size
        self._records += records
        self._torn += torn
        return True

    def _position(self, path: Path) -> int:
        row = self._database.execute("SELECT position FROM segments WHERE name = ?", (path.name,)).fetchone()
        return row[0] if row else 0

    def _forget_gone(self) -> None:
        """Drop the positions of deleted segments: first the file goes, then its row, so no line can come twice."""
        with in_use:
            names = [name for (name,) in self._database.execute("SELECT name FROM segments")]
        gone = [(name,) for name in names if not (self._directory / name).exists()]
        if gone:
            with transaction(self._database):
                self._database.executemany("DELETE FROM segments WHERE name = ?", gone)

    def _orphans(self, held: contextlib.ExitStack) -> Iterator[tuple[Path, int]]:
        for path in self._paths(inflight.SUFFIX):
            with contextlib.suppress(FileNotFoundError):
                fd = os.open(path, _READ_WRITE)
                held.callback(os.close, fd)
                if lock_exclusive(fd):
                    yield path, fd

    def _adopt_journal(self, path: Path, fd: int) -> None:
        calls = list(inflight.read_open(_read(fd, 0, inflight.BYTES), time.time_ns(), self._revive))
        if calls:
            write(self._database, calls, self._labels, self._known)
        path.unlink(missing_ok=True)

    def _left(self) -> int:
        try:
            with in_use:
                positions = dict(self._database.execute("SELECT name, position FROM segments"))
        except sqlite3.Error:
            positions = {}
        return sum(max(size - positions.get(path.name, 0), 0) for path, size in _sizes(self._paths(segment.SUFFIX)))


def _sizes(paths: list[Path]) -> Iterator[tuple[Path, int]]:
    for path in paths:
        try:
            yield path, path.stat().st_size
        except OSError:
            continue


def _decode(lines: list[bytes]) -> list[Record]:
    return [record for line in lines if line and (record := decode(line)) is not None]


def _read_lines(fd: int, position: int, *, dead: bool) -> tuple[int, list[bytes], bool]:
    """Return the bytes and the lines from ``position``, up to the last newline (to the very end where ``dead``).

    The last value says whether nothing follows, but what is being written.
    """
    size = _BLOCK
    while True:
        block = _read(fd, position, size)
        end = len(block) if dead and len(block) < size else block.rfind(b"\n") + 1
        if end or len(block) < size:
            break
        size *= 4  # one line is longer than the block
    lines = block[:end].split(b"\n", LINES)
    rest = len(lines.pop()) if len(lines) > LINES else 0
    return end - rest, lines, len(block) < size and not rest


def _read(fd: int, position: int, size: int) -> bytes:
    os.lseek(fd, position, os.SEEK_SET)
    # No more than there is: what a read takes too much and gives back would leave holes in the memory.
    return os.read(fd, min(size, max(os.fstat(fd).st_size - position, 0) + 1))
