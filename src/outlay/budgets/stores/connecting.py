"""Connections to PostgreSQL: made on a thread of their own, so that nobody waits too long, with the tables there."""

from __future__ import annotations

import importlib.resources
import select
import threading
import time
from typing import Any

from outlay.budgets.trade import StoreDown

DEADLINE = 0.25
"""Seconds that a step may take, connecting included."""
PATIENCE = 60.0
"""Seconds that an audit may take."""
QUEUE = "SET lock_timeout = 100"
"""Milliseconds that a step waits for others before it queues anew: a server that says so is not down."""
READY = "SELECT to_regprocedure('outlay_budget_step_3(jsonb)')"


class Connecting:
    """Connect on a thread of its own, since the client's own time limit begins at two seconds."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._made: Any = None
        self._over = False
        self._thread = threading.Thread(target=self._connect, name="outlay-postgres", daemon=True)
        self._thread.start()

    @property
    def failed(self) -> bool:
        """Whether there will be no connection."""
        return isinstance(self._made, Exception)

    def result(self) -> Any:
        """Return the connection, if it is made within the deadline; else raise, and go on for who comes next."""
        self._thread.join(DEADLINE)
        if self._thread.is_alive():
            raise StoreDown("PostgreSQL does not answer.")
        if self.failed:
            raise StoreDown(f"PostgreSQL can't be reached ({str(self._made).strip()}).") from self._made
        return self._made

    def give_up(self) -> None:
        """Have what is connected to in vain closed again."""
        self._over = True
        if not self._thread.is_alive() and not self.failed:
            self._made.close()

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
