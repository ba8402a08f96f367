"""Calls that several processes may tell of, as the lines of a batch's output: each is counted once in the fleet."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from outlay.budgets import teller
from outlay.budgets.budget import Budget
from outlay.budgets.gate import Budgets
from outlay.budgets.opening import store_of
from outlay.budgets.trade import Store
from outlay.config import Settings
from tests.budgets.asks import NANO, PICO, ask, spend
from tests.budgets.conftest import Opener
from tests.conformance.batch_shapes import JOBS


def settled(store: Store, project: str) -> int:
    """Return nano-USD that are settled in a project, whose counters must be what their entries add up to."""
    assert store.audit(project).differences == ()
    return sum(each.settled for each in store.figures(project))


def fetch(budgets: Budgets, *lines: int) -> None:
    """Count lines of an output, of a dollar each."""
    for line in lines:
        budgets.count(ask(id=f"line-{line}"), PICO, once=True)


@pytest.mark.parametrize("blocks", [False, True])
def test_what_two_processes_fetch_is_counted_once(gate: Opener, store: Store, project: str, blocks: bool) -> None:
    """In part or as a whole, at once or one after the other, beside calls of their own."""
    first, second = (gate(Budget("month", limit=100, block=blocks)) for _ in range(2))
    fetch(first, 1, 2, 3)
    spend(second, 5)
    fetch(second, 2, 3, 4)
    first.flush()
    second.flush()
    fetch(second, 1, 5)
    second.flush()
    assert settled(store, project) == 10 * NANO


def test_a_line_is_known_after_its_lease_is_forgotten(gate: Opener, store: Store, project: str) -> None:
    """Whoever fetches it, in however many processes that come and go."""
    for _ in range(3):
        budgets = gate(Budget("month", limit=100, block=True))
        fetch(budgets, 1, 2)
        budgets.close()
    assert settled(store, project) == 2 * NANO


def test_a_line_is_counted_in_each_budget(gate: Opener, store: Store, project: str) -> None:
    """Once in each."""
    for _ in range(2):
        budgets = gate(Budget("month", limit=100), Budget("day", limit=10, per="day"))
        fetch(budgets, 1)
        budgets.close()
    assert settled(store, project) == 2 * NANO


def test_a_large_output_is_told_in_parts(
    gate: Opener, store: Store, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part with what was spent until then."""
    monkeypatch.setattr(teller, "MANY", 7)
    first, second = (gate(Budget("month", limit=100, block=True)) for _ in range(2))
    fetch(first, *range(20))
    first.flush()
    fetch(second, *range(10, 40))
    spend(second, 5)
    first.flush()
    second.flush()
    assert settled(store, project) == 45 * NANO


def test_lines_of_a_lease_that_was_lost_are_told_by_the_next(gate: Opener, store: Store, project: str) -> None:
    """What it had told is not told again; what it had not is counted once."""
    first, second = (gate(Budget("month", limit=100, block=True)) for _ in range(2))
    fetch(first, 1)
    first.flush()
    fetch(first, 2, 3)
    (lease,) = first._leases.live  # noqa: SLF001 - its name is nobody else's business
    lease.id = "lost" * 4  # as far as the store knows
    lease.seq = 5
    lease.reported, lease.total = 0, lease.total - lease.reported
    lease.once = [(identity, amount, total - NANO) for identity, amount, total in lease.once]
    fetch(second, 1, 2, 3, 4)
    first.flush()
    second.flush()
    assert settled(store, project) == 4 * NANO


PROGRAM = """
import sys, openai, outlay
host = f"127.0.0.1:{sys.argv[1]}"
outlay.init(project="p", hosts={host: "openai"}, budgets=[outlay.Budget("all", limit=1, per="total")])
with openai.OpenAI(api_key="none", base_url=f"http://{host}/v1") as client:
    client.files.content(client.batches.retrieve("batch_1").output_file_id).read()
outlay.flush()
"""


def test_two_programs_that_fetch_one_output_count_it_once(tmp_path: Path) -> None:
    """By the real SDK; the ledger, too, has each call once."""
    job = JOBS["openai"]
    with job.host() as host:
        program = [sys.executable, "-c", PROGRAM, str(host.port)]
        for _ in range(2):
            subprocess.run(program, check=True, env={**os.environ, "OUTLAY_DATA": str(tmp_path)})
    with_store = store_of(Settings(), tmp_path)
    (found,) = with_store.figures("p")
    assert found.settled == 212_500  # 0.000135 + 0.0000675 + 0.00001
    with_store.close()
