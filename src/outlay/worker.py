"""The one thread of outlay's own: from spool to ledger, and whatever must not happen on a caller's thread."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from outlay import turns
from outlay.errors import LedgerError
from outlay.guard import guard, logger, newly_swallowed
from outlay.ledger.spool import Spool
from outlay.records import Swallowed
from outlay.wire.exchange import OPEN, settle_waiting
from outlay.wire.recognise import Recogniser

if TYPE_CHECKING:
    from outlay.alerts.alert import Alert
    from outlay.alerts.delivery import Delivery
    from outlay.ledger.inflight import Revive
    from outlay.ledger.ledger import Ledger
    from outlay.spikes.watch import Watch

TICK = 1.0
"""Seconds between two looks at the spool and at the patches. A record is safe before, and who reports carries it first;
the more lines a transaction carries, the less each costs."""

PATIENCE = 5.0
"""Seconds that records may wait for the ledger: those of other processes, alive or dead, and a few of this one's."""

SPARE = 0.05
"""Seconds of each tick in which past days are summed up for reports."""

PRUNE_TICK = 3600.0
"""Seconds between two looks at what the ledger may let go of."""

NEVER = 2**63
"""A clock that never comes."""

DAY = 86_400 * 10**9

LOOK = 10.0
"""Seconds between two looks for spikes, whose buckets are minutes."""

FORESEE = 600.0
"""Seconds between two looks at where budgets will end; a short program takes none."""

_working = guard("carrying calls to the ledger")
_alerting = guard("sending alerts")
_watching = guard("looking for spikes")
_foreseeing = guard("foreseeing budgets")


class Watched(Protocol):
    """What the worker looks after once a second."""

    def watch(self) -> None:
        """Put right what others have taken away."""


