"""Reading many calls: the time cut into slices, which several threads read at once where there are processors."""

from __future__ import annotations

import os
import queue
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from outlay.ledger.calendar import Piece
from outlay.ledger.database import reader
from outlay.ledger.rollups import HOUR

Progress = Callable[[float], None]
"""Told the share that is done, from 0 to 1."""
Rows = list[tuple[Any, ...]]
Read = Callable[[sqlite3.Connection, Piece], list[Rows]]
"""Answers all questions about the calls of one slice."""

MANY = 200_000
"""Calls of a ledger from which on threads are worth it."""
_SLICES = 100
_READERS = 8


def read_slices(
    database: sqlite3.Connection, pieces: list[Piece], read: Read, progress: Progress | None
) -> Iterator[tuple[Piece, list[Rows]]]:
    """Yield what ``read`` finds in each slice of ``pieces``, in order; SQLite lets Python go while it reads."""
    slices = _cut(pieces)
    others = _readers(database) if len(slices) > 1 else []
    if not others:
        for done, piece in enumerate(slices, 1):
            yield piece, read(database, piece)
            _tell(progress, done, len(slices))
        return
    # It can't be loaded while the interpreter ends, when calls are still carried.
    from concurrent.futures import ThreadPoolExecutor

    free: queue.SimpleQueue[sqlite3.Connection] = queue.SimpleQueue()
    for other in others:
        free.put(other)

    def answer(piece: Piece) -> list[Rows]:
        other = free.get()
        try:
            return read(other, piece)
        finally:
            free.put(other)

    pool = ThreadPoolExecutor(len(others), thread_name_prefix="outlay-report")
    try:
        for done, (piece, rows) in enumerate(zip(slices, pool.map(answer, slices), strict=True), 1):
            yield piece, rows
            _tell(progress, done, len(slices))
    finally:
        pool.shutdown(cancel_futures=True)
        for other in others:
            other.close()


def _tell(progress: Progress | None, done: int, of: int) -> None:
    if progress is not None:
        progress(done / of)


def _readers(database: sqlite3.Connection) -> list[sqlite3.Connection]:
    """Return connections to read by, one a processor; none where one does: few calls, in memory, one processor."""
    # Of both in one query SQLite would read the whole table.
    first, last = database.execute("SELECT (SELECT min(seq) FROM entries), (SELECT max(seq) FROM entries)").fetchone()
    count = min(_processors(), _READERS)
    if first is None or last - first < MANY or count == 1:
        return []
    made: list[sqlite3.Connection] = []
    for _ in range(count):
        other = reader(database)
        if other is None:
            break
        made.append(other)
    return made


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cut(pieces: Sequence[Piece]) -> list[Piece]:
    """Cut long pieces, so that reading them can be followed, shared, and sorted in memory."""
    length = max(sum(piece.end - piece.start for piece in pieces) // _SLICES, HOUR)
    return [
        Piece(piece.stretch, 0, start, min(start + length, piece.end))
        for piece in pieces
        for start in range(piece.start, piece.end, length)
    ]
