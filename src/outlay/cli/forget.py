"""``outlay forget user=u-42``: take a person out of the ledger, and leave the money in."""

from __future__ import annotations

from pathlib import Path

import click

from outlay.cli.books import data_option, opened
from outlay.cli.output import as_json, count, print_json


@click.command(short_help="Take the personal tags of someone out of the ledger.")
@click.argument("conditions", nargs=-1, required=True, metavar="TAG=VALUE…")
@data_option
@as_json
def command(conditions: tuple[str, ...], data: Path | None, *, as_json: bool) -> None:
    """Erase who stands behind the calls that have all of these tags: `outlay forget user=u-42`.

    What they cost stays in every sum; whose it was can't be found any more.
    """
    tags: dict[str, str] = {}
    for condition in conditions:
        name, sign, value = condition.partition("=")
        if not sign or not name or not value:
            raise click.BadParameter(f"{condition!r} must be written as TAG=VALUE, like user=u-42.")
        tags[name] = value
    with opened(data) as (ledger, _, _):
        forgotten = ledger.forget(tags)
    if as_json:
        print_json({"forgotten_calls": forgotten})
    else:
        click.echo(f"{count(forgotten)} calls no longer say whose they were.")
