"""``outlay report``: what was spent, by whatever a call is known by."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from outlay.cli.books import data_option, opened
from outlay.cli.filters import field_named, read_filters
from outlay.cli.output import as_json, console, count, money, print_json, progress, share, spend, table, tokens
from outlay.cli.times import elapsed_share, moment, month_of, nanoseconds, zone_named
from outlay.ledger.questions import Line, Report


@click.command(short_help="Show what was spent: by model, feature, user, day, …")
@click.option(
    "--by",
    default="model",
    show_default=True,
    help="model, provider, feature, path, project, user, tag:NAME, hour, day, week, month; several with commas.",
)
@click.option(
    "--since", default="month", show_default=True, help="A date or time, today, yesterday, week, month, 24h, 7d, …"
)
@click.option("--until", default="now", show_default=True, help="The same; what began then is left out.")
@click.option(
    "--where",
    multiple=True,
    metavar="NAME=VALUE",
    help="Only calls with this value: model=gpt-4o, user=u-42; repeatable.",
)
@click.option("--zone", help="IANA zone of days and months; the setting `timezone` where not given.")
@click.option("--exact", is_flag=True, help="Read every call, so that rare values are not folded into (other).")
@data_option
@as_json
def command(
    by: str,
    since: str,
    until: str,
    where: tuple[str, ...],
    zone: str | None,
    data: Path | None,
    *,
    exact: bool,
    as_json: bool,
) -> None:
    """Show what was spent: requests, attempts, errors, tokens by class, cost and share.

    A call belongs to the time at which it began. Calls without a price are counted, never taken for free.
    """
    with opened(data) as (ledger, settings, _):
        clock = zone_named(zone or settings.timezone)
        now = datetime.now(UTC)
        first, last = moment(since, clock, now), moment(until, clock, now)
        names = tuple(field_named(name) for name in by.split(",") if name.strip())
        try:
            with progress("reading calls", quiet=as_json) as tell:
                report = ledger.report(
                    names,
                    since=nanoseconds(first),
                    until=nanoseconds(last),
                    filters=read_filters(where),
                    zone=clock.key,
                    exact=exact,
                    progress=tell,
                )
        except ValueError as error:
            raise click.BadParameter(str(error)) from None
        projected = projection(Decimal(report.total.spend), first, last)
    if as_json:
        print_json(as_data(report, first, last, projected))
    else:
        show(report, first, last, projected)


def projection(spent: Decimal, first: datetime, last: datetime) -> Decimal | None:
    """Return what the month comes to at the pace so far, in USD; None unless ``first`` to ``last`` is a month's beginning."""
    begin, following = month_of(first)
    if first != begin or not begin < last <= following:
        return None
    return spent / Decimal(str(elapsed_share(begin, following, last)))


def show(report: Report, first: datetime, last: datetime, projected: Decimal | None) -> None:
    """Print a report for people."""
    out = console()
    total = report.total
    out.print(f"[bold]Spend[/] from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} {last.tzname()}")
    if not total.attempts:
        out.print(
            "No calls in this time. Is outlay.init() called, or the program started by `outlay run`? Try `outlay doctor`."
        )
        return
    heads = [name.removeprefix("tag:") for name in report.by]
    columns = [
        *heads,
        "requests",
        "attempts",
        "errors",
        "tokens",
        "input",
        "cache read",
        "cache write",
        "output",
        "cost",
        "share",
    ]
    rows = [[*(_label(key) for key in line.key), *_figures(line, total)] for line in report.lines]
    out.print(table(columns, rows, left=len(heads), total=["total", *[""] * (len(heads) - 1), *_figures(total, total)]))
    for note in notes(report):
        out.print(note)
    if projected is not None:
        _, following = month_of(first)
        days = (following.date() - first.date()).days
        out.print(f"Projected for the month at this pace: [bold]{money(projected)}[/] ({days} days)")


def notes(report: Report) -> list[str]:
    """Return what a reader must know to believe the total."""
    total, said = report.total, []
    if total.unpriced_calls:
        said.append(
            f"+ {count(total.unpriced_calls)} calls ({tokens(total.unpriced_tokens)} tokens) without a (full) price: "
            "see `outlay calls --unpriced`."
        )
    if total.estimated_calls:
        upper = total.spend.upper
        bound = "no upper bound" if upper is None else f"at most {money(upper)}"
        said.append(
            f"{count(total.estimated_calls)} calls are estimates: the total is at least {money(total.spend.lower)}, {bound}."
        )
    if report.folded:
        said.append("(other) holds values that were too many to keep apart: `--exact` reads every call.")
    return said


def _label(key: str | None) -> str:
    return "(none)" if key in (None, "") else str(key)


def _figures(line: Line, total: Line) -> list[str]:
    return [
        count(line.requests),
        count(line.attempts),
        count(line.errors),
        tokens(line.total_tokens),
        tokens(line.input_tokens),
        tokens(line.cache_read),
        tokens(line.cache_write_input_tokens),
        tokens(line.output_tokens),
        spend(line.spend),
        share(line.spend, total.spend),
    ]


def as_data(report: Report, first: datetime, last: datetime, projected: Decimal | None) -> dict[str, Any]:
    """Return a report for programs."""
    return {
        "since": first,
        "until": last,
        "by": [name.removeprefix("tag:") for name in report.by],
        "lines": [_line_data(report, line) for line in report.lines],
        "total": _line_data(report, report.total),
        "projected_usd": projected,
        "folded": report.folded,
    }


def _line_data(report: Report, line: Line) -> dict[str, Any]:
    keys = {name.removeprefix("tag:"): key for name, key in zip(report.by, line.key, strict=False)}
    amounts = line.spend
    return {
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
    }
