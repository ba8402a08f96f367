"""``outlay prune``: let go of old calls."""

from __future__ import annotations

import time
from pathlib import Path

import click

from outlay.cli.books import data_option, opened
from outlay.cli.output import as_json, count, print_json

DAY = 86_400 * 10**9


@click.command(short_help="Delete old calls from the ledger.")
@click.option(
    "--older-than", "days", type=click.IntRange(0), help="Days that calls are kept; the setting where not given."
)
@click.option(
    "--megabytes", type=click.IntRange(1), help="Size that the ledger is brought down to, oldest calls first."
)
@data_option
@as_json
def command(days: int | None, megabytes: int | None, data: Path | None, *, as_json: bool) -> None:
    """Delete calls that are older or more than the settings (or the options) allow. Reports keep their sums."""
    with opened(data) as (ledger, settings, _):
        kept_days = settings.retention_days if days is None else days
        size = settings.retention_megabytes if megabytes is None else megabytes
        before = time.time_ns() - kept_days * DAY if kept_days or days is not None else None
        deleted = ledger.prune(before=before, max_bytes=size * 10**6 or None)
    if as_json:
        print_json({"deleted_calls": deleted})
    else:
        click.echo(f"{count(deleted)} calls deleted; reports still show what was spent.")