class Worker:
    """Start at the first record, live as a daemon, end with the process; a forked child starts its own."""

    def __init__(
        self, path: Path, spool: Spool, recogniser: Recogniser, *, keep_days: int = 0, keep_megabytes: int = 0
    ) -> None:
        """Make the worker of the ledger at ``path``, which keeps calls for so many days and is so large; 0: any."""
        self._path = path
        self._keep_days = keep_days
        self._keep_megabytes = keep_megabytes
        self._spool = spool
        self._recogniser = recogniser
        self.watched: Watched | None = None
        self.spikes: tuple[str, tuple[str, ...], Mapping[str, Any]] | None = None
        """Whose spikes are told of, the tags whose values are watched beside features, limits; None: nothing is."""
        self.revive: Revive | None = None
        """Reads what a killed process had noted."""
        self.carried: Callable[[], None] | None = None
        """Is told when records have come to the ledger."""
        self.trouble: str | None = None
        """Why records wait in the spool; None while they don't."""
        self.delivery: Delivery | None = None
        """Brings alerts to people, where a channel was asked for."""
        self.foresee: Callable[[], Iterable[Alert]] | None = None
        """Tells of budgets that will not last."""
        self.forked()

    def forked(self) -> None:
        """Start afresh in a child: the thread, the locks and the database's connection are the parent's."""
        self.awake = False
        self.due = 0
        """The clock from which on whoever makes a call wakes the worker, rather than to let it wait for its turn."""
        self._prune_at = 0.0
        self._look_at = time.monotonic() + LOOK  # a short program need not look at all
        self._foresee_at = time.monotonic() + FORESEE
        turns.calm()
        self._stop = threading.Event()
        self._look = threading.Event()
        self._starting = threading.Lock()
        self._at_work = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ledger: Ledger | None = None
        self._spikes: Watch | None = None
        self._hurried = False
        if self.delivery is not None:
            self.delivery.forked()

    def hurry(self) -> None:
        """Have what was written carried at once: somebody is to be told."""
        self._hurried = True
        if self.delivery is not None:
            self.delivery.stand_by()
        self.wake()
        self._look.set()

    def wake(self) -> None:
        """Start the thread, or have it look at once. A record that comes while the interpreter ends needs none."""
        if self.awake:
            self.due = NEVER
            if self._thread is not None and self._thread.is_alive():
                turns.hurry()  # so that it gets the interpreter when it looks
            self._look.set()
            return
        # A finaliser that interrupts this very function may keep a record and come here again: it must not wait.
        if not self._starting.acquire(blocking=False):
            return
        try:
            if self._thread is None and not self._stop.is_set():
                thread = threading.Thread(target=self._run, name="outlay", daemon=True)
                with contextlib.suppress(RuntimeError):
                    thread.start()
                    self._thread = thread
            self.awake = True
        finally:
            self._starting.release()

    def flush(self, timeout: float) -> int:
        """Carry everything written so far to the ledger, on this thread; return the bytes left when time is up."""
        deadline = time.monotonic() + timeout
        if not self._at_work.acquire(timeout=max(0.0, timeout)):
            return 1
        try:
            settle_waiting()
            self._note()
            return self._carry(deadline)[1]
        finally:
            self._at_work.release()

    def stop(self, timeout: float) -> None:
        """End the thread and carry what is left as far as ``timeout`` seconds allow; the rest is safe in the spool."""
        self._stop.set()
        self._look.set()
        deadline = time.monotonic() + timeout
        with _working:
            self.flush(timeout)
        with _alerting:
            self._finish_alerts(deadline)
        turns.calm()
        self.let_go()

    def let_go(self) -> None:
        """Close the database, if something was carried there."""
        with _working:
            if self._ledger is not None:
                with _watching:
                    if self._spikes is not None:
                        self._spikes.leave()
                self._spikes = None
                self._ledger.close()
                self._ledger = None

    def _run(self) -> None:
        while not self._stop.is_set():
            self._look.wait(TICK)
            self._look.clear()
            turns.hurry()
            try:
                with _working, self._at_work:
                    if not self._stop.is_set():
                        self._work()
            finally:
                turns.calm()
            self.due = time.perf_counter_ns() + int(TICK * 1e9)

    def _work(self) -> None:
        settle_waiting()
        self._note()
        if self._carry(None)[0] and self.carried is not None:
            self.carried()
        if self._ledger is not None and self.trouble is None:
            with _alerting:
                self._ledger.alert(self.delivery, time.time_ns())
        if self.watched is not None:
            self.watched.watch()
        if self._ledger is not None and self.trouble is None:
            self._ledger.sum_up(time.time_ns(), time.monotonic() + SPARE)
            with _watching:
                self._look_for_spikes(self._ledger)
            with _foreseeing:
                self._look_ahead()
        if time.monotonic() >= self._prune_at:
            self._prune_at = time.monotonic() + PRUNE_TICK
            self._prune()

    def _look_for_spikes(self, ledger: Ledger) -> None:
        if self.spikes is None or time.monotonic() < self._look_at:
            return
        if self._spikes is None:
            from outlay.config.spike_limits import limits_of
            from outlay.spikes.watch import Watch  # with the first look

            project, tags, limits = self.spikes
            self._spikes = Watch(ledger, self._raise, tags=tags, project=project, limits=limits_of(limits))
        if not self._spikes.step(time.time_ns(), time.monotonic() + SPARE):
            self._look_at = time.monotonic() + LOOK

    def _look_ahead(self) -> None:
        if self.foresee is not None and time.monotonic() >= self._foresee_at:
            self._foresee_at = time.monotonic() + FORESEE
            for alert in self.foresee():
                self._raise(alert)

    def _raise(self, alert: Alert) -> None:
        """Keep an alert for those that bring it to people; say it, where there are none."""
        if self._ledger is not None:
            self._ledger.put([alert], alert.at)
        if self.delivery is None:
            from outlay.spikes.voice import say

            say(alert)

    def _carry(self, deadline: float | None) -> tuple[int, int]:
        """Return (records carried, bytes left)."""
        self._spool.tick(time.time_ns())
        try:
            ledger = self._open()
        except LedgerError as error:
            self._tell(str(error))
            return 0, 1
        hurried, self._hurried = self._hurried, False
        patience = 0.0 if hurried or deadline is not None else PATIENCE
        done = ledger.ingest(self._spool.directory, deadline=deadline, own=self._spool, patience=patience)
        self._tell(done.trouble)
        return done.records, done.left

    def _finish_alerts(self, deadline: float) -> None:
        """Send what is due and wait for it until ``deadline``; what stays is sent by the next process."""
        if self._at_work.acquire(timeout=max(0.0, deadline - time.monotonic())):
            try:
                if self._ledger is not None and self.trouble is None:
                    self._ledger.alert(self.delivery, time.time_ns(), max(0.0, deadline - time.monotonic()))
            finally:
                self._at_work.release()

    def _prune(self) -> None:
        """Let go of what the settings say is old or too much; what was spent stays in the reports."""
        if self._ledger is not None and (self._keep_days or self._keep_megabytes):
            before = time.time_ns() - self._keep_days * DAY if self._keep_days else None
            size = self._keep_megabytes * 10**6 or None
            self._ledger.prune(before=before, max_bytes=size, keep_from=self._ledger.undelivered(time.time_ns()))

    def _open(self) -> Ledger:
        if self._ledger is None:
            from outlay.ledger.ledger import Ledger  # sqlite is for the worker alone

            self._ledger = Ledger.open(self._path, self.revive)
        return self._ledger

    def _tell(self, trouble: str | None) -> None:
        if trouble is not None and trouble != self.trouble:
            logger.warning("outlay keeps its records in %s for now: %s", self._spool.directory, trouble)
        self.trouble = trouble

    def _note(self) -> None:
        """Write down what this process counts for doctor: coverage, and errors of ours."""
        now = time.time_ns()
        for seen in self._recogniser.coverage(now, [exchange.match for exchange in list(OPEN.values())]):
            self._spool.append(seen)
        for (activity, error), count in newly_swallowed().items():
            self._spool.append(Swallowed(at=now, activity=activity, error=error, count=count))
