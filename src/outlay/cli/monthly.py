"""How the budgets of a whole month stand, beside a report of the month so far."""

from __future__ import annotations

import time
from pathlib import Path

import click
from rich.console import Console

from outlay.budgets.notices import dollars
from outlay.budgets.opening import project_of, store_of
from outlay.budgets.standing import Standing, read_standings
from outlay.budgets.tables import budgets_of
from outlay.budgets.trade import StoreDown
from outlay.cli.budgets import as_data
from outlay.cli.output import money
from outlay.config import Settings


def monthly(settings: Settings, folder: Path) -> list[Standing]:
    """Return how each budget of a month stands that is for everything; none where their store can't be used."""
    budgets = [each for each in budgets_of(settings.budgets) if each.per == "month" and not (each.scope or each.where)]
    if not budgets:
        return []
    store = store_of(settings, folder)
    try:
        return read_standings(store, project_of(settings), budgets, time.time_ns(), settings.timezone)
    except StoreDown as error:
        click.echo(f"outlay: the budgets are missing here: {error}", err=True)
        return []
    finally:
        store.close()


def show_monthly(out: Console, lines: list[Standing]) -> None:
    """Print a line for each budget: ``Budget month: $118.60 of $200.00, on track.``."""
    for line in lines:
        limit = money(dollars(line.limit)) + ("" if line.override is None else " (set by `outlay budgets set`)")
        out.print(f"Budget {line.budget}: {money(dollars(line.spent))} of {limit}, {line.sentence}.")


def monthly_data(lines: list[Standing]) -> dict[str, object]:
    """Return the same for ``--json``."""
    return {"budgets": [as_data(line) for line in lines]}
