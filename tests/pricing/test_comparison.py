"""``compare``: what the same work costs on several models, by the token and by the answer."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import outlay
from outlay.errors import UnknownPrice
from outlay.pricing import Prices
from outlay.pricing.comparison import Comparison, Work, compare
from outlay.pricing.hosts import Host, break_even

PRICES = Prices.load()
STANDARD = datetime(2025, 3, 1, 12, tzinfo=UTC)
NIGHT = datetime(2025, 3, 1, 20, tzinfo=UTC)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
R1 = {"deepseek-reasoner": "6.22"}
MILLION = 10**6


def o1_against_r1(at: datetime, work: Work) -> Comparison:
    """Return o1 beside R1, which writes 6.22 times as many tokens."""
    cheap, dear = compare(PRICES, ("o1", "deepseek-reasoner"), work, token_ratios=R1, at=at)
    assert (cheap.asked, cheap.times, dear.asked) == ("deepseek-reasoner", Decimal(1), "o1")
    return dear


def test_a_reasoning_model_is_compared_by_the_token_and_by_the_answer() -> None:
    """60 / 2.19 is 27.397; with 6.22 times the tokens it is 4.4047; list prices, standard hours, output only."""
    o1 = o1_against_r1(STANDARD, Work(output_tokens=MILLION))
    assert o1.times_at_equal_tokens is not None
    assert o1.times is not None
    assert (round(o1.times_at_equal_tokens, 3), round(o1.times, 4)) == (Decimal("27.397"), Decimal("4.4047"))


@pytest.mark.parametrize(
    ("at", "input_tokens", "times"),
    [(STANDARD, MILLION, "5.29"), (STANDARD, 10 * MILLION, "10.98"), (NIGHT, 0, "17.54")],
)
def test_what_is_read_and_the_hour_change_the_ratio(at: datetime, input_tokens: int, times: str) -> None:
    """With input equal to o1's output, with ten times as much, and at night."""
    found = o1_against_r1(at, Work(input_tokens=input_tokens, output_tokens=MILLION)).times
    assert found is not None
    assert round(found, 2) == Decimal(times)


def test_the_work_is_priced_as_the_calls_it_is_made_of() -> None:
    """A month of 10M tokens is no call of 10M tokens; 20 calls of 500K each are long ones."""
    (short,) = compare(PRICES, ("gpt-6-sol",), Work(input_tokens=10 * MILLION), at=NOW)
    (long,) = compare(PRICES, ("gpt-6-sol",), Work(input_tokens=10 * MILLION, requests=20), at=NOW)
    assert (short.cost, long.cost) == (Decimal(20), Decimal(40))
    assert short.notes == ("for calls of up to 272,000 input tokens; longer ones cost more",)
    assert long.notes == ()


def test_a_fee_for_each_request_needs_their_number() -> None:
    """Without it the fee is left out, which is said."""
    (without,) = compare(PRICES, ("sonar",), Work(input_tokens=MILLION), at=NOW)
    (with_it,) = compare(PRICES, ("sonar",), Work(input_tokens=MILLION, requests=1000), at=NOW)
    assert (without.cost, with_it.cost) == (Decimal(1), Decimal(6))
    assert without.notes == ("without its fee of $5 per 1,000 requests: say how many there are",)


def test_cached_input_and_a_tier_have_their_prices() -> None:
    """80 % of a million at a tenth; half of it in a batch."""
    work = Work(input_tokens=MILLION, cache_share=Fraction("0.8"))
    (standard,) = compare(PRICES, ("claude-opus-4-5",), work, at=NOW)
    (batch,) = compare(PRICES, ("claude-opus-4-5",), work, tier="batch", at=NOW)
    assert (standard.cost, batch.cost) == (Decimal("1.4"), Decimal("0.7"))


