"""``outlay calls``: the latest, the dearest, the failed, those without a price; or one in full."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.markup import escape

from outlay.cli.books import data_option, opened
from outlay.cli.filters import read_filters
from outlay.cli.one_call import show_call
from outlay.cli.output import as_json, console, money, print_json, seconds, table, tokens, when
from outlay.cli.times import moment, nanoseconds, zone_named
from outlay.ledger.queries import Order
from outlay.records import Call


@click.command(short_help="List calls: the latest, the dearest, the failed, or one in full.")
@click.argument("call_id", required=False, metavar="[ID]")
@click.option("--latest", "order", flag_value="latest", default="latest", help="The latest first; the default.")
@click.option("--dearest", "order", flag_value="dearest", help="The dearest first.")
@click.option("--failed", "order", flag_value="failed", help="Those that failed, the latest first.")
@click.option("--unpriced", "order", flag_value="unpriced", help="Those without a (full) price, the latest first.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 100_000), help="How many.")
@click.option("--since", help="A date or time, today, yesterday, week, month, 24h, 7d, …")
@click.option("--until", help="The same; calls that began then are left out.")
@click.option(
    "--where",
    multiple=True,
    metavar="NAME=VALUE",
    help="Only calls with this value: model=gpt-4o, user=u-42; repeatable.",
)
@data_option
@as_json
def command(
    call_id: str | None,
    order: Order,
    limit: int,
    since: str | None,
    until: str | None,
    where: tuple[str, ...],
    data: Path | None,
    *,
    as_json: bool,
) -> None:
    """List calls, or show the one whose ID (or its beginning) is given, with its price row and how its model matched."""
    with opened(data) as (ledger, settings, _):
        zone, now = zone_named(settings.timezone), datetime.now(UTC)
        if call_id is not None:
            found = ledger.find(call_id.lower())
            if len(found) != 1:
                raise click.ClickException(_unclear(call_id, found))
            show_call(found[0], settings, zone, as_json=as_json)
            return
        try:
            calls = ledger.calls(
                order,
                limit,
                filters=read_filters(where),
                since=None if since is None else nanoseconds(moment(since, zone, now)),
                until=None if until is None else nanoseconds(moment(until, zone, now)),
            )
        except ValueError as error:
            raise click.BadParameter(str(error)) from None
    if as_json:
        print_json([msgspec.to_builtins(call) for call in calls])
    else:
        _show(calls, zone)


def _unclear(given: str, found: list[Call]) -> str:
    if not found:
        return f"no call has an id that begins with {given}: `outlay calls` lists them."
    return f"{len(found)} calls have an id that begins with {given}: {', '.join(call.id for call in found)}"


def _show(calls: list[Call], zone: tzinfo) -> None:
    out = console()
    if not calls:
        out.print("No such calls.")
        return
    columns = ["id", "began", "model", "feature", "outcome", "attempt", "tokens", "time", "cost"]
    out.print(table(columns, [_row(call, zone) for call in calls], left=5))


def _row(call: Call, zone: tzinfo) -> list[Any]:
    outcome = call.outcome if call.error_type is None else f"{call.outcome}: {call.error_type}"
    usage = call.usage
    count = "" if usage is None else ("~" if usage.estimated else "") + tokens(usage.total_tokens)
    cost = money(call.cost.usd) + (" +" if call.cost.status == "partial" else "")
    return [
        call.id,
        when(call.start, zone),
        escape(call.response_model or call.request_model or "?"),
        escape(call.feature),
        outcome,
        str(call.attempt),
        count,
        seconds(call.duration),
        cost,
    ]
