"""Calls by buckets of five minutes, and by what carries their cost: what the watch for spikes asks of a ledger."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from outlay.ledger.counters import MILLI
from outlay.ledger.rollups import HOUR
from outlay.ledger.scanned import conditions, expression
from outlay.ledger.view import KNOWN, column
from outlay.traffic import Classes, Filters, Model, Spent, Time, Traffic, Watching

BUCKET, MINUTE = 300 * 10**9, 60 * 10**9
"""Nanoseconds of a bucket, and of what is told of the latest calls."""

_INPUT = "e.input + e.cache_read + e.cache_write_5m + e.cache_write_1h + e.cache_write_12h + e.other_input"
_ENDED = "l.outcome IN ('ok', 'error', 'abandoned', 'cancelled')"
"""A call that is pending comes again when it is settled."""

_SUMS = (
    "count(*), sum(l.outcome = 'error'), sum(l.attempt > 1), "
    f"sum({_INPUT}), sum(e.cache_read), sum(e.output + e.other_output), "
    f"sum(e.cost / {MILLI}), sum(e.cost % {MILLI}), "
    """sum(iif(l.outcome IN ('ok', 'abandoned'), max(e."end" - e.start, 0) / 1000, 0))"""
)

_REQUEST = "l.outcome IN ('ok', 'abandoned')"
_UNPRICED = f"l.known & {1 << KNOWN.index('unpriced_tokens')} <> 0"
"""What reports count as a request, and as a call without a (full) price."""

_READ = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "cache_write_12h", "other_input")
_WRITTEN = ("output", "other_output")
_CLASS = (
    "CASE WHEN part.key IN ('input', 'cache_write_5m', 'cache_write_1h', 'cache_write_12h', 'output') THEN part.key"
    " WHEN part.key LIKE 'cache_read%' THEN 'cache_read' WHEN part.key IN ('input_audio', 'input_image', 'input_video',"
    " 'tool_use_input') THEN 'other_input' WHEN part.key LIKE 'output%' OR part.key = 'reasoning' THEN 'other_output'"
    " ELSE '' END"
)
"""The token column that a usage class is counted in; empty for what is no token."""

_RELEASES = (
    f"SELECT {column('release')}, min(e.start) FROM entries e JOIN labels l ON l.number = e.label"  # noqa: S608  own words
    " WHERE e.start >= ? AND e.start < ? AND l.release IS NOT NULL GROUP BY 1"
)
_RELEASES_BEFORE = (
    f"SELECT DISTINCT {column('release')} FROM rollups r JOIN labels l ON l.number = CAST(r.value AS INTEGER)"  # noqa: S608  own words
    " WHERE r.dimension = 'label' AND r.hours = 24 AND r.slot < ? AND l.release IS NOT NULL"
)

WITHOUT = "without"
"""Filter of all calls but those of some features and models: a JSON list of lists of both."""
_OTHERS = (
    " AND e.label NOT IN (SELECT o.number FROM labels o JOIN json_each(?) some"
    " ON o.feature = json_extract(some.value, '$[0]') AND o.model = json_extract(some.value, '$[1]'))"
)

_ORDERS = {"dearest": "e.cost DESC", "slowest": '(e."end" - e.start) DESC', "failed": "e.failed DESC, e.start DESC"}

_WATCHED = (
    "SELECT e.id, e.\"end\", e.trace_id, l.feature, l.path, coalesce(l.site, ''), l.provider, l.model, e.cost,"  # noqa: S608  own words
    " e.request_digest, e.tools_digest,"
    " l.finish_reasons LIKE '%length%' OR l.finish_reasons LIKE '%max_tokens%',"
    " e.failed"
    " FROM entries e JOIN labels l ON l.number = e.label"
    f" WHERE {{}} AND {_ENDED} ORDER BY e.seq"
)


class Watchable:
    """The part of ``Ledger`` that tells what calls add up to; times are nanoseconds since the epoch."""

    _database: sqlite3.Connection

    def last_seq(self) -> int:
        """Return the ``seq`` of the latest call; 0 without any."""
        found: int = self._database.execute("SELECT coalesce(max(seq), 0) FROM entries").fetchone()[0]
        return found

    def traffic_after(self, by: tuple[str, ...], after: int, last: int) -> Iterator[Traffic]:
        """Yield the traffic of the calls with a ``seq`` after ``after`` and up to ``last``, by minutes and ``by``."""
        return self._traffic(MINUTE, by, "e.seq > ? AND e.seq <= ?", (after, last))

    def traffic_between(self, by: tuple[str, ...], since: int, until: int, last: int) -> Iterator[Traffic]:
        """Yield the traffic of the calls that began from ``since`` to ``until``, by buckets of five minutes.

        Up to the ``seq`` of ``last``; by the fields ``by`` too.
        """
        return self._traffic(BUCKET, by, "e.start >= ? AND e.start < ? AND e.seq <= ?", (since, until, last))

    def _traffic(self, length: int, by: tuple[str, ...], condition: str, values: tuple[int, ...]) -> Iterator[Traffic]:
        """Yield the traffic in order of time. Calls that have no such tag are left out."""
        keys = [expression(self._database, name) for name in by]
        shown = "".join(f", {key}" for key in keys)
        some = "".join(f" AND {key} IS NOT NULL" for key, name in zip(keys, by, strict=True) if name.startswith("tag:"))
        grouped = ", ".join(str(index + 1) for index in range(len(by) + 1))
        sql = (
            f'SELECT e."end" / {length}{shown}, {_SUMS} FROM entries e JOIN labels l ON l.number = e.label'  # noqa: S608  own words
            f" WHERE {condition} AND {_ENDED}{some} GROUP BY {grouped} ORDER BY 1"
        )
        for slot, *row in self._database.execute(sql, values):
            key = tuple(str(part or "") for part in row[: len(by)])
            calls, errors, retries, read, cached, written, milli, pico, micros = row[len(by) :]
            cost = milli * MILLI + pico
            yield Traffic(slot, key, calls, errors, retries, read, cached, written, cost, micros / 1e6)

    def watched_calls(self, after: int, last: int) -> Iterator[Watching]:
        """Yield what guards look at of the calls with a ``seq`` after ``after`` and up to ``last``, in their order."""
        return self._watched("e.seq > ? AND e.seq <= ?", (after, last))

    def watched_between(self, since: int, until: int) -> Iterator[Watching]:
        """Yield the same of the calls that began from ``since`` to ``until``."""
        return self._watched("e.start >= ? AND e.start < ?", (since, until))

    def _watched(self, condition: str, values: tuple[int, int]) -> Iterator[Watching]:
        for row in self._database.execute(_WATCHED.format(condition), values):
            yield Watching(*row[:11], *map(bool, row[11:]))

    def spent(self, since: int, until: int, filters: Filters | None = None) -> dict[Model, Spent]:
        """Return what calls that began from ``since`` to ``until`` were, by model; every call is read."""
        where, more = _where(self._database, filters or {})
        values = (since, until, *more)
        tail = "FROM entries e JOIN labels l ON l.number = e.label"
        time = f"WHERE e.start >= ? AND e.start < ? AND l.outcome <> 'pending'{where} GROUP BY 1, 2"
        tokens = ", ".join(f"sum(e.{name})" for name in (*_READ, *_WRITTEN))
        billed = f"e.cost > 0 OR {_INPUT} + e.output + e.other_output > 0"
        sql = (
            f"SELECT l.provider, l.model, sum({_REQUEST}), sum({billed}), sum({_UNPRICED}), sum(e.cost / {MILLI}),"
            f" sum(e.cost % {MILLI}), {tokens} {tail} {time}"
        )
        amounts = _read_amounts(self._database, tail, time + ", 3", values)
        found: dict[Model, Spent] = {}
        for provider, model, requests, billed_calls, unpriced, *sums in self._database.execute(sql, values):
            milli, pico, *counts = sums
            paid = amounts.get((provider, model), {})
            tokens_paid = {
                name: (count, paid.get(name, 0)) for name, count in zip((*_READ, *_WRITTEN), counts, strict=True)
            }
            cost = milli * MILLI + pico
            found[provider, model] = Spent(requests, billed_calls, cost, *_unsplit(cost, tokens_paid), unpriced)
        return found

    def carriers(self, name: str, times: tuple[Time, Time], filters: Filters | None = None) -> dict[str, Time]:
        """Return what each value of the field ``name`` cost in two times, in pico-USD."""
        where, more = _where(self._database, filters or {})
        found: dict[str, Time] = {}
        sql = (
            f"SELECT {expression(self._database, name)}, sum(e.cost / {MILLI}), sum(e.cost % {MILLI})"  # noqa: S608  own words
            f" FROM entries e JOIN labels l ON l.number = e.label WHERE e.start >= ? AND e.start < ?{where} GROUP BY 1"
        )
        for at, time in enumerate(times):
            for value, milli, pico in self._database.execute(sql, (*time, *more)):
                before, cost = found.get(str(value or ""), (0, 0)), milli * MILLI + pico
                found[str(value or "")] = (cost, before[1]) if at == 0 else (before[0], cost)
        return found

    def courses(self, filters: Filters, since: int, until: int) -> list[tuple[int, int]]:
        """Return what calls that began from ``since`` to ``until`` cost: (bucket in which they ended, pico-USD)."""
        where, more = _where(self._database, filters)
        sql = (
            f'SELECT e."end" / {BUCKET}, sum(e.cost / {MILLI}), sum(e.cost % {MILLI}) FROM entries e'  # noqa: S608  own words
            f" JOIN labels l ON l.number = e.label WHERE e.start >= ? AND e.start < ?{where} GROUP BY 1 ORDER BY 1"
        )
        rows = self._database.execute(sql, (since, until, *more))
        return [(slot, milli * MILLI + pico) for slot, milli, pico in rows]

    def examples(self, since: int, until: int, filters: Filters, order: str) -> list[str]:
        """Return ids of three calls of a time: the ``dearest``, the ``slowest``, or some that ``failed``."""
        where, more = _where(self._database, filters)
        sql = (
            "SELECT e.id FROM entries e JOIN labels l ON l.number = e.label WHERE e.start >= ? AND e.start < ?"  # noqa: S608  own words
            f"{where} ORDER BY {_ORDERS[order]}, e.seq LIMIT 3"
        )
        return [row[0] for row in self._database.execute(sql, (since, until, *more))]

    def releases(self, since: int, until: int) -> list[tuple[int, str]]:
        """Return the releases whose first call began from ``since`` to ``until``, each with its start."""
        day = since // HOUR // 24 * 24
        seen = self._database.execute(_RELEASES, (since, until)).fetchall()
        # By day, the rollups know what there was before, also of calls that were pruned.
        old = {name for (name,) in self._database.execute(_RELEASES_BEFORE, (day,))}
        old |= {name for name, _ in self._database.execute(_RELEASES, (day * HOUR, since))}
        return sorted((at, name) for name, at in seen if name not in old)


def _where(database: sqlite3.Connection, filters: Filters) -> tuple[str, list[str | None]]:
    """Return the SQL that ``filters`` add to a condition on an entry ``e``, and its values."""
    where, values = conditions(database, {name: value for name, value in filters.items() if name != WITHOUT})
    if WITHOUT in filters:
        where, values = where + _OTHERS, [*values, filters[WITHOUT]]
    return where, values


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


def _unsplit(cost: int, classes: Classes) -> tuple[Classes, Classes]:
    """Return the classes that were read, and those written; a cost that no provider split is split by their tokens."""
    tokens = sum(count for count, _ in classes.values())
    if tokens and not any(amount for _, amount in classes.values()):
        classes = {name: (count, cost * count // tokens) for name, (count, _) in classes.items()}
    used = {name: part for name, part in classes.items() if part[0]}
    return {name: used[name] for name in _READ if name in used}, {name: used[name] for name in _WRITTEN if name in used}
