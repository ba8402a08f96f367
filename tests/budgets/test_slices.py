"""Slices: a part of a budget, spent elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import openai
import pytest

import outlay
from outlay import testing
from outlay.budgets.budget import Budget
from outlay.budgets.gate import Budgets
from outlay.budgets.slices import Slice, spending
from outlay.budgets.stores.memory import MemoryStore
from outlay.errors import BudgetExceeded, ConfigError
from outlay.loopback import ModelHost
from outlay.money import usd
from tests.budgets.asks import NANO, ask, decided, spend
from tests.conformance import bill
from tests.conformance.openai_shapes import CHAT
from tests.conformance.runs import address

HOUR = 3600 * NANO
BUDGET = Budget("month", limit=10, block=True)
DEAR = Budget("dear", limit=3, block=True, where={"model": "dear"})


@pytest.fixture
def store() -> MemoryStore:
    """Give a store that parent and child count in."""
    return MemoryStore()


@pytest.fixture
def parent(store: MemoryStore) -> Iterator[Budgets]:
    """Give the gate of a parent."""
    made = Budgets([BUDGET, DEAR], store, key="secret")
    yield made
    made.close()


def cut(parent: Budgets, dollars: float, until: int = 0) -> Slice:
    """Cut a slice."""
    return parent.share(ask(dollars, model="none"), until or time.time_ns() + HOUR)


def test_a_child_spends_its_part_and_no_more(parent: Budgets, store: MemoryStore) -> None:
    """And the parent what is left; what the child did not spend comes back."""
    with cut(parent, 4) as part:
        child = Budgets([BUDGET, DEAR], store, key="secret", slice_=part.value)
        assert [spend(child, 2.5, model="m"), spend(child, 2.5, model="m")] == [True, False]
        assert [spend(parent, 6.5, model="m"), spend(parent, 6, model="m")] == [False, True]
        child.close()
    assert spend(parent, 1.5, model="m")
    assert not spend(parent, 0.01, model="m")


def test_a_budget_that_a_slice_was_not_cut_from_still_holds(parent: Budgets) -> None:
    """Three dollars of the dear model, whoever spends them."""
    with cut(parent, 8) as part, spending(part.value):
        assert [spend(parent, 2), spend(parent, 2), spend(parent, 2, model="m")] == [True, False, True]


def test_a_thread_spends_a_slice_where_it_says_so(parent: Budgets) -> None:
    """And nowhere else."""
    with cut(parent, 1) as part:
        with spending(part.value):
            assert not spend(parent, 2, model="m")
            assert spend(parent, 1, model="m")
        assert spend(parent, 2, model="m")


def test_what_a_thread_of_the_parent_left_of_its_slice_comes_back(parent: Budgets) -> None:
    """What it had fetched and did not spend too, without waiting for this process to end."""
    with cut(parent, 4) as part, spending(part.value):
        assert spend(parent, 0.01, model="m")
    assert spend(parent, 9.99, model="m")
    assert not spend(parent, 0.01, model="m")


def test_nothing_is_spent_under_a_slice_that_was_ended(parent: Budgets) -> None:
    """Not what this process had fetched of it either; to end it twice gives nothing back twice."""
    part = cut(parent, 4)
    with spending(part.value):
        assert spend(parent, 0.01, model="m")
        part.end()
        assert not spend(parent, 0.01, model="m")
        part.end()
        assert not spend(parent, 0.01, model="m")
    assert spend(parent, 9.99, model="m")
    assert not spend(parent, 0.01, model="m")


def test_what_a_call_in_flight_holds_as_its_slice_ends_stays_spent(parent: Budgets) -> None:
    """Whatever it costs in the end: by then the slice is settled."""
    part = cut(parent, 4)
    with spending(part.value):
        call = decided(parent, ask(0.01, model="m"))
    part.end()
    parent.settle(call.held, 0)
    assert not spend(parent, 10, model="m")
    assert spend(parent, 9.99, model="m")


def test_a_call_that_was_answered_holds_nothing_as_its_slice_ends() -> None:
    """Though it may wait to be settled: its slice is told what it did cost, and the budget is given all the rest."""
    with ModelHost() as host, openai.OpenAI(base_url=host.openai_url, api_key="none") as client:
        outlay.init(
            hosts={address(host): "openai"}, budget_key="secret", budget_store="memory",
            budgets=[Budget("month", limit=1, block=True)],
        )  # fmt: skip
        try:
            with outlay.share("0.5") as part, spending(part.value):
                client.chat.completions.create(**CHAT, max_completion_tokens=60)
            cost = usd(sum(bill.amount(each) for each in host.billed))
            assert outlay.check("gpt-4o", cost=1 - cost) is None
            assert outlay.check("gpt-4o", cost=1 - cost + Decimal("0.000000001")) is not None
        finally:
            outlay.uninstrument()


def test_a_child_with_a_store_of_its_own_gives_no_evidence(parent: Budgets) -> None:
    """All of its part stays spent."""
    with cut(parent, 4) as part:
        child = Budgets([], MemoryStore(), key="secret", slice_=part.value)
        assert [spend(child, 3), spend(child, 3)] == [True, False]
        child.close()
    assert not spend(parent, 7, model="m")
    assert spend(parent, 6, model="m")


def test_what_does_not_fit_cannot_be_shared(parent: Budgets) -> None:
    """Nor by who has no key."""
    with pytest.raises(BudgetExceeded):
        cut(parent, 11)
    with pytest.raises(ConfigError, match="set budget_key"):
        cut(Budgets([BUDGET], MemoryStore()), 1)


@pytest.mark.parametrize(
    ("key", "change", "complaint"),
    [
        ("other", "", "was not signed"),
        ("secret", "x", "was not signed"),
        ("secret", "é.", "was not signed"),
        ("secret", "\udc80.", "was not signed"),
        (None, "", "needs the setting budget_key"),
    ],
)
def test_a_value_that_is_not_ours_is_refused(parent: Budgets, key: str | None, change: str, complaint: str) -> None:
    """When the child starts."""
    part = cut(parent, 1)
    with pytest.raises(ConfigError, match=complaint):
        Budgets([], MemoryStore(), key=key, slice_=change + part.value)


def test_a_slice_has_an_end(parent: Budgets) -> None:
    """After which it is of no use."""
    part = cut(parent, 1, time.time_ns() - 1)
    with spending(part.value):
        assert not spend(parent, 0.5)
    with pytest.raises(ConfigError, match="is over"):
        Budgets([], MemoryStore(), key="secret", slice_=part.value)


@pytest.mark.parametrize("value", ["", ".", "garbage.value", "x.é", "é.é", "\udc80.\udc80"])
def test_who_spends_a_value_that_nobody_signed_is_refused(parent: Budgets, value: str) -> None:
    """Whatever its characters are: what can't be compared must not be let through."""
    with spending(value):
        assert not spend(parent, 1)
        assert isinstance(parent.check(ask(1)), BudgetExceeded)
    assert spend(parent, 1)
    assert parent.check(ask(1)) is None


