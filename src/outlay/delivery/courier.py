"""The one thread of one exporter, and who waits for it."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from outlay.config import Settings
from outlay.content.capture import Capture
from outlay.content.store import Store
from outlay.context import Home
from outlay.delivery.asked import Asked, asked, delivered
from outlay.delivery.following import Follower
from outlay.delivery.lease import note_asked
from outlay.delivery.station import Station, lock_of
from outlay.export import Backend
from outlay.guard import guard, logger

TICK = 5.0
"""Seconds between two looks at the ledger. The worker wakes the courier when it has carried something there."""
AT_END = 2.0
"""Seconds that a program which ends waits for its exporters at least; what they have not had is in the ledger."""
LOOK = 0.1
"""Seconds between two looks of who waits for deliveries that another process makes."""

_delivering = guard("delivering to an exporter")


class Courier:
    """Start when told, live as a daemon, end with the process; a forked child starts its own."""

    def __init__(self, asked: Asked, folder: Path, *, project: str = "", release: str | None = None) -> None:
        """Make the courier of an exporter for the ledger in ``folder``."""
        self.name = asked.name
        self.prepare: Callable[[], None] = _nothing
        """What is done before each look at the ledger."""
        self._make = functools.partial(Station, asked, folder, project=project, release=release)
        self._begin()

    def forked(self) -> None:
        """Start afresh in a child: the thread, the lease and the connections are the parent's."""
        self._station.disown()
        self._begin()

    def _begin(self) -> None:
        self._station = self._make()
        self._news = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._wanted = self._finished = 0

    def start(self) -> None:
        """Start the thread, unless it runs; while the interpreter ends there can be none."""
        with self._news:
            if self._thread is None and not self._stopped:
                thread = threading.Thread(target=self._run, name=f"outlay-{self.name}", daemon=True)
                with contextlib.suppress(RuntimeError):
                    thread.start()
                    self._thread = thread

    def wake(self) -> None:
        """Have the thread look at the ledger now."""
        self.start()
        with self._news:
            self._wanted += 1
            self._news.notify_all()

    def flush(self, deadline: float) -> int:
        """Deliver what can be until ``deadline`` (``time.monotonic()``); return how many records are left."""
        while True:
            self.wake()
            self._await(deadline)
            left, rest = self._station.left(), self._station.resting()
            wait = max(rest, LOOK)
            if not left.due or time.monotonic() + wait >= deadline:
                return left.total
            time.sleep(wait)

    def _await(self, deadline: float) -> None:
        with self._news:
            if self._thread is not None:
                wanted = self._wanted
                self._news.wait_for(lambda: self._finished >= wanted, max(0.0, deadline - time.monotonic()))
                return
        self.prepare()
        self._station.look(deadline)

    def stop(self, deadline: float) -> int:
        """Deliver what can be until ``deadline``, end the thread, give back the lease; return how many are left."""
        left = 0
        with _delivering:
            left = self.flush(deadline)
        with self._news:
            self._stopped = True
            self._news.notify_all()
        thread = self._thread
        if thread is not None:
            thread.join(max(0.1, deadline - time.monotonic()))
        if thread is None or not thread.is_alive():
            with _delivering:
                self._station.close()
        return left

    def _run(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._stopped or self._wanted > self._finished, TICK)
                if self._stopped:
                    return
                wanted = self._wanted
            with _delivering:
                self.prepare()
                self._station.look()
            with self._news:
                self._finished = max(self._finished, wanted)
                self._news.notify_all()


def _nothing() -> None:
    pass


def engage(settings: Settings, folder: Path, known: Sequence[str], load: Callable[[str], Backend]) -> Couriers:
    """Set couriers to work for the exporters that ``settings`` ask for, over the ledger in ``folder``; see ``asked``.

    What earlier processes left is delivered too. Content is captured also where there are none: a sidecar has them.
    """
    wanted = asked(settings.exporters, known, load)
    lives = [(one, one.backend.live(one.options)) for one in wanted if one.backend.live is not None]
    now = time.time_ns()
    for one in delivered(wanted):
        note_asked(lock_of(folder, one.name), now)
    couriers = [Courier(one, folder, project=settings.project, release=settings.release) for one in delivered(wanted)]
    capture = _capture(settings, folder) if settings.content else None
    for courier in couriers:
        courier.start()
    notes = tuple(one.backend.note for one in wanted if one.backend.note is not None)
    return Couriers(tuple(couriers), Follower(lives) if lives else None, capture, notes)


def _capture(settings: Settings, folder: Path) -> Capture:
    return Capture(
        settings.content,
        Store(folder),
        limit=settings.content_limit,
        days=settings.content_days,
        redact=settings.content_redact,
    )


class Couriers:
    """The couriers of one process."""

    def __init__(
        self,
        couriers: tuple[Courier, ...],
        follower: Follower | None = None,
        capture: Capture | None = None,
        notes: tuple[Callable[[], Mapping[str, str]], ...] = (),
    ) -> None:
        """Lead ``couriers``; ``notes`` are what exporters note of the moment at which a call begins."""
        self._couriers = couriers
        self._follower = follower
        self._capture = capture
        self._notes = notes
        _all.add(self)
        if capture is not None:
            for courier in couriers:
                courier.prepare = capture.drain
            if not couriers:  # a sidecar delivers
                capture.read_alone()

    def attend(self, home: Home) -> None:
        """Be told what begins at ``home``: exporters note things at calls, and some follow spans."""
        home.notes = self._notes
        if self._follower is not None:
            self._follower.watch(home)

    def serve(self, meter: Any, worker: Any, home: Home) -> None:
        """Be told what comes to the ledger, and have calls followed by those backends that do so."""
        worker.carried = self.wake
        if self._capture is not None:
            self._capture.follow(meter, home)
        if self._follower is not None:
            self._follower.follow(meter, home)

    def wake(self) -> None:
        """Have them look at the ledger now."""
        for courier in self._couriers:
            courier.wake()

    def flush(self, timeout: float) -> int:
        """Deliver what can be within ``timeout`` seconds; return how many deliveries are left to be made."""
        deadline = time.monotonic() + timeout
        self.wake()
        if self._capture is not None:
            self._capture.drain()
        return sum(courier.flush(deadline) for courier in self._couriers)

    def stop(self, timeout: float) -> None:
        """Deliver what can be within ``timeout`` seconds, or two, say what is left, and end."""
        deadline = time.monotonic() + max(timeout, AT_END)
        self.wake()
        if self._capture is not None:
            self._capture.drain()
        for courier in self._couriers:
            left = courier.stop(deadline)
            if left:
                logger.warning(
                    "outlay has %d records for %s that are not delivered yet: they are in the ledger, and go with the "
                    "next program that has this exporter, or by `outlay export run`.",
                    left,
                    courier.name,
                )
        if self._capture is not None:
            self._capture.close()

    def forked(self) -> None:
        """Start afresh in a child; what is followed is its parent's."""
        for courier in self._couriers:
            courier.forked()
        if self._follower is not None:
            self._follower.forget()
        if self._capture is not None:
            self._capture.forked()


_all: weakref.WeakSet[Couriers] = weakref.WeakSet()


def _in_child() -> None:
    for couriers in list(_all):
        couriers.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
