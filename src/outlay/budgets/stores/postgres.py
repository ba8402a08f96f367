"""Counters of a fleet in PostgreSQL: a function in the server does all that changes an account."""

from __future__ import annotations

import contextlib
import importlib.resources
import os
import select
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from outlay.budgets.book import Lease, State, figures
from outlay.budgets.identity import Identity
from outlay.budgets.trade import Account, Audit, Before, Difference, Figures, Remains, Reply, Step, StoreDown
from outlay.errors import MissingExtra

DEADLINE = 0.25
"""Seconds that a step may take, connecting included."""
LEAST = 0.05
"""Seconds that are left for a step, however long connecting took."""

PATIENCE = 60.0
"""Seconds that an audit may take."""
LOCK_NOT_AVAILABLE = "55P03"
QUEUE = "SET lock_timeout = 100"
"""Milliseconds that a step waits for others before it queues anew: a server that says so is not down."""
CROWD = 3.0
"""Seconds for which a step queues."""
READY = "SELECT to_regprocedure('outlay_budget_step_2(jsonb)')"
STEP = "SELECT outlay_budget_step_2(%s::jsonb)"
RECOVER = "SELECT outlay_budget_recover_2(%s::jsonb)"
NOW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
ACCOUNTS = """
SELECT a.project, a.budget, a.scope, a.win, to_jsonb(a), to_jsonb(b),
    (SELECT jsonb_agg(l) FROM outlay_budget_leases l WHERE account = key),
    (SELECT jsonb_object_agg(slot, amount) FROM outlay_budget_slots WHERE account = key),
    (SELECT jsonb_object_agg(amount, seen) FROM outlay_budget_limits l
        WHERE (l.project, l.budget) = (a.project, a.budget))
FROM outlay_budget_accounts a LEFT JOIN outlay_budgets b USING (project, budget) WHERE a.project = %s ORDER BY key
"""
SUMS = """
SELECT key, a.settled - coalesce(sum(e.settled), 0)::bigint, a.leased - coalesce(sum(e.leased), 0)::bigint,
    a.leased - (SELECT coalesce(sum(hold), 0)::bigint FROM outlay_budget_leases WHERE account = key), count(e.id),
    coalesce(sum(e.settled) FILTER (WHERE e.kind = 'opening'), 0)::bigint
FROM outlay_budget_accounts a LEFT JOIN outlay_budget_entries e ON account = key
WHERE %s::text IS NULL OR project = %s GROUP BY key
"""
PRUNE = """
WITH old AS (
    DELETE FROM outlay_budget_accounts WHERE at < CASE WHEN win LIKE 'run:%%' THEN %s ELSE %s END RETURNING key
), leases AS (DELETE FROM outlay_budget_leases WHERE account IN (SELECT key FROM old)),
claims AS (DELETE FROM outlay_budget_claims WHERE account IN (SELECT key FROM old)),
slots AS (DELETE FROM outlay_budget_slots WHERE account IN (SELECT key FROM old)),
forgotten AS (DELETE FROM outlay_budget_forgotten WHERE account IN (SELECT key FROM old))
DELETE FROM outlay_budget_entries WHERE account IN (SELECT key FROM old)
"""
OVERRIDE = """
INSERT INTO outlay_budgets (project, budget, since, override, until) VALUES (%s, %s, 0, %s, %s)
ON CONFLICT (project, budget) DO UPDATE SET override = excluded.override, until = excluded.until
"""


class Crowd(StoreDown):
    """Others are being served all the time."""


class PostgresStore:
    """Accounts as rows, in tables that are made with the first step."""

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
        """Do ``steps``, each by a function in the server, in one round trip."""
        until = time.monotonic() + CROWD
        while True:
            try:
                with self._using() as connection:
                    return _served(connection, steps)
            except Crowd:
                if time.monotonic() > until:
                    raise

    def recover(self, remains: Sequence[Remains]) -> None:
        """Settle what leases of a dead process had left."""
        with self._using() as connection:
            for left in remains:
                given = msgspec.structs.asdict(left) | {"key": left.account.key}
                connection.execute(RECOVER, (msgspec.json.encode(given).decode(),))

    def override(self, project: str, budget: str, limit: int | None, until: int | None) -> None:
        """Put a limit in place of the declared ones."""
        with self._using() as connection:
            connection.execute(OVERRIDE, (project, budget, limit, until if limit is not None else None))

    def figures(self, project: str) -> list[Figures]:
        """Return the accounts of a project."""
        with self._using() as connection:
            now = int(connection.execute(NOW).fetchone()[0])
            rows = connection.patient(ACCOUNTS, (project,)).fetchall()
        return [
            figures(Account(*row[:4]), _state(row[4], row[6], row[7]), _identity(row[5], row[8]), now) for row in rows
        ]

    def audit(self, project: str | None = None) -> Audit:
        """Compare the counters with their entries."""
        with self._using() as connection:
            rows = connection.patient(SUMS, (project, project)).fetchall()
        return Audit(
            accounts=len(rows),
            entries=sum(row[4] for row in rows),
            differences=tuple(
                Difference(key=key, settled=settled, leased=leased or held)
                for key, settled, leased, held, *_ in rows
                if settled or leased or held
            ),
            openings=tuple(Before(key=row[0], amount=row[5]) for row in rows if row[5]),
        )

    def prune(self, runs: int, windows: int) -> None:
        """Let go of accounts that nobody has touched for long, with all that is theirs."""
        with self._using() as connection:
            connection.patient(PRUNE, (runs, windows))

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            if self._pid == os.getpid():
                if self._connection is not None:
                    self._connection.close()
                if self._connecting is not None:
                    self._connecting.give_up()
            self._connection = self._connecting = None

    def forked(self) -> None:
        """Have a lock of one's own, after a fork."""
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def _using(self) -> Iterator[Any]:
        with self._lock:
            connection = self._connected()
            try:
                yield connection
            except (self._error, OSError) as error:
                if getattr(error, "sqlstate", None) == LOCK_NOT_AVAILABLE:
                    raise Crowd("PostgreSQL has a crowd before this budget.") from error
                self._connection = None
                with contextlib.suppress(self._error, OSError):
                    connection.close()
                raise StoreDown(f"PostgreSQL can't be used ({_reason(error)}).") from error

    def _connected(self) -> Any:
        if self._connection is not None and self._pid == os.getpid():
            self._connection.deadline = DEADLINE
            return self._connection
        if self._pid != os.getpid():
            _inherited.append(self._connection)
            self._connecting, self._pid = None, os.getpid()
        self._connecting = self._connecting or _Connecting(self._url)
        began = time.monotonic()
        try:
            self._connection = self._connecting.result()
            self._connection.deadline = max(LEAST, DEADLINE - (time.monotonic() - began))
        finally:
            if self._connecting.over:
                self._connecting = None
        return self._connection


