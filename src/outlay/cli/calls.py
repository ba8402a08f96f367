"""``outlay calls``: the latest, the dearest, the failed, those without a price; or one in full."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from pathlib import Path

import click
from rich.text import Text

from outlay.cli.books import data_option, opened, prices_of
from outlay.cli.filters import read_filters, where_option
from outlay.cli.one_call import call_data, show_call
from outlay.cli.output import as_json, console, money, print_json, seconds, tokens, when
from outlay.cli.tables import Column, print_table
from outlay.cli.times import moment, nanoseconds, zone_named, zone_option
from outlay.ledger.queries import Order
from outlay.records import Call

SHORT = 8
"""Characters of a call's id that a list shows; more are asked for where they are not enough."""


@click.command(short_help="List calls: the latest, the dearest, the failed, or one in full.")
@click.argument("call_id", required=False, metavar="[ID]")
@click.option("--latest", "order", flag_value="latest", default="latest", help="The latest first; the default.")
@click.option("--dearest", "order", flag_value="dearest", help="The dearest first.")
@click.option("--failed", "order", flag_value="failed", help="Those that failed, the latest first.")
@click.option("--unpriced", "order", flag_value="unpriced", help="Those without a (full) price, the latest first.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 100_000), help="How many.")
@click.option("--since", help="A date or time, today, yesterday, week, month, 24h, 7d, …")
@click.option("--until", help="The same; calls that began then are left out.")
@where_option
@zone_option
@data_option
@as_json
def command(  # noqa: PLR0913 - one argument an option
    call_id: str | None,
    order: Order,
    limit: int,
    since: str | None,
    until: str | None,
    where: tuple[str, ...],
    zone: str | None,
    data: Path | None,
    *,
    as_json: bool,
) -> None:
    """List calls, or show the one whose ID (or its beginning) is given, with its price and how its model matched."""
    with opened(data) as (ledger, settings, _):
        clock, now = zone_named(zone or settings.timezone), datetime.now(UTC)
        if call_id is not None:
            call = the_one(ledger.find(call_id.lower()), call_id)
            show_call(call, ledger.restated_cost(call), prices_of(data)[0], clock, as_json=as_json)
            return
        calls = ledger.calls(
            order,
            limit,
            filters=read_filters(where, settings),
            since=None if since is None else nanoseconds(moment(since, clock, now)),
            until=None if until is None else nanoseconds(moment(until, clock, now)),
        )
    if as_json:
        print_json([call_data(call) for call in calls])
    else:
        _show(calls, clock)


def the_one(found: list[Call], given: str) -> Call:
    """Return the only call found; say what to do where there is none, or a choice."""
    if not found:
        raise click.UsageError(f"no call has an id that begins with {given}: `outlay calls` lists them.")
    if len(found) > 1:
        choice = ", ".join(call.id for call in found)
        raise click.UsageError(f"{len(found)} calls or more have an id that begins with {given}: {choice}.")
    return found[0]


def _show(calls: list[Call], zone: tzinfo) -> None:
    out = console()
    if not calls:
        out.print("No such calls.")
        return
    columns = [
        Column("id", [call.id[:SHORT] for call in calls], figure=False),
        Column("began", [when(call.start, zone) for call in calls], figure=False, leaves=5),
        Column("model", [call.model for call in calls], figure=False),
        Column("feature", [call.feature for call in calls], figure=False, leaves=4),
        Column("user", [call.tags.get("user", "") for call in calls], figure=False, leaves=3),
        Column("outcome", [_outcome(call) for call in calls], figure=False),
        Column("attempt", ["" if call.attempt == 1 else str(call.attempt) for call in calls], leaves=1),
        Column("tokens", [_tokens(call) for call in calls]),
        Column("time", [seconds(call.duration) for call in calls], leaves=2),
        Column("cost", [_cost(call) for call in calls]),
    ]
    print_table(out, [column for column in columns if not column.idle])
    if any(call.usage is not None and call.usage.estimated for call in calls):
        out.print(Text("~ an estimate: `outlay calls ID` shows its bounds.", style="dim"))


def _outcome(call: Call) -> str:
    return call.outcome if call.error_type is None else f"{call.outcome}: {call.error_type}"


def _tokens(call: Call) -> str:
    usage = call.usage
    return "" if usage is None else ("~" if usage.estimated else "") + tokens(usage.total_tokens)


def _cost(call: Call) -> str:
    estimated = call.usage is not None and call.usage.estimated
    return ("~" if estimated else "") + money(call.cost.usd) + (" +" if call.cost.status == "partial" else "")
