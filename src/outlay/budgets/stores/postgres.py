"""Counters of a fleet in PostgreSQL: an account is a row, locked while a step is done to it."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from outlay.budgets.book import Entry, Identity, State, figures
from outlay.budgets.stores import shelf
from outlay.budgets.trade import Account, Audit, Figures, Remains, Reply, Step, StoreDown
from outlay.errors import MissingExtra

DEADLINE = 0.25
"""Seconds that connecting, and each step, may take."""

SCHEMA = """
SELECT pg_advisory_xact_lock(7075);
CREATE TABLE IF NOT EXISTS outlay_budget_accounts (
    key text PRIMARY KEY, project text NOT NULL, budget text NOT NULL, scope text NOT NULL, win text NOT NULL,
    state text NOT NULL, at bigint NOT NULL);
CREATE TABLE IF NOT EXISTS outlay_budget_entries (
    account text NOT NULL, id text NOT NULL, kind text NOT NULL, settled bigint NOT NULL, leased bigint NOT NULL,
    at bigint NOT NULL, PRIMARY KEY (account, id));
CREATE TABLE IF NOT EXISTS outlay_budget_identities (
    project text NOT NULL, budget text NOT NULL, state text NOT NULL, PRIMARY KEY (project, budget));
"""
NOW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
LOCKED = "SELECT key, state FROM outlay_budget_accounts WHERE key = ANY(%s) ORDER BY key FOR UPDATE"
IDENTITY = "SELECT state FROM outlay_budget_identities WHERE project = %s AND budget = %s"


class PostgresStore:
    """Accounts in three tables, made with the first step."""

    def __init__(self, url: str) -> None:
        """Use the database at ``url``, connected to with the first step."""
        try:
            import psycopg  # an extra, loaded by those who have their budgets there
        except ImportError:
            raise MissingExtra("Budgets in PostgreSQL need psycopg: pip install 'outlay[postgres]'.") from None
        self._error = psycopg.Error
        self._url = url
        self._connecting: _Connecting | None = None
        self._connection: Any = None
        self._lock = threading.Lock()
        self._pid = os.getpid()

    def trade(self, steps: Sequence[Step]) -> list[Reply]:
        """Do ``steps`` in one transaction."""
        with self._transaction() as connection:
            desk = Desk(connection, [step.account for step in steps])
            replies = shelf.serve(desk, steps, desk.now)
            desk.save()
        return replies

    def recover(self, remains: Sequence[Remains]) -> None:
        """Settle what leases of a dead process had left."""
        with self._transaction() as connection:
            desk = Desk(connection, [left.account for left in remains])
            shelf.recover(desk, remains, desk.now)
            desk.save()

    def override(self, project: str, budget: str, limit: int | None, until: int | None) -> None:
        """Put a limit in place of the declared ones."""
        with self._transaction() as connection:
            desk = Desk(connection, ())
            shelf.override(desk, project, budget, limit, until)
            desk.save()

    def figures(self, project: str) -> list[Figures]:
        """Return the accounts of a project."""
        with self._transaction() as connection:
            desk = Desk(connection, ())
            rows = connection.execute(
                "SELECT project, budget, scope, win, state FROM outlay_budget_accounts WHERE project = %s ORDER BY key",
                (project,),
            ).fetchall()
            return [
                figures(Account(*names), _state(text), desk.identity(project, names[1]) or Identity(), desk.now)
                for *names, text in rows
                if text
            ]

    def audit(self) -> Audit:
        """Compare the counters with their entries."""
        with self._transaction() as connection:
            connection.execute("SET LOCAL statement_timeout = 0")
            rows = connection.execute(
                "SELECT key, state, coalesce(sum(settled), 0)::bigint, coalesce(sum(leased), 0)::bigint, count(id)"
                " FROM outlay_budget_accounts LEFT JOIN outlay_budget_entries ON account = key GROUP BY key"
            ).fetchall()
        found = ((key, _state(text), settled, leased) for key, text, settled, leased, _ in rows if text)
        return shelf.audited(found, sum(row[4] for row in rows))

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            if self._connection is not None and self._pid == os.getpid():
                self._connection.close()
            self._connection = None

    def forked(self) -> None:
        """Have a lock of one's own, after a fork."""
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[Any]:
        with self._lock:
            connection = self._connected()
            try:
                connection.execute("BEGIN")
                yield connection
                connection.execute("COMMIT")
            except BaseException as error:
                self._connection = None
                with contextlib.suppress(self._error, OSError):
                    connection.close()  # which rolls back
                if isinstance(error, self._error | OSError):
                    reason = str(error).strip() or type(error).__name__
                    raise StoreDown(f"PostgreSQL can't be used ({reason}).") from error
                raise

    def _connected(self) -> Any:
        if self._connection is not None and self._pid == os.getpid():
            return self._connection
        if self._pid != os.getpid():
            _inherited.append(self._connection)
            self._connecting, self._pid = None, os.getpid()
        self._connecting = self._connecting or _Connecting(self._url)
        made = self._connecting.result()
        self._connecting = None
        self._connection = made
        return made


_inherited: list[Any] = []
"""A parent's connections: closing one in a child would end the parent's session."""


