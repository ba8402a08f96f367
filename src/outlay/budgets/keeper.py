"""The budgets' own thread: it refills leases before they are used up, tells what was spent, and raises alerts."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path

from outlay.budgets.journal import adopt
from outlay.budgets.leases import Leases
from outlay.budgets.teller import Teller
from outlay.budgets.trade import Store, StoreDown
from outlay.guard import guard

PRUNE_EACH = 3600.0
"""Seconds between two looks at what the store may let go of."""
RUNS_KEPT, WINDOWS_KEPT = 30 * 86_400_000, 400 * 86_400_000
"""Milliseconds that accounts are kept after they were last touched."""

_keeping = guard("keeping budgets")


class Keeper:
    """Start with the first lease, live as a daemon; a forked child starts its own."""

    def __init__(self, leases: Leases, teller: Teller, store: Store, journals: Path | None, *, beat: float) -> None:
        """Make the keeper; ``beat``: seconds between two reports of every lease."""
        self._leases, self._teller, self._store, self._journals, self._beat = leases, teller, store, journals, beat
        self.forked()

    def forked(self) -> None:
        """Have no thread, after a fork."""
        self.awake = False
        self._prune_at = time.monotonic() + PRUNE_EACH
        self._due = time.monotonic() + self._beat
        self._look = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def wake(self) -> None:
        """Start the thread, or have it look at once."""
        self._look.set()
        if self.awake:
            return
        with self._starting:
            if self._thread is None and not self._stopped:
                self._thread = threading.Thread(target=self._run, name="outlay-budgets", daemon=True)
                try:
                    self._thread.start()
                except RuntimeError:  # the interpreter ends
                    self._thread = None
            self.awake = True

    def stop(self) -> None:
        """End the thread."""
        self._stopped = True
        self._look.set()
        if self._thread is not None and self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout=1.0)

    def _run(self) -> None:
        self._safely(self.adopt)
        while not self._stopped:
            self._look.wait(0.0 if self._leases.wanting else max(0.0, self._due - time.monotonic()))
            self._look.clear()
            if self._stopped:
                return
            self._safely(self._refill)
            if time.monotonic() >= self._due:
                self._due = time.monotonic() + self._beat
                self._safely(self.beat)
            self._safely(self._teller.raise_due)
            self._safely(self._teller.confirm)

    def _safely(self, work: Callable[[], object]) -> None:
        with _keeping, contextlib.suppress(StoreDown):  # said by the breaker; the next beat tries again
            work()

    def _refill(self) -> None:
        with self._leases.lock:
            self._leases.wanting = False
            low = [(lease, 0) for lease in self._leases.live if lease.asked or lease.tell]
        if low:
            self._teller.fetch(low, need=False)

    def beat(self) -> None:
        """Report every lease, and see what dead processes left behind."""
        with self._leases.lock:
            live = list(self._leases.live)
        if live:
            self._teller.report(live)
        self.adopt()
        if time.monotonic() >= self._prune_at:
            self._prune_at = time.monotonic() + PRUNE_EACH
            now = time.time_ns() // 10**6
            self._store.prune(now - RUNS_KEPT, now - WINDOWS_KEPT)

    def adopt(self) -> None:
        """Settle what processes of this machine that are dead had held."""
        if self._journals is not None:
            adopt(self._journals, self._store.recover)
