"""A budget that is written down in mid-window counts what its window had cost before: once, and nothing twice."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import outlay
from outlay.budgets.budget import Budget
from outlay.budgets.gate import Budgets
from outlay.budgets.leases import Lease
from outlay.budgets.stores.sqlite import SqliteStore
from outlay.budgets.trade import Store
from outlay.budgets.windows import DAY, EPOCH, HOUR
from outlay.config import Settings
from outlay.earlier import Earlier
from outlay.ledger.ledger import Ledger
from outlay.records import Cost
from tests.budgets.asks import NANO, PICO, ask, decided, spend
from tests.budgets.conftest import Opener
from tests.budgets.test_failures import Shaky
from tests.house.sources import ROOT
from tests.ledger.samples import call

BEFORE = """
import os, outlay
outlay.init(project="shop")
outlay.record(provider="openai", model="gpt-4o", cost="7")
os._exit(0)
"""
"""A program without budgets, whose call is in the spool when it vanishes."""
BESIDE = """
import outlay
outlay.init(project="shop", budgets=[outlay.Budget("month", limit=100, block=True)])
for _ in range(5):
    assert outlay.check("gpt-4o", cost="0.1") is None
    outlay.record(provider="openai", model="gpt-4o", cost="0.1")
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Give the ledger that budgets look into."""
    (tmp_path / "data" / "spool").mkdir(parents=True)
    with Ledger.open(tmp_path / "data" / "ledger.db") as opened:
        yield opened


@pytest.fixture
def earlier(tmp_path: Path, ledger: Ledger, project: str) -> Earlier:
    """Give what looks up what was spent before."""
    return Earlier(Settings(), tmp_path / "data", project)


@pytest.fixture
def cost(ledger: Ledger, project: str) -> Callable[..., None]:
    """Give a function that has a call in the ledger which cost so many dollars."""

    def written(dollars: float, at: int, **given: Any) -> None:
        amount = Cost(status="priced", amount=round(dollars * PICO))
        ledger.write([call(start=at, cost=amount, **{"project": project, **given})])

    return written


def spent(store: Store, project: str) -> list[tuple[float, float]]:
    """Return what each account has (settled, of it before it was first counted), in USD."""
    return [(each.settled / NANO, each.opening / NANO) for each in store.figures(project)]


def child(code: str) -> subprocess.Popen[bytes]:
    """Start a program."""
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)


def test_a_budget_set_in_mid_month_knows_what_the_month_has_cost(tmp_path: Path) -> None:
    """Though all of that is in the spool still; by whatever process begins, with several at once, once."""
    assert child(BEFORE).wait() == 0
    others = [child(BESIDE) for _ in range(4)]
    assert [each.wait() for each in others] == [0] * 4
    assert child(BESIDE).wait() == 0
    store = SqliteStore(tmp_path / "outlay-data" / "budgets.db")
    (found,) = store.figures("shop")
    assert (found.settled, found.opening) == (9.5 * NANO, 7 * NANO)
    audit = store.audit()
    assert ([(each.key, each.amount) for each in audit.openings], audit.differences) == (
        [(found.account.key, 7 * NANO)], (),
    )  # fmt: skip
    store.close()


def test_what_was_spent_before_leaves_less_room(tmp_path: Path) -> None:
    """In the same program, that is started anew with a budget."""
    outlay.init(project="shop")
    outlay.record(provider="openai", model="gpt-4o", cost="7")
    outlay.init(project="shop", budgets=[outlay.Budget("month", limit=10, block=True)])
    assert outlay.check("gpt-4o", cost="2.9") is None
    refusal = outlay.check("gpt-4o", cost="3.1")
    assert refusal is not None
    assert (refusal.spent, refusal.limit) == (Decimal(7), Decimal(10))
    outlay.uninstrument()


def test_each_process_with_a_ledger_of_its_own_may_be_the_one(
    gate: Opener, store: Store, tmp_path: Path, project: str
) -> None:
    """What the first of them knows is what counts, and what others know is left out."""
    looked = []
    for number, dollars in enumerate((7, 3)):
        folder = tmp_path / str(number)
        (folder / "spool").mkdir(parents=True)
        with Ledger.open(folder / "ledger.db") as own:
            own.write([call(start=time.time_ns(), project=project, cost=Cost(status="priced", amount=dollars * PICO))])
        looked.append(Earlier(Settings(), folder, project))
    for opening in looked:
        assert spend(gate(Budget("total", limit=100, per="total", block=True), opening=opening), 1)
    gate(Budget("total", limit=100, per="total", block=True)).flush()
    assert [before for _, before in spent(store, project)] == [7]


class Unheard(NamedTuple):
    """A process that has spent three dollars, of which the ledger knows, while its store was away; seven are older."""

    process: Budgets
    store: Shaky
    began: int
    beside: Callable[[], Budgets]
    """Makes another process like it."""


@pytest.fixture
def unheard(gate: Opener, tmp_path: Path, earlier: Earlier, cost: Callable[..., None]) -> Unheard:
    """Give a process that could not tell its store of its first call."""
    store = Shaky()
    budget = Budget("total", limit=100, per="total", on_store_down="open")

    def beside() -> Budgets:
        return gate(budget, store=store, opening=earlier, journals=tmp_path / "leases")

    cost(7, time.time_ns() - HOUR)
    process = beside()
    store.down = True
    began = time.time_ns()
    assert spend(process, 3, at=began)
    return Unheard(process, store, began, beside)


def test_what_a_late_first_word_tells_is_not_counted_before(
    unheard: Unheard, project: str, cost: Callable[..., None]
) -> None:
    """The store was away when a process began to count; its calls are in the ledger when another comes first."""
    late, store = unheard.process, unheard.store
    in_flight = decided(late, ask(2, at=time.time_ns()))
    cost(3, unheard.began)
    store.down = False
    first = unheard.beside()
    assert spend(first, 1)
    cost(2, time.time_ns())
    late.settle(in_flight.held, 2 * PICO)
    late._teller.breaker.worked()  # noqa: SLF001 - half a second later
    late.flush()
    first.flush()
    assert spent(store, project) == [(13, 7)]


def test_what_a_killed_process_had_counted_is_not_counted_before(
    unheard: Unheard, project: str, cost: Callable[..., None]
) -> None:
    """It never told the store; its journal does, before the window is opened."""
    unheard.process.close()  # the store is away: its journal is kept
    cost(3, unheard.began)
    unheard.store.down = False
    heir = unheard.beside()
    heir.flush()
    assert spend(heir, 1)
    heir.flush()
    assert spent(unheard.store, project) == [(11, 7)]


def test_scope_and_patterns_tell_whose_it_was(
    gate: Opener, project: str, earlier: Earlier, cost: Callable[..., None], store: Store
) -> None:
    """As for calls: by tag, by what was asked for, and by features around."""
    at = time.time_ns()
    for dollars, given in (
        (1, {"tags": {"tenant": "acme"}}),
        (2, {"tags": {"tenant": "acme"}, "request_model": "gpt-4o", "response_model": "gpt-4o-2024-08-06"}),
        (4, {"request_model": "gpt-4o", "feature": "answer", "path": "shop/answer"}),
        (8, {"project": "another"}),
    ):
        cost(dollars, at - HOUR, **given)
    budgets = gate(
        Budget("tenant", limit=100, per="total", scope="tenant"),
        Budget("gpt-4o", limit=100, per="total", where={"model": "gpt-4o"}),
        Budget("shop", limit=100, per="total", where={"feature": "shop"}),
        Budget("model", limit=100, per="total", scope=("model", "provider")),
        opening=earlier,
    )
    for tags in ({"tenant": "acme"}, {}):
        spend(budgets, 0, at=at, tags=tags, model="gpt-4o", feature="answer", path="shop/answer")
    budgets.flush()
    found = {(each.account.budget, each.account.scope): each.opening / NANO for each in store.figures(project)}
    assert found == {
        ("tenant", "tenant=acme"): 3,
        ("tenant", "tenant=(none)"): 4,
        ("gpt-4o", ""): 6,
        ("shop", ""): 4,
        ("model", "model=gpt-4o,provider=openai"): 6,
    }


def test_it_is_kept_by_day_and_leaves_a_rolling_window_in_time(
    project: str, earlier: Earlier, cost: Callable[..., None], tmp_path: Path
) -> None:
    """So that a forecast knows the days; of what is older than the window nothing counts."""
    began = time.time_ns()
    now = [began]
    for days in range(1, 5):
        cost(days, began - days * DAY)
    store = SqliteStore(tmp_path / "b.db", clock=lambda: now[0] // 10**6)
    budgets = [Budget("all", limit=100, per="total"), Budget("rolling", limit=100, per="72h")]
    gate = Budgets(budgets, store, project=project, opening=earlier)
    spend(gate, 0, at=began)
    gate.flush()
    total, rolling = store.figures(project)
    day = datetime.fromtimestamp(began / 1e9, UTC).date().toordinal() - EPOCH
    assert total.days == {day - days: days * NANO for days in range(1, 5)}
    assert (total.settled, rolling.settled) == (10 * NANO, 6 * NANO)
    for hours, left in ((1, 3), (25, 1), (49, 0)):
        now[0] = began + (hours + 2) * HOUR
        spend(gate, 0, at=began)
        gate.flush()
        assert [each.settled / NANO for each in store.figures(project)] == [10, left]
        assert [each.opening / NANO for each in store.figures(project)] == [10, left]
    assert store.audit(project).differences == ()
    gate.close()


def test_only_where_a_window_had_begun_is_it_looked_up(gate: Opener, store: Store) -> None:
    """Not for one that begins later, nor for a run; but for one of another length, or other calls."""
    asked: list[str] = []

    def opening(lease: Lease, until: int) -> tuple[tuple[int, int], ...]:
        asked.append(lease.account.window)
        return ()

    noon = int(datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0).timestamp()) * NANO - 40 * DAY
    day, next_day = (str(datetime.fromtimestamp(at / 1e9, UTC).date()) for at in (noon, noon + DAY))
    budgets = gate(Budget("b", limit=10, per="day", scope="user"), Budget("run", limit=1, per="run"), opening=opening)
    for at, user in ((noon, "a"), (noon, "b"), (noon + DAY, "a"), (noon + DAY, "c")):
        spend(budgets, 0, at=at, tags={"user": user}, run=f"run {user}")
    budgets.flush()
    assert sorted(asked) == [day, day]
    other = gate(Budget("b", limit=10, per="day", where={"model": "d*"}), opening=opening)
    spend(other, 0, at=noon + DAY)
    other.flush()
    assert asked == [day, day, next_day]


def test_a_ledger_that_cannot_be_read_is_said(
    gate: Opener, store: Store, tmp_path: Path, project: str, caplog: pytest.LogCaptureFixture
) -> None:
    """And calls go on, from nothing."""
    (tmp_path / "ledger.db").write_bytes(b"no ledger, " * 100)
    budgets = gate(Budget("month", limit=10, block=True), opening=Earlier(Settings(), tmp_path, project))
    assert spend(budgets, 1)
    assert "does not know what was spent before it was set" in caplog.text
