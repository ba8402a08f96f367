"""``outlay forget user=u-42``: take a person out of the ledger, and leave the money in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from outlay.cli.books import data_option, opened
from outlay.cli.consent import agreed, dry_run_option, yes_option
from outlay.cli.output import as_json, counted, print_json
from outlay.cli.said import drop_content_of
from outlay.ledger.submissions import Submissions


@click.command(short_help="Take a person out of the ledger, and leave the money in.")
@click.argument("conditions", nargs=-1, required=True, metavar="TAG=VALUE…")
@dry_run_option
@yes_option
@data_option
@as_json
def command(conditions: tuple[str, ...], data: Path | None, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Erase who stands behind the calls that have all of these tags, any tags: `outlay forget user=u-42`.

    What they cost stays in every sum; whose it was can't be found any more: all their tags, ids and spans go.
    """
    tags = _read(conditions)
    with opened(data) as (ledger, _, folder):
        found = ledger.report(filters={f"tag:{name}": value for name, value in tags.items()}, exact=True).total.attempts
        what = f"all that leads from {counted(found, 'call')} to {', '.join(conditions)}"
        erase = agreed(what, dry_run=dry_run, yes=yes, needed=bool(found))
        if erase:
            drop_content_of(ledger, folder, {f"tag:{name}": value for name, value in tags.items()})
        erased = ledger.forget(tags) if erase else 0
    if erase or not (found or dry_run):
        Submissions(folder / "batches").forget(tags)  # batches that were submitted, and not fetched yet
    if as_json:
        print_json({"forgotten_calls": erased, "found_calls": found, "dry_run": dry_run})
    elif dry_run:
        click.echo(f"Would erase {what}.")
    elif erased == 1:
        click.echo("1 call no longer says whose it was.")
    else:
        click.echo(f"{counted(erased, 'call')} no longer say whose they were.")


def _read(conditions: Sequence[str]) -> dict[str, str]:
    tags: dict[str, str] = {}
    for condition in conditions:
        name, sign, value = condition.partition("=")
        if not sign or not name or not value:
            raise click.UsageError(f"{condition!r} must be written as TAG=VALUE, like user=u-42.")
        if name in tags:
            raise click.UsageError(f"{name!r} is named twice: a call has one.")
        tags[name] = value
    return tags
