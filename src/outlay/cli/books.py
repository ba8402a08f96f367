"""The ledger as a command opens it: by the settings of the place it runs in, with everything written so far in it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from outlay.cli.output import progress
from outlay.config import Settings, data_folder, load, writable
from outlay.errors import LedgerError
from outlay.ledger.ledger import Ledger
from outlay.pricing import Prices, shelf
from outlay.pricing.book import Book
from outlay.reviver import reviver

data_option = click.option(
    "--data", type=click.Path(path_type=Path), metavar="FOLDER", help="Folder of the ledger, in place of the set one."
)
AT_ONCE = 0.5
"""Seconds that the spool is carried at a time, between two looks at the clock."""


@contextmanager
def opened(data: Path | None) -> Iterator[tuple[Ledger, Settings, Path]]:
    """Yield (ledger, settings, folder); what processes have written to the spool is carried over first.

    Raises LedgerError where there is nothing to read.
    """
    settings, folder = located(data)
    if not holds_something(folder):
        raise LedgerError(
            f"there is no ledger in {folder} yet: call outlay.init() in a program, start one by `outlay run`, "
            "or try `outlay demo`."
        )
    with Ledger.open(folder / "ledger.db", reviver(settings)) as ledger:
        trouble = _carry(ledger, folder / "spool")
        if trouble is not None:
            click.echo(
                f"outlay: the newest calls are missing here, they wait in {folder / 'spool'}: {trouble}", err=True
            )
        yield ledger, settings, folder


def located(data: Path | None) -> tuple[Settings, Path]:
    """Return the settings in force here, and the folder in which an application with them keeps its ledger."""
    settings = load({"disabled": False} | ({} if data is None else {"data": str(data)}))
    folder = data_folder(settings)
    if folder is not None and (data is not None or holds_something(folder)):
        return settings, folder
    return settings, writable(folder)


def prices_of(data: Path | None, version: str = "") -> tuple[Prices, Settings]:
    """Return prices as an application here has them, and the settings; of an older table where a version is named."""
    settings, folder = located(data)
    book = Path(settings.price_book) if settings.price_book else None
    return Prices.load(book, folder / shelf.FOLDER, version), settings


def book_of(settings: Settings) -> Book:
    """Return the price book that the settings name; an empty one without."""
    return Prices.load(Path(settings.price_book)).book if settings.price_book else Book()


def holds_something(folder: Path) -> bool:
    """Return whether a ledger, or what is on its way to one, is in ``folder``."""
    try:
        return (folder / "ledger.db").exists() or any((folder / "spool").glob("*"))
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise LedgerError(f"{folder} can't be read ({reason}): mend its rights, or name another with --data.") from None


def _carry(ledger: Ledger, spool: Path) -> str | None:
    """Carry the whole spool over; return why something stayed behind."""
    first = 0
    with progress("carrying what was written into the ledger") as tell:
        while True:
            done = ledger.ingest(spool, deadline=time.monotonic() + AT_ONCE)
            # Without progress, what is left is the line that a process is writing just now.
            if done.trouble is not None or not done.left or not done.records:
                return done.trouble
            first = first or done.left
            tell(1 - done.left / max(first, done.left))
