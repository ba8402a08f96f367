"""A race of processes for one limit: ``python -m tests.budgets.race '{"store": …}'`` runs it and prints the outcome.

Each racer writes what its calls cost to memory that outlives it, at the moment at which a provider would begin to bill:
after the gate let the call pass, before it is settled. So the truth is known whoever is killed when.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import random
import signal
import struct
import sys
import time
from pathlib import Path

import msgspec

from outlay.budgets.budget import Budget
from outlay.budgets.gate import Budgets
from outlay.budgets.opening import store_of
from outlay.budgets.stores.sqlite import SqliteStore
from outlay.budgets.trade import Store, StoreDown
from outlay.config import Settings
from tests.budgets.asks import PICO, ask
from tests.budgets.rewinding import remembered

NANO = 10**9
MONTH = 31 * 86_400 * NANO
TRUTH = struct.Struct("<qqq")
"""Spent in this month, in the next one, and the number of calls."""


class Race(msgspec.Struct, kw_only=True):
    """How a race is run."""

    store: str
    """URL of the store; for SQLite the path of its file."""
    journals: str = ""
    project: str = "race"
    racers: int = 64
    limit: float = 20.0
    call: float = 0.004
    dearer: float = 1.0
    """What a response costs, as a part of what was reserved for it."""
    kills: int = 0
    jumps: bool = False
    """Whether clocks jump: that of each call by a month, that of the store, where it is ours to set, by hours."""
    ttl: float = 30.0
    seconds: float = 120.0
    rewinds: bool = False
    """Whether the store is put back to an old state while racers run, before any is killed."""
    pause: float = 0.0
    """Seconds between two calls of a racer."""
    patience: float = 0.0
    """Seconds for which racers come back after a refusal: for races whose store goes away for a while."""
    seed: int = 0


class Outcome(msgspec.Struct, kw_only=True):
    """What came of a race. Amounts are USD, those of windows by their number."""

    spent: list[float]
    settled: list[float]
    leased: list[float]
    calls: int
    killed: int
    differences: int
    suspense: float
    seconds: float


def store_for(race: Race, jump: int = 0) -> Store:
    """Open the store that is raced for, with a clock that jumps by ``jump`` milliseconds now and then."""
    if "://" in race.store:
        return store_of(Settings(budget_store=race.store), Path())
    clock = (lambda: time.time_ns() // 10**6 + random.choice((0, jump))) if jump else None
    return SqliteStore(Path(race.store), clock=clock)


def gate_for(race: Race, store: Store) -> Budgets:
    """Make a racer's gate."""
    budget = Budget("race", limit=race.limit, per="month", block=True, alerts=[50, 80, 100])
    journals = Path(race.journals) if race.journals else None
    return Budgets([budget], store, project=race.project, journals=journals, ttl=race.ttl)


def run(race: Race, number: int, truth: mmap.mmap, base: int) -> None:
    """Make calls until the limit is reached, two at a time."""
    random.seed(race.seed * 1000 + number)
    budgets = gate_for(race, store_for(race, random.randrange(10_000_000) if race.jumps else 0))
    spent, calls = [0, 0], 0
    held: object = None
    cost = 0
    until = time.monotonic() + race.patience
    crowded = time.monotonic() + 20
    while True:
        time.sleep(race.pause)
        amount = race.call * random.uniform(0.5, 1.5)
        window = random.randrange(2) if race.jumps else 0
        decision = budgets.decide(ask(amount, at=base + window * MONTH))
        assert decision is not None
        if decision.refusal is not None:
            down = "can't be reached" in str(decision.refusal)
            if time.monotonic() > (crowded if down else until):
                break
            time.sleep(0.02)
            continue
        spent[window] += int(amount * race.dearer * NANO)
        calls += 1
        TRUTH.pack_into(truth, number * TRUTH.size, *spent, calls)
        if held is not None:
            budgets.settle(held, cost)
        held, cost = decision.held, int(amount * race.dearer * PICO)
    if held is not None:
        budgets.settle(held, cost)
    budgets.close()


def start(race: Race, number: int, truth: mmap.mmap, gun: int, base: int) -> int:
    """Fork a racer that waits for the gun."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        os.read(gun, 1)
        run(race, number, truth, base)
        status = 0
    finally:
        os._exit(status)


def held(race: Race) -> Outcome:
    """Run a race and return what came of it."""
    truth = mmap.mmap(-1, TRUTH.size * race.racers)
    gun, trigger = os.pipe()
    base = 1_790_000_000 * NANO
    store_for(race)  # loads the store's client, once for all racers
    began = time.monotonic()
    pids = [start(race, number, truth, gun, base) for number in range(race.racers)]
    os.write(trigger, b"!" * race.racers)
    if race.rewinds:
        time.sleep(0.4)
        rewind = remembered(race.store, race.project)
        time.sleep(0.4)
        rewind()
    victims = random.Random(race.seed).sample(pids, race.kills)
    for pid in victims:
        time.sleep(random.uniform(0, 0.02))  # some have told the store anew by then what it forgot, and some have not
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    statuses = [os.waitpid(pid, 0)[1] for pid in pids]
    killed = sum(os.WIFSIGNALED(status) for status in statuses)
    assert all(status == 0 for status in statuses if not os.WIFSIGNALED(status)), statuses
    seconds = time.monotonic() - began
    for _ in range(60):  # the store may be away
        with contextlib.suppress(StoreDown):
            return tally(race, truth, killed, seconds)
        time.sleep(0.5)
    raise TimeoutError("the store does not come back")


def tally(race: Race, truth: mmap.mmap, killed: int, seconds: float) -> Outcome:
    """Settle what the killed left behind, and put what was spent beside what the store says."""
    store = store_for(race)
    survivor = gate_for(race, store)
    survivor.flush()
    figures = sorted(
        (each for each in store.figures(race.project) if each.account.budget == "race"),
        key=lambda each: each.account.window,
    )
    rows = [TRUTH.unpack_from(truth, number * TRUTH.size) for number in range(race.racers)]
    outcome = Outcome(
        spent=[sum(row[window] for row in rows) / NANO for window in range(len(figures))],
        settled=[each.settled / NANO for each in figures],
        leased=[each.leased / NANO for each in figures],
        calls=sum(row[2] for row in rows),
        killed=killed,
        differences=len(store.audit(race.project).differences),
        suspense=sum(each.suspense for each in figures) / NANO,
        seconds=seconds,
    )
    survivor.close()
    return outcome


if __name__ == "__main__":
    sys.stdout.write(msgspec.json.encode(held(msgspec.json.decode(sys.argv[1], type=Race))).decode() + "\n")
