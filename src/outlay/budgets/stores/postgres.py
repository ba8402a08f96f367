"""Counters of a fleet in PostgreSQL: a function in the server does all that changes an account."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from outlay.budgets.book import Lease, State, figures
from outlay.budgets.identity import Identity
from outlay.budgets.stores.connecting import DEADLINE, Connecting
from outlay.budgets.trade import Account, Audit, Before, Difference, Figures, Remains, Reply, Step, StoreDown
from outlay.errors import MissingExtra
from outlay.readable import readable

LEAST = 0.05
"""Seconds that are left for a step, however long connecting took."""

LOCK_NOT_AVAILABLE = "55P03"
CROWD = 3.0
"""Seconds for which a step queues."""
STEP = "SELECT outlay_budget_step_3(%s::jsonb)"
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
BUDGETS = """
SELECT b.budget, to_jsonb(b), (SELECT jsonb_object_agg(amount, seen) FROM outlay_budget_limits l
    WHERE (l.project, l.budget) = (b.project, b.budget)) FROM outlay_budgets b WHERE project = %s
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
        self._connecting: Connecting | None = None
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

    def identities(self, project: str) -> dict[str, Identity]:
        """Return what is declared of each budget of a project."""
        with self._using() as connection:
            rows = connection.patient(BUDGETS, (project,)).fetchall()
        return {budget: _identity(*known) for budget, *known in rows}

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
        self._connecting = self._connecting or Connecting(self._url)
        began = time.monotonic()
        try:
            self._connection = self._connecting.result()
        except StoreDown:
            if self._connecting.failed:
                self._connecting = None
            raise
        self._connecting = None
        self._connection.deadline = max(LEAST, DEADLINE - (time.monotonic() - began))
        return self._connection


_inherited: list[Any] = []
"""A parent's connections: closing one in a child would end the parent's session."""


def _served(connection: Any, steps: Sequence[Step]) -> list[Reply]:
    found: list[Any] = [None] * len(steps)
    with connection.pipeline():  # one transaction: in an order in which two of them do not wait for each other
        for index in sorted(range(len(steps)), key=lambda index: steps[index].account.key):
            found[index] = connection.execute(STEP, (_given(steps[index]),))
    return [msgspec.convert(cursor.fetchone()[0], readable(Reply)) for cursor in found]


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
