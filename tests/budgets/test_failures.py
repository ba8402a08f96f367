"""What goes wrong: killed processes, forks, and stores that go away."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal

import pytest

from outlay.budgets.budget import Budget
from outlay.budgets.gate import Budgets
from outlay.budgets.opening import store_of
from outlay.budgets.stores.memory import MemoryStore
from outlay.budgets.stores.sqlite import SqliteStore
from outlay.budgets.trade import Reply, Step, StoreDown
from outlay.config import Settings
from outlay.errors import BudgetExceeded
from tests.budgets.asks import NANO, PICO, ask, decided, spend
from tests.budgets.conftest import Opener
from tests.house.sources import ROOT

HOLDER = """
import os, sys, time
from pathlib import Path
from outlay.budgets.budget import Budget
from outlay.budgets.gate import Budgets
from outlay.budgets.stores.sqlite import SqliteStore
from tests.budgets.asks import PICO, ask
folder = Path(sys.argv[1])
store = SqliteStore(folder / "b.db")
budgets = Budgets([Budget("month", limit=100, block=True)], store, project="p", journals=folder / "j")
budgets.settle(budgets.decide(ask(10)).held, 10 * PICO)
held = budgets.decide(ask(5)), budgets.decide(ask(45))
budgets.settle(held[1].held, 0)
print("holds", flush=True)
time.sleep(60)
"""
"""It has spent 10, has 5 in flight, and holds what it does not use of the rest."""


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """Give the folder of a process that was killed while it held most of a budget."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"holds\n"
    with closing(SqliteStore(tmp_path / "b.db")) as store:
        (found,) = store.figures("p")
    assert found.settled + found.leased >= 60 * NANO
    process.kill()
    process.wait()
    process.stdout.close()
    return tmp_path


def survivor(folder: Path, *, journals: bool = True) -> Budgets:
    """Return the gate of another process."""
    budget = Budget("month", limit=100, block=True)
    place = folder / "j" if journals else None
    return Budgets([budget], SqliteStore(folder / "b.db"), project="p", journals=place)


def test_what_a_killed_process_had_not_spent_comes_back(killed: Path) -> None:
    """By its journal: ten are spent and five were in flight."""
    budgets = survivor(killed)
    budgets.flush()
    (found,) = budgets.store.figures("p")
    assert (found.settled, found.leased, found.suspense) == (15 * NANO, 0, 0)
    assert spend(budgets, 85)
    assert not spend(budgets, 0.01)
    assert budgets.store.audit().differences == ()
    budgets.close()
    assert list((killed / "j").glob("*.leases")) == []


def test_without_its_journal_nothing_comes_back(killed: Path) -> None:
    """A host that is lost keeps all that it held."""
    budgets = survivor(killed, journals=False)
    (found,) = budgets.store.figures("p")
    budgets.flush()
    assert not spend(budgets, 100 - (found.settled + found.leased) / NANO + 0.01)
    assert budgets.store.figures("p")[0].leased == found.leased
    budgets.close()


def test_a_journal_from_before_the_machine_started_is_no_evidence(killed: Path) -> None:
    """The disk may hold an old state of it."""
    for path in (killed / "j").glob("*.leases"):
        content = bytearray(path.read_bytes())
        content[16:52] = b"f" * 36
        path.write_bytes(content)
    budgets = survivor(killed)
    before = budgets.store.figures("p")[0]
    budgets.flush()
    assert budgets.store.figures("p")[0].leased == before.leased
    budgets.close()


def test_a_process_that_ends_gives_back_all_it_did_not_spend(tmp_path: Path) -> None:
    """But for what calls in flight hold."""
    budgets = survivor(tmp_path)
    assert spend(budgets, 10)
    held = decided(budgets, ask(5))
    budgets.close()
    other = survivor(tmp_path)
    (found,) = other.store.figures("p")
    assert (found.settled, found.leased) == (10 * NANO, 5 * NANO)
    other.flush()
    (found,) = other.store.figures("p")
    assert (found.settled, found.leased) == (15 * NANO, 0)
    budgets.settle(held.held, PICO)
    other.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_owns_none_of_what_its_parent_holds(tmp_path: Path) -> None:
    """It holds its own, and what it inherited it can't settle."""
    budgets = survivor(tmp_path)
    inherited = decided(budgets, ask(60))
    pid = os.fork()
    if not pid:
        status = 1
        try:
            budgets.settle(inherited.held, 0)
            status = 0 if not spend(budgets, 41) and spend(budgets, 40) else 2
            budgets.close()
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0
    budgets.settle(inherited.held, 60 * PICO)
    budgets.flush()
    (found,) = budgets.store.figures("p")
    assert found.settled == 100 * NANO
    assert not spend(budgets, 0.01)
    budgets.close()


def test_a_call_dearer_than_its_reservation_is_made_up_for(gate: Opener) -> None:
    """The next reservation has to repay it first."""
    budgets = gate(Budget("month", limit=10, block=True))
    assert spend(budgets, 1, cost=4)
    assert spend(budgets, 6)
    assert not spend(budgets, 0.01)


