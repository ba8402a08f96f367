"""``outlay prune``: let go of old calls, of too many, or of a whole project."""

from __future__ import annotations

import time
from pathlib import Path

import click

from outlay.cli.books import data_option, opened
from outlay.cli.consent import agreed, dry_run_option, yes_option
from outlay.cli.output import as_json, count, counted, print_json, when
from outlay.cli.said import drop_content, drop_content_of
from outlay.config import Settings
from outlay.ledger.ledger import Ledger

DAY = 86_400 * 10**9


@click.command(short_help="Delete calls from the ledger: the old, the many, or a project's.")
@click.option(
    "--older-than", "days", type=click.IntRange(0, 36_500), metavar="DAYS", help="Delete calls older than DAYS days."
)
@click.option(
    "--megabytes",
    type=click.IntRange(1, 10**9),
    metavar="SIZE",
    help="Delete the oldest calls, a day at a time, until the ledger holds SIZE MB.",
)
@click.option("--project", metavar="NAME", help="Delete a project whole: its calls, and its part of every report.")
@click.option("--content", is_flag=True, help="Delete what was said in calls, and leave the calls.")
@dry_run_option
@yes_option
@data_option
@as_json
def command(
    days: int | None,
    megabytes: int | None,
    project: str | None,
    data: Path | None,
    *,
    content: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Delete calls that are older or more than the options say; without options, than the settings say.

    What was spent stays in reports by time, model, provider, feature and declared tags; a --project goes whole.
    """
    if project is not None and (days is not None or megabytes is not None):
        raise click.UsageError("--project goes whole: leave --older-than and --megabytes out.")
    with opened(data) as (ledger, settings, folder):
        if content:
            _prune_content(folder, days, dry_run=dry_run, yes=yes, as_json=as_json)
            return
        if project is not None:
            _prune_project(ledger, folder, project, dry_run=dry_run, yes=yes, as_json=as_json)
            return
        before, size = _limits(settings, days, megabytes)
        found = _calls_before(ledger, before)
        what = _what(found, before, size)
        if not agreed(what, dry_run=dry_run, yes=yes, needed=bool(found or size)):
            _tell(0, found, what, dry_run=dry_run, as_json=as_json)
            return
        deleted = ledger.prune(before=before, max_bytes=size, keep_from=ledger.undelivered(time.time_ns()))
    _tell(deleted, found, "reports still show what was spent", dry_run=False, as_json=as_json)


def _prune_content(folder: Path, days: int | None, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    before = None if days is None else time.time_ns() - days * DAY
    what = "what was said in all calls" if before is None else f"what was said before {when(before)} UTC"
    dropped = drop_content(folder, before) if agreed(what, dry_run=dry_run, yes=yes) else 0
    if as_json:
        print_json({"dropped_contents": dropped, "dry_run": dry_run})
    else:
        click.echo(f"Would delete {what}." if dry_run else f"What was said in {counted(dropped, 'call')} is gone.")


def _prune_project(ledger: Ledger, folder: Path, project: str, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    found = ledger.report(filters={"project": project}).total.attempts
    if not found:
        raise click.UsageError(
            f"no call is of the project {project!r}: `outlay report --by project --since 1970-01-01`."
        )
    what = f"{counted(found, 'call')} of the project {project}, and its part of every report"
    if agreed(what, dry_run=dry_run, yes=yes):
        drop_content_of(ledger, folder, {"project": project})
        _tell(ledger.remove(project), found, "reports show nothing of it any more", dry_run=False, as_json=as_json)
    else:
        _tell(0, found, what, dry_run=dry_run, as_json=as_json)


def _limits(settings: Settings, days: int | None, megabytes: int | None) -> tuple[int | None, int | None]:
    """Return (moment before which calls go, bytes that may stay): the options', or without any the settings'."""
    if days is None and megabytes is None:
        days, megabytes = settings.retention_days or None, settings.retention_megabytes or None
    before = None if days is None else time.time_ns() - days * DAY
    return before, None if megabytes is None else megabytes * 10**6


def _calls_before(ledger: Ledger, before: int | None) -> int:
    return 0 if before is None else ledger.report(until=before, exact=True).total.attempts


def _what(found: int, before: int | None, size: int | None) -> str:
    parts = [] if before is None else [f"{counted(found, 'call')} that began before {when(before)} UTC"]
    if size is not None:
        parts.append(f"the oldest calls beyond {count(size // 10**6)} MB")
    return " and ".join(parts) or "nothing: calls are kept for ever, say the settings"


def _tell(deleted: int, found: int, sentence: str, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json({"deleted_calls": deleted, "found_calls": found, "dry_run": dry_run})
    elif dry_run:
        click.echo(f"Would delete {sentence}.")
    else:
        click.echo(f"{counted(deleted, 'call')} deleted{f'; {sentence}' if deleted else ''}.")
