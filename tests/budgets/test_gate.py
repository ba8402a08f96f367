"""The gate: what falls under which budget, what is reserved for it, and what is refused."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlay.alerts.alert import Alert
from outlay.budgets.actions import Standing, cap, downgrade
from outlay.budgets.actions import block as refuse
from outlay.budgets.budget import Budget
from outlay.budgets.decision import Decision
from outlay.budgets.leases import Lease
from outlay.budgets.plan import Plan
from outlay.budgets.stores.memory import MemoryStore
from outlay.budgets.trade import Reply, Step, Store
from outlay.errors import BudgetExceeded
from tests.budgets.asks import LONGEST, NANO, PICO, TOKEN, ask, decided, spend
from tests.budgets.conftest import Opener


def test_what_does_not_fit_is_refused_before_it_is_sent(gate: Opener) -> None:
    """Ten dollars hold three calls of three dollars."""
    budgets = gate(Budget("month", limit=10, block=True))
    assert [spend(budgets, 3) for _ in range(5)] == [True, True, True, False, False]
    assert spend(budgets, 1)
    refusal = decided(budgets, ask(1)).refusal
    assert isinstance(refusal, BudgetExceeded)
    assert refusal.budget == "month"
    assert (refusal.limit, refusal.spent, refusal.held) == (Decimal(10), Decimal(10), Decimal(0))
    assert refusal.resets is not None
    assert refusal.resets > datetime.now(UTC)
    assert "$10.00 of $10.00" in str(refusal)


def test_a_reservation_holds_until_it_is_settled(gate: Opener) -> None:
    """Two calls of six dollars do not fit into ten, until the first one has cost two."""
    budgets = gate(Budget("month", limit=10, block=True))
    first = decided(budgets, ask(6))
    refusal = decided(budgets, ask(6)).refusal
    assert isinstance(refusal, BudgetExceeded)
    assert refusal.held == 6
    budgets.settle(first.held, 2 * PICO)
    assert spend(budgets, 6)
    assert not spend(budgets, 3)


def test_a_reservation_is_settled_once(gate: Opener) -> None:
    """Whatever settles it again finds nothing to settle."""
    budgets = gate(Budget("month", limit=10, block=True))
    first = decided(budgets, ask(6))
    budgets.settle(first.held, 6 * PICO)
    budgets.settle(first.held, 0)
    assert not spend(budgets, 6)
    assert spend(budgets, 4)


def test_a_call_of_unknown_cost_stays_charged_as_it_was_reserved(gate: Opener) -> None:
    """A cancelled call may be billed whole."""
    budgets = gate(Budget("month", limit=10, block=True))
    budgets.settle(decided(budgets, ask(7)).held, None)
    assert not spend(budgets, 4)
    assert spend(budgets, 3)


def test_of_several_budgets_all_or_none_reserve(gate: Opener, store: Store, project: str) -> None:
    """What the narrower one refuses leaves nothing behind in the wider one."""
    budgets = gate(Budget("month", limit=100, block=True), Budget("tenant", limit=5, scope="tenant", block=True))
    assert spend(budgets, 4, tags={"tenant": "acme"})
    refusal = decided(budgets, ask(4, tags={"tenant": "acme"})).refusal
    assert isinstance(refusal, BudgetExceeded)
    assert (refusal.budget, refusal.scope) == ("tenant", {"tenant": "acme"})
    assert spend(budgets, 4, tags={"tenant": "umbrella"})
    budgets.flush()
    settled = {(each.account.budget, each.account.scope): each.settled for each in store.figures(project)}
    assert settled == {
        ("month", ""): 8 * NANO,
        ("tenant", "tenant=acme"): 4 * NANO,
        ("tenant", "tenant=umbrella"): 4 * NANO,
    }
    assert sum(each.flight for each in store.figures(project)) == 0


def test_a_call_without_the_tag_has_a_limit_of_its_own(gate: Opener, store: Store, project: str) -> None:
    """It is counted under ``(none)``, or not let pass."""
    budgets = gate(Budget("tenant", limit=5, scope="tenant", block=True))
    assert [spend(budgets, 3) for _ in range(2)] == [True, False]
    budgets.flush()
    assert [each.account.scope for each in store.figures(project)] == ["tenant=(none)"]
    strict = gate(Budget("strict", limit=5, scope="tenant", block=True, missing="deny"))
    assert "has no tenant" in str(decided(strict, ask(1)).refusal)
    assert "has no tenant" in str(strict.check(ask(1)))
    assert spend(strict, 1, tags={"tenant": "acme"})


def test_a_tag_that_is_lacking_only_at_the_model_of_a_downgrade_is_refused(gate: Opener) -> None:
    """The budget that wants it does not cover the model that was asked for."""
    budgets = gate(
        Budget("soft", limit=10, at={50: downgrade("cheap")}),
        Budget("strict", limit=5, scope="tenant", where={"model": "cheap"}, block=True, missing="deny"),
    )
    assert spend(budgets, 6)
    assert "Budget strict lets no call pass that has no tenant" in str(decided(budgets, ask(limit=10)).refusal)


@pytest.mark.parametrize(
    ("where", "inside", "outside"),
    [
        ({"model": "gpt-4*"}, {"model": "gpt-4o"}, {"model": "claude"}),
        ({"model": ["gpt-4*", "o3"]}, {"model": "o3"}, {"model": "o4"}),
        ({"provider": "openai"}, {}, {"provider": "groq"}),
        ({"feature": "search"}, {"feature": "rank", "path": "search/rank"}, {"feature": "rank", "path": "rank"}),
        ({"team": "a?"}, {"tags": {"team": "a1"}}, {"tags": {"team": "b1"}}),
        ({"team": "*"}, {"tags": {"team": "x"}}, None),
    ],
)
def test_a_budget_is_for_the_calls_that_match(
    gate: Opener, where: dict[str, str], inside: dict[str, Any], outside: dict[str, Any] | None
) -> None:
    """All of its patterns; others pass as if it were not there."""
    budgets = gate(Budget("some", limit=1, where=where, block=True))
    assert not spend(budgets, 2, **inside)
    if outside is not None:
        assert decided(budgets, ask(2, **outside)) == Decision()


def test_each_run_has_the_limit_for_itself(gate: Opener) -> None:
    """A run is the outermost span, or one that is named; a call outside of any is in none."""
    budgets = gate(
        Budget("run", limit=1, per="run", block=True), Budget("job", limit=3, per="run", run="job", block=True)
    )
    assert [spend(budgets, 0.6, run="a") for _ in range(2)] == [True, False]
    assert spend(budgets, 0.6, run="b")
    assert spend(budgets, 5)
    assert not spend(budgets, 4, spans={"job": "c"})
    assert spend(budgets, 3, spans={"job": "c"})
    assert not spend(budgets, 1, spans={"job": "c"})
    assert spend(budgets, 1, spans={"job": "d"})


def test_a_call_is_charged_to_the_window_that_it_began_in(gate: Opener, store: Store, project: str) -> None:
    """However late it is settled."""
    budgets = gate(Budget("day", limit=1, per="day", timezone="Europe/Berlin", block=True))
    before = int(datetime(2026, 3, 28, 22, 59, tzinfo=UTC).timestamp()) * NANO
    first = decided(budgets, ask(0.7, at=before))
    assert spend(budgets, 0.9, at=before + 120 * NANO)
    budgets.settle(first.held, PICO // 2)
    assert not spend(budgets, 0.6, at=before)
    budgets.flush()
    assert {each.account.window: each.settled for each in store.figures(project)} == {
        "2026-03-28": NANO // 2,
        "2026-03-29": NANO * 9 // 10,
    }


def test_what_is_spent_is_kept_by_day(gate: Opener, store: Store, project: str) -> None:
    """On the day on which it is told, within the window that it is charged to: forecasts go by it."""
    budgets = gate(Budget("month", limit=10, block=True), Budget("day", limit=10, per="day", block=True))
    earlier = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp()) * NANO
    today = (datetime.now(UTC).date() - date(1970, 1, 1)).days
    assert spend(budgets, 1)
    assert spend(budgets, 2, at=earlier)
    budgets.flush()
    days = {(each.account.budget, each.account.window): each.days for each in store.figures(project)}
    last = (date(2026, 3, 31) - date(1970, 1, 1)).days
    assert days["month", "2026-03"] == {last: 2 * NANO}
    assert days["day", "2026-03-02"] == {last - 29: 2 * NANO}
    assert {tuple(found) for (_, window), found in days.items() if not window.startswith("2026-03")} == {(today,)}


def test_a_soft_budget_counts_and_lets_pass(gate: Opener, store: Store, alerts: list[Alert], project: str) -> None:
    """It raises its alerts, each once."""
    first, second = (gate(Budget("month", limit=10, alerts=[50, 100])) for _ in range(2))
    for budgets in (first, second, first, second):
        assert spend(budgets, 3)
        budgets.flush()
    assert [(alert.kind, alert.facts["percent"], alert.severity) for alert in alerts] == [
        ("budget", 50, "warning"),
        ("budget", 100, "critical"),
    ]
    assert alerts[0].amount == 6 * PICO
    assert [each.settled for each in store.figures(project)] == [12 * NANO]


class Slow(MemoryStore):
    """A store that answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.let = threading.Event()

    def trade(self, steps: Sequence[Step]) -> list[Reply]:
        """Do ``steps`` when that is let."""
        assert self.let.wait(60)
        return super().trade(steps)


