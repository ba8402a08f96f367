"""Counters of one machine: a SQLite database in outlay's data folder, changed in one transaction at a time."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar, cast

import msgspec

from outlay import forks
from outlay.budgets.book import Book, State, figures
from outlay.budgets.identity import Identity
from outlay.budgets.stores import shelf
from outlay.budgets.stores.clock import ahead_of, since_boot
from outlay.budgets.trade import Account, Audit, Figures, Remains, Reply, Step, StoreDown
from outlay.readable import readable

DEADLINE = 0.25
"""Seconds that a step may wait for another process's."""
LONGEST_PAUSE = 0.01
"""Seconds between two tries to get in, at most."""
MAKING = 2.0
"""Seconds that the first process and those beside it may take to make the database; a made one is opened without."""

T = TypeVar("T")

SCHEMA = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS accounts (
    key TEXT PRIMARY KEY, project TEXT, budget TEXT, scope TEXT, window TEXT, state TEXT, at INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entries (
    account TEXT, id TEXT, kind TEXT, settled INTEGER, leased INTEGER, at INTEGER,
    PRIMARY KEY (account, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS identities (
    project TEXT, budget TEXT, state TEXT, PRIMARY KEY (project, budget)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS forgotten (
    account TEXT, lease TEXT, counted INTEGER, PRIMARY KEY (account, lease)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS clock (boot TEXT PRIMARY KEY, ahead INTEGER) WITHOUT ROWID;
COMMIT;
"""

in_use = forks.lock()
"""Held while inside SQLite, so that forks wait: a child would inherit SQLite's own locks locked."""

_inherited: list[sqlite3.Connection] = []
"""A parent's connections: a child must not even close them."""


class SqliteStore:
    """Accounts in a file that the processes of one machine share."""

    def __init__(self, path: Path, *, synchronous: str = "NORMAL", clock: Callable[[], int] | None = None) -> None:
        """Open the store at ``path``, made where need be; ``clock`` returns milliseconds and is the machine's own."""
        self._path = path
        self._synchronous = synchronous
        self._given_clock = clock
        self._database: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        """What tells the file that is open from another of its name."""
        self._pid = os.getpid()
        self._ahead = 0

    def trade(self, steps: Sequence[Step]) -> list[Reply]:
        """Do ``steps`` in one transaction."""
        with self._transaction():
            return shelf.serve(self, steps, self._now())

    def recover(self, remains: Sequence[Remains]) -> None:
        """Settle what leases of a dead process had left."""
        with self._transaction():
            shelf.recover(self, remains, self._now())

    def override(self, project: str, budget: str, limit: int | None, until: int | None) -> None:
        """Put a limit in place of the declared ones."""
        with self._transaction():
            shelf.override(self, project, budget, limit, until)

    def figures(self, project: str) -> list[Figures]:
        """Return the accounts of a project."""
        with self._transaction() as database:
            rows = database.execute(
                "SELECT project, budget, scope, window, state FROM accounts WHERE project = ? ORDER BY key", (project,)
            ).fetchall()
            now = self._now()
            return [
                figures(Account(*names), _state(text), self.identity(project, names[1]) or Identity(), now)
                for *names, text in rows
            ]

    def identities(self, project: str) -> dict[str, Identity]:
        """Return what is declared of each budget of a project."""
        with self._transaction() as database:
            rows = database.execute("SELECT budget, state FROM identities WHERE project = ?", (project,)).fetchall()
        return {budget: msgspec.json.decode(text, type=readable(Identity)) for budget, text in rows}

    def audit(self, project: str | None = None) -> Audit:
        """Compare the counters with their entries."""
        with self._transaction() as database:
            rows = database.execute(
                "SELECT key, state, (SELECT coalesce(sum(settled), 0) FROM entries WHERE account = key),"
                " (SELECT coalesce(sum(leased), 0) FROM entries WHERE account = key),"
                " (SELECT coalesce(sum(settled), 0) FROM entries WHERE account = key AND id = 'opening') FROM accounts"
                " WHERE ? IS NULL OR project = ?",
                (project, project),
            )
            entries = database.execute("SELECT count(*) FROM entries").fetchone()[0]
            return shelf.audited(((key, _state(text), *sums) for key, text, *sums in rows), entries)

    def prune(self, runs: int, windows: int) -> None:
        """Let go of accounts that nobody has touched for long, with their entries."""
        old = "SELECT key FROM accounts WHERE at < CASE WHEN window LIKE 'run:%' THEN ? ELSE ? END"
        with self._transaction() as database:
            for table in ("entries", "forgotten"):
                database.execute(f"DELETE FROM {table} WHERE account IN ({old})", (runs, windows))  # noqa: S608 - our own text
            database.execute(f"DELETE FROM accounts WHERE key IN ({old})", (runs, windows))  # noqa: S608 - the same

    def close(self) -> None:
        """Close the database."""
        with in_use:
            if self._database is not None and self._pid == os.getpid():
                self._database.close()
            self._database = None

    def forked(self) -> None:
        """Leave the parent's connection alone: it is known by the process that made it."""

    def account(self, account: Account) -> State | None:
        """Return an account."""
        found = self._inside.execute("SELECT state FROM accounts WHERE key = ?", (account.key,)).fetchone()
        return _state(found[0]) if found else None

    def put(self, account: Account, book: Book) -> None:
        """Keep an account, its entries and what it forgot."""
        database, now = self._inside, self._now()
        text = msgspec.json.encode(book.state).decode()
        database.execute(
            "INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (key) DO UPDATE SET state = excluded.state, at = excluded.at",
            (account.key, *msgspec.structs.astuple(account), text, now),
        )
        for entry in book.entries:
            values = (account.key, *msgspec.structs.astuple(entry))
            database.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)", values)
        for lease, counted in book.forgotten.items():
            database.execute("INSERT OR REPLACE INTO forgotten VALUES (?, ?, ?)", (account.key, lease, counted))

    def counted(self, account: Account, lease: str) -> int:
        """Return what is in the counters of a forgotten lease."""
        found = self._inside.execute(
            "SELECT counted FROM forgotten WHERE account = ? AND lease = ?", (account.key, lease)
        )
        row = found.fetchone()
        return int(row[0]) if row else 0

    def identity(self, project: str, budget: str) -> Identity | None:
        """Return what is declared of a budget."""
        sql = "SELECT state FROM identities WHERE project = ? AND budget = ?"
        found = [row[0] for row in self._inside.execute(sql, (project, budget))]
        return msgspec.json.decode(found[0], type=readable(Identity)) if found else None

    def put_identity(self, project: str, budget: str, identity: Identity) -> None:
        """Keep what is declared of a budget."""
        text = msgspec.json.encode(identity).decode()
        self._inside.execute("INSERT OR REPLACE INTO identities VALUES (?, ?, ?)", (project, budget, text))

    @property
    def _inside(self) -> sqlite3.Connection:
        """The database of the transaction that is under way."""
        return cast("sqlite3.Connection", self._database)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with in_use:
            try:
                database = self._connection()
                _until(DEADLINE, database, lambda: database.execute("BEGIN IMMEDIATE"))
                try:
                    yield database
                    database.execute("COMMIT")
                except BaseException:
                    with contextlib.suppress(sqlite3.Error):  # a full disk rolls back by itself
                        database.execute("ROLLBACK")
                    raise
            except (sqlite3.Error, OSError) as error:
                raise StoreDown(f"the budgets' database {self._path} can't be used ({error}).") from error

    def _connection(self) -> sqlite3.Connection:
        if self._database is not None and self._pid != os.getpid():
            _inherited.append(self._database)
            self._database = None
        if self._database is not None:
            if self._file == _file(self._path):
                return self._database
            self._database.close()  # somebody has removed the file, or put another in its place
        self._database = None
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._path.exists():
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        file = _file(self._path)
        database = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=0)
        try:  # _until waits, in shorter steps than SQLite's
            made = _until(MAKING, database, lambda: _made(database))
            patience = DEADLINE if made else MAKING
            _until(patience, database, lambda: database.execute("PRAGMA journal_mode = WAL"))
            database.execute(f"PRAGMA synchronous = {self._synchronous}")
            _check(self._path, file)
            if not made:
                _until(patience, database, lambda: database.executescript(SCHEMA))
            self._ahead = _until(patience, database, lambda: ahead_of(database))
        except BaseException:
            database.close()
            raise
        self._database, self._file, self._pid = database, file, os.getpid()
        return database

    def _now(self) -> int:
        return self._given_clock() if self._given_clock else since_boot() + self._ahead


def _file(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _check(path: Path, file: tuple[int, int] | None) -> None:
    """Raise OSError if another file has come to ``path``: SQLite finds the log by its name, so it has that one's."""
    if _file(path) != file:
        raise OSError("it was removed while it was opened")


def _made(database: sqlite3.Connection) -> bool:
    newest = "SELECT 1 FROM sqlite_master WHERE name = 'forgotten'"
    return database.execute(newest).fetchone() is not None


def _until(seconds: float, database: sqlite3.Connection, act: Callable[[], T]) -> T:
    """Try until no other process is in the way: SQLite's own waiting sleeps for up to 100 ms, or not at all.

    Give up when nobody has come through for so many seconds: a crowd that moves is no store that is down.
    """
    deadline, version, pause = time.monotonic() + seconds, _version(database), 0.001
    while True:
        try:
            return act()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            if time.monotonic() > deadline:
                last, version = version, _version(database)
                if version == last:
                    raise
                deadline = time.monotonic() + seconds
            time.sleep(random.uniform(0.0002, pause))  # noqa: S311 - so that two that wait do not meet again
            pause = min(pause * 1.2, LONGEST_PAUSE)


def _version(database: sqlite3.Connection) -> object:
    """Return what changes when another connection writes; None while one makes the database."""
    try:
        return database.execute("PRAGMA data_version").fetchone()
    except sqlite3.OperationalError:
        return None


def _state(text: str) -> State:
    return msgspec.json.decode(text, type=readable(State))
