"""Rollups: what the calls of an hour and of a day add up to, kept so that a report need not read the calls.

A rollup row is the sum over one dimension's value. ``total`` knows provider and model; ``label`` knows a label, so all
that reports ask of a call but its tags; ``tag:NAME`` knows the tag's value alone. Calls without the tag are the
difference to the total. Beyond ``WIDTH`` rows an hour (or a day) further values of a dimension fold into one row marked
``folded``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

from outlay.ledger.bulk import insert
from outlay.ledger.counters import COMMON, SUMS, unpack, unpack_common
from outlay.ledger.labels import Label
from outlay.ledger.rows import Entry

HOUR = 3_600 * 10**9
"""Nanoseconds of an hour: a rollup's slot is its start divided by it."""

WIDTH = {1: 1_000, 24: 10_000}
"""Rows that one dimension may have in an hour and in a day, before values fold."""

KEYS = ("dimension", "hours", "slot", "value", "project", "provider", "model", "folded")
_Group = tuple[str, int, int]
"""A dimension's hour or day: the first three of ``KEYS``."""
_Row = tuple[str, str, str, str]
"""Value, project, provider and model: what tells the rows of a group apart that are not folded."""

_GROUPS = 64
"""Hours and days of dimensions whose rows are known at a time."""

_HELD = "SELECT value, project, provider, model FROM rollups WHERE dimension = ? AND hours = ? AND slot = ?"
_DROP_EMPTY = f"DELETE FROM rollups WHERE {' AND '.join(f'{name} = ?' for name in KEYS)} AND attempts = 0"  # noqa: S608  own names


def _upsert(sums: tuple[str, ...]) -> tuple[str, str]:
    """Return the statement that adds to rows, up to its values and behind them."""
    return (
        f"INSERT INTO rollups ({', '.join(KEYS + sums)})",
        f" ON CONFLICT DO UPDATE SET {', '.join(f'{name} = {name} + excluded.{name}' for name in sums)}",
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
            found = self._groups[group] = {hash(row) for row in database.execute(_HELD, group)}
        return found


class Sums:
    """What calls add to the rollups, gathered over a transaction."""

    def __init__(self) -> None:
        self._labelled: dict[tuple[int, str], dict[int, tuple[Label, int]]] = {}
        self._tagged: dict[tuple[int, str], dict[str, dict[str, int]]] = {}

    def add(self, entries: Iterable[Entry]) -> None:
        """Add the packed counters of ``entries``: by hour and project, then by label and by each tag's value."""
        for entry in entries:
            label, packed = entry.label, entry.counters
            place = entry.row[0] // HOUR, label.project
            labelled = self._labelled.get(place)
            if labelled is None:
                labelled = self._labelled[place] = {}
                self._tagged[place] = {}
            before = labelled.get(label.number)
            labelled[label.number] = label, packed if before is None else before[1] + packed
            tagged = self._tagged[place]
            for name, value in entry.call.tags.items():
                values = tagged.get(name)
                if values is None:
                    values = tagged[name] = {}
                values[value] = values.get(value, 0) + packed

    def days(self) -> set[int]:
        """Return the slots of the days."""
        return {hour - hour % 24 for hour, _ in self._labelled}

    def groups(self, dimensions: str = "") -> dict[_Group, dict[_Row, int]]:
        """Return the rows of each hour and day (of the dimensions that begin with ``dimensions``)."""
        groups: dict[_Group, dict[_Row, int]] = {}
        for dimension, hour, row, packed in self._rows():
            if dimension.startswith(dimensions):
                for hours, slot in ((1, hour), (24, hour - hour % 24)):
                    rows = groups.setdefault((dimension, hours, slot), {})
                    rows[row] = rows.get(row, 0) + packed
        return groups

    def _rows(self) -> Iterator[tuple[str, int, _Row, int]]:
        for (hour, project), labelled in self._labelled.items():
            for number, (label, packed) in labelled.items():
                yield "total", hour, ("", project, label.provider, label.model), packed
                yield "label", hour, (str(number), project, "", ""), packed
        for (hour, project), tagged in self._tagged.items():
            for name, values in tagged.items():
                for value, packed in values.items():
                    yield "tag:" + name, hour, (value, project, "", ""), packed


def add(database: sqlite3.Connection, sums: Sums, known: Known) -> None:
    """Add ``sums`` to the rollups, inside the caller's transaction."""
    common, whole = [], []
    # In the order of the table: rows that stand on one page are written together, which takes a third less.
    for group, rows in sorted(sums.groups().items()):
        for row, packed, folded in _fold(rows, known.rows(database, group), WIDTH[group[1]]):
            counters = unpack_common(packed)
            if counters is None:
                whole.append((*group, *row, folded, *unpack(packed)))
            else:
                common.append((*group, *row, folded, *counters))
    for (into, tail), rows_of in ((_ADD_COMMON, common), (_ADD, whole)):
        insert(database, into, rows_of, tail)
    spoil(database, sums.days())


def subtract(database: sqlite3.Connection, entries: Iterable[Entry], dimensions: str = "") -> None:
    """Take ``entries`` out of the rollups (of the dimensions that begin with ``dimensions``)."""
    sums = Sums()
    sums.add(entries)
    spoil(database, sums.days())
    for group, rows in sums.groups(dimensions).items():
        held = {hash(row) for row in database.execute(_HELD, group)}
        for row, packed, folded in _fold(rows, held, 0):
            key = (*group, *row, folded)
            insert(database, _ADD[0], [(*key, *[-number for number in unpack(packed)])], _ADD[1])
            database.execute(_DROP_EMPTY, key)


def spoil(database: sqlite3.Connection, days: Iterable[int]) -> None:
    """Throw away what was summed up by tag and label of ``days`` (their slots), whose calls change."""
    for slot in days:
        if database.execute("DELETE FROM paired WHERE slot = ?", (slot,)).rowcount:
            database.execute("DELETE FROM pairs WHERE slot = ?", (slot,))


def _fold(rows: dict[_Row, int], known: set[int], width: int) -> Iterator[tuple[_Row, int, int]]:
    """Yield ``rows`` in order, and whether each is folded: values without room are added up, one row a project."""
    room = width - len(known)
    folds: dict[_Row, int] = {}
    for row, packed in sorted(rows.items()):
        name = hash(row)
        if name not in known:
            if room <= 0:
                fold = ("", row[1], "", "")
                folds[fold] = folds.get(fold, 0) + packed
                continue
            room -= 1
            known.add(name)
        yield row, packed, 0
    for row, packed in folds.items():
        yield row, packed, 1
