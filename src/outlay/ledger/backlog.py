"""What one exporter has still to deliver: its place in the ledger, and what waits beside it.

The place is two numbers, the last call and the last span that it is done with, in the order in which the ledger got
them. The numbers grow in the order of commits, as SQLite has one writer at a time: whoever carries a record, it comes
to stand behind every place. Beside the place there is a queue: records that wait for something, and older ones that
somebody asked for.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from heapq import merge
from typing import Any, Literal

import msgspec

from outlay.forks import in_use
from outlay.guard import failure_of
from outlay.ledger.database import transaction
from outlay.ledger.rows import SPAN_COLUMNS, read_call, read_span
from outlay.ledger.view import COLUMNS
from outlay.ledger.writing import quote
from outlay.records import Call, Span

Kind = Literal["call", "span"]

DAMAGED = "its row in the ledger can't be read"
"""Why a record is set aside that no backend has seen; it stands in nobody's way either."""
REASON_LENGTH = 300
"""Characters of a backend's words that are kept: it may quote what was sent."""
_TABLES: dict[Kind, str] = {"call": "entries", "span": "spans"}
_JSON = ("usage", "cost_items")
"""Columns that hold JSON: as an element of an array they must stay the text that they are."""


def _array(names: Iterable[str]) -> str:
    columns = ", ".join(f"\"{name}\" || ''" if name in _JSON else f'"{name}"' for name in names)
    return f"SELECT json_group_array(json_array({columns})) FROM"


_READ: dict[Kind, str] = {
    "call": f"{_array(('seq', *COLUMNS))} (SELECT seq, {quote(COLUMNS)} FROM calls {{}})",  # noqa: S608  own words
    "span": f"{_array(('seq', *SPAN_COLUMNS))} (SELECT seq, {quote(SPAN_COLUMNS)} FROM spans {{}})",  # noqa: S608  own words
}
"""Many rows as one: SQLite's module lets the interpreter go for each row, and beside a busy thread waits to get it
back, while the worker waits for us."""
_PLACE = "SELECT coalesce((SELECT min(seq) FROM {0} WHERE start >= ?), (SELECT coalesce(max(seq), 0) + 1 FROM {0})) - 1"
_READY = (
    "SELECT json_group_array(json_array(kind, seq)) FROM (SELECT kind, seq FROM queued WHERE exporter = ? AND due <= ?"
    " UNION SELECT kind, q.seq FROM spans s JOIN queued q ON q.missing = s.id AND q.exporter = ? AND q.missing != ''"
    " WHERE s.seq > ? ORDER BY 1, 2 LIMIT ?)"
)
_ANYTHING = (
    "SELECT EXISTS (SELECT 1 FROM entries WHERE seq > call_seq) OR EXISTS (SELECT 1 FROM spans WHERE seq > span_seq)"
    " OR EXISTS (SELECT 1 FROM queued WHERE exporter = name) FROM exporters WHERE name = ?"
)
_MOVE = "UPDATE exporters SET {0}_seq = max({0}_seq, ?) WHERE name = ?"
_THESE = "WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY seq"
_EACH = "json_extract(value, '$[{}]')"
_QUEUE = f"INSERT OR REPLACE INTO queued SELECT ?, {', '.join(map(_EACH.format, range(4)))} FROM json_each(?)"  # noqa: S608  own words
_ASIDE = f"INSERT OR REPLACE INTO set_aside SELECT ?, {', '.join(map(_EACH.format, range(5)))} FROM json_each(?)"  # noqa: S608  own words
_DROP = (
    "DELETE FROM queued WHERE exporter = ? AND (kind, seq) IN"
    " (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))"
)


class Due(msgspec.Struct, frozen=True):
    """A record that is to be delivered."""

    kind: Kind
    seq: int
    record: Call | Span
    queued: bool = False
    """Whether it stands in the queue, and not behind the place."""


class Waiting(msgspec.Struct, frozen=True):
    """A record that is to wait in the queue."""

    due: Due
    until: int
    """Nanoseconds since the epoch from which on it goes as it is."""
    missing: str = ""
    """Id of the span that it waits for."""


