"""The ledger: every call that was metered, in one database that several processes write and read."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from zoneinfo import ZoneInfo

from outlay.ledger.database import connect, transaction
from outlay.ledger.ingest import Ingested, Ingestion
from outlay.ledger.reports import Progress, Question, Report, answer
from outlay.ledger.spool import Spool
from outlay.ledger.writing import Batch, write
from outlay.records import Record


class Ledger:
    """An open ledger; use it from one thread at a time."""

    def __init__(self, database: sqlite3.Connection, path: str) -> None:
        self.path = path
        self._database = database

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Ledger:
        """Open the ledger at ``path``, or a new one in memory for ``:memory:``.

        Raises:
            LedgerError: it is newer than this outlay, damaged, no ledger, or can't be opened at all.
        """
        return cls(connect(os.fspath(path)), os.fspath(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def ingest(
        self, spool: str | os.PathLike[str], *, deadline: float | None = None, own: Spool | None = None
    ) -> Ingested:
        """Carry what stands in the spool directory into the ledger, until ``deadline`` (``time.monotonic()``).

        ``own`` is this process's spool, whose rotated segments are let go once they are carried. Never fails for the
        database or the disk: what could not be carried stays in the spool, and ``trouble`` says why.
        """
        return Ingestion(self._database, Path(spool), deadline=deadline, own=own).run()

    def write(self, records: Iterable[Record]) -> None:
        """Write records without a spool: all of them or none."""
        batch = Batch.of(records)
        with transaction(self._database):
            write(self._database, batch)

    def report(
        self,
        by: Sequence[str] = (),
        *,
        since: int | None = None,
        until: int | None = None,
        filters: Mapping[str, str | None] | None = None,
        zone: str = "UTC",
        exact: bool = False,
        progress: Progress | None = None,
    ) -> Report:
        """Return spend and usage of the calls that started from ``since`` to ``until`` (ns since the epoch).

        ``by`` names what to break it down by: one of ``hour``, ``day``, ``week``, ``month`` (of the IANA ``zone``),
        fields such as ``model``, and ``tag:NAME``. ``filters`` keeps the calls whose fields have these values (None:
        that have none). ``exact`` reads every call even where rollups would answer.
        """
        question = Question(
            by=tuple(by), since=since, until=until, filters=filters or {}, zone=ZoneInfo(zone), exact=exact
        )
        return answer(self._database, question, progress)
