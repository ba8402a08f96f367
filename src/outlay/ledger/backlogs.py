"""All exporters of a ledger, as people ask about them and command them."""

from __future__ import annotations

import sqlite3

import msgspec

from outlay.forks import in_use
from outlay.ledger.backlog import Backlog, Kind, State
from outlay.ledger.database import transaction

ABSENT = 7 * 86_400 * 10**9
"""Nanoseconds after which an exporter that no process had does not keep calls from being pruned any more."""


_LEFT = """
WITH q AS (
    SELECT due FROM queued WHERE exporter = :name AND CASE kind
        WHEN 'call' THEN EXISTS (SELECT 1 FROM entries WHERE entries.seq = queued.seq)
        ELSE EXISTS (SELECT 1 FROM spans WHERE spans.seq = queued.seq) END
)
SELECT
    (SELECT count(*) FROM entries WHERE seq > call_seq) + (SELECT count(*) FROM spans WHERE seq > span_seq),
    (SELECT count(*) FROM q WHERE due <= :now),
    (SELECT count(*) FROM q WHERE due > :now),
    (SELECT count(*) FROM set_aside WHERE exporter = :name)
FROM exporters WHERE name = :name
"""
_BACKFILL = (
    "INSERT OR IGNORE INTO queued SELECT :name, '{0}', seq, 0, '' FROM {1}"
    " WHERE start >= :since AND start < :until AND seq <= (SELECT {0}_seq FROM exporters WHERE name = :name)"
)


class Left(msgspec.Struct, frozen=True):
    """How many records an exporter has not delivered."""

    new: int
    """Behind its place."""
    queued: int
    """In its queue, ready to go: history that was asked for."""
    waiting: int
    """In its queue, until the spans around them have ended or a call in the background is settled."""
    aside: int
    """Set aside: the backend does not take them."""

    @property
    def due(self) -> int:
        """All that could go now."""
        return self.new + self.queued

    @property
    def total(self) -> int:
        """All that is still to be delivered."""
        return self.new + self.queued + self.waiting


class Aside(msgspec.Struct, frozen=True):
    """A record that a backend does not take."""

    exporter: str
    kind: Kind
    seq: int
    id: str
    at: int
    """Nanoseconds since the epoch at which it was set aside."""
    reason: str


class Backlogs:
    """The part of ``Ledger`` that knows of exporters."""

    _database: sqlite3.Connection

    def backlog(self, exporter: str) -> Backlog:
        """Return what ``exporter`` has still to deliver."""
        return Backlog(self._database, exporter)

    def exporters(self) -> list[State]:
        """Return how every exporter does that this ledger ever had."""
        with in_use:
            return [State(*row) for row in self._database.execute("SELECT * FROM exporters ORDER BY name").fetchall()]

    def left(self, exporter: str, now: int) -> Left:
        """Count what ``exporter`` has not delivered."""
        with in_use:
            row = self._database.execute(_LEFT, {"name": exporter, "now": now}).fetchone()
        return Left(*row) if row else Left(0, 0, 0, 0)

    def set_aside(self, exporter: str, limit: int = 20) -> list[Aside]:
        """Return the records that were set aside last."""
        sql = "SELECT * FROM set_aside WHERE exporter = ? ORDER BY at DESC, seq DESC LIMIT ?"
        with in_use:
            return [Aside(*row) for row in self._database.execute(sql, (exporter, limit)).fetchall()]

    def retry(self, exporter: str) -> int:
        """Put what was set aside into the queue, and end the pause after failures; return how many records it was."""
        with transaction(self._database):
            self._database.execute("UPDATE exporters SET retry_at = 0 WHERE name = ?", (exporter,))
            self._database.execute(
                "INSERT OR REPLACE INTO queued SELECT exporter, kind, seq, 0, '' FROM set_aside WHERE exporter = ?",
                (exporter,),
            )
            return self._database.execute("DELETE FROM set_aside WHERE exporter = ?", (exporter,)).rowcount

    def backfill(self, exporter: str, since: int, until: int) -> int:
        """Put records that began from ``since`` to ``until`` into the queue; return how many.

        What the exporter will come to by itself is left out.
        """
        with transaction(self._database):
            values = {"name": exporter, "since": since, "until": until}
            statements = (_BACKFILL.format("call", "entries"), _BACKFILL.format("span", "spans"))
            return sum(self._database.execute(statement, values).rowcount for statement in statements)

    def undelivered(self, now: int) -> int | None:
        """Return the first call by ``seq`` that an exporter has not delivered; None without any exporter."""
        sql = "SELECT min(call_seq) + 1 FROM exporters WHERE seen >= ?"
        with in_use:
            first: int | None = self._database.execute(sql, (now - ABSENT,)).fetchone()[0]
        return first