_inherited: list[Any] = []
"""A parent's connections: closing one in a child would end the parent's session."""


class _Connecting:
    """Connect on a thread of its own, since the client's own time limit begins at two seconds."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._made: Any = None
        self._over = False
        self._thread = threading.Thread(target=self._connect, name="outlay-postgres", daemon=True)
        self._thread.start()

    @property
    def over(self) -> bool:
        """Whether it is connected, or has failed."""
        return not self._thread.is_alive()

    def result(self) -> Any:
        """Return the connection, if it is made within the deadline; else raise, and go on for who comes next."""
        self._thread.join(DEADLINE)
        if self._thread.is_alive():
            raise StoreDown("PostgreSQL does not answer.")
        if isinstance(self._made, Exception):
            raise StoreDown(f"PostgreSQL can't be reached ({str(self._made).strip()}).") from self._made
        return self._made

    def give_up(self) -> None:
        """Have what is connected to in vain closed again."""
        self._over = True

    def _connect(self) -> None:
        import psycopg

        try:
            self._made = _connection(self._url)
            if self._over:
                self._made.close()
        except (psycopg.Error, OSError) as error:
            self._made = error


def _connection(url: str) -> Any:
    """Return a connection that waits for each answer no longer than the deadline."""
    import psycopg

    class Connection(psycopg.Connection[Any]):
        deadline = DEADLINE

        def wait(self, gen: Any, *_: Any, **__: Any) -> Any:
            return _wait(gen, self.pgconn.socket, self.deadline)

        def patient(self, query: str | bytes, values: tuple[object, ...] | None = None) -> Any:
            """Run what may take its time."""
            self.deadline = PATIENCE
            try:
                return self.execute(query, values)
            finally:
                self.deadline = DEADLINE

    made = Connection.connect(
        url, autocommit=True, prepare_threshold=None, connect_timeout=5, application_name="outlay"
    )
    try:
        made.execute(QUEUE)
        if made.execute(READY).fetchone() == (None,):
            schema = importlib.resources.files(__package__).joinpath("account.sql").read_text(encoding="utf-8")
            made.patient(f"BEGIN; {schema} COMMIT".encode())
    except (psycopg.Error, OSError):
        made.close()
        raise
    return made


def _wait(steps: Any, socket: int, seconds: float) -> Any:
    """Run psycopg's ``steps``, which yield what they wait for: 1 to read, 2 to write."""
    deadline = time.monotonic() + seconds
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


def _served(connection: Any, steps: Sequence[Step]) -> list[Reply]:
    found: list[Any] = [None] * len(steps)
    with connection.pipeline():  # one transaction: in an order in which two of them do not wait for each other
        for index in sorted(range(len(steps)), key=lambda index: steps[index].account.key):
            found[index] = connection.execute(STEP, (_given(steps[index]),))
    return [msgspec.convert(cursor.fetchone()[0], Reply) for cursor in found]


def _given(step: Step) -> str:
    earlier = msgspec.structs.replace(step.account, window=step.carry).key if step.carry else None
    return msgspec.json.encode(msgspec.structs.asdict(step) | {"key": step.account.key, "earlier": earlier}).decode()


def _state(account: dict[str, Any], leases: list[dict[str, Any]] | None, slots: dict[str, int] | None) -> State:
    return State(
        settled=account["settled"], leased=account["leased"], extra=account["extra"], limit=account["in_force"],
        opening=account["opening"], refused=account["refused"], end=account["ends"],
        leases={
            row["id"]: Lease(**{name: row[name] for name in Lease.__struct_fields__}) for row in leases or ()
        },
        slots={int(slot): amount for slot, amount in (slots or {}).items()},
    )  # fmt: skip


def _identity(budget: dict[str, Any] | None, limits: dict[str, int] | None) -> Identity:
    found = budget or {}
    return Identity(
        declared={int(limit): seen for limit, seen in (limits or {}).items()},
        override=found.get("override"),
        until=found.get("until"),
    )


def _reason(error: BaseException | None) -> str:
    """Return what went wrong first: psycopg's pipeline complains of its own end on top of it."""
    reason = ""
    while error is not None:
        reason, error = str(error).strip() or type(error).__name__, error.__context__
    return reason
