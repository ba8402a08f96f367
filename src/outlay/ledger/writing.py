"""Writing records into the ledger: rows and rollups together, each record once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec

from outlay.ledger import rollups
from outlay.ledger.bounds import INTEGER_LIMIT, bounded
from outlay.ledger.labels import Labels
from outlay.ledger.rows import ENTRY_COLUMNS, SPAN_COLUMNS, Entry, enter, enter_span, read_call
from outlay.ledger.view import COLUMNS
from outlay.records import Call, Coverage, Loss, Record, Span, Swallowed

UNSETTLED = ("pending", "uncertain")
"""Outcomes that a later record of the same call replaces."""


def quote(names: Iterable[str]) -> str:
    """Return column names for a statement; ``end`` is a word of SQL's own."""
    return ", ".join(f'"{name}"' for name in names)


_ENTRY = f"INSERT INTO entries ({quote(ENTRY_COLUMNS)}) VALUES ({', '.join('?' * len(ENTRY_COLUMNS))})"  # noqa: S608  own names
_SPAN = f"INSERT OR IGNORE INTO spans ({quote(SPAN_COLUMNS)}) VALUES ({', '.join('?' * len(SPAN_COLUMNS))})"  # noqa: S608  own names
_HELD = (
    f"SELECT {quote(COLUMNS)} FROM calls WHERE (start, id) IN"  # noqa: S608  own names
    " (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))"
)
_COVERAGE = (
    "INSERT INTO coverage VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
    " requests = requests + excluded.requests, metered = metered + excluded.metered, free = free + excluded.free"
)
_SWALLOWED = (
    "INSERT INTO swallowed VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
    " count = count + excluded.count, last = max(last, excluded.last)"
)


class Batch(msgspec.Struct):
    """Records by kind, prepared outside the transaction that writes them."""

    entries: list[Entry] = []
    spans: list[tuple[object, ...]] = []
    coverage: list[Coverage] = []
    losses: list[Loss] = []
    swallowed: list[Swallowed] = []

    @classmethod
    def of(cls, records: Iterable[Record], labels: Labels) -> Batch:
        """Sort ``records`` by kind, and give their labels numbers."""
        batch = cls()
        for record in records:
            if isinstance(record, Call):
                batch.entries.append(enter(record, labels))
            elif isinstance(record, Span):
                batch.spans.append(enter_span(record))
            elif isinstance(record, Coverage):
                batch.coverage.append(record)
            elif isinstance(record, Swallowed):
                batch.swallowed.append(record)
            else:
                batch.losses.append(record)
        labels.number_new()
        return batch


def write(database: sqlite3.Connection, batch: Batch, labels: Labels, known: rollups.Known) -> None:
    """Write ``batch`` inside the caller's transaction."""
    if batch.entries:
        _write_calls(database, batch.entries, labels, known)
    if batch.spans:
        database.executemany(_SPAN, batch.spans)
    for seen in batch.coverage:
        counts = [min(max(count, 0), INTEGER_LIMIT >> 20) for count in (seen.requests, seen.metered, seen.free)]
        database.execute(
            _COVERAGE, (seen.at // rollups.HOUR, seen.provider, seen.host, seen.method, seen.path, *counts)
        )
    for loss in batch.losses:
        database.execute(
            "INSERT INTO losses (at, records, reason) VALUES (?, ?, ?)",
            (loss.at, min(loss.records, INTEGER_LIMIT >> 20), loss.reason),
        )
    for error in batch.swallowed:
        number = min(max(error.count, 0), INTEGER_LIMIT >> 20)
        database.execute(_SWALLOWED, (error.activity, error.error, number, error.at))


def count(database: sqlite3.Connection, name: str, number: int) -> None:
    """Add ``number`` to the ledger's fact ``name``."""
    database.execute(
        "INSERT INTO facts VALUES (?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value", (name, number)
    )


def _write_calls(database: sqlite3.Connection, entries: list[Entry], labels: Labels, known: rollups.Known) -> None:
    database.execute("SAVEPOINT calls")
    try:
        database.executemany(_ENTRY, [(*entry.row, entry.label.number) for entry in entries])
    except (sqlite3.IntegrityError, OverflowError):
        database.execute("ROLLBACK TO calls")
        entries = _settle(database, [enter(bounded(entry.call), labels) for entry in entries], labels)
        database.executemany(_ENTRY, [(*entry.row, entry.label.number) for entry in entries])
    database.execute("RELEASE calls")
    rollups.add(database, entries, known)


def _settle(database: sqlite3.Connection, entries: Sequence[Entry], labels: Labels) -> list[Entry]:
    """Return the entries to write: the first of each call, or the one that settles it; take out what they replace.

    Records of one call have its id and its start in common.
    """
    labels.number_new()
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
        labels.number_new()
        rollups.subtract(database, gone)
        database.executemany("DELETE FROM entries WHERE start = ? AND id = ?", map(_identity, replaced))
    if repeated:
        count(database, "repeated_records", repeated)
    return list(fresh.values())


def _identity(call: Call) -> tuple[int, str]:
    return call.start, call.id
