"""The ledger's SQLite database: opened with the right rights and pragmas, or refused with one sentence."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from outlay.errors import LedgerError
from outlay.forks import Connection, in_use
from outlay.ledger.schema import migrate

BUSY_MS = 1_000
"""Milliseconds to wait for another process that is writing."""

_PRAGMAS = (
    f"PRAGMA busy_timeout = {BUSY_MS}",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA cache_size = -500",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA secure_delete = ON",
)


def connect(path: str) -> sqlite3.Connection:
    """Open the ledger at ``path`` (``:memory:`` too), made or migrated where that is needed.

    Raises:
        LedgerError: it is newer than this outlay, damaged, no ledger, or can't be opened at all.
    """
    try:
        database = _open(path)
        try:
            if not read_only(database):
                database.execute("PRAGMA journal_mode = WAL")
            migrate(database, path)
        except BaseException:
            database.close()
            raise
    except sqlite3.Error as error:
        raise LedgerError(f"The ledger {path} can't be opened ({error}): move it away, or mend its rights.") from error
    except OSError as error:
        raise LedgerError(f"The ledger {path} can't be made ({error.strerror}): set OUTLAY_DATA elsewhere.") from error
    return database


def reader(database: sqlite3.Connection) -> sqlite3.Connection | None:
    """Return another connection to the same ledger, that any thread may read by; None where there can be none."""
    path = database.execute("PRAGMA database_list").fetchone()[2]
    if not path:
        return None  # in memory
    try:
        return _connection(f"{Path(path).absolute().as_uri()}?mode=ro")
    except sqlite3.Error:
        return None


def read_only(database: sqlite3.Connection) -> bool:
    """Return whether ``database`` can be read only: by its rights, or those of its folder."""
    try:
        database.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        return "readonly" in str(error)
    database.execute("ROLLBACK")
    return False


@contextlib.contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """Hold the write lock for a block that happens whole or not at all.

    Threads of this process take turns at it: one that waited inside SQLite would keep who has the lock from going on.
    """
    with in_use:
        database.execute("BEGIN IMMEDIATE")
        try:
            yield
            database.execute("COMMIT")
        finally:
            if database.in_transaction:  # it was left early, or could not be kept; a full disk rolls back by itself
                with contextlib.suppress(sqlite3.Error):
                    database.execute("ROLLBACK")


def _open(path: str) -> sqlite3.Connection:
    if path == ":memory:":
        return _connection(path)
    file = Path(path)
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite gives the files beside it the rights of this one.
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    try:
        return _connection(path, new=not file.stat().st_size)
    except sqlite3.OperationalError as error:
        if "readonly" not in str(error) and "unable to open" not in str(error):
            raise
        # In a folder without the right to write no lock file can be made; then nobody writes there either.
        return _connection(f"{file.absolute().as_uri()}?immutable=1")


def _connection(path: str, *, new: bool = False) -> sqlite3.Connection:
    database = Connection(
        path, isolation_level=None, check_same_thread=False, timeout=BUSY_MS / 1000, uri=path.startswith("file:")
    )
    try:
        if new:
            database.execute("PRAGMA auto_vacuum = INCREMENTAL")  # before all else; a pruned ledger gives its room back
        for pragma in _PRAGMAS:
            database.execute(pragma)
        database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        database.close()
        raise
    return database
