"""Writing records into the ledger: rows and rollups together, each record once."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from outlay.ledger import rollups
from outlay.ledger.bounds import INTEGER_LIMIT, bounded
from outlay.ledger.bulk import insert
from outlay.ledger.database import transaction
from outlay.ledger.labels import Labels
from outlay.ledger.rows import ENTRY_COLUMNS, PLAIN_COLUMNS, SPAN_COLUMNS, Entry, enter, enter_span, read_call
from outlay.ledger.view import COLUMNS
from outlay.records import Call, Coverage, Loss, Raised, Record, Span, Swallowed

UNSETTLED = ("pending", "uncertain")
"""Outcomes that a later record of the same call replaces."""

CHUNK = 200
"""Records that are in work at a time: more of them and their rows would not stay in a processor's cache."""


def quote(names: Iterable[str]) -> str:
    """Return column names for a statement; ``end`` is a word of SQL's own."""
    return ", ".join(f'"{name}"' for name in names)


_ENTRIES = {len(names): f"INSERT INTO entries ({quote(names)})" for names in (PLAIN_COLUMNS, ENTRY_COLUMNS)}
_SPAN = f"INSERT OR IGNORE INTO spans ({quote(SPAN_COLUMNS)}) VALUES ({', '.join('?' * len(SPAN_COLUMNS))})"  # noqa: S608  own names
_HELD = (
    f"SELECT {quote(COLUMNS)} FROM calls WHERE (start, id) IN"  # noqa: S608  own names
    " (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))"
)
_LOSS = "INSERT INTO losses (at, records, reason) VALUES (?, ?, ?)"
_COVERAGE = (
    "INSERT INTO coverage VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
    " requests = requests + excluded.requests, metered = metered + excluded.metered, free = free + excluded.free"
)
_SWALLOWED = (
    "INSERT INTO swallowed VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
    " count = count + excluded.count, last = max(last, excluded.last)"
)


class Batch:
    """Records by kind, prepared outside the transaction that writes them: others wait for it as short as can be.

    ``again`` yields the calls once more. They are rarely needed, and too large to be kept.
    """

    def __init__(self, labels: Labels, again: Callable[[], Iterable[Record]]) -> None:
        self._labels = labels
        self._again = again
        self._rows: list[tuple[Any, ...]] = []
        self._sums = rollups.Sums()
        self._others: list[Record] = []

    def add(self, records: Iterable[Record]) -> None:
        """Prepare ``records``: a few hundred at a time, so that a processor's cache holds what is in work."""
        entries = []
        for record in records:
            if type(record) is Call:
                entries.append(enter(record, self._labels))
            else:
                self._others.append(record)
        self._rows += [entry.row for entry in entries]
        self._sums.add(entries)

    def write(self, database: sqlite3.Connection, known: rollups.Known) -> None:
        """Write all of it inside the caller's transaction."""
        database.execute("SAVEPOINT calls")
        try:
            _write_rows(database, self._rows)
        except (sqlite3.IntegrityError, OverflowError):
            database.execute("ROLLBACK TO calls")
            self._settle(database)
        database.execute("RELEASE calls")
        rollups.add(database, self._sums, known)
        _write_others(database, self._others)

    def _settle(self, database: sqlite3.Connection) -> None:
        """Write calls some of which the ledger has already, or can't hold as they are."""
        calls = [bounded(record) for record in self._again() if type(record) is Call]
        entries = _settle(database, [enter(call, self._labels) for call in calls], self._labels)
        _write_rows(database, [entry.row for entry in entries])
        self._sums = rollups.Sums()
        self._sums.add(entries)


def write(database: sqlite3.Connection, records: Iterable[Record], labels: Labels, known: rollups.Known) -> None:
    """Write ``records`` in a transaction of their own: all of them or none."""
    kept = list(records)
    batch = Batch(labels, lambda: kept)
    for first in range(0, len(kept), CHUNK):
        batch.add(kept[first : first + CHUNK])
    with transaction(database):
        batch.write(database, known)


def _write_rows(database: sqlite3.Connection, rows: Iterable[tuple[Any, ...]]) -> None:
    """Write the rows of entries in their order: those of plain calls are shorter."""
    for length, alike in itertools.groupby(rows, len):
        insert(database, _ENTRIES[length], list(alike))


def _write_others(database: sqlite3.Connection, records: Iterable[Record]) -> None:
    for record in records:
        if isinstance(record, Span):
            database.execute(_SPAN, enter_span(record))
        elif isinstance(record, Coverage):
            counts = [_counted(count) for count in (record.requests, record.metered, record.free)]
            kind = record.provider, record.host, record.method, record.path
            database.execute(_COVERAGE, (record.at // rollups.HOUR, *kind, *counts))
        elif isinstance(record, Swallowed):
            database.execute(_SWALLOWED, (record.activity, record.error, _counted(record.count), record.at))
        elif isinstance(record, Loss):
            database.execute(_LOSS, (record.at, _counted(record.records), record.reason))
        elif isinstance(record, Raised):
            from outlay.ledger.alerts import put_raised  # few processes have any

            if not put_raised(database, record):
                database.execute(_LOSS, (record.at, 1, "an alert could not be read"))


def _counted(number: int) -> int:
    return min(max(number, 0), INTEGER_LIMIT >> 20)


def count(database: sqlite3.Connection, name: str, number: int) -> None:
    """Add ``number`` to the ledger's fact ``name``."""
    database.execute(
        "INSERT INTO facts VALUES (?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value", (name, number)
    )


def _settle(database: sqlite3.Connection, entries: Sequence[Entry], labels: Labels) -> list[Entry]:
    """Return the entries to write: the first of each call, or the one that settles it; take out what they replace.

    Records of one call have its id and its start in common.
    """
    sought = msgspec.json.encode([_identity(entry.call) for entry in entries]).decode()
    held = {_identity(call): call for call in map(read_call, database.execute(_HELD, (sought,)))}
    fresh: dict[tuple[int, str], Entry] = {}
    replaced: list[Call] = []
    repeated = 0
    for entry in entries:
        call, identity = entry.call, _identity(entry.call)
        before = fresh[identity].call if identity in fresh else held.get(identity)
        if before is not None and (before.outcome not in UNSETTLED or call.outcome in UNSETTLED):
            repeated += 1
            continue
        if before is not None and identity not in fresh:
            replaced.append(before)
        fresh[identity] = entry
    if replaced:
        gone = [enter(call, labels) for call in replaced]
        rollups.subtract(database, gone)
        database.executemany("DELETE FROM entries WHERE start = ? AND id = ?", map(_identity, replaced))
    if repeated:
        count(database, "repeated_records", repeated)
    return list(fresh.values())


def _identity(call: Call) -> tuple[int, str]:
    return call.start, call.id
