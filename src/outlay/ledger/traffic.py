"""Calls by buckets of five minutes, and by what carries their cost: what the watch for spikes asks."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping

from outlay.ledger.counters import MILLI
from outlay.ledger.scanned import conditions, expression
from outlay.ledger.view import column
from outlay.traffic import Classes, Model, Spent, Traffic, Watching

BUCKET = 300 * 10**9
"""Nanoseconds of a bucket."""

_INPUT = "e.input + e.cache_read + e.cache_write_5m + e.cache_write_1h + e.cache_write_12h + e.other_input"
_ENDED = "l.outcome IN ('ok', 'error', 'abandoned', 'cancelled')"
"""A call that is pending comes again when it is settled."""


_SUMS = (
    "count(*), sum(l.outcome = 'error'), sum(l.attempt > 1), "
    f"sum({_INPUT}), sum(e.cache_read), sum(e.output + e.other_output), "
    f"sum(e.cost / {MILLI}), sum(e.cost % {MILLI}), "
    """sum(iif(l.outcome IN ('ok', 'abandoned'), max(e."end" - e.start, 0) / 1000, 0))"""
)


def last_seq(database: sqlite3.Connection) -> int:
    """Return the ``seq`` of the latest entry; 0 without any."""
    found: int = database.execute("SELECT coalesce(max(seq), 0) FROM entries").fetchone()[0]
    return found


def read_traffic(
    database: sqlite3.Connection, by: tuple[str, ...], condition: str, values: tuple[int, ...]
) -> Iterator[Traffic]:
    """Yield the traffic of the entries ``e`` for which ``condition`` holds, in order of time, by the fields ``by``.

    Calls that have no such tag are left out.
    """
    keys = [expression(database, name) for name in by]
    shown = "".join(f", {key}" for key in keys)
    some = "".join(f" AND {key} IS NOT NULL" for key, name in zip(keys, by, strict=True) if name.startswith("tag:"))
    grouped = ", ".join(str(index + 1) for index in range(len(by) + 1))
    sql = (
        f'SELECT e."end" / {BUCKET}{shown}, {_SUMS} FROM entries e JOIN labels l ON l.number = e.label'  # noqa: S608  own words
        f" WHERE {condition} AND {_ENDED}{some} GROUP BY {grouped} ORDER BY 1"
    )
    width = len(by)
    for slot, *row in database.execute(sql, values):
        key, (calls, errors, retries, read, cached, written, milli, pico, micros) = (
            tuple(str(part or "") for part in row[:width]),
            row[width:],
        )
        yield Traffic(
            slot,
            key,
            calls,
            errors,
            retries,
            read,
            cached,
            written,
            milli * MILLI + pico,
            micros / 1e6,
        )


_READ = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "cache_write_12h", "other_input")
_WRITTEN = ("output", "other_output")
_CLASS = (
    "CASE WHEN part.key IN ('input', 'cache_write_5m', 'cache_write_1h', 'cache_write_12h', 'output') THEN part.key"
    " WHEN part.key LIKE 'cache_read%' THEN 'cache_read' WHEN part.key IN ('input_audio', 'input_image', 'input_video',"
    " 'tool_use_input') THEN 'other_input' WHEN part.key LIKE 'output%' OR part.key = 'reasoning' THEN 'other_output'"
    " ELSE '' END"
)
"""The token column that a usage class is counted in; empty for what is no token."""


def read_spent(
    database: sqlite3.Connection, since: int, until: int, filters: Mapping[str, str | None] | None = None
) -> dict[Model, Spent]:
    """Return what calls that began from ``since`` to ``until`` were, by (provider, model); every call is read."""
    where, more = conditions(database, filters or {})
    values = (since, until, *more)
    tail = "FROM entries e JOIN labels l ON l.number = e.label"
    time = f"WHERE e.start >= ? AND e.start < ? AND l.outcome <> 'pending'{where} GROUP BY 1, 2"
    tokens = ", ".join(f"sum(e.{name})" for name in (*_READ, *_WRITTEN))
    billed = f"e.cost > 0 OR {_INPUT} + e.output + e.other_output > 0"
    sql = (
        f"SELECT l.provider, l.model, sum(l.attempt = 1), sum({billed}), sum(e.cost / {MILLI}), sum(e.cost % {MILLI}),"
        f" {tokens} {tail} {time}"
    )
    amounts = _read_amounts(database, tail, time + ", 3", values)
    found: dict[Model, Spent] = {}
    for provider, model, first, billed_calls, milli, pico, *counts in database.execute(sql, values):
        paid = amounts.get((provider, model), {})
        classes = {name: (count, paid.get(name, 0)) for name, count in zip((*_READ, *_WRITTEN), counts, strict=True)}
        cost = milli * MILLI + pico
        found[provider, model] = Spent(
            first,
            billed_calls,
            cost,
            *_unsplit(cost, {name: classes[name] for name in _READ}, {name: classes[name] for name in _WRITTEN}),
        )
    return found


def _read_amounts(
    database: sqlite3.Connection, tail: str, time: str, values: tuple[int | str | None, ...]
) -> dict[Model, dict[str, int]]:
    sql = (
        f"SELECT l.provider, l.model, {_CLASS}, sum(part.value / {MILLI}), sum(part.value % {MILLI}) {tail}"
        " CROSS JOIN json_each(iif(l.cost_source = 'computed', e.cost_by_class, '{}')) part " + time
    )
    found: dict[Model, dict[str, int]] = {}
    for provider, model, name, milli, pico in database.execute(sql, values):
        found.setdefault((provider, model), {})[name] = milli * MILLI + pico
    return found


def _unsplit(cost: int, read: Classes, written: Classes) -> tuple[Classes, Classes]:
    """Return the classes with an amount that no provider split, by the tokens of each, where nothing else is known."""
    both = {**read, **written}
    tokens = sum(count for count, _ in both.values())
    if not tokens or any(amount for _, amount in both.values()):
        return _used(read), _used(written)
    return (
        _used({name: (count, cost * count // tokens) for name, (count, _) in read.items()}),
        _used({name: (count, cost * count // tokens) for name, (count, _) in written.items()}),
    )


def _used(classes: Classes) -> Classes:
    return {name: part for name, part in classes.items() if part[0]}


def read_carriers(
    database: sqlite3.Connection,
    name: str,
    times: tuple[tuple[int, int], tuple[int, int]],
    filters: Mapping[str, str | None] | None = None,
) -> Classes:
    """Return what each value of the field ``name`` cost in two times, in pico-USD."""
    where, more = conditions(database, filters or {})
    found: Classes = {}
    key = expression(database, name)
    for at, (since, until) in enumerate(times):
        sql = (
            f"SELECT {key}, sum(e.cost / {MILLI}), sum(e.cost % {MILLI}) FROM entries e JOIN labels l ON l.number ="  # noqa: S608  own words
            f" e.label WHERE e.start >= ? AND e.start < ?{where} GROUP BY 1"
        )
        for value, milli, pico in database.execute(sql, (since, until, *more)):
            before = found.get(str(value or ""), (0, 0))
            cost = milli * MILLI + pico
            found[str(value or "")] = (cost, before[1]) if at == 0 else (before[0], cost)
    return found


def read_course(
    database: sqlite3.Connection, filters: Mapping[str, str | None], since: int, until: int
) -> list[tuple[int, int]]:
    """Return what calls cost by the bucket in which they ended: (buckets since 1970, pico-USD)."""
    where, more = conditions(database, filters)
    sql = (
        f'SELECT e."end" / {BUCKET}, sum(e.cost / {MILLI}), sum(e.cost % {MILLI}) FROM entries e'  # noqa: S608  own words
        f" WHERE e.start >= ? AND e.start < ?{where} GROUP BY 1 ORDER BY 1"
    )
    return [(slot, milli * MILLI + pico) for slot, milli, pico in database.execute(sql, (since, until, *more))]


def read_examples(
    database: sqlite3.Connection, since: int, until: int, filters: Mapping[str, str | None], order: str, limit: int = 3
) -> list[str]:
    """Return ids of calls that began from ``since`` to ``until``: ``dearest``, ``slowest``, or that ``failed``."""
    where, more = conditions(database, filters)
    ways = {"dearest": "e.cost DESC", "slowest": '(e."end" - e.start) DESC', "failed": "e.failed DESC, e.start DESC"}
    sql = (
        "SELECT e.id FROM entries e JOIN labels l ON l.number = e.label WHERE e.start >= ? AND e.start < ?"  # noqa: S608  own words
        f"{where} ORDER BY {ways[order]}, e.seq LIMIT ?"
    )
    return [row[0] for row in database.execute(sql, (since, until, *more, limit))]


def read_releases(database: sqlite3.Connection, since: int, until: int) -> list[tuple[int, str]]:
    """Return the releases that were first seen from ``since`` to ``until``, each with the start of its first call."""
    sql = (
        f"SELECT min(e.start), {column('release')} FROM entries e JOIN labels l ON l.number = e.label"  # noqa: S608  own words
        " WHERE l.release IS NOT NULL GROUP BY 2"
    )
    return sorted((at, release) for at, release in database.execute(sql) if since <= at < until)


def read_watching(database: sqlite3.Connection, after: int, last: int) -> Iterator[Watching]:
    """Yield what guards look at of the calls with a ``seq`` after ``after`` and up to ``last``, in their order."""
    sql = (
        "SELECT e.id, e.\"end\", e.trace_id, l.feature, coalesce(l.site, ''), l.provider, l.model, e.cost,"  # noqa: S608  own words
        f" {_INPUT}, e.output + e.other_output,"
        " l.finish_reasons LIKE '%length%' OR l.finish_reasons LIKE '%max_tokens%',"
        " e.failed"
        " FROM entries e JOIN labels l ON l.number = e.label"
        f" WHERE e.seq > ? AND e.seq <= ? AND {_ENDED} ORDER BY e.seq"
    )
    for row in database.execute(sql, (after, last)):
        yield Watching(*row[:10], *map(bool, row[10:]))
