"""``outlay explain``: why spend changed from one time to another."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from outlay.cli.books import data_option, opened
from outlay.cli.explanations import explanation_data, show_carriers, show_explanation
from outlay.cli.filters import read_filters, where_option
from outlay.cli.output import as_json, console, print_json
from outlay.cli.times import moment, nanoseconds, period, zone_named, zone_option
from outlay.spikes.cause import carriers_between
from outlay.spikes.explanation import explain


@click.command(short_help="Say why spend changed from one time to another.")
@click.option("--since", default="yesterday", show_default=True, help="A date or time, today, yesterday, week, 24h, …")
@click.option("--until", default="now", show_default=True, help="The same; what began then is left out.")
@click.option("--against", metavar="TIME", help="When the time to compare with began; it is as long, and ends before.")
@where_option
@zone_option
@data_option
@as_json
def command(
    since: str,
    until: str,
    against: str | None,
    where: tuple[str, ...],
    zone: str | None,
    data: Path | None,
    *,
    as_json: bool,
) -> None:
    """Split the difference between two times' spend among what multiplies to it; the parts add up to it exactly.

    The time to compare with is the one before, as long as this one.
    """
    now = datetime.now(UTC)
    with opened(data) as (ledger, settings, _):
        clock = zone_named(zone or settings.timezone)
        first, last = period(since, until, clock, now)
        begin = first - (last - first) if against is None else moment(against, clock, now)
        if begin + (last - first) > first:
            raise click.UsageError(f"--against {against} and --since {since} overlap: name an earlier time.")
        filters = read_filters(where, settings)
        times = (
            (nanoseconds(begin), nanoseconds(begin + (last - first))),
            (nanoseconds(first), nanoseconds(last)),
        )
        explanation = explain(ledger.spent(*times[0], filters), ledger.spent(*times[1], filters))
        carriers = carriers_between(ledger, times, filters)
    if as_json:
        head = {"since": first, "until": last, "against": begin}
        print_json(head | explanation_data(explanation, carriers))
        return
    out = console()
    out.print(f"Why spend changed from {_named(begin, begin + (last - first))} to {_named(first, last)}", style="bold")
    show_explanation(out, explanation, "before", "after")
    show_carriers(out, carriers)


def _named(first: datetime, last: datetime) -> str:
    return f"{first:%Y-%m-%d %H:%M} - {last:%Y-%m-%d %H:%M}"
