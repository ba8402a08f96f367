"""``outlay trends``: what a request costs over time, by tracked function, feature or model."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import click
from rich.text import Text

from outlay.cli.bars import sparkline
from outlay.cli.books import data_option, opened
from outlay.cli.filters import read_filters, read_names, where_option
from outlay.cli.output import as_json, console, count, counted, print_json, share, spend
from outlay.cli.tables import Column, print_table
from outlay.cli.times import nanoseconds, period, zone_named, zone_option
from outlay.ledger.questions import TIME_UNITS, Line, Report
from outlay.money import Spend, usd

Key = tuple[str | None, ...]
LEAST = 2
"""Times with requests that a trend needs."""


@click.command(short_help="Show what a request costs over time, by function, feature or model.")
@click.option("--by", default="feature,site", show_default=True, metavar="NAMES", help="What to tell apart.")
@click.option("--every", type=click.Choice(TIME_UNITS), default="day", show_default=True, help="Length of a step.")
@click.option("--since", default="28d", show_default=True, help="A date or time, today, yesterday, week, month, 7d, …")
@click.option("--until", default="now", show_default=True, help="The same; what began then is left out.")
@where_option
@zone_option
@data_option
@as_json
def command(
    by: str,
    every: str,
    since: str,
    until: str,
    where: tuple[str, ...],
    zone: str | None,
    data: Path | None,
    *,
    as_json: bool,
) -> None:
    """Show the cost of a request in each step of a time, the one that moved most first.

    The change compares the last quarter of the steps with the first.
    """
    with opened(data) as (ledger, settings, _):
        clock = zone_named(zone or settings.timezone)
        names = read_names(by, settings)
        if units := [name for name in names if name in TIME_UNITS]:
            raise click.UsageError(f"--by has {units[0]}: say how long a step is with --every.")
        first, last = period(since, until, clock, datetime.now(UTC))
        report = ledger.report(
            (every, *names),
            since=nanoseconds(first),
            until=nanoseconds(last),
            filters=read_filters(where, settings),
            zone=clock.key,
        )
    trends = sorted(trends_of(report).items(), key=lambda trend: -abs(change_of(trend[1])[2]))
    if as_json:
        print_json([_as_data(names, key, steps) for key, steps in trends])
        return
    out = console()
    out.print(f"Cost of a request by {every}, {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}", style="bold")
    if not trends:
        out.print("Nothing to compare: no two steps of this time have requests.")
        return
    _show(trends, names, out.width)


def trends_of(report: Report) -> dict[Key, list[Line]]:
    """Return the steps of each key that has requests in some, in order of time."""
    found: dict[Key, list[Line]] = {}
    for line in report.lines:
        if line.requests:
            found.setdefault(line.key[1:], []).append(line)
    return {key: steps for key, steps in found.items() if len(steps) >= LEAST}


def change_of(steps: list[Line]) -> tuple[int, int, int]:
    """Return what a request cost in the first and in the last quarter of ``steps``, and what the change costs."""
    (cost, requests), (cost_now, requests_now) = (
        (sum(line.cost for line in part), sum(line.requests for line in part)) for part in _ends(steps)
    )
    was, now = cost // requests, cost_now // requests_now
    return was, now, (now - was) * requests_now


def unpriced_of(steps: list[Line]) -> int:
    """Return how many calls went without a (full) price: what a request cost does not hold (all of) them."""
    return sum(line.unpriced_calls for line in steps)


def _ends(steps: list[Line]) -> tuple[list[Line], list[Line]]:
    """Return the first and the last quarter."""
    quarter = max(1, len(steps) // 4)
    return steps[:quarter], steps[-quarter:]


def _show(trends: list[tuple[Key, list[Line]]], names: tuple[str, ...], width: int) -> None:
    out = console()
    heads = [
        Column(name.removeprefix("tag:"), [key[at] or "(none)" for key, _ in trends], figure=False)
        for at, name in enumerate(names)
    ]
    ends = [_spends(steps) for _, steps in trends]
    columns = [
        *heads,
        Column("requests", [count(sum(line.requests for line in steps)) for _, steps in trends], leaves=2),
        Column("first", [spend(was) for was, _ in ends]),
        Column("last", [spend(now) for _, now in ends]),
        Column("change", [_change(was, now) for was, now in ends]),
        Column("per request", [sparkline(_costs(steps)) for _, steps in trends], figure=False, leaves=1),
    ]
    left = print_table(out, columns)
    if unpriced := sum(unpriced_of(steps) for _, steps in trends):
        out.print(f"+ {counted(unpriced, 'call')} without a (full) price: see `outlay calls --unpriced`.")
    if left and width:
        out.print(Text(f"Not shown for want of room: {', '.join(left)}.", style="dim"))


def _spends(steps: list[Line]) -> tuple[Spend, Spend]:
    """Return what a request cost in the first and in the last quarter, with what these amounts leave out."""
    was, now, _ = change_of(steps)
    early, late = map(unpriced_of, _ends(steps))
    return Spend(was, unpriced_calls=early), Spend(now, unpriced_calls=late)


def _change(was: Spend, now: Spend) -> str:
    """Return by how much of it a cost changed; a question mark where one of the two is not known at all."""
    unknown = any(cost == 0 and not cost.complete for cost in (was, now))
    return "?" if unknown else share(now - was, was)


def _costs(steps: list[Line]) -> list[float]:
    return [line.cost / line.requests for line in steps]


def _as_data(names: tuple[str, ...], key: Key, steps: list[Line]) -> dict[str, object]:
    was, now, _ = change_of(steps)
    return {
        **dict(zip(names, key, strict=True)),
        "first_usd": usd(was),
        "last_usd": usd(now),
        "unpriced_calls": unpriced_of(steps),
        "steps": [
            {
                "step": line.key[0],
                "requests": line.requests,
                "unpriced_calls": line.unpriced_calls,
                "per_request_usd": usd(line.cost) / Decimal(line.requests),
            }
            for line in steps
        ],
    }
