"""Measure budgets: reserving and settling, authorisations by eight processes, and LiteLLM's budgets in the same race.

``python -m benchmarks.budgets``; ``--litellm PYTHON`` names the interpreter of an environment that has litellm.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from outlay.budgets.budget import Budget
from outlay.budgets.decision import Ask
from outlay.budgets.gate import Budgets
from outlay.budgets.journal import Journal
from outlay.budgets.leases import Held, Lease, Leases
from outlay.budgets.opening import store_of
from outlay.budgets.plan import Plan
from outlay.budgets.trade import Account
from outlay.config import Settings

PICO = 10**12
PROCESSES, CALLS = 8, 60_000


def ask(amount: int = PICO // 1000) -> Ask:
    """Return a call of a tenth of a cent, with an output limit."""
    return Ask(
        id="0" * 16, provider="openai", model="gpt-4o-mini", feature="answer", path="answer", run=None,
        tags={"tenant": "acme"}, at=time.time_ns(), quote=lambda *_: amount, output_limit=200,
    )  # fmt: skip


def microseconds(action: Callable[[], object], count: int = 200_000) -> tuple[float, float]:
    """Return the median and the 99th percentile of what ``action`` takes, less what the clock takes."""
    clock = time.perf_counter_ns
    empty = statistics.median(-clock() + clock() for _ in range(1000))
    took = []
    for _ in range(count):
        began = clock()
        action()
        took.append(clock() - began - empty)
    took.sort()
    return took[count // 2] / 1000, took[count * 99 // 100] / 1000


def pair(folder: Path) -> tuple[float, float]:
    """Measure a reservation and its settlement on a lease with its journal."""
    leases = Leases(Journal(folder / "leases"))
    lease = Lease(Plan(Budget("b", limit=1_000_000, block=True), "p"), Account("p", "b", "", "w"), {}, ())
    lease.seq, lease.free, lease.expires = 1, 10**15, 2**62
    with leases.lock:
        leases.enter(lease)
    parts = [(lease, 1_000_000)]

    def both() -> None:
        leases.reserve(parts)
        leases.settle(Held(parts, 0, 0, None), 900_000)

    return microseconds(both)


def whole(folder: Path, budgets: int) -> tuple[float, float]:
    """Measure all that the gate does about a call, with so many budgets."""
    made = [Budget(f"b{number}", limit=1_000_000, block=True) for number in range(budgets - 1)]
    gate = Budgets([*made, Budget("tenant", limit=1_000_000, scope="tenant", block=True)],
                   store_of(Settings(), folder), journals=folder / "leases")  # fmt: skip
    call = ask()

    def both() -> None:
        decision = gate.decide(call)
        assert decision is not None
        gate.settle(decision.held, 900_000_000)

    found = microseconds(both, 100_000)
    gate.close()
    return found


def authorisations(url: str | None, folder: Path) -> float:
    """Return the calls a second that eight processes let pass and settle, all under one limit."""
    settings = Settings(budget_store=url)
    store_of(settings, folder).close()
    project = uuid.uuid4().hex
    gun, trigger = os.pipe()
    pids = []
    for _ in range(PROCESSES):
        pid = os.fork()
        if not pid:
            _work(settings, folder, project, gun)
        pids.append(pid)
    time.sleep(2)
    began = time.perf_counter()
    os.write(trigger, b"!" * PROCESSES)
    for pid in pids:
        if os.waitpid(pid, 0)[1]:
            raise RuntimeError("a process failed")
    return PROCESSES * CALLS / (time.perf_counter() - began)


def _work(settings: Settings, folder: Path, project: str, gun: int) -> None:
    try:
        budget = Budget("month", limit=1_000_000, block=True)
        gate = Budgets([budget], store_of(settings, folder), project=project, journals=folder / "leases")
        call = ask()
        while (first := gate.decide(call)) is None or first.refusal is not None:
            time.sleep(0.1)  # until it is connected
        os.read(gun, 1)
        for _ in range(CALLS):
            decision = gate.decide(call)
            if decision is None or decision.refusal is not None:
                os._exit(1)
            gate.settle(decision.held, 900_000_000)
        gate.close()
        os._exit(0)
    finally:
        os._exit(1)


def main() -> None:
    """Print the figures as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", action="append", default=[], help="URL of a store, beside SQLite")
    parser.add_argument("--litellm", help="interpreter of an environment with litellm")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print("| what | p50 | p99 |\n|---|---|---|")
        print("| reserve + settle, with the journal | {:.2f} µs | {:.2f} µs |".format(*pair(folder)))
        for count in (1, 3):
            found = whole(folder / str(count), count)
            print("| decide + settle, {} budgets | {:.2f} µs | {:.2f} µs |".format(count, *found))
        print("\n| store | authorisations/s, 8 processes |\n|---|---|")
        for url in (None, *options.store):
            print(f"| {(url or 'SQLite').split(':')[0]} | {authorisations(url, folder):,.0f} |")
        print()
    if options.litellm:
        race = Path(__file__).with_name("litellm_budgets.py")
        subprocess.run([options.litellm, str(race)], check=True)


if __name__ == "__main__":
    main()
