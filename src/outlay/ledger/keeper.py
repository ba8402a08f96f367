"""What the worker does for the ledger at each tick: carry the spool, report losses, rotate, prune."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import msgspec

from outlay.errors import LedgerError
from outlay.ledger.ingest import Ingested
from outlay.ledger.ledger import Ledger
from outlay.ledger.spool import Spool

_RETRY = 10 * 10**9
"""Nanoseconds between two tries to open a ledger that could not be opened."""
_PRUNE = 3_600 * 10**9


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What a tick did, and what it could not do."""

    ingested: int = 0
    left: int = 0
    """Bytes that wait in the spool."""
    trouble: str | None = None
    """Why they wait, in one sentence; None where the time was up, or nothing waits."""


class Keeper:
    """Keeps the ledger at ``path`` in step with ``spool``; driven by one thread, which passes the time."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        spool: Spool,
        *,
        keep: int | None = None,
        max_bytes: int | None = None,
    ) -> None:
        """``keep`` is how many nanoseconds calls stay, ``max_bytes`` how large the ledger may grow."""
        self._path = Path(path)
        self._spool = spool
        self._keep, self._max_bytes = keep, max_bytes
        self._ledger: Ledger | None = None
        self._trouble: str | None = None
        self._next_open = self._next_prune = 0

    @property
    def ledger(self) -> Ledger | None:
        """The open ledger; None where it can't be opened, or was not yet."""
        return self._ledger

    def tick(self, now: int, *, deadline: float | None = None) -> Kept:
        """Do what is due at ``now`` (ns since the epoch), until ``deadline`` (``time.monotonic()``)."""
        kept = self._carry(now, deadline)
        self._spool.tick(now)
        if kept.trouble is None and now >= self._next_prune:
            self._next_prune = now + _PRUNE
            self._prune(now)
        return kept

    def flush(self, now: int, *, deadline: float) -> Kept:
        """Carry all that was appended before this call; ``left`` says how much the deadline cut off."""
        return self._carry(now, deadline)

    def close(self) -> None:
        """Close the ledger."""
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None

    def _carry(self, now: int, deadline: float | None) -> Kept:
        ledger = self._open(now)
        if ledger is None:
            left = sum(path.stat().st_size for path in self._spool.directory.glob("*.jsonl"))
            return Kept(left=left, trouble=self._trouble)
        done: Ingested = ledger.ingest(self._spool.directory, deadline=deadline, own=self._spool)
        return Kept(ingested=done.records, left=done.left, trouble=done.trouble)

    def _open(self, now: int) -> Ledger | None:
        if self._ledger is None and now >= self._next_open:
            try:
                self._ledger = Ledger.open(self._path)
                self._trouble = None
            except LedgerError as error:
                self._trouble = str(error)
                self._next_open = now + _RETRY
        return self._ledger

    def _prune(self, now: int) -> None:
        if self._ledger is None or (self._keep is None and self._max_bytes is None):
            return
        before = None if self._keep is None else now - self._keep
        try:
            self._ledger.prune(before=before, max_bytes=self._max_bytes)
        except sqlite3.Error as error:
            self._trouble = f"pruning failed: {error}"
