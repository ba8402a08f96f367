"""``outlay export``: how deliveries stand, trying again, history for a new backend, and delivering beside programs."""

from __future__ import annotations

import time
from pathlib import Path

import click

from outlay import plugins
from outlay.cli.books import data_option, opened
from outlay.cli.export_run import backfill, run
from outlay.cli.output import ago, as_json, console, count, counted, print_json
from outlay.cli.standing import Standing, standings
from outlay.cli.tables import Column, print_table


@click.group(short_help="Show and command what is delivered to exporters.")
def command() -> None:
    """Show how deliveries to exporters stand, try again, send history, or deliver beside your programs."""


@command.command(short_help="Show how deliveries stand.")
@data_option
@as_json
def status(data: Path | None, *, as_json: bool) -> None:
    """Show for each exporter what is delivered, what is left, and what is wrong."""
    now = time.time_ns()
    with opened(data) as (ledger, settings, _):
        found = standings(ledger)
        asked = [name for name in settings.exporters if name not in {one.state.name for one in found}]
    if as_json:
        print_json([{**one.as_data(), "asked_for": one.state.name in settings.exporters} for one in found])
        return
    if not found and not asked:
        click.echo('No exporter was asked for: write  exporters = ["otlp"]  in outlay.toml, or see docs/exporters.md.')
        return
    _show(found, now)
    for name in asked:
        if _follows(settings.exporters[name].get("kind") or name):
            click.echo(f"{name}: nothing is delivered to it, since it follows calls where they are made.")
        else:
            click.echo(f"{name}: no program has delivered to it yet.")


def _follows(kind: str) -> bool:
    return kind in plugins.exporter_names() and not plugins.exporter(kind).delivers


def _show(found: list[Standing], now: int) -> None:
    out = console()
    columns = [
        Column("exporter", [one.state.name for one in found], figure=False),
        Column("state", [one.word for one in found], figure=False),
        Column("delivered", [count(one.state.delivered) for one in found]),
        Column("to go", [count(one.left.due) for one in found]),
        Column("waiting", [count(one.left.waiting) for one in found], leaves=2),
        Column("set aside", [count(one.left.aside) for one in found], leaves=3),
        Column("last", [ago(now - one.state.last) if one.state.last else "never" for one in found], leaves=1),
    ]
    if found:
        print_table(out, columns)
    for sentence in (sentence for one in found for sentence in one.sentences(now)):
        click.echo(sentence)


@command.command(short_help="Try again what was set aside.")
@click.argument("names", nargs=-1, required=True, metavar="EXPORTER…")
@data_option
@as_json
def retry(names: tuple[str, ...], data: Path | None, *, as_json: bool) -> None:
    """Try again what a backend did not take, and end the pause after failures."""
    with opened(data) as (ledger, _, _):
        known = [state.name for state in ledger.exporters()]
        for name in names:
            if name not in known:
                raise click.UsageError(f"{name!r} never delivered from here; there are {', '.join(known) or 'none'}.")
        again = {name: ledger.retry(name) for name in names}
    if as_json:
        print_json(again)
        return
    for name, records in again.items():
        click.echo(f"{name}: {counted(records, 'record')} that it did not take, to be tried again.")


command.add_command(backfill)
command.add_command(run)