class State(msgspec.Struct, frozen=True):
    """How an exporter does."""

    name: str
    since: int
    """When it was asked for first (nanoseconds since the epoch, as all times here)."""
    seen: int
    """When a process had it last."""
    call_seq: int
    span_seq: int
    first_call_seq: int
    first_span_seq: int
    delivered: int
    """Records that its backend has accepted."""
    last: int
    """When it accepted something last; 0: never."""
    unnamed: int
    """Records that it rejected without saying which."""
    unnamed_reason: str
    """What it said last, then."""
    failures: int
    """Attempts that failed since the last one that did not."""
    failing_since: int
    retry_at: int
    """When the next attempt is made; 0: as soon as there is something."""
    trouble: str
    holder: str
    """Who delivers: host and process."""


def _add(dues: list[Due], kind: Kind, row: list[Any], *, queued: bool) -> None:
    dues.append(Due(kind, row[0], read_call(row[1:]) if kind == "call" else read_span(row[1:]), queued))


class Backlog:
    """The part of the ledger that belongs to one exporter."""

    def __init__(self, database: sqlite3.Connection, exporter: str) -> None:
        self._database = database
        self.exporter = exporter
        self._looked = -1

    def begin(self, since: int, now: int) -> None:
        """Make the exporter's place, before the first record that began after ``since``, unless it has one."""
        if self.state() is None:
            with transaction(self._database):
                call, span = (
                    self._database.execute(_PLACE.format(table), (since,)).fetchone()[0] for table in _TABLES.values()
                )
                self._database.execute(
                    "INSERT OR IGNORE INTO exporters"
                    " (name, since, seen, call_seq, span_seq, first_call_seq, first_span_seq)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (self.exporter, since, now, call, span, call, span),
                )

    def state(self) -> State | None:
        """Return how the exporter does; None where this ledger never had it."""
        with in_use:
            row = self._database.execute("SELECT * FROM exporters WHERE name = ?", (self.exporter,)).fetchone()
        return None if row is None else State(*row)

    def resting(self, now: int) -> bool:
        """Return whether the exporter waits after a failure."""
        state = self.state()
        return state is not None and state.retry_at > now

    def has_something(self) -> bool:
        """Return whether there is a record that is not delivered."""
        with in_use:
            row = self._database.execute(_ANYTHING, (self.exporter,)).fetchone()
        return bool(row[0])

    def new(self, limit: int) -> list[Due]:
        """Return up to ``limit`` records behind the place, calls and spans in the order of their ends."""
        state = self.state()
        if state is None:
            return []
        places: dict[Kind, int] = {"call": state.call_seq, "span": state.span_seq}
        # Each stream stays in its order, since the place moves along it.
        streams = [self._read(kind, "WHERE seq > ? ORDER BY seq LIMIT ?", (seq, limit)) for kind, seq in places.items()]
        return list(merge(*streams, key=lambda due: due.record.end))[:limit]

    def ready(self, limit: int, now: int) -> list[Due]:
        """Return up to ``limit`` records of the queue that need not wait any longer."""
        with in_use:
            newest = self._database.execute("SELECT coalesce(max(seq), 0) FROM spans").fetchone()[0]
            found = self._database.execute(_READY, (self.exporter, now, self.exporter, self._looked, limit)).fetchone()
        rows: list[tuple[Kind, int]] = [(kind, seq) for kind, seq in json.loads(found[0])]
        if len(rows) < limit:
            self._looked = newest
        dues: list[Due] = []
        for kind in _TABLES:
            seqs = json.dumps([seq for one, seq in rows if one == kind])
            dues += self._read(kind, _THESE, (seqs,), queued=True)
        if len(dues) < len(rows):
            held = {(due.kind, due.seq) for due in dues}
            self._drop([row for row in rows if row not in held])
        return dues

    def look_again(self) -> None:
        """Have ``ready`` return once more what it returned: it was not delivered."""
        self._looked = -1

    def _read(self, kind: Kind, where: str, values: Sequence[object], *, queued: bool = False) -> list[Due]:
        with in_use:
            found = self._database.execute(_READ[kind].format(where), values).fetchone()
        rows = json.loads(found[0])
        dues: list[Due] = []
        damaged = [row[0] for row in rows if failure_of(partial(_add, dues, kind, row, queued=queued))]
        if damaged:
            rejected = [(kind, seq, "", time.time_ns(), DAMAGED) for seq in damaged]
            passed = 0 if dues or queued else damaged[-1]  # else the place moves with those that can be read
            with transaction(self._database):
                self._database.execute(_ASIDE, (self.exporter, json.dumps(rejected)))
                self._database.execute(_MOVE.format(kind), (passed, self.exporter))
        return dues

    def spans(self, ids: Iterable[str]) -> list[Span]:
        """Return the spans with these ids that the ledger has."""
        where = "WHERE id IN (SELECT value FROM json_each(?))"
        return [
            due.record for due in self._read("span", where, (json.dumps(list(ids)),)) if isinstance(due.record, Span)
        ]

    def settle(
        self,
        done: Sequence[Due],
        *,
        now: int,
        accepted: int = 0,
        aside: Mapping[str, str] = {},
        unnamed: tuple[int, str] = (0, ""),
        waiting: Sequence[Waiting] = (),
        worked: bool = True,
    ) -> None:
        """Be done with records, in one transaction: ``aside`` has the reasons, by id, of those that were rejected.

        ``unnamed``: how many were rejected without being named, and why. Of the records behind the place, ``done`` and
        ``waiting`` together must be the next ones. ``worked``: whether the backend answered, which ends its trouble.
        """
        passed = [due for due in (*done, *(wait.due for wait in waiting)) if not due.queued]
        call, span = (max((due.seq for due in passed if due.kind == kind), default=0) for kind in _TABLES)
        with transaction(self._database):
            self._database.execute(
                "UPDATE exporters SET call_seq = max(call_seq, ?), span_seq = max(span_seq, ?), seen = ?,"
                " delivered = delivered + ?, unnamed = unnamed + ?,"
                " unnamed_reason = iif(?, ?, unnamed_reason) WHERE name = ?",
                (call, span, now, accepted - unnamed[0], unnamed[0], *unnamed, self.exporter),
            )
            if worked:
                self._database.execute(
                    "UPDATE exporters SET last = ?, failures = 0, failing_since = 0, retry_at = 0, trouble = ''"
                    " WHERE name = ?",
                    (now, self.exporter),
                )
            rejected = [due for due in done if due.record.id in aside]
            for statement, rows in (
                (_DROP, [(due.kind, due.seq) for due in done if due.queued]),
                (_QUEUE, [(wait.due.kind, wait.due.seq, wait.until, wait.missing) for wait in waiting]),
                (
                    _ASIDE,
                    [(due.kind, due.seq, due.record.id, now, aside[due.record.id][:REASON_LENGTH]) for due in rejected],
                ),
            ):
                if rows:
                    self._database.execute(statement, (self.exporter, json.dumps(rows)))

    def fail(self, trouble: str, *, now: int, retry_at: int) -> None:
        """Note that an attempt failed, and when the next one is made."""
        with transaction(self._database):
            self._database.execute(
                "UPDATE exporters SET failures = failures + 1, retry_at = ?, trouble = ?, seen = ?,"
                " failing_since = iif(failing_since = 0, ?, failing_since) WHERE name = ?",
                (retry_at, trouble[:REASON_LENGTH], now, now, self.exporter),
            )

    def held_by(self, holder: str, now: int) -> None:
        """Note who delivers."""
        with transaction(self._database):
            self._database.execute(
                "UPDATE exporters SET holder = ?, seen = ? WHERE name = ?", (holder, now, self.exporter)
            )

    def _drop(self, rows: Iterable[tuple[str, int]]) -> None:
        """Take out of the queue what the ledger has no more: it was pruned, or settled under another number."""
        with transaction(self._database):
            self._database.execute(_DROP, (self.exporter, json.dumps(list(rows))))
