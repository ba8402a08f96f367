"""The ledger as a command opens it: by the settings of the place it runs in, with everything written so far in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from outlay.config import Settings, data_folder, load, writable
from outlay.ledger.ledger import Ledger

data_option = click.option(
    "--data", type=click.Path(path_type=Path), help="Folder of the ledger, in place of the set one."
)


@contextmanager
def opened(data: Path | None) -> Iterator[tuple[Ledger, Settings, Path]]:
    """Yield (ledger, settings, folder); what processes have written to the spool is carried over first."""
    settings = load({"disabled": False} | ({} if data is None else {"data": str(data)}))
    folder = writable(data_folder(settings))
    with Ledger.open(folder / "ledger.db") as ledger:
        done = ledger.ingest(folder / "spool")
        if done.trouble is not None:
            click.echo(
                f"outlay: the newest calls are missing here, they wait in {folder / 'spool'}: {done.trouble}", err=True
            )
        yield ledger, settings, folder
