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
from outlay.cli.output import as_json, console, count, money, print_json, share
from outlay.cli.tables import Column, print_table
from outlay.cli.times import nanoseconds, period, zone_named, zone_option
from outlay.ledger.questions import TIME_UNITS, Line, Report
from outlay.money import usd

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
    quarter = max(1, len(steps) // 4)
    early, late = steps[:quarter], steps[-quarter:]
    (cost, requests), (cost_now, requests_now) = (
        (sum(line.cost for line in part), sum(line.requests for line in part)) for part in (early, late)
    )
    was, now = cost // requests, cost_now // requests_now
    return was, now, (now - was) * requests_now


def _show(trends: list[tuple[Key, list[Line]]], names: tuple[str, ...], width: int) -> None:
    out = console()
    heads = [
        Column(name.removeprefix("tag:"), [key[at] or "(none)" for key, _ in trends], figure=False)
        for at, name in enumerate(names)
    ]
    changes = [change_of(steps) for _, steps in trends]
    columns = [
        *heads,
        Column("requests", [count(sum(line.requests for line in steps)) for _, steps in trends], leaves=2),
        Column("first", [money(usd(was)) for was, _, _ in changes]),
        Column("last", [money(usd(now)) for _, now, _ in changes]),
        Column("change", [share(now - was, was) for was, now, _ in changes]),
        Column("per request", [sparkline(_costs(steps)) for _, steps in trends], figure=False, leaves=1),
    ]
    left = print_table(out, columns)
    if left and width:
        out.print(Text(f"Not shown for want of room: {', '.join(left)}.", style="dim"))


def _costs(steps: list[Line]) -> list[float]:
    return [line.cost / line.requests for line in steps]


def _as_data(names: tuple[str, ...], key: Key, steps: list[Line]) -> dict[str, object]:
    was, now, _ = change_of(steps)
    return {
        **dict(zip(names, key, strict=True)),
        "first_usd": usd(was),
        "last_usd": usd(now),
        "steps": [
            {"step": line.key[0], "requests": line.requests, "per_request_usd": usd(line.cost) / Decimal(line.requests)}
            for line in steps
        ],
    }
