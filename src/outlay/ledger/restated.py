"""Restated costs: what calls would cost by another price table, beside what was recorded and never over it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from outlay.ledger.bounds import beyond
from outlay.ledger.calendar import divide
from outlay.ledger.counters import MILLI
from outlay.ledger.database import transaction
from outlay.ledger.questions import TIME_UNITS, Question, check
from outlay.ledger.rows import read_call
from outlay.ledger.scanned import expression
from outlay.ledger.view import COLUMNS, ENTRIES, column
from outlay.records import Call, Cost, Usage

Key = tuple[str | None, ...]
Progress = Callable[[float], None]
"""Told the share that is done, from 0 to 1."""
Pricing = Callable[[Call, Usage], Cost]

_BATCH = 2_000
_UNPRICED = ("unknown", "partial")


class Restatement(msgspec.Struct, kw_only=True):
    """What calls cost by another table, against what was recorded of them; sums in pico-USD."""

    price_table: str
    calls: int = 0
    """Calls that could be priced anew."""
    reported: int = 0
    """Calls left alone, because their provider stated the charge, or a share of another model is in it."""
    without_usage: int = 0
    changed: int = 0
    recorded: int = 0
    restated: int = 0
    by_model: dict[tuple[str, str], list[int]] = msgspec.field(default_factory=dict)
    """(provider, model) to [calls that changed, what was recorded of them, what they cost by the other table]."""


class Restated(msgspec.Struct, frozen=True):
    """A call's restated cost."""

    at: int
    """Nanoseconds since the epoch at which it was restated."""
    price_table: str
    reason: str
    status: str
    cost: int | None
    unpriced: tuple[str, ...]
    price_id: str | None
    price_match: str | None


class Shift(msgspec.Struct):
    """By how much the calls of a report's line are restated."""

    calls: int = 0
    cost: int = 0
    """Pico-USD more (or less) than recorded."""
    unpriced_calls: int = 0
    """Calls more (or less) without a full price."""


def restate(
    database: sqlite3.Connection,
    question: Question,
    price: Pricing,
    *,
    price_table: str,
    at: int,
    write: bool = True,
    progress: Progress | None = None,
) -> Restatement:
    """Price the calls that ``question`` asks for anew; keep what differs, and let go of what does not any more."""
    check(question)
    done, number = Restatement(price_table=price_table), None
    total = _count(database, question) if progress is not None else 0
    for read, calls in _batches(database, question):
        rows, same = _price(calls, price, done)
        if write:
            with transaction(database):
                if number is None:
                    sql = "INSERT INTO restatements (at, price_table, calls, changed) VALUES (?, ?, 0, 0)"
                    number = database.execute(sql, (at, price_table)).lastrowid
                database.executemany("DELETE FROM restated WHERE start = ? AND id = ?", same)
                into = "INSERT OR REPLACE INTO restated VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
                database.executemany(into, [(*row[:2], number, *row[2:]) for row in rows])
                counts = (done.calls, done.changed, number)
                database.execute("UPDATE restatements SET calls = ?, changed = ? WHERE number = ?", counts)
        if progress is not None:
            progress(min(1.0, read / max(total, 1)))
    return done


def _price(calls: list[Call], price: Pricing, done: Restatement) -> tuple[list[tuple[Any, ...]], list[tuple[int, str]]]:
    """Return the rows of the calls whose cost differs, and what names those whose cost does not."""
    rows: list[tuple[Any, ...]] = []
    same: list[tuple[int, str]] = []
    for call in calls:
        if call.usage is None or call.cost.source == "reported" or call.cost.items:
            done.without_usage += call.usage is None
            done.reported += call.usage is not None
            same.append((call.start, call.id))
            continue
        old, new = call.cost, price(call, call.usage)
        amount = None if beyond(new.amount) else new.amount
        done.calls += 1
        if (old.status, old.amount, old.unpriced) == (new.status, amount, new.unpriced):
            same.append((call.start, call.id))
            continue
        _add(done, call, amount)
        unpriced = msgspec.json.encode(new.unpriced).decode()
        rows.append((call.start, call.id, _reason(old, new), new.status, amount, unpriced, new.price_id, new.match))
    return rows, same


def _add(done: Restatement, call: Call, amount: int | None) -> None:
    model = call.cost.model or call.response_model or call.request_model or "(unknown)"
    line = done.by_model.setdefault((call.provider, model), [0, 0, 0])
    was, is_now = call.cost.amount or 0, amount or 0
    done.changed += 1
    done.recorded += was
    done.restated += is_now
    line[:] = [line[0] + 1, line[1] + was, line[2] + is_now]


