"""Rollups: what the calls of an hour and of a day add up to, kept so that a report need not read the calls.

A rollup row is the sum over one dimension's value. ``total`` knows provider and model; ``feature`` knows feature,
path, provider and model; ``tag:NAME`` knows the tag's value alone. Calls without the tag are the difference to the
total. Beyond ``WIDTH`` rows an hour (or a day) further values of a dimension fold into one row marked ``folded``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from outlay.ledger.rows import SUMS, Entry, unpack

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
_ADD = (
    f"INSERT INTO rollups ({', '.join(KEYS + SUMS)}) VALUES ({', '.join('?' * len(KEYS + SUMS))})"  # noqa: S608  own names
    f" ON CONFLICT DO UPDATE SET {', '.join(f'{name} = {name} + excluded.{name}' for name in SUMS)}"
)


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
    for group, rows in _group(_gather(entries)).items():
        kept = _fold(rows, known.rows(database, group), WIDTH[group[1]])
        database.executemany(_ADD, [(*key, *unpack(packed)) for key, packed in kept.items()])


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
    sums: dict[_Part, int] = {}
    get = sums.get
    for entry in entries:
        call, packed, model = entry.call, entry.counters, entry.model
        hour, project, provider = call.start // HOUR, call.project, call.provider
        part: _Part = ("total", hour, project, "", "", "", provider, model)
        sums[part] = get(part, 0) + packed
        part = ("feature", hour, project, call.feature, call.path, "", provider, model)
        sums[part] = get(part, 0) + packed
        for name, value in call.tags.items():
            part = ("tag:" + name, hour, project, "", "", value, "", "")
            sums[part] = get(part, 0) + packed
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
