"""``outlay prices update``: a newer price table, built on this machine from data that is on this machine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import click
from rich.console import Console

from outlay.cli.books import data_option, located
from outlay.cli.output import as_json, console, counted, print_json
from outlay.cli.tables import Column, print_table
from outlay.config import writable
from outlay.pricing import shelf
from outlay.pricing.revision import Difference, differences, plausible
from outlay.pricing.table import SHIPPED, LoadedTable


@click.command("update", short_help="Build a newer table from genai-prices' data; nothing is fetched.")
@click.option(
    "--from",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="genai-prices' data.json, in place of the installed package.",
)
@click.option(
    "--dated", type=click.DateTime(["%Y-%m-%d"]), help="The day the data stands for; the day it came here if not given."
)
@click.option("--dry-run", is_flag=True, help="Show the differences, and keep nothing.")
@data_option
@as_json
def update(file: Path | None, dated: date | None, data: Path | None, *, dry_run: bool, as_json: bool) -> None:
    """Build a newer price table from the genai-prices that is installed, or from its data file; show what differs.

    Nothing is fetched: `pip install -U genai-prices` brings new data. Rows of an implausible size are refused, and the
    row before stays. The tables before stay too, and costs in the ledger are those of their day.
    """
    from outlay.pricing import compile as compiler  # the ways into the data are for those who build a table
    from outlay.pricing import source

    _, folder = located(data)
    tables = writable(folder) / shelf.FOLDER
    old = shelf.newest(tables)
    notes: list[str] = []
    refused: list[str] = []
    found = source.installed() if file is None else source.read(file)
    day = date(dated.year, dated.month, dated.day) if dated is not None else found.since
    made = compiler.compile_table(day, found, unfit=notes.append, check=plausible(old, refused.append))
    new = LoadedTable(made)
    changed = differences(old, new, time.time_ns())
    kept = None
    if not dry_run and changed and day >= old.dated:
        shelf.keep(tables, SHIPPED.read_bytes())
        kept = shelf.keep(tables, made)
    told = _outcome(old, new, changed, kept, dry_run=dry_run)
    if as_json:
        rows = [difference._asdict() for difference in changed]
        head = {"from": old.version, "to": new.version, "dated": day.isoformat(), "compiled_from": found.name}
        print_json(
            head
            | {"kept": None if kept is None else kept.path, "differences": rows, "refused": refused}
            | {"notes": list(dict.fromkeys(notes))}
        )
        return
    out = console()
    _show(out, changed, refused, list(dict.fromkeys(notes)))
    out.print(told)


def _outcome(
    old: LoadedTable, new: LoadedTable, changed: Sequence[Difference], kept: shelf.Kept | None, *, dry_run: bool
) -> str:
    if not changed:
        return f"No price differs from the table in use, {old.version} of {old.dated}."
    if kept is not None:
        return f"Table {kept.version} of {kept.dated} is in use from the next start on, in place of {old.version}."
    if new.dated < old.dated:
        return f"The data is of {new.dated}, older than the table in use ({old.dated}): nothing is kept."
    return f"Nothing is kept{': this is a dry run' if dry_run else ''}."


def _show(out: Console, changed: Sequence[Difference], refused: Sequence[str], notes: Sequence[str]) -> None:
    if changed:
        columns = [
            Column("provider", [row.provider for row in changed], figure=False),
            Column("model", [row.model for row in changed], figure=False),
            Column("what", [row.what or "model" for row in changed], figure=False),
            Column("was", [row.old for row in changed]),
            Column("is", [row.new for row in changed]),
        ]
        print_table(out, columns)
        out.print(f"{counted(len(changed), 'difference')}.")
    for sentence in refused:
        out.print(f"Refused: {sentence}")
    for sentence in notes:
        out.print(f"Note: {sentence}")
