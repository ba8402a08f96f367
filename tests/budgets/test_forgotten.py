"""Spend that happened never disappears: not where a store forgets a lease, nor where its holder dies just then."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from outlay.budgets.budget import Budget
from outlay.budgets.gate import Budgets
from outlay.budgets.stores.memory import MemoryStore
from outlay.budgets.trade import Reply, Step, StoreDown
from tests.budgets.asks import NANO, a_project, ask, decided, reached, spend
from tests.budgets.race import Race, store_for
from tests.budgets.rewinding import remembered
from tests.house.sources import ROOT

CHILD = """
import os, signal, sys
from pathlib import Path
from outlay.budgets.budget import Budget
from outlay.budgets.gate import Budgets
from outlay.budgets.trade import StoreDown
from tests.budgets.asks import PICO, ask, decided, reached
from tests.budgets.race import Race, store_for
from tests.budgets.rewinding import remembered
url, project, journals, moment = sys.argv[1:]
store = reached(store_for(Race(store=url)))
trade, forget = store.trade, remembered(url, project)
armed = False

def killed(steps):
    if moment == "never heard of":
        raise StoreDown("it is away")
    if armed and moment == "before it is told anew" and steps[0].seq == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    replies = trade(steps)
    if armed and ((moment == "as it is lost" and replies[0].lost) or (moment == "as it closes" and steps[0].close)):
        os.kill(os.getpid(), signal.SIGKILL)
    return replies

store.trade = killed
budget = Budget("month", limit=100, block=True, on_store_down="open")
budgets = Budgets([budget], store, project=project, journals=Path(journals))
for _ in range(3):
    budgets.settle(decided(budgets, ask(10)).held, 10 * PICO)
if moment == "as it closes":
    armed = True
    budgets.close()
decided(budgets, ask(5))
if moment == "never heard of":
    os.kill(os.getpid(), signal.SIGKILL)
forget()
armed = True
budgets.flush()
print("lived")
"""
"""It has spent 30, and mostly has 5 in flight, when the store goes back to knowing nothing and it is killed."""


@pytest.fixture(params=["sqlite", "redis", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of a store that processes can share, in which there is something already."""
    path = str(tmp_path / "budgets.db")
    url = path if request.param == "sqlite" else str(request.getfixturevalue(f"{request.param}_url"))
    gate_on(url, "another").close()
    return url


def gate_on(url: str, project: str, journals: Path | None = None) -> Budgets:
    """Return the gate of a process that counts in a store."""
    budget, store = Budget("month", limit=100, block=True), reached(store_for(Race(store=url)))
    return Budgets([budget], store, project=project, journals=journals)


@pytest.mark.parametrize("moment", ["never heard of", "as it closes", "as it is lost", "before it is told anew"])
def test_what_a_killed_process_spent_is_charged_though_the_store_knows_nothing_of_it(
    url: str, tmp_path: Path, moment: str
) -> None:
    """Once: by its journal, which says all that the counters do not hold, at every moment."""
    project = a_project()
    command = [sys.executable, "-c", CHILD, url, project, str(tmp_path / "leases"), moment]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (-9, ""), done.stderr
    budgets = gate_on(url, project, tmp_path / "leases")
    spent = 30 if moment == "as it closes" else 35
    for _ in range(2):
        budgets.flush()
        (found,) = budgets.store.figures(project)
        assert (found.settled, found.leased) == (spent * NANO, 0)
    assert budgets.store.audit(project).differences == ()
    assert spend(budgets, 100 - spent)
    assert not spend(budgets, 0.01)
    budgets.close()


def test_what_a_living_process_spent_is_told_anew_to_a_store_that_forgot_it(url: str, tmp_path: Path) -> None:
    """All of it, though most had been told before."""
    project = a_project()
    forget = remembered(url, project)
    budgets = gate_on(url, project, tmp_path / "leases")
    assert spend(budgets, 30)
    budgets.flush()
    assert spend(budgets, 10)
    forget()
    budgets.flush()
    assert [each.settled for each in budgets.store.figures(project)] == [40 * NANO]
    forget()
    budgets.close()
    other = gate_on(url, project)
    assert [each.settled for each in other.store.figures(project)] == [40 * NANO]
    other.close()


class Deaf(MemoryStore):
    """A store whose answers can get lost."""

    deaf = False

    def trade(self, steps: Sequence[Step]) -> list[Reply]:
        """Do ``steps``, and keep the replies."""
        replies = super().trade(steps)
        if self.deaf:
            raise StoreDown("its answer is lost")
        return replies


def test_a_lease_whose_closing_was_not_heard_of_is_not_told_twice() -> None:
    """The store knows it as closed, and how much of it is counted."""
    store = Deaf()
    budgets = Budgets([Budget("month", limit=100, block=True)], store, project="p")
    assert spend(budgets, 30)
    budgets.flush()
    store.deaf = True
    with pytest.raises(StoreDown, match="lost"):
        budgets.flush()  # nothing was spent since: the lease is closed
    store.deaf = False
    budgets._teller.breaker.worked()  # noqa: SLF001 - half a second later
    for _ in range(3):
        budgets.flush()
        assert [each.settled for each in store.figures("p")] == [30 * NANO]
    assert decided(budgets, ask(70)).refusal is None
    budgets.close()
