"""Calls that outlay is told of: kept, priced and counted like those it sees."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

import outlay
from outlay.testing import ledger


def test_a_told_call_is_priced_and_belongs_to_its_span() -> None:
    """Totals include their parts, as everywhere at the surface."""
    with ledger() as kept, outlay.tags(user="u-42"), outlay.track("import") as span:
        call = outlay.record(
            provider="openai",
            model="gpt-4o-mini",
            input_tokens=1000,
            cache_read_input_tokens=400,
            output_tokens=200,
            reasoning_output_tokens=50,
            tags={"source": "csv"},
        )
    assert call is not None
    assert kept.only == call
    assert call.usage is not None
    assert call.usage.classes == {"input": 600, "cache_read": 400, "output": 200}
    assert (call.usage.input_tokens, call.usage.reasoning_output_tokens) == (1000, 50)
    assert (call.tags, call.feature) == ({"user": "u-42", "source": "csv"}, "import")
    assert span.cost == call.cost.usd == Decimal("0.00024")


def test_what_the_provider_charged_wins() -> None:
    """The computed figure stays beside it."""
    with ledger():
        call = outlay.record(provider="openai", model="gpt-4o-mini", input_tokens=1000, cost="0.5")
    assert call is not None
    assert (call.cost.usd, call.cost.source) == (Decimal("0.5"), "reported")
    assert call.cost.computed == 150_000_000


def test_a_model_that_nobody_knows_costs_an_unknown_amount() -> None:
    """Never nothing."""
    with ledger() as kept:
        outlay.record(provider="acme", model="one-of-ours", input_tokens=10)
    assert (kept.only.cost.status, kept.only.cost.usd, kept.cost.unpriced_calls) == ("unknown", None, 1)


def test_a_failed_call_without_tokens_is_free() -> None:
    """A refusal is an attempt that nobody bills."""
    with ledger() as kept:
        outlay.record(provider="openai", model="gpt-4o", error_type="rate_limit")
    assert (kept.only.outcome, kept.only.cost.status) == ("error", "free")


def test_times_may_be_given() -> None:
    """A price is that of the call's end; a time without a zone is UTC."""
    end = datetime(2025, 3, 1, 12, 0, 1)  # noqa: DTZ001 - a time without a zone is what is tried
    with ledger() as kept:
        outlay.record(
            provider="openai", model="o1", output_tokens=1_000_000, start=datetime(2025, 3, 1, 12, tzinfo=UTC), end=end
        )
    assert kept.only.duration == 10**9
    assert kept.only.cost.usd == 60


@pytest.mark.parametrize(
    "counts",
    [
        {"input_tokens": -1},
        {"input_tokens": 1.5},
        {"input_tokens": True},
        {"input_tokens": 10, "cache_read_input_tokens": 11},
        {"input_tokens": 10, "cache_write_input_tokens": 4, "cache_write_1h_input_tokens": 5},
        {"output_tokens": 10, "reasoning_output_tokens": 11},
    ],
    ids=str,
)
def test_counts_that_cannot_be_are_refused(counts: dict[str, Any]) -> None:
    """One sentence that names them; nothing is kept."""
    with ledger() as kept:
        with pytest.raises(ValueError, match=r"_tokens"):
            outlay.record(provider="openai", model="gpt-4o", **counts)
        assert kept.calls == []


@pytest.mark.parametrize(
    "said",
    [
        {"cost": "-1"},
        {"cost": "nan"},
        {"cost": "1e30"},
        {"cost": "three"},
        {"input_tokens": 10**13},
        {"operation": 5},
        {"model": None},
        {"provider": ""},
        {"tier": 3},
        {"start": "2026-11-01"},
        {"start": datetime(1960, 1, 1, tzinfo=UTC)},
        {"end": datetime(9999, 1, 1, tzinfo=UTC)},
        {"start": datetime(2026, 1, 2, tzinfo=UTC), "end": datetime(2026, 1, 1, tzinfo=UTC)},
        {"tags": ["user"]},
    ],
    ids=str,
)
def test_what_no_ledger_holds_as_it_was_said_is_refused(said: dict[str, Any]) -> None:
    """One sentence that names it; nothing is kept, and no more is promised than was kept."""
    with ledger() as kept:
        with pytest.raises(ValueError, match=next(iter(said)) if len(said) == 1 else "end must not"):
            outlay.record(**{"provider": "openai", "model": "gpt-4o", **said})
        assert kept.calls == []