def test_threads_share_a_lease(gate: Opener) -> None:
    """Thirty-two of them spend what there is, and no cent more."""
    budgets = gate(Budget("month", limit=10, block=True))
    spent = []

    def work() -> None:
        while spend(budgets, 0.01):
            spent.append(1)

    threads = [threading.Thread(target=work) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(spent) == 1000


class Shaky(MemoryStore):
    """A store that can be taken away."""

    down = False
    trips = 0

    def trade(self, steps: Sequence[Step]) -> list[Reply]:
        """Do ``steps``, unless it is down."""
        self.trips += 1
        if self.down:
            raise StoreDown("it is away")
        return super().trade(steps)


Policy = Literal["closed", "open", "lease_only"]


@pytest.mark.parametrize(
    ("policy", "free", "beyond", "late"), [("closed", 1, 0, 0), ("open", 1, 1, 1), ("lease_only", 1, 0, 1)]
)
def test_a_store_that_is_down_is_answered_by_the_budgets_policy(
    gate: Opener, policy: Policy, free: int, beyond: int, late: int
) -> None:
    """What is held goes on being spent; beyond it, and after the lease's end, the policy decides."""
    store = Shaky()
    budgets = gate(Budget("month", limit=100, block=True, on_store_down=policy), store=store, ttl=1.3)
    assert spend(budgets, 1)
    store.down = True
    assert [spend(budgets, 1), spend(budgets, 50)] == [bool(free), bool(beyond)]
    time.sleep(0.4)
    decision = decided(budgets, ask(1))
    assert (decision.refusal is None) is bool(late)
    if decision.refusal is not None:
        assert isinstance(decision.refusal, BudgetExceeded)
        assert "can't be reached" in str(decision.refusal)
    trips = store.trips
    for _ in range(20):
        decided(budgets, ask(60))
    assert store.trips - trips <= 2
    store.down = False


def test_what_was_spent_while_the_store_was_down_is_told_later(gate: Opener) -> None:
    """Nothing is forgotten."""
    store = Shaky()
    budgets = gate(Budget("month", limit=100, block=True, on_store_down="open"), store=store)
    store.down = True
    assert spend(budgets, 30)
    store.down = False
    time.sleep(0.6)
    budgets.flush()
    assert [each.settled for each in store.figures(budgets.project)] == [30 * NANO]


def test_a_journal_that_cannot_be_written_changes_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said once."""
    (tmp_path / "j").write_text("a file where a folder belongs", encoding="utf-8")
    budgets = survivor(tmp_path)
    assert spend(budgets, 60)
    assert not spend(budgets, 60)
    budgets.close()
    assert caplog.text.count("can't note what budgets hold") == 1


def test_a_store_whose_content_makes_no_sense_lets_nothing_pass(tmp_path: Path) -> None:
    """It counts as one that is down."""
    budgets = survivor(tmp_path)
    assert spend(budgets, 100)
    with closing(sqlite3.connect(tmp_path / "b.db")) as database, database:
        database.execute("UPDATE accounts SET state = 'nonsense'")
    refusal = decided(budgets, ask(1)).refusal
    assert "makes no sense" in str(refusal)
    with closing(sqlite3.connect(tmp_path / "b.db")) as database, database:
        database.execute("DELETE FROM accounts")
    budgets.close()


def test_a_step_that_no_replica_has_does_not_count(redis_url: str) -> None:
    """Where a failover must not lose any."""
    store = store_of(Settings(budget_store=f"{redis_url}?replicas=1"), Path())
    budgets = Budgets([Budget("month", limit=100, block=True)], store, project="replicas")
    refusal = decided(budgets, ask(1)).refusal
    assert "only 0 of 1 replicas" in str(refusal)
    budgets.close()


def test_a_database_that_is_removed_is_made_anew_and_told_what_was_spent(tmp_path: Path) -> None:
    """By whoever had opened it: what it holds is of the file that is there, and not of one that nobody else sees."""
    one, two = survivor(tmp_path), survivor(tmp_path)
    assert spend(one, 30)
    assert spend(two, 20)
    for path in tmp_path.glob("b.db*"):
        path.unlink()
    two.flush()
    one.flush()
    three = survivor(tmp_path)
    assert [each.settled for each in three.store.figures("p")] == [50 * NANO]
    assert not spend(three, 51)
    for budgets in (one, two, three):
        budgets.close()
    with closing(SqliteStore(tmp_path / "b.db")) as store:
        assert store.audit().differences == ()


def test_a_stopped_process_does_not_block_the_others(tmp_path: Path) -> None:
    """It holds its lease, and no lock."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGSTOP)
    budgets = survivor(tmp_path)
    budgets.flush()
    assert spend(budgets, 1)
    assert budgets.store.figures("p")[0].suspense == 0
    process.kill()
    process.wait()
    process.stdout.close()
    budgets.close()
