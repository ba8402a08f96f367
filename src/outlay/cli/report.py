"""``outlay report``: what was spent, by whatever a call is known by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from outlay.cli.beside import Period, beside_calls, beside_data, show_beside
from outlay.cli.books import book_of, data_option, opened
from outlay.cli.changes import Changes, Side, changes_between, changes_data, show_changes
from outlay.cli.failed import failures_data, show_failures
from outlay.cli.filters import read_filters, read_names, where_option
from outlay.cli.monthly import monthly, monthly_data, show_monthly
from outlay.cli.output import as_json, console, print_json, progress
from outlay.cli.spend import show
from outlay.cli.statement import Key, Restated, Statement, as_data, pace_of, parts_of
from outlay.cli.times import nanoseconds, period, zone_named, zone_option
from outlay.config import Settings
from outlay.ledger.ledger import Ledger
from outlay.ledger.questions import TIME_UNITS
from outlay.pricing.shelf import FOLDER, newest


@dataclass(frozen=True)
class Asking:
    """What a report is asked for, apart from its time."""

    names: tuple[str, ...]
    filters: Mapping[str, str | None]
    zone: ZoneInfo
    exact: bool = False
    split: bool = False
    restated: bool = False
    tables: Path | None = None
    """Folder of the price tables that the release did not bring."""


@click.command(short_help="Show what was spent: by model, feature, user, day, …")
@click.option(
    "--by",
    multiple=True,
    metavar="NAMES",
    help="model (if not given), provider, feature, path, project, user, tag:NAME, hour, day, week, …; with commas.",
)
@click.option(
    "--since", default="month", show_default=True, help="A date or time, today, yesterday, week, month, 24h, 7d, …"
)
@click.option("--until", default="now", show_default=True, help="The same; what began then is left out.")
@where_option
@zone_option
@click.option("--cost", "split", is_flag=True, help="Split the cost by what was paid for: input, cache, output, other.")
@click.option("--changes", is_flag=True, help="Say what moved against the time before, as long as this one.")
@click.option("--restated", is_flag=True, help="Show beside it what calls cost by the table of `outlay reprice`.")
@click.option("--errors", is_flag=True, help="Show what failed instead, by provider and model: 429s, overload, 5xx, …")
@click.option("--exact", is_flag=True, help="Read every call, so that rare values are not folded into (other).")
@data_option
@as_json
def command(  # noqa: PLR0913 - one argument an option
    by: tuple[str, ...],
    since: str,
    until: str,
    where: tuple[str, ...],
    zone: str | None,
    data: Path | None,
    *,
    split: bool,
    changes: bool,
    restated: bool,
    errors: bool,
    exact: bool,
    as_json: bool,
) -> None:
    """Show what was spent: requests, attempts, errors, tokens by class, cost and share.

    A call belongs to the time at which it began. Calls without a price are counted, never taken for free.
    """
    now, names = datetime.now(UTC), ",".join(by)
    beside = {"--cost": split, "--changes": changes, "--restated": restated, "--exact": exact}
    if errors and (others := [name for name, asked in beside.items() if asked]):
        raise click.UsageError(f"--errors is a report of its own: leave out {others[0]}.")
    with opened(data) as (ledger, settings, folder):
        clock = zone_named(zone or settings.timezone)
        first, last = period(since, until, clock, now)
        filters = read_filters(where, settings)
        if errors:
            show_errors(ledger, _fields(names, settings), filters, (first, last), as_json=as_json)
            return
        asking = Asking(
            read_names(names or "model", settings),
            filters,
            clock,
            exact=exact,
            split=split,
            restated=restated,
            tables=folder / FOLDER,
        )
        statement = ask(ledger, asking, first, last)
        before = first - (last - first)
        moved = what_moved(ledger, asking, (before, first, last)) if changes else None
        lines = (
            [] if filters else beside_calls(ledger, book_of(settings), asking.names, Period(first, last, now, clock))
        )
        limited = statement.pace is not None and until == "now" and not filters and bool(settings.budgets)
        limits = monthly(settings, folder) if limited else []
    spent = statement.report.total.spend
    if as_json:
        extra: dict[str, object] = {"changes": changes_data(moved, before, first)} if changes else {}
        extra |= monthly_data(limits) if limits else {}
        print_json(as_data(statement) | extra | (beside_data(lines, asking.names, spent) if lines else {}))
        return
    out = console()
    show(out, statement, now)
    show_monthly(out, limits)
    if lines:
        show_beside(out, lines, spent)
    if changes:
        show_changes(out, moved, before, first)


def _fields(by: str, settings: Settings) -> tuple[str, ...]:
    """Return what errors are broken down by, which time is not."""
    names = read_names(by or "provider,model", settings)
    if units := [name for name in names if name in TIME_UNITS]:
        raise click.UsageError(f"--errors has no {units[0]}: narrow the time with --since and --until.")
    return names


def show_errors(
    ledger: Ledger,
    names: tuple[str, ...],
    filters: Mapping[str, str | None],
    time: tuple[datetime, datetime],
    *,
    as_json: bool,
) -> None:
    """Print what failed in ``time``."""
    first, last = time
    lines = ledger.failures(names, since=nanoseconds(first), until=nanoseconds(last), filters=filters)
    if as_json:
        print_json(failures_data(names, lines, first, last))
    else:
        show_failures(console(), names, lines, first, last)


def ask(ledger: Ledger, asking: Asking, first: datetime, last: datetime) -> Statement:
    """Return the statement of the time from ``first`` to ``last``."""
    since, until, zone = nanoseconds(first), nanoseconds(last), asking.zone.key
    with progress("reading calls") as tell:
        report = ledger.report(
            asking.names,
            since=since,
            until=until,
            filters=asking.filters,
            zone=zone,
            exact=asking.exact
            or asking.split
            or asking.restated,  # calls are read anyway, and keys must be the same in both
            progress=tell,
        )
    parts = None
    if asking.split:
        with progress("reading what calls cost") as tell:
            amounts = ledger.amounts(
                asking.names, since=since, until=until, filters=asking.filters, zone=zone, progress=tell
            )
        parts = parts_of(report, amounts)
    restated = None
    if asking.restated:
        shifts, tables = ledger.shifts(asking.names, since=since, until=until, filters=asking.filters, zone=zone)
        restated = Restated(shifts, tables)
    pace = pace_of(report.total.cost, first, last, asking.zone)
    return Statement(report, first, last, pace, parts, newest(asking.tables).dated, restated)


def what_moved(ledger: Ledger, asking: Asking, times: tuple[datetime, datetime, datetime]) -> Changes | None:
    """Compare the time from the first to the second of ``times`` with that from the second to the third."""
    by_model = Asking(("provider", "model"), asking.filters, asking.zone, split=True)
    before, first, last = times
    old, new = (_sides(ask(ledger, by_model, *span)) for span in ((before, first), (first, last)))
    return changes_between(old, new)


def _sides(statement: Statement) -> dict[Key, Side]:
    parts = statement.parts or {}
    return {line.key: Side(line.requests, parts[line.key]) for line in statement.report.lines}
