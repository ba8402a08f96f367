"""What a ledger is asked beside reports: what failed, what calls cost by another table, and calls in their order."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from zoneinfo import ZoneInfo

from outlay.ledger import restated
from outlay.ledger.failures import Failures, read_failures
from outlay.ledger.questions import Question
from outlay.ledger.timeline import Moment, read_moments
from outlay.records import Call


class Reviews:
    """The part of ``Ledger`` that answers these."""

    _database: sqlite3.Connection

    def restate(
        self,
        price: restated.Pricing,
        *,
        price_table: str,
        at: int,
        since: int | None = None,
        until: int | None = None,
        filters: Mapping[str, str | None] | None = None,
        write: bool = True,
        progress: restated.Progress | None = None,
    ) -> restated.Restatement:
        """Price calls anew by ``price``, and keep what differs beside what was recorded, which stays as it is.

        ``at``: now. ``price_table``: its version. Without ``write`` nothing is kept.
        """
        question = Question(since=since, until=until, filters=filters or {}, zone=ZoneInfo("UTC"))
        return restated.restate(
            self._database, question, price, price_table=price_table, at=at, write=write, progress=progress
        )

    def restated_cost(self, call: Call) -> restated.Restated | None:
        """Return a call's restated cost; None where it is as recorded, or nobody restated it."""
        return restated.find_restated(self._database, call)

    def shifts(
        self,
        by: Sequence[str] = (),
        *,
        since: int | None = None,
        until: int | None = None,
        filters: Mapping[str, str | None] | None = None,
        zone: str = "UTC",
    ) -> tuple[dict[restated.Key, restated.Shift], tuple[str, ...]]:
        """Return by how much each line of a report is restated, by its key, and the tables that did it."""
        question = Question(by=tuple(by), since=since, until=until, filters=filters or {}, zone=ZoneInfo(zone))
        return restated.read_shifts(self._database, question)

    def failures(
        self,
        by: Sequence[str] = (),
        *,
        since: int | None = None,
        until: int | None = None,
        filters: Mapping[str, str | None] | None = None,
    ) -> list[Failures]:
        """Return what failed, by fields and ``tag:NAME``, those that failed most first; every call is read."""
        question = Question(by=tuple(by), since=since, until=until, filters=filters or {}, zone=ZoneInfo("UTC"))
        return read_failures(self._database, question)

    def timeline(
        self, by: Sequence[str] = (), *, since: int, until: int, provider: str | None = None
    ) -> Iterator[Moment]:
        """Yield the calls that began from ``since`` to ``until``, in order, each with what ``by`` names."""
        return read_moments(self._database, tuple(by), since, until, provider)

    def sweep(self) -> None:
        """Let go of restated costs whose calls are gone."""
        restated.sweep(self._database)