def test_what_has_no_price_is_last_and_unknown() -> None:
    """Never zero: the class or the term is named."""
    known, unknown = compare(PRICES, ("sonar", "gpt-4o"), Work(input_tokens=MILLION), tier="batch", at=NOW)
    assert (known.asked, unknown.asked) == ("gpt-4o", "sonar")
    assert (unknown.cost, unknown.times, unknown.unpriced) == (None, None, ("tier:batch",))
    with pytest.raises(UnknownPrice, match="Did you mean"):
        compare(PRICES, ("gpt-4o-mni",), Work(input_tokens=1), at=NOW)


def test_a_price_that_changes_with_the_hour_says_so_while_it_does() -> None:
    """DeepSeek's discount at night ended on 2025-09-05."""
    (then,) = compare(PRICES, ("deepseek-chat",), Work(input_tokens=1), at=STANDARD)
    (now,) = compare(PRICES, ("deepseek-chat",), Work(input_tokens=1), at=NOW)
    assert (then.notes, now.notes) == (("its price changes with the hour of the day",), ())


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"input_tokens": -1}, "input_tokens=-1 must be a whole number"),
        ({"output_tokens": 1.5}, "output_tokens=1.5 must be"),
        ({"input_tokens": 1, "cache_share": 2}, "a share is a number from 0 to 1"),
        ({"input_tokens": 1, "token_ratios": {"o3": 2}}, "'o3', which is not compared"),
        ({"input_tokens": 1, "token_ratios": {"o1": 0}}, "must be a number above 0"),
        ({"input_tokens": 1, "at": datetime(2026, 1, 1)}, "has no time zone"),  # noqa: DTZ001  # that is the mistake
    ],
)
def test_numbers_that_cannot_be_are_refused(arguments: dict[str, Any], problem: str) -> None:
    """The message names the argument."""
    with pytest.raises(ValueError, match=problem):
        outlay.compare("o1", **arguments)


def test_the_public_function_says_what_the_command_says() -> None:
    """Floats are taken as they are written."""
    found = outlay.compare("o1", "deepseek:deepseek-reasoner", output_tokens=MILLION, cache_share=0.5, at=STANDARD)
    assert [(one.provider, one.cost) for one in found] == [("deepseek", Decimal("2.19")), ("openai", Decimal(60))]


MODELS = st.sampled_from(("gpt-4o", "gpt-4o-mini", "o1", "claude-opus-4-5", "deepseek-reasoner", "gemini-2.5-flash"))
WORKS = st.builds(
    Work,
    input_tokens=st.integers(0, 10**9),
    output_tokens=st.integers(0, 10**9),
    cache_share=st.fractions(0, 1, max_denominator=100),
)


@given(st.lists(MODELS, min_size=1, max_size=4, unique=True), WORKS)
def test_the_classes_add_up_and_the_cheapest_is_first(models: list[str], work: Work) -> None:
    """A cost is the sum of its classes; costs rise; none is less than once the cheapest."""
    found = compare(PRICES, models, work, at=NOW)
    assert sorted(one.asked for one in found) == sorted(models)
    known = [one for one in found if one.cost is not None]
    assert [one.cost for one in known] == sorted(sum(one.by_class.values(), Decimal(0)) for one in known)
    assert all(one.times is None or one.times >= 1 or not one.cost for one in known)


@given(st.integers(1, 10**10), st.integers(1, 10**6), st.integers(1, 16))
def test_at_the_break_even_both_cost_the_same(tokens: int, cents: int, gpus: int) -> None:
    """One token less and the model by the token is the cheaper one."""
    host = Host("h", Fraction("1.80"), gpus)
    cost = Decimal(cents) / 100
    even = break_even(host, "m", tokens, cost)
    assert even.tokens is not None
    assert even.host_cost == Decimal(1314) * gpus
    by_the_token = Fraction(cost) / tokens
    assert by_the_token * (even.tokens - 1) < Fraction(even.host_cost) <= by_the_token * even.tokens


def test_a_host_never_pays_against_what_costs_nothing(tmp_path: Path) -> None:
    """Nor against what is not known."""
    host = Host("h", Fraction(1))
    assert break_even(host, "m", 10, Decimal(0)).tokens is None
    assert break_even(host, "m", 10, None).tokens is None