class _Connecting:
    """Connect on a thread of its own, since the client's own time limit begins at two seconds."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._made: Any = None
        self._thread = threading.Thread(target=self._connect, name="outlay-postgres", daemon=True)
        self._thread.start()

    def result(self) -> Any:
        """Return the connection, if it is made within the deadline; else raise, and go on for who comes next."""
        self._thread.join(DEADLINE)
        if self._thread.is_alive():
            raise StoreDown("PostgreSQL does not answer.")
        if isinstance(self._made, Exception):
            failed, self._made = self._made, None
            self._thread = threading.Thread(target=self._connect, name="outlay-postgres", daemon=True)
            self._thread.start()
            raise StoreDown(f"PostgreSQL can't be reached ({str(failed).strip()}).") from failed
        return self._made

    def _connect(self) -> None:
        import psycopg

        try:
            self._made = _connection(self._url)
        except (psycopg.Error, OSError) as error:
            self._made = error


def _connection(url: str) -> Any:
    """Return a connection that waits for each answer no longer than the deadline."""
    import psycopg

    class Connection(psycopg.Connection[Any]):
        def wait(self, gen: Any, *_: Any, **__: Any) -> Any:
            return _wait(gen, self.pgconn.socket)

    options = f"-c lock_timeout={int(DEADLINE * 1000)} -c idle_in_transaction_session_timeout=5000"
    made = Connection.connect(url, autocommit=True, connect_timeout=5, options=options, application_name="outlay")
    with made.transaction():
        made.execute(SCHEMA)
    return made


def _wait(steps: Any, socket: int) -> Any:
    """Run psycopg's ``steps``, which yield what they wait for: 1 to read, 2 to write."""
    deadline = time.monotonic() + DEADLINE
    try:
        wanted = next(steps)
        while True:
            readable, writable, _ = select.select(
                [socket] if wanted & 1 else [],
                [socket] if wanted & 2 else [],
                [],
                max(0.0, deadline - time.monotonic()),
            )
            if not readable and not writable:
                raise TimeoutError("it does not answer")
            wanted = steps.send(bool(readable) | bool(writable) << 1)
    except StopIteration as end:
        return end.value


class Desk:
    """The accounts of one transaction: loaded and locked at once, and written back at once."""

    def __init__(self, connection: Any, accounts: Sequence[Account]) -> None:
        """Lock ``accounts``, in the order of their keys."""
        self._connection = connection
        self._states: dict[str, State | None] = {}
        self._identities: dict[tuple[str, str], Identity | None] = {}
        self._writes: list[tuple[str, tuple[object, ...]]] = []
        names = sorted({(account.project, account.budget) for account in accounts})
        keys = sorted(account.key for account in accounts)
        with connection.pipeline():
            now = connection.execute(NOW)
            found = [(name, connection.execute(IDENTITY, name)) for name in names]
            locked = connection.execute(LOCKED, (keys,)) if keys else None
        self.now = int(now.fetchone()[0])
        for name, cursor in found:
            self._identities[name] = _identity(cursor.fetchone())
        self._fill(locked.fetchall() if locked else [])
        missing = [account for account in accounts if account.key not in self._states]
        if missing:
            self._make(missing, keys)

    def account(self, account: Account) -> State | None:
        """Return an account; one that this transaction is not about is read as it is."""
        if account.key not in self._states:
            query = "SELECT key, state FROM outlay_budget_accounts WHERE key = %s"
            self._states[account.key] = None
            self._fill(self._connection.execute(query, (account.key,)).fetchall())
        return self._states[account.key]

    def put(self, account: Account, state: State, entries: Sequence[Entry]) -> None:
        """Write an account and its entries when all is saved."""
        self._writes.append((
            "UPDATE outlay_budget_accounts SET state = %s, at = %s WHERE key = %s",
            (msgspec.json.encode(state).decode(), self.now, account.key),
        ))  # fmt: skip
        for entry in entries:
            values = (account.key, *msgspec.structs.astuple(entry))
            self._writes.append(("INSERT INTO outlay_budget_entries VALUES (%s, %s, %s, %s, %s, %s)", values))

    def identity(self, project: str, budget: str) -> Identity | None:
        """Return what is declared of a budget."""
        name = (project, budget)
        if name not in self._identities:
            self._identities[name] = _identity(self._connection.execute(IDENTITY, name).fetchone())
        return self._identities[name]

    def put_identity(self, project: str, budget: str, identity: Identity) -> None:
        """Write what is declared of a budget, with what others have declared meanwhile."""
        latest = _identity(self._connection.execute(f"{IDENTITY} FOR UPDATE", (project, budget)).fetchone())
        if latest is not None:
            identity.declared = latest.declared | identity.declared
        self._identities[project, budget] = identity
        self._writes.append((
            "INSERT INTO outlay_budget_identities VALUES (%s, %s, %s)"
            " ON CONFLICT (project, budget) DO UPDATE SET state = excluded.state",
            (project, budget, msgspec.json.encode(identity).decode()),
        ))  # fmt: skip

    def save(self) -> None:
        """Write everything."""
        with self._connection.pipeline():
            for query, values in self._writes:
                self._connection.execute(query, values)

    def _make(self, missing: Sequence[Account], keys: list[str]) -> None:
        query = "INSERT INTO outlay_budget_accounts VALUES (%s, %s, %s, %s, %s, '', 0) ON CONFLICT DO NOTHING"
        for account in sorted(missing, key=lambda each: each.key):
            self._connection.execute(query, (account.key, *msgspec.structs.astuple(account)))
        self._fill(self._connection.execute(LOCKED, (keys,)).fetchall())

    def _fill(self, rows: Sequence[tuple[str, str]]) -> None:
        for key, text in rows:
            self._states[key] = _state(text) if text else None


def _state(text: str) -> State:
    return msgspec.json.decode(text, type=State)


def _identity(row: tuple[str] | None) -> Identity | None:
    return msgspec.json.decode(row[0], type=Identity) if row else None
