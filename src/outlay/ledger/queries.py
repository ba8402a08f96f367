"""Questions to the ledger about single calls and about itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from outlay.ledger import segment
from outlay.ledger.calendar import first_day, local_date, midnight, next_first
from outlay.ledger.questions import FIELDS
from outlay.ledger.rollups import HOUR
from outlay.ledger.rows import SPAN_COLUMNS, read_call, read_span
from outlay.ledger.scanned import conditions
from outlay.ledger.view import COLUMNS, ENTRIES, column
from outlay.ledger.writing import quote
from outlay.records import Call, Span

Order = Literal["latest", "dearest", "failed", "unpriced"]
_ORDERS: dict[Order, tuple[str, str]] = {
    "latest": ("true", "e.start DESC"),
    "dearest": (f"{column('cost')} IS NOT NULL", "e.cost DESC"),
    "failed": ("e.failed = 1", "e.start DESC"),
    "unpriced": ("l.cost_status IN ('unknown', 'partial')", "e.start DESC"),
}


class Covered(msgspec.Struct, frozen=True):
    """Requests of one kind that went to a model host."""

    provider: str
    host: str
    method: str
    path: str
    requests: int
    metered: int
    free: int

    @property
    def missed(self) -> int:
        """Requests that somebody bills and outlay did not meter."""
        return max(self.requests - self.metered - self.free, 0)


class Lost(msgspec.Struct, frozen=True):
    """Records that could not be kept, for one reason."""

    reason: str
    records: int
    last: int
    """When that was last seen, in nanoseconds since the epoch."""


class Caught(msgspec.Struct, frozen=True):
    """Errors of outlay's own that it kept away from the application."""

    activity: str
    error: str
    count: int
    last: int
    """When that was last seen, in nanoseconds since the epoch."""


class Waiting(msgspec.Struct, frozen=True):
    """A spool segment and how much of it is in the ledger, in bytes."""

    name: str
    size: int
    carried: int


class Pace(msgspec.Struct, frozen=True):
    """A month's spend so far and where it leads at the same rate, in pico-USD."""

    spent: int
    projected: int
    days: Fraction
    """Days of the month that have passed."""
    of_days: int


def read_calls(
    database: sqlite3.Connection,
    order: Order = "latest",
    limit: int = 20,
    filters: Mapping[str, str | None] | None = None,
    since: int | None = None,
    until: int | None = None,
) -> list[Call]:
    """Return calls, first the latest or the dearest (``failed``, ``unpriced``: the latest of those)."""
    condition, ordering = _ORDERS[order]
    names = filters or {}
    for name in names:
        if name not in FIELDS and not name.startswith("tag:"):
            raise ValueError(f"calls have no {name!r}: use {', '.join(FIELDS)} or tag:NAME")
    where, values = conditions(database, names)
    times = [value for value in (since, until) if value is not None]
    where += (" AND e.start >= ?" if since is not None else "") + (" AND e.start < ?" if until is not None else "")
    shown = ", ".join(map(column, COLUMNS))
    sql = f"SELECT {shown} {ENTRIES} WHERE {condition}{where} ORDER BY {ordering} LIMIT ?"
    return [read_call(row) for row in database.execute(sql, (*values, *times, limit))]


def find_calls(database: sqlite3.Connection, prefix: str, limit: int = 10) -> list[Call]:
    """Return the calls whose id begins with ``prefix``."""
    sql = f"SELECT {quote(COLUMNS)} FROM calls WHERE id >= ? AND id < ? ORDER BY start DESC LIMIT ?"  # noqa: S608  own words
    return [read_call(row) for row in database.execute(sql, (prefix, prefix + "\U0010ffff", limit))]


def calls_after(database: sqlite3.Connection, seq: int, limit: int) -> list[tuple[int, Call]]:
    """Return calls in the order in which they came, from the one after ``seq``; each with its own."""
    sql = f"SELECT seq, {quote(COLUMNS)} FROM calls WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608  own words
    return [(row[0], read_call(row[1:])) for row in database.execute(sql, (seq, limit))]


def spans_after(database: sqlite3.Connection, seq: int, limit: int) -> list[tuple[int, Span]]:
    """Return spans in the order in which they came, from the one after ``seq``; each with its own."""
    sql = f"SELECT seq, {quote(SPAN_COLUMNS)} FROM spans WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608  own words
    return [(row[0], read_span(row[1:])) for row in database.execute(sql, (seq, limit))]


def read_coverage(database: sqlite3.Connection, since: int | None = None) -> list[Covered]:
    """Return the requests that went to model hosts (from the hour of ``since``), those that were missed first."""
    sql = (
        "SELECT provider, host, method, path, sum(requests), sum(metered), sum(free) FROM coverage WHERE slot >= ?"
        " GROUP BY provider, host, method, path"
    )
    rows = [Covered(*row) for row in database.execute(sql, ((since or 0) // HOUR,))]
    return sorted(rows, key=lambda row: (-row.missed, row.host, row.method, row.path))


def read_losses(database: sqlite3.Connection, since: int | None = None) -> list[Lost]:
    """Return what could not be kept (since ``since``), by reason."""
    sql = "SELECT reason, sum(records), max(at) FROM losses WHERE at >= ? GROUP BY reason ORDER BY 2 DESC"
    return [Lost(*row) for row in database.execute(sql, (since or 0,))]


def read_swallowed(database: sqlite3.Connection) -> list[Caught]:
    """Return the errors that were swallowed, the most frequent first."""
    return [Caught(*row) for row in database.execute("SELECT * FROM swallowed ORDER BY count DESC")]


def read_waiting(database: sqlite3.Connection, directory: Path) -> Iterator[Waiting]:
    """Yield the segments of the spool in ``directory``."""
    positions = dict(database.execute("SELECT name, position FROM segments"))
    for path in sorted(directory.glob("*" + segment.SUFFIX)):
        try:
            yield Waiting(path.name, path.stat().st_size, positions.get(path.name, 0))
        except FileNotFoundError:
            continue


def month_of(now: int, zone: ZoneInfo) -> tuple[int, int]:
    """Return when the month of ``now`` began in ``zone``, and when the next one does."""
    first = first_day("month", local_date(now, zone))
    return midnight(first, zone), midnight(next_first("month", first), zone)


def project(spent: int, now: int, zone: ZoneInfo) -> Pace:
    """Carry the month's ``spent`` pico-USD on at its rate: spend / days elapsed x days of the month.

    A day counts as far as it has passed in ``zone``, which its own length decides: 23 or 25 hours where clocks change.
    """
    today = local_date(now, zone)
    first = first_day("month", today)
    start, end = midnight(today, zone), midnight(today + timedelta(days=1), zone)
    days = (today - first).days + Fraction(now - start, end - start)
    of_days = (next_first("month", first) - first).days
    projected = round(spent * of_days / days) if days else 0
    return Pace(spent, projected, days, of_days)
