"""``outlay mark``: note that something was deployed, so that spikes show it beside."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from outlay.cli.books import data_option, opened
from outlay.cli.output import as_json, print_json
from outlay.cli.times import moment, nanoseconds, zone_named, zone_option


@click.command(short_help="Note that something was deployed, so that spikes show it.")
@click.argument("name")
@click.option("--at", "when", default="now", show_default=True, help="When it was.")
@zone_option
@data_option
@as_json
def command(name: str, when: str, zone: str | None, data: Path | None, *, as_json: bool) -> None:
    """Keep a marker, like `outlay mark "release 1.4"`; a spike that begins soon after names it.

    Releases that calls carry (the setting `release`) need none.
    """
    if not name.strip():
        raise click.UsageError('say what happened, like `outlay mark "release 1.4"`.')
    with opened(data) as (ledger, settings, _):
        at = moment(when, zone_named(zone or settings.timezone), datetime.now(UTC))
        ledger.mark(nanoseconds(at), name.strip())
    if as_json:
        print_json({"name": name.strip(), "at": at})
    else:
        click.echo(f"Marked {at:%Y-%m-%d %H:%M} {at.tzname()}: {name.strip()}")
