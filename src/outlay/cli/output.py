"""What the commands print: tables for people, JSON for programs; amounts, counts and times written one way."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from outlay.ledger.scanned import Progress as Tell
from outlay.records import Spend

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, amounts as decimal strings in USD.")
"""The option that every command has."""


def console() -> Console:
    """Return the console to print on: 140 columns where the output is no terminal, so that files read well."""
    return Console(width=None if sys.stdout.isatty() else 140, highlight=False)


def print_json(value: Any) -> None:
    """Print a value as JSON; amounts are strings, since a float can't hold them."""
    click.echo(json.dumps(value, indent=2, default=_plain, ensure_ascii=False))


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__qualname__)


def money(amount: Decimal | None) -> str:
    """Write USD: cents from one dollar up, four digits that count below, a question mark where it is not known."""
    if amount is None:
        return "?"
    if amount == 0 or abs(amount) >= 1:
        return f"${amount:,.2f}"
    return f"${amount:.{max(4, 3 - amount.adjusted())}f}"


def spend(amount: Spend) -> str:
    """Write a sum, with a plus sign where calls without a price are left out of it."""
    return money(amount) + ("" if amount.complete else " +")


def count(number: int) -> str:
    """Write a count with its thousands apart."""
    return f"{number:,}"


def tokens(number: int) -> str:
    """Write a token count short: ``12.3M``."""
    for least, size, unit in ((10**12, 10**12, "T"), (10**9, 10**9, "B"), (10**5, 10**6, "M"), (10**4, 10**3, "k")):
        if number >= least:
            return f"{number / size:,.1f}{unit}"
    return f"{number:,}"


def share(part: Decimal, whole: Decimal) -> str:
    """Write a part as percent of the whole."""
    return f"{100 * part / whole:.1f} %" if whole else ""


def when(at: int, zone: tzinfo = UTC) -> str:
    """Write a moment (nanoseconds since the epoch) to the second in ``zone``."""
    return datetime.fromtimestamp(at / 1e9, zone).strftime("%Y-%m-%d %H:%M:%S")


def seconds(nanoseconds: int | None) -> str:
    """Write a duration."""
    return "" if nanoseconds is None else f"{nanoseconds / 1e9:,.2f} s"


def table(
    columns: Iterable[str], rows: Iterable[Iterable[str]], *, left: int = 1, total: Iterable[str] | None = None
) -> Table:
    """Return a table whose first ``left`` columns are words and the others figures; ``total`` stands below a line."""
    made = Table(box=None, pad_edge=False, header_style="bold", show_footer=False)
    for index, name in enumerate(columns):
        made.add_column(name, justify="left" if index < left else "right", no_wrap=index >= left, overflow="fold")
    for row in rows:
        made.add_row(*(Text(cell) for cell in row))
    if total is not None:
        made.add_section()
        made.add_row(*(Text(cell, style="bold") for cell in total))
    return made


@contextmanager
def progress(what: str, *, quiet: bool) -> Iterator[Tell]:
    """Show a bar for what takes longer than a second; yields the function to tell the share done, from 0 to 1."""
    shown = Progress(
        TextColumn(what),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %"),
        transient=True,
        console=Console(stderr=True),
    )
    task = shown.add_task(what, total=1.0)
    started = datetime.now(UTC)
    running = False

    def tell(done: float) -> None:
        nonlocal running
        if not running and not quiet and (datetime.now(UTC) - started).total_seconds() > 1.0:
            shown.start()
            running = True
        shown.update(task, completed=done)

    try:
        yield tell
    finally:
        if running:
            shown.stop()
