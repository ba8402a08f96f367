"""Rollups: what the calls of an hour and of a day add up to, kept so that a report need not read the calls.

A rollup row is the sum over one dimension's value. ``total`` knows provider and model; ``label`` knows a label, so all
that reports ask of a call but its tags; ``tag:NAME`` knows the tag's value alone. Calls without the tag are the
difference to the total. Beyond ``WIDTH`` rows an hour (or a day) further values of a dimension fold into one row marked
``folded``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from outlay.ledger.counters import COMMON, SUMS, unpack, unpack_common
from outlay.ledger.rows import Entry

HOUR = 3_600 * 10**9
"""Nanoseconds of an hour: a rollup's slot is its start divided by it."""

WIDTH = {1: 1_000, 24: 10_000}
"""Rows that one dimension may have in an hour and in a day, before values fold."""

KEYS = ("dimension", "hours", "slot", "project", "feature", "path", "value", "folded", "provider", "model")
_Group = tuple[str, int, int]
Key = tuple[str, int, int, str, str, str, str, int, str, str]
_Part = tuple[str, int, str, str, str, str, str, str]

_GROUPS = 64
"""Hours and days of dimensions whose rows are known at a time."""

_HELD = f"SELECT {', '.join(KEYS)} FROM rollups WHERE dimension = ? AND hours = ? AND slot = ?"  # noqa: S608  own names
_DROP_EMPTY = f"DELETE FROM rollups WHERE {' AND '.join(f'{name} = ?' for name in KEYS)} AND attempts = 0"  # noqa: S608  own names


def _upsert(sums: tuple[str, ...]) -> str:
    return (
        f"INSERT INTO rollups ({', '.join(KEYS + sums)}) VALUES ({', '.join('?' * len(KEYS + sums))})"  # noqa: S608  own names
        f" ON CONFLICT DO UPDATE SET {', '.join(f'{name} = {name} + excluded.{name}' for name in sums)}"
    )


_ADD, _ADD_COMMON = _upsert(SUMS), _upsert(SUMS[:COMMON])


class Known:
    """The rows of the latest hours and days, by hash, so that none is counted again at each write.

    A hint for the width alone: where another process adds rows meanwhile, a dimension gets a few more than its width.
    """

    def __init__(self) -> None:
        self._groups: dict[_Group, set[int]] = {}

    def rows(self, database: sqlite3.Connection, group: _Group) -> set[int]:
        """Return the hashes of the rows that ``group`` has."""
        found = self._groups.get(group)
        if found is None:
            if len(self._groups) >= _GROUPS:
                del self._groups[next(iter(self._groups))]
            found = self._groups[group] = {hash(key) for key in database.execute(_HELD, group)}
        return found


def add(database: sqlite3.Connection, entries: Iterable[Entry], known: Known) -> None:
    """Add ``entries`` to the rollups, inside the caller's transaction."""
    common, whole = [], []
    for group, rows in _group(_gather(entries)).items():
        for key, packed in _fold(rows, known.rows(database, group), WIDTH[group[1]]).items():
            counters = unpack_common(packed)
            if counters is None:
                whole.append((*key, *unpack(packed)))
            else:
                common.append((*key, *counters))
    # In the order of the table: rows that stand on one page are written together, which takes a third less.
    database.executemany(_ADD_COMMON, sorted(common))
    if whole:
        database.executemany(_ADD, whole)


def subtract(database: sqlite3.Connection, entries: Iterable[Entry], dimensions: str = "") -> None:
    """Take ``entries`` out of the rollups (of the dimensions that begin with ``dimensions``)."""
    parts = {part: packed for part, packed in _gather(entries).items() if part[0].startswith(dimensions)}
    for group, rows in _group(parts).items():
        held = {hash(key) for key in database.execute(_HELD, group)}
        kept = _fold(rows, held, 0)
        database.executemany(_ADD, [(*key, *[-number for number in unpack(packed)]) for key, packed in kept.items()])
        database.executemany(_DROP_EMPTY, list(kept))


def _gather(entries: Iterable[Entry]) -> dict[_Part, int]:
    """Sum the packed counters by dimension and hour."""
    labelled: dict[tuple[int, int, tuple[str, ...]], int] = {}
    tagged: dict[tuple[str, int, str, str], int] = {}
    for entry in entries:
        packed, names = entry.counters, entry.label.names
        hour, project = entry.row[0] // HOUR, names[0]
        label = hour, entry.label.number, names
        labelled[label] = labelled.get(label, 0) + packed
        for name, value in entry.call.tags.items():
            tag = name, hour, project, value
            tagged[tag] = tagged.get(tag, 0) + packed
    sums: dict[_Part, int] = {}
    for (hour, number, (project, feature, path, provider, model)), packed in labelled.items():
        for part in (
            ("total", hour, project, "", "", "", provider, model),
            ("label", hour, project, feature, path, str(number), provider, model),
        ):
            sums[part] = sums.get(part, 0) + packed
    for (name, hour, project, value), packed in tagged.items():
        sums["tag:" + name, hour, project, "", "", value, "", ""] = packed
    return sums


def _group(parts: dict[_Part, int]) -> dict[_Group, dict[Key, int]]:
    """Return the rows of each hour and day that ``parts`` add to."""
    groups: dict[_Group, dict[Key, int]] = {}
    for (dimension, hour, project, feature, path, value, provider, model), packed in parts.items():
        for hours, slot in ((1, hour), (24, hour - hour % 24)):
            rows = groups.setdefault((dimension, hours, slot), {})
            key: Key = (dimension, hours, slot, project, feature, path, value, 0, provider, model)
            rows[key] = rows.get(key, 0) + packed
    return groups


def _fold(rows: dict[Key, int], known: set[int], width: int) -> dict[Key, int]:
    """Return ``rows`` with the values for which their hour or day has no room added up, one row a project."""
    new = [key for key in rows if hash(key) not in known]
    room = max(width - len(known), 0)
    known.update(map(hash, new[:room]))
    if len(new) <= room:
        return rows
    kept = dict(rows)
    for key in new[room:]:
        fold: Key = (*key[:4], "", "", "", 1, "", "")
        kept[fold] = kept.get(fold, 0) + kept.pop(key)
    return kept
