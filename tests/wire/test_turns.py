"""Threads take turns as the application wants it, but for the moments in which the worker is at work."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from outlay import turns
from outlay.ledger.spool import Spool
from outlay.wire.recognise import Recogniser
from outlay.worker import NEVER, Worker

OWN = 0.004


@pytest.fixture(autouse=True)
def interval() -> Iterator[None]:
    """Begin with an interval of the application's own, and give back the one from before."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(OWN)
    try:
        yield
    finally:
        turns.calm()
        sys.setswitchinterval(before)


def now() -> float:
    """Return the interval, free of how it is kept."""
    return round(sys.getswitchinterval(), 6)


def test_turns_are_short_between_hurry_and_calm() -> None:
    """However often each is asked for."""
    turns.hurry()
    turns.hurry()
    assert now() == turns.TURN
    turns.calm()
    assert now() == OWN
    turns.calm()
    assert now() == OWN


def test_an_interval_that_is_set_meanwhile_stays() -> None:
    """Who sets it knows why."""
    turns.hurry()
    sys.setswitchinterval(0.009)
    turns.calm()
    assert now() == 0.009


def test_an_interval_that_is_as_short_already_is_left_alone() -> None:
    """It is the application's own."""
    sys.setswitchinterval(0.0001)
    turns.hurry()
    assert now() == 0.0001
    turns.calm()
    assert now() == 0.0001


def test_the_worker_works_in_short_turns_and_leaves_long_ones(tmp_path: Path) -> None:
    """Also when the one that wakes it comes while it is at work, and when it ends with something left to do."""
    seen: list[float] = []
    worked = threading.Event()

    class Watching:
        def watch(self) -> None:
            seen.append(now())
            worked.set()

    worker = Worker(tmp_path / "ledger.db", Spool(tmp_path / "spool"), Recogniser((), (), {}))
    worker.watched = Watching()
    worker.wake()
    worker.wake()
    assert worker.due == NEVER
    assert worked.wait(20)
    worker.wake()
    worker.stop(5)
    for thread in [thread for thread in threading.enumerate() if thread.name == "outlay"]:
        thread.join(20)
    assert set(seen) == {turns.TURN}
    assert now() == OWN
    worker.wake()  # nobody is there any more
    assert now() == OWN


def test_who_makes_calls_is_asked_to_wake_the_worker_once_a_second(tmp_path: Path) -> None:
    """It looks by itself too, but a thread that computes may keep it waiting."""
    worker = Worker(tmp_path / "ledger.db", Spool(tmp_path / "spool"), Recogniser((), (), {}))
    assert worker.due == 0
    worker.wake()
    worker.wake()
    deadline = time.monotonic() + 20
    while worker.due in (0, NEVER) and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    assert 0 < worker.due - time.perf_counter_ns() <= 10**9
    worker.stop(5)
