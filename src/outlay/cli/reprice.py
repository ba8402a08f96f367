"""``outlay reprice``: what recorded calls cost by another price table, kept beside what was recorded."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from outlay.cli.books import data_option, opened, prices_of
from outlay.cli.changes import signed
from outlay.cli.filters import read_filters, where_option
from outlay.cli.output import as_json, console, counted, money, print_json, progress
from outlay.cli.tables import Column, print_table
from outlay.cli.times import moment, nanoseconds, zone_named, zone_option
from outlay.ledger.restated import Pricing, Restatement
from outlay.money import usd
from outlay.pricing import Prices
from outlay.records import Call, Cost, Usage


@click.command(short_help="Price recorded calls anew, beside what was recorded.")
@click.option("--since", help="A date or time, today, month, 7d, …; all calls where not given.")
@click.option("--until", help="The same; calls that began then are left out.")
@where_option
@click.option("--table", "version", default="", metavar="VERSION", help="A kept table, in place of the newest.")
@click.option("--dry-run", is_flag=True, help="Show what differs, and keep nothing.")
@zone_option
@data_option
@as_json
def command(
    *,
    since: str | None,
    until: str | None,
    where: tuple[str, ...],
    version: str,
    dry_run: bool,
    zone: str | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Price recorded calls anew, by the newest table and your price book of today, or by a kept table.

    What was recorded stays: `outlay report --restated` shows both. Prices are those of the table at each call's time.
    Charges that a provider stated are not restated.
    """
    prices, settings = prices_of(data, version)
    now, clock = datetime.now(UTC), zone_named(zone or settings.timezone)
    with opened(data) as (ledger, _, _), progress("pricing calls") as tell:
        done = ledger.restate(
            _pricing(prices),
            price_table=prices.version,
            at=time.time_ns(),
            since=None if since is None else nanoseconds(moment(since, clock, now)),
            until=None if until is None else nanoseconds(moment(until, clock, now)),
            filters=read_filters(where, settings),
            write=not dry_run,
            progress=tell,
        )
    if as_json:
        print_json(_as_data(done, dry_run=dry_run))
    else:
        _show(console(), done, prices, dry_run=dry_run)


def _pricing(prices: Prices) -> Pricing:
    def price(call: Call, usage: Usage) -> Cost:
        return prices.cost(
            call.provider, (call.response_model, call.request_model), usage, at=call.end, terms=call.terms
        )

    return price


def _show(out: Console, done: Restatement, prices: Prices, *, dry_run: bool) -> None:
    out.print(
        f"{counted(done.calls, 'call')} priced by table {prices.version} of {prices.dated}: "
        f"{counted(done.changed, 'differs', 'differ')}.",
        style="bold",
    )
    if done.changed:
        lines = sorted(done.by_model.items(), key=lambda item: -abs(item[1][2] - item[1][1]))
        counts = [line[0] for _, line in lines] + [done.changed]
        was = [line[1] for _, line in lines] + [done.recorded]
        is_now = [line[2] for _, line in lines] + [done.restated]
        columns = [
            Column("model", [*(model for (_, model), _ in lines), "total"], figure=False),
            Column("provider", [*(provider for (provider, _), _ in lines), ""], figure=False, leaves=1),
            Column("calls", [f"{number:,}" for number in counts]),
            Column("recorded", [money(usd(amount)) for amount in was]),
            Column("restated", [money(usd(amount)) for amount in is_now]),
            Column("difference", [signed(new - old) for old, new in zip(was, is_now, strict=True)]),
        ]
        print_table(out, columns, total=True)
    if done.reported:
        out.print(f"{counted(done.reported, 'call')} left alone: their charge was stated by the provider.")
    out.print(
        "Nothing was kept: this is a dry run."
        if dry_run
        else "What was recorded stays; `outlay report --restated` shows both."
    )


def _as_data(done: Restatement, *, dry_run: bool) -> dict[str, Any]:
    models = [
        {"provider": provider, "model": model, "calls": calls, "recorded_usd": usd(old), "restated_usd": usd(new)}
        for (provider, model), (calls, old, new) in done.by_model.items()
    ]
    return {
        "price_table": done.price_table,
        "calls": done.calls,
        "changed_calls": done.changed,
        "reported_calls": done.reported,
        "calls_without_usage": done.without_usage,
        "recorded_usd": usd(done.recorded),
        "restated_usd": usd(done.restated),
        "models": models,
        "dry_run": dry_run,
    }
