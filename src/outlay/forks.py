"""Connections that no fork finds inside SQLite: a child would wait for its mutexes, inherited locked, forever."""

from __future__ import annotations

import os
import sqlite3
import threading
from typing import Any


def lock() -> threading.RLock:
    """Return a lock that forks wait for, and that a child finds free."""
    made = threading.RLock()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=made.acquire, after_in_parent=made.release, after_in_child=made.release)
    return made


in_use = lock()
"""Held by who is inside SQLite, and over a transaction; budgets' store, which callers wait for, has its own."""


class Cursor(sqlite3.Cursor):
    """A cursor each of whose steps is a whole one to forks."""

    def __next__(self) -> Any:
        """Return the next row."""
        with in_use:
            return super().__next__()

    def fetchone(self) -> Any:
        """Return the next row; None where there is none."""
        with in_use:
            return super().fetchone()

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""
        with in_use:
            return super().fetchall()

    def __del__(self, lock: threading.RLock = in_use, closed: type[Exception] = sqlite3.Error) -> None:
        # One that was not read to its end lets go of the database here. At an interpreter's end no global is left.
        with lock:
            try:
                self.close()
            except closed:
                return


class Connection(sqlite3.Connection):
    """A connection each of whose steps is a whole one to forks, on whatever thread."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        with in_use:
            super().__init__(*args, **kwargs)

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Execute a statement, up to its first row."""
        with in_use:
            return self.cursor(Cursor).execute(sql, parameters)

    def executemany(self, sql: str, parameters: Any, /) -> sqlite3.Cursor:
        """Execute a statement with each of ``parameters``."""
        with in_use:
            return self.cursor(Cursor).executemany(sql, parameters)

    def executescript(self, script: str, /) -> sqlite3.Cursor:
        """Execute statements."""
        with in_use:
            return self.cursor(Cursor).executescript(script)

    def commit(self) -> None:
        """Commit the transaction."""
        with in_use:
            super().commit()

    def rollback(self) -> None:
        """Take the transaction back."""
        with in_use:
            super().rollback()

    def close(self) -> None:
        """Close the connection."""
        with in_use:
            super().close()
