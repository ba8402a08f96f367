"""A statement: a report with its time, its month's pace, and what its amounts were paid for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from outlay.cli.times import nanoseconds
from outlay.ledger.queries import Pace, month_of, project
from outlay.ledger.questions import Line, Report
from outlay.ledger.restated import Shift
from outlay.money import Spend, usd
from outlay.records import INPUT_CLASSES, OUTPUT_CLASSES

Key = tuple[str | None, ...]
STALE_AFTER = 60
"""Days after which a price table may well be out of date."""


@dataclass(frozen=True)
class Parts:
    """What a line's cost was paid for, in pico-USD; together they are the line's cost."""

    input: int
    """Uncached input, of any kind."""
    cache: int
    """Reading and writing prompt caches."""
    output: int
    """Output, reasoning included."""
    other: int
    """Searches, images, …; and what no class is known of: the provider stated the whole, or the call was pruned."""


@dataclass(frozen=True)
class Restated:
    """What the lines of a report cost by another table, as far as `outlay reprice` found a difference."""

    shifts: Mapping[Key, Shift]
    tables: tuple[str, ...]

    def of(self, line: Line) -> Shift:
        """Return by how much a line of the report, or its total, is restated."""
        if line.key:
            return self.shifts.get(line.key, Shift(0, 0, 0))
        every = self.shifts.values()
        return Shift(
            sum(shift.calls for shift in every),
            sum(shift.cost for shift in every),
            sum(shift.unpriced_calls for shift in every),
        )

    def spend(self, line: Line) -> Spend:
        """Return the restated cost of a line, with what it leaves out."""
        shift = self.of(line)
        return Spend(line.cost + shift.cost, unpriced_calls=max(0, line.unpriced_calls + shift.unpriced_calls))


@dataclass(frozen=True)
class Statement:
    """What a report command found."""

    report: Report
    first: datetime
    last: datetime
    pace: Pace | None = None
    """Where the month is a month's beginning: what it comes to."""
    parts: Mapping[Key, Parts] | None = None
    """By the key of a line, ``()`` for the total; None where nobody asked."""
    prices_dated: date | None = None
    restated: Restated | None = None


def pace_of(spent: int, first: datetime, last: datetime, zone: ZoneInfo) -> Pace | None:
    """Return the pace of a month; None unless ``first`` to ``last`` is a month's beginning, and no whole month."""
    begin, following = month_of(nanoseconds(first), zone)
    if nanoseconds(first) != begin or not begin < nanoseconds(last) < following:
        return None
    return project(spent, nanoseconds(last), zone)


def parts_of(report: Report, amounts: Mapping[Key, Mapping[str, int]]) -> dict[Key, Parts]:
    """Split each line of a report, and its total, by ``amounts`` (pico-USD by usage class)."""
    everything: dict[str, int] = {}
    for classes in amounts.values():
        for name, amount in classes.items():
            everything[name] = everything.get(name, 0) + amount
    split = {line.key: _parts(line.cost, amounts.get(line.key, {})) for line in report.lines}
    return {**split, (): _parts(report.total.cost, everything)}


def _parts(cost: int, classes: Mapping[str, int]) -> Parts:
    read = sum(amount for name, amount in classes.items() if name in INPUT_CLASSES and not name.startswith("cache"))
    cache = sum(amount for name, amount in classes.items() if name in INPUT_CLASSES and name.startswith("cache"))
    written = sum(amount for name, amount in classes.items() if name in OUTPUT_CLASSES)
    return Parts(read, cache, written, cost - read - cache - written)


def stale_days(dated: date | None, now: datetime) -> int | None:
    """Return the age of the price table in days, if that is too much."""
    age = 0 if dated is None else (now.date() - dated).days
    return age if age > STALE_AFTER else None


def as_data(statement: Statement) -> dict[str, Any]:
    """Return a statement for programs."""
    report, pace = statement.report, statement.pace
    return {
        "since": statement.first,
        "until": statement.last,
        "by": [name.removeprefix("tag:") for name in report.by],
        "lines": [_line_data(statement, line) for line in report.lines],
        "total": _line_data(statement, report.total),
        "projected_usd": None if pace is None else usd(pace.projected),
        "folded": report.folded,
        "approximate": report.approximate,
        "prices_dated": None if statement.prices_dated is None else statement.prices_dated.isoformat(),
    }


def _line_data(statement: Statement, line: Line) -> dict[str, Any]:
    names = (name.removeprefix("tag:") for name in statement.report.by)
    keys = dict(zip(names, line.key, strict=False))
    amounts = line.spend
    data: dict[str, Any] = {
        **keys,
        "requests": line.requests,
        "attempts": line.attempts,
        "errors": line.errors,
        "unpriced_calls": line.unpriced_calls,
        "unpriced_tokens": line.unpriced_tokens,
        "estimated_calls": line.estimated_calls,
        "input_tokens": line.input_tokens,
        "cache_read_input_tokens": line.cache_read,
        "cache_write_input_tokens": line.cache_write_input_tokens,
        "output_tokens": line.output_tokens,
        "reasoning_output_tokens": line.reasoning,
        "total_tokens": line.total_tokens,
        "cost_usd": Decimal(amounts),
        "cost_lower_usd": amounts.lower,
        "cost_upper_usd": amounts.upper,
        "cost_per_request_usd": per_request(line),
    }
    if statement.parts is not None:
        parts = statement.parts[line.key]
        data["cost_by_driver_usd"] = {name: usd(amount) for name, amount in vars(parts).items()}
    if statement.restated is not None:
        spend = statement.restated.spend(line)
        data |= {"restated_usd": Decimal(spend), "restated_calls": statement.restated.of(line).calls}
        data["restated_unpriced_calls"] = spend.unpriced_calls
    return data


def per_request(line: Line) -> Decimal | None:
    """Return what one request cost on average (failed attempts included), to the pico-USD; None where nobody knows."""
    return usd(round(Fraction(line.cost, line.requests))) if line.requests and not unknown(line) else None


def unknown(line: Line) -> bool:
    """Return whether all that a line cost is unknown."""
    return line.cost == 0 and line.unpriced_calls > 0