def test_a_budget_that_only_watches_never_has_a_call_wait_for_the_store(gate: Opener, alerts: list[Alert]) -> None:
    """Not for the first of a window or of a user either: the store is told by the budgets' own thread."""
    store = Slow()
    budgets = gate(Budget("user", limit=10, scope="user", alerts=[50]), store=store)
    for user in ("u-1", "u-2", "u-1"):
        decision = budgets.decide(ask(3, tags={"user": user}), wait=False)
        assert decision is not None
        budgets.settle(decision.held, 3 * PICO)
    store.let.set()
    budgets.flush()
    assert {each.account.scope: each.settled for each in store.figures(budgets.project)} == {
        "user=u-1": 6 * NANO,
        "user=u-2": 3 * NANO,
    }
    assert [alert.facts["percent"] for alert in alerts] == [50]


def test_a_watching_budget_that_is_told_to_be_closed_waits(gate: Opener) -> None:
    """So does one that acts: it has to know how things stand."""
    closed = Budget("closed", limit=10, on_store_down="closed")
    acting = Budget("acting", limit=10, at={80: cap(10)})
    for budget in (closed, acting):
        assert gate(budget, store=Slow()).decide(ask(3), wait=False) is None


@pytest.mark.parametrize("block", [False, True])
def test_an_alert_does_not_wait_for_the_next_beat(gate: Opener, alerts: list[Alert], *, block: bool) -> None:
    """A two-hundredth of the limit is told at once, to the budgets' own thread; a beat comes each ten seconds."""
    budgets = gate(Budget("month", limit=10, block=block, alerts=[50]))
    until = time.monotonic() + 8
    for _ in range(6):
        spend(budgets, 1)
    while not alerts and time.monotonic() < until:
        time.sleep(0.01)
    assert [alert.facts["percent"] for alert in alerts] == [50]


