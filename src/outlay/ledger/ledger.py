"""The ledger: every call that was metered, in one database that several processes write and read."""

from __future__ import annotations

import ctypes
import os
import sqlite3
import time
import weakref
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from zoneinfo import ZoneInfo

from outlay.forks import in_use
from outlay.ledger import queries
from outlay.ledger.alerting import Alerting
from outlay.ledger.backlogs import Backlogs
from outlay.ledger.database import connect
from outlay.ledger.inflight import Revive
from outlay.ledger.ingest import Ingested, Ingestion, Look
from outlay.ledger.labels import Labels
from outlay.ledger.pairing import Pairing
from outlay.ledger.questions import Question, Report
from outlay.ledger.reading import Progress
from outlay.ledger.reports import amounts, answer
from outlay.ledger.retention import forget, prune, remove
from outlay.ledger.reviews import Reviews
from outlay.ledger.rollups import Known
from outlay.ledger.spool import Spool
from outlay.ledger.watched import Watched
from outlay.ledger.writing import write
from outlay.records import Call, Record, Span


class Ledger(Reviews, Alerting, Backlogs, Watched):
    """An open ledger; use it from one thread at a time."""

    def __init__(self, database: sqlite3.Connection, path: str, revive: Revive | None = None) -> None:
        self.path = path
        self._revive = revive
        self._database = database
        self._labels = Labels(database)
        self._known = Known()
        self._pairing = Pairing(database)
        self._looks: dict[Path, Look] = {}
        _open.add(self)

    @classmethod
    def open(cls, path: str | os.PathLike[str], revive: Revive | None = None) -> Ledger:
        """Open the ledger at ``path``, or a new one in memory for ``:memory:``.

        ``revive`` reads what a killed process had noted of a call that was answered; without it such a call is
        uncertain.

        Raises:
            LedgerError: it is newer than this outlay, damaged, no ledger, or can't be opened at all.
        """
        with in_use:
            return cls(connect(os.fspath(path)), os.fspath(path), revive)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        _open.discard(self)
        with in_use:
            self._database.close()

    def disown(self) -> None:
        """Leave the database to the parent process, for good: closing it here could end a transaction of its own."""
        _open.discard(self)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._database))
        self._database = _closed

    def ingest(
        self,
        spool: str | os.PathLike[str],
        *,
        deadline: float | None = None,
        own: Spool | None = None,
        patience: float = 0.0,
    ) -> Ingested:
        """Carry what stands in the spool directory into the ledger, until ``deadline`` (``time.monotonic()``).

        ``own`` is this process's spool, whose rotated segments are let go once they are carried. What other processes
        left, and a few lines of this one, may wait for ``patience`` seconds: until then a pass looks at this one's
        lines alone, and carries them when they are many. Never fails for the database or the disk: what could not be
        carried stays in the spool, and ``trouble`` says why.
        """
        directory = Path(spool)
        look = self._looks.setdefault(directory, Look())
        return Ingestion(
            self._database,
            directory,
            deadline=deadline,
            own=own,
            labels=self._labels,
            known=self._known,
            look=look,
            patience=patience,
        ).run(self._revive)

    def write(self, records: Iterable[Record]) -> None:
        """Write records without a spool: all of them or none."""
        write(self._database, records, self._labels, self._known)

    def sum_up(self, now: int, deadline: float | None = None) -> bool:
        """Sum up days that are over at ``now`` by each tag and label, until ``deadline`` (``time.monotonic()``).

        Reports by a tag and fields then read such days at once; without it they read the calls. Returns whether
        something is left to do.
        """
        while self._pairing.step(now):
            if deadline is not None and time.monotonic() >= deadline:
                return True
        return False

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

    def amounts(
        self,
        by: Sequence[str] = (),
        *,
        since: int | None = None,
        until: int | None = None,
        filters: Mapping[str, str | None] | None = None,
        zone: str = "UTC",
        progress: Progress | None = None,
    ) -> dict[tuple[str | None, ...], dict[str, int]]:
        """Return what a report's calls cost by usage class, in pico-USD, by the key of its lines; every call is read.

        Calls that were pruned are missing, and those whose provider stated its charge: it did not say what for.
        """
        question = Question(by=tuple(by), since=since, until=until, filters=filters or {}, zone=ZoneInfo(zone))
        return amounts(self._database, question, progress)

    def calls(
        self,
        order: queries.Order = "latest",
        limit: int = 20,
        *,
        filters: Mapping[str, str | None] | None = None,
        since: int | None = None,
        until: int | None = None,
    ) -> list[Call]:
        """Return calls, first the ``latest``, the ``dearest``, or the latest that ``failed`` or are ``unpriced``."""
        return queries.read_calls(self._database, order, limit, filters, since, until)

    def find(self, prefix: str, limit: int = 10) -> list[Call]:
        """Return the calls whose id begins with ``prefix``: none, the one, or those to choose from."""
        return queries.find_calls(self._database, prefix, limit)

    def calls_after(self, seq: int, limit: int = 500) -> list[tuple[int, Call]]:
        """Return calls in the order in which they came, from the one after ``seq``, each with its own.

        A call that is settled later (it was pending) comes again, with a higher one.
        """
        return queries.calls_after(self._database, seq, limit)

    def spans_after(self, seq: int, limit: int = 500) -> list[tuple[int, Span]]:
        """Return spans in the order in which they came, from the one after ``seq``, each with its own."""
        return queries.spans_after(self._database, seq, limit)

    def pace(self, now: int, *, zone: str = "UTC", filters: Mapping[str, str | None] | None = None) -> queries.Pace:
        """Return what the month of ``now`` has cost so far, and what it will at the same rate."""
        info = ZoneInfo(zone)
        since, _ = queries.month_of(now, info)
        report = self.report((), since=since, until=now, zone=zone, filters=filters)
        return queries.project(report.total.cost, now, info)

    def coverage(self, since: int | None = None) -> list[queries.Covered]:
        """Return the requests that went to model hosts, those that were not metered first."""
        return queries.read_coverage(self._database, since)

    def losses(self, since: int | None = None) -> list[queries.Lost]:
        """Return what could not be kept, by reason."""
        return queries.read_losses(self._database, since)

    def swallowed(self) -> list[queries.Caught]:
        """Return the errors of outlay's own that it kept away from applications."""
        return queries.read_swallowed(self._database)

    def waiting(self, spool: str | os.PathLike[str]) -> list[queries.Waiting]:
        """Return the segments of a spool directory and how much of each is in the ledger."""
        return list(queries.read_waiting(self._database, Path(spool)))

    def prune(self, *, before: int | None = None, max_bytes: int | None = None, keep_from: int | None = None) -> int:
        """Delete calls that started before ``before``, then the oldest beyond ``max_bytes``; return how many.

        Rollups stay, so reports still show what was spent. Calls from the ``seq`` ``keep_from`` on stay too.
        """
        gone = prune(self._database, before=before, max_bytes=max_bytes, keep_from=keep_from)
        self.sweep()
        return gone

    def remove(self, project: str) -> int:
        """Delete a project: its calls, its spans and its part of every report; return how many calls it had."""
        gone = remove(self._database, project)
        self.sweep()
        return gone

    def forget(self, tags: Mapping[str, str]) -> int:
        """Erase who stands behind the calls that have all of ``tags``; return how many calls there were.

        Their money stays. Ingest the spool before, so that nothing of theirs waits there.
        """
        self.unwatch(tags.values())
        return forget(self._database, tags, self._labels)


_closed = sqlite3.connect(":memory:")
"""Made here, as a forked child must not enter SQLite before others let go of it."""
_closed.close()
_open: weakref.WeakSet[Ledger] = weakref.WeakSet()


def _after_fork() -> None:
    for ledger in list(_open):
        ledger.disown()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
