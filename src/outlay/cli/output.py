"""What the commands print: JSON for programs, and for people amounts, counts and times written one way."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from outlay.ledger.reading import Progress as Tell
from outlay.money import Spend, written

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON; amounts are decimal strings in USD.")
"""The option that every command has."""

UNBOUNDED = 10_000
"""Columns of an output that is no terminal: nothing is cut, nothing wraps."""


_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
_OTHERS = {code: shown for code, shown in _CONTROLS.items() if chr(code) not in "\n\t"}


def printable(text: str, *, lines: bool = True) -> str:
    """Return a text without what a terminal obeys: tags may come from outside. ``lines``: it may have some."""
    return text.translate(_OTHERS if lines else _CONTROLS)


class Screen(Console):
    """A console that shows control characters instead of sending them."""

    def print(self, *objects: Any, **how: Any) -> None:
        """Print as rich does."""
        super().print(*(printable(one) if isinstance(one, str) else one for one in objects), **how)


def console() -> Console:
    """Return the console to print on: as wide as the terminal, or as COLUMNS says; files and pipes have no width."""
    bounded = sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit()
    return Screen(width=None if bounded else UNBOUNDED, highlight=False, markup=False, emoji=False)


def print_json(value: Any) -> None:
    """Print a value as JSON; amounts are strings, since a float can't hold them."""
    click.echo(json.dumps(value, indent=2, default=_plain, ensure_ascii=False))


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(type(value).__qualname__)


money = written
"""How the commands write USD."""


def spend(amount: Spend) -> str:
    """Write a sum, with a plus sign where calls without a price are left out of it; a question mark if all are."""
    if amount == 0 and not amount.complete:
        return "?"
    return money(amount) + ("" if amount.complete else " +")


def count(number: int) -> str:
    """Write a count with its thousands apart."""
    return f"{number:,}"


def counted(number: int, one: str, many: str | None = None) -> str:
    """Write a count and what is counted: ``1 call``, ``2 calls``."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def tokens(number: int, most: int = 0) -> str:
    """Write a token count short, ``12.3M``: in the unit of ``most``, the largest beside it, where that says enough."""
    for largest, size, least, unit in UNITS:
        if max(number, most) >= largest and number >= least:
            return f"{number / size:,.1f}{unit}"
    return f"{number:,}"


UNITS = (
    (10**12, 10**12, 5 * 10**10, "T"),
    (10**9, 10**9, 5 * 10**7, "B"),
    (10**6, 10**6, 5 * 10**4, "M"),
    (10**4, 10**3, 10**3, "k"),
)
"""The largest count from which a unit is used, the unit's size, the least that it can show, and its letter."""


def share(part: Decimal | int, whole: Decimal | int) -> str:
    """Write a part as percent of the whole; nothing where there is no whole."""
    return f"{100 * part / whole:.1f} %".replace("-0.0", "0.0") if whole else ""


def when(at: int, zone: tzinfo = UTC) -> str:
    """Write a moment (nanoseconds since the epoch) to the second in ``zone``."""
    return datetime.fromtimestamp(at // 10**9, zone).strftime("%Y-%m-%d %H:%M:%S")


def ago(nanoseconds: int) -> str:
    """Write how long ago something was, in the largest unit that it fills: ``5 min ago``."""
    passed = max(nanoseconds, 0) // 10**9
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if passed >= size:
            return f"{passed // size:,} {unit} ago"
    return f"{passed} s ago"


def seconds(nanoseconds: int | None) -> str:
    """Write a duration."""
    return "" if nanoseconds is None else f"{nanoseconds / 1e9:,.2f} s"


@contextmanager
def progress(what: str) -> Iterator[Tell]:
    """Show a bar on a terminal for what takes longer than a second; yields what to tell the share done, from 0 to 1."""
    columns = (TextColumn(what, markup=False), BarColumn(), TextColumn("{task.percentage:.0f} %"))
    shown = Progress(*columns, transient=True, console=Console(stderr=True), disable=not sys.stderr.isatty())
    task = shown.add_task(what, total=1.0)
    started = time.monotonic()

    def tell(done: float) -> None:
        if not shown.live.is_started and time.monotonic() - started > 1.0:
            shown.start()
        shown.update(task, completed=done)

    try:
        yield tell
    finally:
        shown.stop()