def test_the_last_alert_comes_with_the_first_refusal(gate: Opener, alerts: list[Alert]) -> None:
    """A limit that holds is never reached by what is settled."""
    budgets = gate(Budget("month", limit=10, block=True, alerts=[50, 100]))
    assert spend(budgets, 8)
    assert not spend(budgets, 8)
    budgets.flush()
    assert not spend(budgets, 8)
    budgets.flush()
    assert [alert.facts["percent"] for alert in alerts] == [50, 100]
    assert len({alert.key for alert in alerts}) == 2


def test_a_cheaper_model_takes_over_at_its_threshold(gate: Opener) -> None:
    """And what it costs is reserved; a request whose model can't be changed goes as it is, and says so."""
    budgets = gate(Budget("gpt", limit=10, at={50: downgrade("cheap"), 100: refuse}))
    assert decided(budgets, ask(limit=1000)).model is None
    assert spend(budgets, 5)
    budgets.flush()
    decision = decided(budgets, ask(limit=1000))
    assert (decision.model, decision.marks) == ("cheap", ("budget_downgraded",))
    assert decided(budgets, ask(model="cheap", limit=1000)).model is None
    stuck = decided(budgets, ask(limit=1000, can_downgrade=False))
    assert (stuck.model, stuck.marks, stuck.refusal) == (None, ("budget_impossible",), None)


