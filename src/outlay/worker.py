"""The one thread of outlay's own: from spool to ledger, and whatever must not happen on a caller's thread."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Protocol

from outlay.config import Settings
from outlay.guard import guard
from outlay.ledger.spool import Spool
from outlay.wire.exchange import settle_dropped
from outlay.wire.recognise import Recogniser

TICK = 0.25
"""Seconds between two looks at the spool while calls come in."""

IDLE_TICK = 1.0
"""Seconds between two looks when nothing has come in: the patches are still watched."""

_working = guard("carrying calls to the ledger")


class Watched(Protocol):
    """What the worker looks after once a second."""

    def watch(self) -> None:
        """Put right what others have taken away."""


class Worker:
    """Start at the first record, live as a daemon, end with the process; a forked child starts its own."""

    def __init__(self, folder: Path, spool: Spool, recogniser: Recogniser, settings: Settings) -> None:
        self._folder = folder
        self._spool = spool
        self._recogniser = recogniser
        self._settings = settings
        self.watched: Watched | None = None
        self.forked()

    def forked(self) -> None:
        """Start afresh in a child: the thread and the locks are the parent's."""
        self.awake = False
        self._stop = threading.Event()
        self._starting = threading.Lock()
        self._working = threading.Lock()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Start the thread, if it is not there yet. A record that comes while the interpreter ends needs none."""
        with self._starting:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="outlay", daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    return
                self._thread = thread
            self.awake = True

    def flush(self, timeout: float) -> int:
        """Carry everything written so far to the ledger, on this thread; return the records left when time is up."""
        deadline = time.monotonic() + timeout
        if not self._working.acquire(timeout=max(0.0, timeout)):
            return self._keeper.left()
        try:
            settle_dropped()
            self._note_coverage()
            return self._keeper.flush(deadline)
        finally:
            self._working.release()

    def stop(self, timeout: float) -> None:
        """End the thread and carry what is left as far as ``timeout`` seconds allow; the rest is safe in the spool."""
        self._stop.set()
        with _working:
            self.flush(timeout)

    def _run(self) -> None:
        second = 0.0
        wait = TICK
        while not self._stop.wait(wait):
            with _working, self._working:
                moved = settle_dropped() + self._keeper.tick(time.time_ns())
                wait = TICK if moved else IDLE_TICK
                if time.monotonic() - second >= 1.0:
                    second = time.monotonic()
                    self._look_after()

    def _look_after(self) -> None:
        self._note_coverage()
        if self.watched is not None:
            self.watched.watch()

    def _note_coverage(self) -> None:
        for seen in self._recogniser.coverage(time.time_ns()):
            self._spool.append(seen)
