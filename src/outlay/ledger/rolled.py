"""The part of a report that rollups answer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from outlay.ledger.calendar import Piece
from outlay.ledger.counters import COMMON, SUMS
from outlay.ledger.questions import OTHER, Question
from outlay.ledger.rollups import HOUR
from outlay.ledger.scanned import holds_rare
from outlay.ledger.sums import Found, Place, Sums, add

_PIECES = (
    "WITH pieces(stretch, hours, first, last) AS (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'),"
    " json_extract(value, '$[2]'), json_extract(value, '$[3]') FROM json_each(?))"
)
_JOIN = (
    " FROM pieces CROSS JOIN rollups r ON r.dimension = ? AND r.hours = pieces.hours"
    " AND r.slot >= pieces.first AND r.slot < pieces.last"
)
_LABELLED = " LEFT JOIN labels l ON l.number = CAST(r.value AS INTEGER)"


def holds_folded(database: sqlite3.Connection, dimension: str, pieces: list[Piece]) -> bool:
    """Return whether some values of ``dimension`` are folded in the time of ``pieces``."""
    sql = f"{_PIECES} SELECT 1 {_JOIN} WHERE r.folded = 1 LIMIT 1"
    return database.execute(sql, (_slots(pieces), dimension)).fetchone() is not None


def _slots(pieces: list[Piece]) -> str:
    slots = [(p.stretch, p.hours, p.start // HOUR, p.end // HOUR) for p in pieces if p.hours]
    return msgspec.json.encode(slots).decode()


def read_rollups(
    database: sqlite3.Connection,
    question: Question,
    dimension: str,
    pieces: list[Piece],
    found: Found,
) -> None:
    """Add to ``found`` what the rollups of ``dimension`` know of the hours and days in ``pieces``."""
    for place, sums in _read(database, dimension, pieces, question.keys, question.filters):
        add(found, place, sums)
    if dimension.startswith("tag:") and dimension in question.keys and dimension not in question.filters:
        _add_untagged(database, question, dimension, pieces, found)


def _read(
    database: sqlite3.Connection,
    dimension: str,
    pieces: list[Piece],
    keys: Sequence[str],
    filters: Mapping[str, str | None],
) -> Iterator[tuple[Place, Sums]]:
    shown = [_column(name, dimension) for name in keys]
    grouped = "".join(f", {name if of == 'project' else _unfolded(name)}" for name, of in zip(shown, keys, strict=True))
    where = "".join(f" AND {_column(name, dimension)} IS ?" for name in filters)
    labelled = _LABELLED if dimension == "label" else ""
    for first, summed, some in _summed(database):
        sql = (
            f"{_PIECES} SELECT stretch{grouped}, {summed} {_JOIN}{labelled} WHERE true{where}{some}"
            f" GROUP BY stretch{grouped}"
        )
        for row in database.execute(sql, (_slots(pieces), dimension, *filters.values())):
            yield _place(row, len(keys)), _padded(row[1 + len(keys) :], first)


def _summed(database: sqlite3.Connection) -> Iterator[tuple[int, str, str]]:
    """Yield which sums to read, as SQL, from which of ``SUMS`` on, and of which rows: few have more than the common."""
    for first, names in ((0, SUMS[:COMMON]), (COMMON, SUMS[COMMON:])):
        if first and not holds_rare(database):
            return
        some = f" AND ({' OR '.join(f'r.{name}' for name in names)})" if first else ""
        yield first, ", ".join(f"sum(r.{name})" for name in names), some


def _place(row: tuple[Any, ...], keys: int) -> Place:
    return row[0], tuple([None if part is None else str(part) for part in row[1 : 1 + keys]])


def _padded(read: Sequence[int], first: int) -> Sums:
    return [*[0] * first, *read, *[0] * (len(SUMS) - first - len(read))]


def _column(name: str, dimension: str) -> str:
    if name.startswith("tag:"):
        return "r.value"
    return f"r.{name}" if name == "project" or dimension == "total" else f"l.{name}"


def _unfolded(column: str) -> str:
    return f"iif(r.folded, '{OTHER}', {column})"


def _add_untagged(
    database: sqlite3.Connection,
    question: Question,
    dimension: str,
    pieces: list[Piece],
    found: Found,
) -> None:
    """Add what the calls without the tag spent: the total less what those with it did."""
    at = question.keys.index(dimension)
    others = [name for name in question.keys if name != dimension]
    rest: Found = {}
    for (stretch, key), sums in _read(database, "total", pieces, others, question.filters):
        add(rest, (stretch, (*key[:at], None, *key[at:])), sums)
    for (stretch, key), sums in found.items():
        untagged = rest[stretch, (*key[:at], None, *key[at + 1 :])]
        for index, value in enumerate(sums):
            untagged[index] -= value
    for place, sums in rest.items():
        if sums[0]:
            add(found, place, sums)


_PAIRED = (
    "WITH days(stretch, slot) AS (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))"
)
_PAIRS = " FROM days CROSS JOIN pairs r ON r.slot = days.slot AND r.tag = ? CROSS JOIN labels l ON l.number = r.label"


def paired_days(database: sqlite3.Connection, tag: str) -> set[int]:
    """Return the slots of the days that ``pairs`` knows by ``tag`` and label."""
    return {slot for (slot,) in database.execute("SELECT slot FROM paired WHERE tag = ? AND state = 'done'", (tag,))}


def read_pairs(database: sqlite3.Connection, question: Question, tag: str, pieces: list[Piece], found: Found) -> None:
    """Add to ``found`` what is known of the whole days in ``pieces`` by ``tag`` and label."""
    value = "iif(r.tagged, r.value, NULL)"
    shown = "".join(f", {value if name == tag else f'l.{name}'}" for name in question.keys)
    where = "".join(f" AND {value if name == tag else f'l.{name}'} IS ?" for name in question.filters)
    group = ", ".join(str(index + 1) for index in range(1 + len(question.keys)))
    days = [(p.stretch, slot) for p in pieces for slot in range(p.start // HOUR, p.end // HOUR, 24)]
    values = (msgspec.json.encode(days).decode(), tag, *question.filters.values())
    for first, summed, some in _summed(database):
        sql = f"{_PAIRED} SELECT stretch{shown}, {summed} {_PAIRS} WHERE true{where}{some} GROUP BY {group}"
        for row in database.execute(sql, values):
            add(found, _place(row, len(question.keys)), _padded(row[1 + len(question.keys) :], first))