def test_an_action_that_is_impossible_gives_way_to_the_next(gate: Opener) -> None:
    """Where several are declared."""
    budgets = gate(Budget("gpt", limit=10, at={50: (downgrade("cheap"), refuse)}))
    assert spend(budgets, 6)
    assert decided(budgets, ask(limit=1000)).model == "cheap"
    assert isinstance(decided(budgets, ask(limit=1000, can_downgrade=False)).refusal, BudgetExceeded)


def test_output_is_capped_at_its_threshold(gate: Opener) -> None:
    """A lower limit of the caller's stays."""
    budgets = gate(Budget("gpt", limit=100, at={5: cap(500)}))
    assert spend(budgets, 6)
    assert decided(budgets, ask(limit=1000)).output_limit == 500
    assert decided(budgets, ask()).output_limit == 500
    assert decided(budgets, ask(limit=200)).output_limit is None
    assert decided(budgets, ask(limit=1000, can_limit=False)).marks == ("budget_impossible",)


def test_a_function_of_the_users_decides(gate: Opener) -> None:
    """It gets the standing, and gives an action or none."""
    seen: list[Standing] = []

    def choose(standing: Standing) -> object:
        seen.append(standing)
        return refuse if standing.tags.get("plan") == "free" else None

    budgets = gate(Budget("gpt", limit=10, at={50: choose}))  # type: ignore[dict-item]  # any action at all
    assert spend(budgets, 6)
    assert isinstance(decided(budgets, ask(1, tags={"plan": "free"})).refusal, BudgetExceeded)
    assert decided(budgets, ask(1, tags={"plan": "paid"})).refusal is None
    assert (seen[0].spent, seen[0].limit, seen[0].amount) == (Decimal(6), Decimal(10), Decimal(1))
    assert seen[0].percent == 60


async def _later(_: Standing) -> None:
    """Decide nothing, and that too late."""


