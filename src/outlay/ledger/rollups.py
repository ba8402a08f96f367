"""Rollups: what the calls of an hour and of a day add up to, kept so that a report need not read the calls.

A rollup row is the sum over one dimension's value. ``total`` knows provider and model; ``feature`` knows feature,
path, provider and model; ``tag:NAME`` knows the tag's value alone. Calls without the tag are the difference to the
total. Beyond ``WIDTH`` rows an hour (or a day) further values of a dimension fold into one row marked ``folded``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from outlay.ledger.rows import Entry, unpack

HOUR = 3_600 * 10**9
"""Nanoseconds of an hour: a rollup's slot is its start divided by it."""

WIDTH = {1: 1_000, 24: 10_000}
"""Rows that one dimension may have in an hour and in a day, before values fold."""

MILLI = 10**9
"""Pico-USD in a milli-USD: sums are kept as both, so that they stay exact beyond 64 bits of pico-USD."""

SUMS = (
    *("attempts", "requests", "errors", "unpriced_calls", "unpriced_tokens", "estimated_calls", "unbounded_calls"),
    *("input", "cache_read", "cache_write_5m", "cache_write_1h", "cache_write_12h", "other_input"),
    *("output", "other_output", "reasoning", "duration_us"),
    *("cost_milli", "cost_pico", "lower_milli", "lower_pico", "upper_milli", "upper_pico"),
)
"""The summed columns of ``rollups``."""

KEYS = ("dimension", "hours", "slot", "project", "feature", "path", "value", "folded", "provider", "model")
Key = tuple[str, int, int, str, str, str, str, int, str, str]
_Part = tuple[str, int, str, str, str, str, str, str]

_WHERE = " AND ".join(f"{name} = ?" for name in KEYS)
_UPDATE = f"UPDATE rollups SET {', '.join(f'{name} = {name} + ?' for name in SUMS)} WHERE {_WHERE}"  # noqa: S608  own names
_INSERT = f"INSERT INTO rollups ({', '.join(KEYS + SUMS)}) VALUES ({', '.join('?' * len(KEYS + SUMS))})"  # noqa: S608  own names


def add(database: sqlite3.Connection, entries: Iterable[Entry]) -> None:
    """Add ``entries`` to the rollups, inside the caller's transaction."""
    _write(database, _gather(entries), 1)


def subtract(database: sqlite3.Connection, entries: Iterable[Entry], dimensions: str = "") -> None:
    """Take ``entries`` out of the rollups (of the dimensions that begin with ``dimensions``)."""
    parts = {part: packed for part, packed in _gather(entries).items() if part[0].startswith(dimensions)}
    _write(database, parts, -1)


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


def _write(database: sqlite3.Connection, parts: dict[_Part, int], sign: int) -> None:
    rows: dict[Key, int] = {}
    for (dimension, hour, project, feature, path, value, provider, model), packed in parts.items():
        rows[dimension, 1, hour, project, feature, path, value, 0, provider, model] = packed
        day: Key = (dimension, 24, hour - hour % 24, project, feature, path, value, 0, provider, model)
        rows[day] = rows.get(day, 0) + packed
    widths: dict[tuple[str, int, int], int] = {}
    for key, packed in rows.items():
        sums = _sums(packed, sign)
        if database.execute(_UPDATE, (*sums, *key)).rowcount:
            continue
        if sign > 0:
            _insert(database, key, sums, widths)
        else:  # folded when it was added
            database.execute(_UPDATE, (*sums, *_fold(key)))


def _insert(database: sqlite3.Connection, key: Key, sums: list[int], widths: dict[tuple[str, int, int], int]) -> None:
    at = key[:3]
    if at not in widths:
        counted = "SELECT count(*) FROM rollups WHERE dimension = ? AND hours = ? AND slot = ?"
        widths[at] = database.execute(counted, at).fetchone()[0]
    if widths[at] >= WIDTH[key[1]]:
        key = _fold(key)
        if database.execute(_UPDATE, (*sums, *key)).rowcount:
            return
    widths[at] += 1
    database.execute(_INSERT, (*key, *sums))


def _fold(key: Key) -> Key:
    """Return the row, one a project, that takes the values for which there is no room."""
    return (*key[:4], "", "", "", 1, "", "")


def _sums(packed: int, sign: int) -> list[int]:
    *counts, cost, lower, upper = unpack(packed)
    amounts = [part for amount in (cost, lower, upper) for part in divmod(amount, MILLI)]
    return [sign * value for value in (*counts, *amounts)]
