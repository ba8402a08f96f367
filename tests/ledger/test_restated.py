"""Restated costs stand beside the recorded ones, which nothing changes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from outlay.ledger.ledger import Ledger
from outlay.ledger.restated import Shift
from outlay.records import Call, Cost, CostItem, Usage
from tests.ledger.samples import HOUR, START, call

NOW = START + 24 * HOUR


def tripled(call: Call, usage: Usage) -> Cost:
    """Price every call three times as high as its tokens."""
    return Cost(status="priced", amount=3 * usage.total_tokens, price_id="p3", match="exact", model="gpt-4o-mini")


def unknown(call: Call, usage: Usage) -> Cost:
    """Know no price."""
    return Cost(status="unknown")


def as_recorded(call: Call, usage: Usage) -> Cost:
    """Price every call as it was."""
    return call.cost


def written(calls: Iterable[Call]) -> Ledger:
    """Return a ledger of these calls."""
    ledger = Ledger.open(":memory:")
    ledger.write(calls)
    return ledger


CALLS = st.lists(
    st.builds(
        lambda hour, provider, tokens, amount: call(
            start=START + hour * HOUR,
            provider=provider,
            usage=None if tokens is None else Usage(classes={"input": tokens}),
            cost=Cost(status="unknown") if amount is None else Cost(status="priced", amount=amount),
        ),
        st.integers(0, 60),
        st.sampled_from(["openai", "anthropic"]),
        st.none() | st.integers(0, 10**6),
        st.none() | st.integers(0, 10**13),
    ),
    max_size=12,
)


@given(CALLS, st.sampled_from([(), ("provider",), ("day",), ("provider", "day"), ("tag:user",)]))
def test_the_shifts_of_a_report_add_up_to_what_the_calls_cost_anew(calls: list[Call], by: tuple[str, ...]) -> None:
    """Whatever it is broken down by; and the report itself says what it said before."""
    with written(calls) as ledger:
        before = ledger.report(by, exact=True)
        done = ledger.restate(tripled, price_table="t", at=NOW)
        shifts, _ = ledger.shifts(by)
        assert ledger.report(by, exact=True) == before
        assert [one for _, one in ledger.calls_after(0)] == calls
    priced = [(one, 3 * one.usage.total_tokens) for one in calls if one.usage is not None]
    expected = sum(new - (one.cost.amount or 0) for one, new in priced)
    assert sum(shift.cost for shift in shifts.values()) == expected == done.restated - done.recorded
    assert sum(shift.calls for shift in shifts.values()) == done.changed
    assert done.calls == len(priced)
    assert shifts.keys() <= {line.key for line in before.lines}


def test_a_call_keeps_its_latest_restated_cost() -> None:
    """With its table, its row, and why it differs; priced as it was recorded, it is let go of."""
    one = call(cost=Cost(status="priced", amount=5, model="gpt-4o-mini"))
    with written([one]) as ledger:
        assert ledger.restated_cost(one) is None
        ledger.restate(unknown, price_table="t1", at=NOW)
        found = ledger.restated_cost(one)
        assert found is not None
        assert (found.status, found.cost, found.reason, found.price_table) == ("unknown", None, "no price now", "t1")
        assert ledger.shifts()[0] == {(): Shift(1, -5, 1)}
        ledger.restate(tripled, price_table="t2", at=NOW + 1)
        found = ledger.restated_cost(one)
        assert found is not None
        assert (found.cost, found.reason, found.price_id, found.at) == (54, "another price", "p3", NOW + 1)
        assert ledger.shifts() == ({(): Shift(1, 49, 0)}, ("t2",))
        ledger.restate(as_recorded, price_table="t3", at=NOW + 2)
        assert ledger.restated_cost(one) is None
        assert ledger.shifts() == ({}, ())


def test_what_a_provider_charged_is_not_restated() -> None:
    """Nor a call in which another model has a share, nor one without usage; all are counted."""
    items = (CostItem(model="m", classes={"input": 1}, amount=1),)
    calls = [
        call(cost=Cost(status="priced", amount=1, source="reported")),
        call(cost=Cost(status="priced", amount=1, items=items)),
        call(usage=None, cost=Cost(status="unknown")),
        call(),
    ]
    with written(calls) as ledger:
        done = ledger.restate(tripled, price_table="t", at=NOW)
    assert (done.calls, done.reported, done.without_usage, done.changed) == (1, 2, 1, 1)


def test_a_dry_run_keeps_nothing() -> None:
    """It says what would differ."""
    with written([call()]) as ledger:
        assert ledger.restate(tripled, price_table="t", at=NOW, write=False).changed == 1
        assert ledger.shifts() == ({}, ())


def test_time_and_conditions_narrow_what_is_restated() -> None:
    """The other calls stay as they are."""
    calls = [call(), call(start=START + HOUR), call(start=START + HOUR, provider="anthropic")]
    with written(calls) as ledger:
        ledger.restate(tripled, price_table="t", at=NOW, since=START + HOUR, filters={"provider": "openai"})
        assert [ledger.restated_cost(one) is not None for one in calls] == [False, True, False]
        assert ledger.shifts(since=START, until=START + HOUR)[0] == {}


def test_a_restated_cost_leaves_with_its_call() -> None:
    """By age, or with its project."""
    old, other, new = call(), call(start=START + HOUR, project="lab"), call(start=START + 2 * HOUR)
    with written([old, other, new]) as ledger:
        ledger.restate(tripled, price_table="t", at=NOW)
        ledger.prune(before=START + HOUR)
        assert ledger.restated_cost(old) is None
        ledger.remove("lab")
        assert [ledger.restated_cost(one) is not None for one in (other, new)] == [False, True]


def test_months_are_those_of_the_zone() -> None:
    """As in the report that the shifts stand beside."""
    midnight = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp()) * 10**9
    with written([call(start=midnight - HOUR // 2)]) as ledger:
        ledger.restate(tripled, price_table="t", at=NOW)
        assert list(ledger.shifts(("month",), zone="Europe/Berlin")[0]) == [("2026-11",)]
        assert list(ledger.shifts(("month",))[0]) == [("2026-10",)]
