"""What one exporter needs to deliver in this process: the lease, the ledger and the backend, each when it is due."""

from __future__ import annotations

import os
import platform
import threading
import time
from pathlib import Path

from outlay.content.store import Store
from outlay.delivery.asked import Asked
from outlay.delivery.delivery import Delivery, note_trouble
from outlay.delivery.lease import Lease, first_asked
from outlay.export import Exporter, Later, Place
from outlay.guard import failure_of
from outlay.ledger.backlogs import Left
from outlay.ledger.ledger import Ledger
from outlay.otel import untraced

FOLDER = "exporters"
"""Folder beside the ledger for the locks and the files of exporters."""


def lock_of(folder: Path, name: str) -> Path:
    """Return the file that the lease of the exporter ``name`` is a lock on, for the ledger in ``folder``."""
    return folder / FOLDER / f"{name}.lock"


class Station:
    """One exporter in one process; ``look`` from one thread at a time, the rest from any."""

    def __init__(self, asked: Asked, folder: Path, *, project: str = "", release: str | None = None) -> None:
        """Make the station of an exporter for the ledger in ``folder``."""
        self.asked = asked
        self._folder = folder
        self._place = Place(folder=folder / FOLDER / asked.name, project=project, release=release)
        self._lock = lock_of(folder, asked.name)
        self._lease = Lease(self._lock)
        self._content = Store(folder)
        self._opening = threading.Lock()
        self._ledger: Ledger | None = None
        self._exporter: Exporter | None = None
        self._delivery: Delivery | None = None

    def look(self, deadline: float | None = None) -> bool:
        """Deliver what is there until ``deadline`` (monotonic); return False where another process has the lease."""
        had = self._lease.held
        if not self._lease.take():
            return False
        backlog = self.ledger.backlog(self.asked.name)
        if not had:
            now = time.time_ns()
            backlog.begin(first_asked(self._lock, now), now)
            backlog.held_by(f"{platform.node()} {os.getpid()}", now)
        if self._delivery is None and backlog.has_something() and not backlog.resting(time.time_ns()):
            self._open()
        if self._delivery is not None:
            self._delivery.run(deadline)
        return True

    def left(self) -> Left:
        """Count what is not delivered."""
        return self.ledger.left(self.asked.name, time.time_ns())

    def resting(self) -> float:
        """Return the seconds until the next attempt after a failure; 0 where there was none."""
        state = self.ledger.backlog(self.asked.name).state()
        return 0.0 if state is None else max(state.retry_at - time.time_ns(), 0) / 1e9

    @property
    def ledger(self) -> Ledger:
        """The ledger; whoever needs it first opens it, and raises LedgerError where that can't be."""
        with self._opening:
            if self._ledger is None:
                self._ledger = Ledger.open(self._folder / "ledger.db")
            return self._ledger

    def close(self) -> None:
        """Let go of the backend, the ledger and the lease."""
        exporter, self._exporter, self._delivery = self._exporter, None, None
        if exporter is not None:
            failure_of(exporter.close)
        with self._opening:
            if self._ledger is not None:
                if self._lease.held:
                    self._ledger.backlog(self.asked.name).held_by("", time.time_ns())
                self._ledger.close()
                self._ledger = None
        self._content.close()
        self._lease.release()

    def disown(self) -> None:
        """Leave everything to the parent process, which has forked this one."""
        self._lease.release()

    def _open(self) -> None:
        made: list[Exporter] = []
        backlog = self.ledger.backlog(self.asked.name)
        with untraced():
            error = failure_of(lambda: made.append(self.asked.backend.open(self.asked.options, self._place)))
        if error is not None:
            note_trouble(backlog, Later(f"it can't be opened: {type(error).__qualname__}: {error}"))
            return
        self._exporter = made[0]
        self._delivery = Delivery(self.asked, backlog, made[0], content=self._content)
