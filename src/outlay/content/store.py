"""The database of what was said: ``content.db`` beside the ledger, which can be deleted without losing a cent."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from outlay.export import Content
from outlay.forks import Connection, in_use
from outlay.readable import readable

NAME = "content.db"
_TABLE = "CREATE TABLE IF NOT EXISTS content (id TEXT PRIMARY KEY, at INTEGER NOT NULL, said TEXT NOT NULL)"
_PRAGMAS = ("PRAGMA journal_mode = WAL", "PRAGMA busy_timeout = 1000", "PRAGMA secure_delete = ON")
_THESE = "(SELECT value FROM json_each(?))"


class Store:
    """What was said, by the id of the call. From one thread at a time; a forked child opens its own."""

    def __init__(self, folder: Path) -> None:
        """Make the store in ``folder``; its file is there with the first content."""
        self._path = folder / NAME
        self._database: sqlite3.Connection | None = None
        self._inherited: sqlite3.Connection | None = None
        """A parent process's, which a child must not close."""
        self._process = 0

    @property
    def there(self) -> bool:
        """Whether anything was ever kept."""
        return self._path.exists()

    def put(self, said: Mapping[str, tuple[int, Content]]) -> None:
        """Keep what was said in calls: id → (the call's start in ns, content)."""
        rows = [(one, at, msgspec.json.encode(content).decode()) for one, (at, content) in said.items()]
        with in_use:
            self._open().executemany("INSERT OR REPLACE INTO content VALUES (?, ?, ?)", rows)

    def read(self, ids: Iterable[str]) -> dict[str, Content]:
        """Return what was said in these calls, where it is kept."""
        wanted = json.dumps(list(ids))
        if wanted == "[]" or not self.there:
            return {}
        sql = f"SELECT json_group_array(json_array(id, said)) FROM content WHERE id IN {_THESE}"  # noqa: S608  own words
        with in_use:
            found = self._open().execute(sql, (wanted,)).fetchone()[0]
        return {one: msgspec.json.decode(said, type=readable(Content)) for one, said in json.loads(found)}

    def drop(self, ids: Iterable[str] | None = None, *, before: int | None = None) -> int:
        """Delete what was said in these calls, or in those that began before a time, or all of it; return how many."""
        if not self.there:
            return 0
        with in_use:
            database = self._open()
            if ids is not None:
                gone = database.execute(f"DELETE FROM content WHERE id IN {_THESE}", (json.dumps(list(ids)),))  # noqa: S608  own words
            elif before is not None:
                gone = database.execute("DELETE FROM content WHERE at < ?", (before,))
            else:
                gone = database.execute("DELETE FROM content")
            if gone.rowcount:
                database.execute("VACUUM")
                database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return gone.rowcount

    def close(self) -> None:
        """Close the database."""
        if self._database is not None and self._process == os.getpid():
            with in_use:
                self._database.close()
        self._database = None

    def _open(self) -> sqlite3.Connection:
        if self._database is None or self._process != os.getpid():
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self.there:
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            database = Connection(self._path, isolation_level=None, check_same_thread=False, timeout=1.0)
            for statement in (*_PRAGMAS, _TABLE):
                database.execute(statement).fetchall()
            self._inherited, self._database, self._process = self._database, database, os.getpid()
        return self._database