def _reason(old: Cost, new: Cost) -> str:
    """Say why a cost differs."""
    if new.amount is None:
        return "no price now"
    if old.amount is None:
        return "priced now"
    return "another price" if old.model == new.model else f"priced as {new.model}, then as {old.model}"


def _batches(database: sqlite3.Connection, question: Question) -> Iterator[tuple[int, list[Call]]]:
    """Yield calls by their start, each batch with how many were read up to it."""
    where, values = _where(database, question)
    shown = ", ".join(map(column, COLUMNS))
    sql = f"SELECT {shown} {ENTRIES} WHERE (e.start, e.id) > (?, ?) AND {where} ORDER BY e.start, e.id LIMIT {_BATCH}"
    last, read = (-(2**63), ""), 0
    while rows := database.execute(sql, (*last, *values)).fetchall():
        calls = [read_call(row) for row in rows]
        read += len(calls)
        yield read, calls
        last = (calls[-1].start, calls[-1].id)


def _count(database: sqlite3.Connection, question: Question) -> int:
    where, values = _where(database, question)
    total: int = database.execute(f"SELECT count(*) {ENTRIES} WHERE {where}", values).fetchone()[0]
    return total


def _where(database: sqlite3.Connection, question: Question) -> tuple[str, list[Any]]:
    conditions, values = ["true"], []
    for condition, value in (("e.start >= ?", question.since), ("e.start < ?", question.until)):
        if value is not None:
            conditions.append(condition)
            values.append(value)
    conditions += [f"{expression(database, name)} IS ?" for name in question.filters]
    return " AND ".join(conditions), [*values, *question.filters.values()]


def find_restated(database: sqlite3.Connection, call: Call) -> Restated | None:
    """Return a call's restated cost; None where it is as recorded, or nobody restated it."""
    sql = (
        "SELECT s.at, s.price_table, r.reason, r.status, r.cost, r.unpriced, r.price_id, r.price_match FROM restated r"
        " JOIN restatements s ON s.number = r.restatement WHERE r.start = ? AND r.id = ?"
    )
    row = database.execute(sql, (call.start, call.id)).fetchone()
    if row is None:
        return None
    fields = dict(zip(Restated.__struct_fields__, row, strict=True))
    fields["unpriced"] = tuple(msgspec.json.decode(fields["unpriced"], type=list[str]))
    return Restated(**fields)


def read_shifts(database: sqlite3.Connection, question: Question) -> tuple[dict[Key, Shift], tuple[str, ...]]:
    """Return by how much each line of a report is restated, by its key, and the tables that did it."""
    check(question)
    first, last = database.execute("SELECT min(start), max(start) FROM restated").fetchone()
    if first is None:
        return {}, ()
    since = first if question.since is None else max(first, question.since)
    until = last + 1 if question.until is None else min(last + 1, question.until)
    keys = [expression(database, name) for name in question.keys]
    where = "".join(f" AND {expression(database, name)} IS ?" for name in question.filters)
    group = f" GROUP BY {', '.join(str(at + 1) for at in range(len(keys)))}" if keys else ""
    joined = (
        " FROM restated r JOIN entries e ON e.start = r.start AND e.id = r.id JOIN labels l ON l.number = e.label"
        f" WHERE r.start >= ? AND r.start < ?{where}"
    )
    sql = f"SELECT {', '.join([*keys, _SUMS])}{joined}{group}"
    found: dict[Key, Shift] = {}
    for stretch in divide(question.unit, since, until, question.zone):
        for *values, calls, milli, pico, unpriced in database.execute(
            sql, (stretch.start, stretch.end, *question.filters.values())
        ):
            if calls:
                parts = iter(None if value is None else str(value) for value in values)
                key = tuple(stretch.name if name in TIME_UNITS else next(parts) for name in question.by)
                found[key] = Shift(calls, milli * MILLI + pico, unpriced)
    numbers = "SELECT DISTINCT s.price_table FROM restatements s JOIN restated r ON r.restatement = s.number"
    return found, tuple(table for (table,) in database.execute(numbers))


_SUMS = (
    f"count(*), sum(coalesce(r.cost, 0) / {MILLI}) - sum(e.cost / {MILLI}),"
    f" sum(coalesce(r.cost, 0) % {MILLI}) - sum(e.cost % {MILLI}),"
    f" sum(r.status IN {_UNPRICED}) - sum(l.cost_status IN {_UNPRICED})"
)
"""How many, by how much, and how many more without a price; amounts in two parts, as they are summed everywhere."""


def sweep(database: sqlite3.Connection) -> None:
    """Let go of restated costs whose calls are gone."""
    with transaction(database):
        database.execute(
            "DELETE FROM restated WHERE NOT EXISTS"
            " (SELECT 1 FROM entries e WHERE e.start = restated.start AND e.id = restated.id)"
        )