@pytest.mark.parametrize("value", [".", "garbage.value", "x.é", "\udc80.\udc80"])
def test_a_process_does_not_start_with_a_slice_that_nobody_signed(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it has budgets of its own or not."""
    monkeypatch.setenv("OUTLAY_BUDGET_SLICE", value)
    for budgets in ([BUDGET], []):
        with pytest.raises(ConfigError, match="was not signed"):
            outlay.init(budgets=budgets, budget_key="secret", budget_store="memory")


def test_an_empty_slice_is_none_that_somebody_signed() -> None:
    """Whoever hands it over means a limit; as a variable of the environment it is one that is not set."""
    for budgets in ([BUDGET], []):
        with pytest.raises(ConfigError, match="was not signed"):
            outlay.init(budgets=budgets, budget_key="secret", budget_store="memory", budget_slice="")


@pytest.mark.parametrize("value", [None, 5, b"signed"])
def test_what_is_no_text_is_no_value(value: Any) -> None:
    """It is said where it is given, without showing it."""
    with pytest.raises(ConfigError, match=f"not {type(value).__name__}"), spending(value):
        pass


@pytest.mark.parametrize("amount", ["-1", 0, "abc", None, float("nan"), float("inf"), "1e-10"])
def test_a_slice_is_an_amount(amount: Any) -> None:
    """A negative one would give the budget more than its limit."""
    with (
        testing.ledger(budgets=[BUDGET], budget_key="secret"),
        pytest.raises(ConfigError, match="amount of USD above 0"),
    ):
        outlay.share(amount)


@pytest.mark.parametrize("hours", [0, -1, float("nan"), float("inf"), "soon"])
def test_a_slice_lasts_some_time(hours: Any) -> None:
    """In hours."""
    with testing.ledger(budgets=[BUDGET], budget_key="secret"), pytest.raises(ConfigError, match="number of hours"):
        outlay.share(1, hours=hours)