@pytest.mark.parametrize(
    "answer",
    [lambda _: "block", lambda _: (refuse,), lambda _: True, _later],
    ids=["text", "tuple", "flag", "coroutine"],
)
def test_a_function_that_chooses_no_action_leaves_all_other_limits_as_they_are(
    gate: Opener, answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts as one that raised."""
    monkeypatch.delenv("OUTLAY_STRICT", raising=False)
    budgets = gate(Budget("soft", limit=10, at={50: answer}), Budget("hard", limit=10, block=True))
    assert [spend(budgets, 6), spend(budgets, 3), spend(budgets, 3)] == [True, True, False]


NO_MODEL: Any = [5, ["gpt-4o"], "", None]
NO_LIMIT: Any = ["x", 0, -1, True, 1.5, None]


@pytest.mark.parametrize("answer", [*map(downgrade, NO_MODEL), *map(cap, NO_LIMIT)], ids=repr)
def test_a_function_that_chooses_an_action_made_of_nonsense_leaves_all_other_limits_as_they_are(
    gate: Opener, answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts as one that raised, and nothing of it is sent."""
    monkeypatch.delenv("OUTLAY_STRICT", raising=False)
    budgets = gate(Budget("soft", limit=10, at={50: lambda _: answer}), Budget("hard", limit=10, block=True))
    assert spend(budgets, 6)
    decision = decided(budgets, ask(limit=3000))
    assert (decision.model, decision.output_limit, decision.marks) == (None, None, ())
    assert [spend(budgets, 3), spend(budgets, 3)] == [False, False]


def test_a_ceiling_is_sent_and_reserved(gate: Opener) -> None:
    """For calls that have no limit of their own."""
    budgets = gate(Budget("month", limit=1, block=True, output_ceiling=400))
    decision = decided(budgets, ask())
    assert (decision.output_limit, decision.marks) == (400, ("budget_capped",))
    assert decided(budgets, ask(limit=500)).output_limit is None
    assert isinstance(decided(budgets, ask()).refusal, BudgetExceeded)


@pytest.mark.parametrize(("settings", "passes"), [({}, False), ({"unbounded": "allow"}, True), ({"ceiling": 4}, True)])
def test_a_cost_that_nothing_bounds_follows_the_budgets_policy(
    gate: Opener, settings: dict[str, Any], passes: bool
) -> None:
    """Denied where the budget blocks, unless it says otherwise; a ceiling is what is reserved."""
    budgets = gate(Budget("month", limit=10, block=True, **settings))
    for call in (ask(model="nobody's"), ask(1, unbounded="file input")):
        decision = decided(budgets, call)
        assert (decision.refusal is None) is passes
    if "ceiling" in settings:
        assert not spend(budgets, 3)
    if not passes:
        assert "file input" in str(decision.refusal)


def test_what_calls_without_a_limit_cost_is_learned(gate: Opener, project: str) -> None:
    """The model's longest output is reserved until there is history, then what 99 of 100 calls cost."""
    budgets = gate(Budget("month", limit=1000, block=True))
    longest = decided(budgets, ask())
    refusal = decided(gate(Budget("little", limit="0.9", block=True)), ask()).refusal
    assert isinstance(refusal, BudgetExceeded)
    budgets.settle(longest.held, TOKEN * LONGEST)
    for _ in range(150):
        budgets.settle(decided(budgets, ask()).held, TOKEN * 50)
    held = decided(budgets, ask())
    budgets.flush()
    (standing,) = [each for each in budgets.store.figures(project) if each.account.budget == "month"]
    assert standing.flight == 50 * TOKEN // 1000
    assert standing.risk == (LONGEST - 50) * TOKEN // 1000
    budgets.settle(held.held, 0)


def test_a_learned_input_is_reserved_where_the_budget_says_so(gate: Opener, project: str) -> None:
    """A budget that blocks reserves what is certain; the other what is likely, and says what it may be off by."""
    certain = Budget("certain", limit=10, block=True)
    likely = Budget("likely", limit=10, block=True, input_bound="learned")
    watching = Budget("watching", limit=10)
    budgets = gate(certain, likely, watching)
    held = decided(budgets, ask(4, likely=lambda *_: PICO))
    budgets.flush()
    found = {each.account.budget: (each.flight, each.risk) for each in budgets.store.figures(project)}
    assert found == {"certain": (4 * NANO, 0), "likely": (NANO, 3 * NANO), "watching": (NANO, 3 * NANO)}
    assert isinstance(decided(budgets, ask(8, likely=lambda *_: PICO)).refusal, BudgetExceeded)
    budgets.settle(held.held, 4 * PICO)
    budgets.flush()
    assert {each.risk for each in budgets.store.figures(project)} == {0}


def test_checking_reserves_nothing(gate: Opener, store: Store, alerts: list[Alert], project: str) -> None:
    """Nor does it count as a refusal."""
    budgets = gate(Budget("month", limit=10, block=True, alerts=[100]))
    assert budgets.check(ask(9)) is None
    assert budgets.check(ask(9)) is None
    assert isinstance(budgets.check(ask(11)), BudgetExceeded)
    budgets.flush()
    assert (sum(each.leased for each in store.figures(project)), alerts) == (0, [])


def test_who_must_not_wait_is_told_to_ask_again(gate: Opener) -> None:
    """Only where a trip to the store is needed."""
    budgets = gate(Budget("month", limit=10, block=True))
    assert budgets.decide(ask(0.01), wait=False) is None
    assert spend(budgets, 0.01)
    decision = budgets.decide(ask(0.01), wait=False)
    assert decision is not None
    assert decision.refusal is None


def test_a_refusal_travels_between_processes() -> None:
    """With all that it says."""
    refusal = BudgetExceeded(
        budget="month", scope={"tenant": "acme"}, limit=Decimal(5), spent=Decimal("4.5"), held=Decimal(1),
        resets=datetime(2026, 12, 1, tzinfo=UTC), reason="It does not fit.",
    )  # fmt: skip
    again = pickle.loads(pickle.dumps(refusal))
    assert (again.__dict__, str(again), type(again)) == (refusal.__dict__, str(refusal), BudgetExceeded)


def test_the_lower_of_two_limits_holds_and_it_is_told(gate: Opener, alerts: list[Alert]) -> None:
    """While processes disagree."""
    first, second = gate(Budget("month", limit=10, block=True)), gate(Budget("month", limit=4, block=True))
    assert spend(first, 1)
    assert spend(second, 1)
    assert not spend(first, 5)
    first.flush()
    second.flush()
    assert [alert.kind for alert in alerts if alert.kind == "limits"] == ["limits"]
    (told,) = [alert for alert in alerts if alert.kind == "limits"]
    assert "$4.00, $10.00" in told.text
    assert (told.amount, told.limit) == (None, 4 * PICO)  # what is spent is another matter


def test_an_override_holds_everywhere_until_it_expires(gate: Opener, store: Store, project: str) -> None:
    """In place of what is declared, higher or lower."""
    budgets = gate(Budget("month", limit=10, block=True))
    later = int((datetime.now(UTC) + timedelta(hours=1)).timestamp() * 1000)
    store.override(project, "month", 20 * NANO, later)
    assert spend(budgets, 15)
    store.override(project, "month", 20 * NANO, later - 7_200_000)
    assert not spend(budgets, 4)
    store.override(project, "month", None, None)
    assert not spend(budgets, 4)


def test_an_override_is_known_before_the_first_call(gate: Opener, store: Store, project: str) -> None:
    """And no longer than it holds; what is configured stands where there is none."""
    budgets = gate(Budget("month", limit=10, block=True))
    assert [(one.limit, one.override) for one in budgets.status()] == [(10 * NANO, None)]
    later = int((datetime.now(UTC) + timedelta(hours=1)).timestamp() * 1000)
    store.override(project, "month", 20 * NANO, later)
    assert [(one.limit, one.override) for one in budgets.status()] == [(20 * NANO, 20 * NANO)]
    store.override(project, "month", 20 * NANO, later - 7_200_000)
    assert [(one.limit, one.override) for one in budgets.status()] == [(10 * NANO, None)]


def test_what_was_left_is_carried_over_once(gate: Opener) -> None:
    """Up to the limit, from one window to the next."""
    budgets = gate(Budget("day", limit=10, per="day", block=True, carry_over=True))
    day = int(datetime(2026, 5, 1, 12, tzinfo=UTC).timestamp()) * NANO
    assert spend(budgets, 4, at=day)
    budgets.flush()
    budgets.flush()
    following = day + 86_400 * NANO
    assert [spend(budgets, 8, at=following) for _ in range(3)] == [True, True, False]


def test_what_a_window_had_cost_before_counts(gate: Opener) -> None:
    """It is looked up once, by whoever comes first."""
    asked: list[int] = []

    def opening(lease: Lease, until: int) -> tuple[tuple[int, int], ...]:
        asked.append(until)
        return ((0, 7 * NANO),)

    budgets, other = (gate(Budget("month", limit=10, block=True), opening=opening) for _ in range(2))
    assert [spend(budgets, 2), spend(other, 2), spend(other, 1)] == [True, False, True]
    assert len(asked) == 1


@given(st.lists(st.dictionaries(st.sampled_from("ab"), st.text("12,=b\\()none", max_size=8)), min_size=2, max_size=2))
def test_different_values_of_a_scope_have_different_accounts(tags: list[dict[str, str]]) -> None:
    """Whatever somebody puts into a tag, and whether there is one."""
    plan = Plan(Budget("tenant", limit=1, scope=("a", "b")), "p", "UTC")
    one, other = (plan.lease(ask(1, tags=each), "m") for each in tags)
    assert (one.account.scope == other.account.scope) is (tags[0] == tags[1])


def test_the_literal_value_of_none_is_not_a_missing_one(gate: Opener) -> None:
    """Else whoever is called so could use up the limit of all who have no name."""
    budgets = gate(Budget("tenant", limit=1, scope="tenant", block=True))
    assert spend(budgets, 1, tags={"tenant": "(none)"})
    assert spend(budgets, 1)
    assert not spend(budgets, 1, tags={"tenant": "(none)"})


@pytest.mark.parametrize("tags", [{}, {"tenant": ""}, {"tenant": "(none)"}, {"tenant": "\\(none)"}, {"tenant": "a,b"}])
def test_what_was_spent_before_counts_where_a_call_now_would(tags: dict[str, str]) -> None:
    """In the account of the same value of the scope, and in no other."""
    plan = Plan(Budget("tenant", limit=1, scope="tenant"), "p", "UTC")
    others: list[dict[str, str]] = [{}, {"tenant": "(none)"}, {"tenant": "x"}]
    lease = plan.lease(ask(1, tags=tags), "m")
    assert plan.counts(lease, ask(1, tags=tags))
    assert not any(plan.counts(lease, ask(1, tags=other)) for other in others if other != tags)
