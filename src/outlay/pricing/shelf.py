"""The tables that are at hand: the release's own, and those that ``outlay prices update`` put into the data folder.

Every table that was ever in use stays there under its date and version, so that what a cost names can be looked up.
"""

from __future__ import annotations

import logging
import os
import re
from datetime import date
from pathlib import Path
from typing import NamedTuple

from outlay.config import data_folder, load
from outlay.errors import ConfigError
from outlay.pricing.table import SHIPPED, LoadedTable

logger = logging.getLogger("outlay")

FOLDER = "prices"
"""Where tables are kept, inside the data folder."""
_NAME = re.compile(r"(\d{4}-\d\d-\d\d)-([0-9a-f]{16})\.json")


class Kept(NamedTuple):
    """A table that is at hand."""

    dated: date
    version: str
    path: Path
    """Where it is: the release's own is a part of the package."""


def folder_in_use() -> Path | None:
    """Return the folder of tables in the data folder that the settings name; None for a user without a home.

    None too where settings can't be read: what is wrong with them is said where they are used.
    """
    try:
        data = data_folder(load({"disabled": False}))
    except ConfigError:
        return None
    return None if data is None else data / FOLDER


def newest(folder: Path | None) -> LoadedTable:
    """Return the table to price with: the newest there is; the release's own where none in ``folder`` is newer.

    A kept table that can't be read is passed over, and said in the log.
    """
    shipped = LoadedTable(SHIPPED.read_bytes())
    for kept in kept_tables(folder):
        if kept.dated <= shipped.dated:
            break
        try:
            return read(kept)
        except ConfigError as error:
            logger.warning("%s", error)
    return shipped


def kept_tables(folder: Path | None) -> list[Kept]:
    """Return what is kept in ``folder``, the newest first; nothing where there is none."""
    try:
        names = [] if folder is None else os.listdir(folder)  # noqa: PTH208 - a Path for each name costs more than it
    except OSError:
        return []
    found = [(match, name) for name in names if (match := _NAME.fullmatch(name))]
    kept = [Kept(date.fromisoformat(match[1]), match[2], Path(folder or "", name)) for match, name in found]
    return sorted(kept, reverse=True)


def at_hand(folder: Path | None) -> list[Kept]:
    """Return all tables, the release's own among them, the newest first."""
    own = LoadedTable(SHIPPED.read_bytes())
    shipped = Kept(own.dated, own.version, SHIPPED)
    others = [kept for kept in kept_tables(folder) if kept.version != own.version]
    return sorted([shipped, *others], key=lambda kept: (kept.dated, kept.path == SHIPPED), reverse=True)


def called(folder: Path | None, version: str) -> LoadedTable:
    """Return the table whose version begins with ``version``; ``ConfigError`` where there is none, or several."""
    found = [kept for kept in at_hand(folder) if version and kept.version.startswith(version.lower())]
    if len(found) != 1:
        how = "no price table" if not found else f"{len(found)} price tables"
        raise ConfigError(f"{how} at hand with the version {version!r}: `outlay prices tables` lists them.")
    return read(found[0])


def read(kept: Kept) -> LoadedTable:
    """Read a table and hold its bytes against its name; ``ConfigError`` where they are not what they were."""
    try:
        table = LoadedTable(kept.path.read_bytes())
    except OSError as error:
        raise ConfigError(f"the price table {kept.path} can't be read ({error.strerror}): delete it.") from None
    except ConfigError:
        raise ConfigError(
            f"the price table {kept.path} is damaged: delete it, and run `outlay prices update`."
        ) from None
    if table.version != kept.version:
        raise ConfigError(f"the price table {kept.path} was changed: delete it, and run `outlay prices update`.")
    return table


def keep(folder: Path, data: bytes) -> Kept:
    """Put a table into ``folder`` under its date and version, whole or not at all."""
    table = LoadedTable(data)
    path = folder / f"{table.dated.isoformat()}-{table.version}.json"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
        draft.replace(path)
    except OSError as error:
        raise ConfigError(f"the price table can't be kept in {folder} ({error.strerror}): mend its rights.") from None
    return Kept(table.dated, table.version, path)
