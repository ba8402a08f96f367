"""Laws of the arithmetic, for any usage at any time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from outlay.pricing import Prices
from outlay.pricing.schedule import holds, span
from outlay.pricing.table import Price
from outlay.records import Quantity, Usage

PRICES = Prices.load()
AT = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()) * 10**9
FIRST = int(datetime(2024, 12, 1, tzinfo=UTC).timestamp()) * 10**9
LAST = int(datetime(2027, 2, 1, tzinfo=UTC).timestamp()) * 10**9

tokens: st.SearchStrategy[Quantity] = st.integers(0, 10**7)
times = st.integers(FIRST, LAST)
usages = st.dictionaries(st.sampled_from(("input", "cache_read", "cache_write_5m", "cache_write_1h", "output")), tokens)
models = st.sampled_from(
    [
        ("anthropic", "claude-opus-4-5"),
        ("anthropic", "claude-sonnet-4-5"),
        ("openai", "gpt-4o"),
        ("openai", "gpt-6-sol"),
        ("openai", "gpt-5.6-sol"),
        ("deepseek", "deepseek-reasoner"),
        ("deepseek", "deepseek-v4-pro"),
        ("gcp.gemini", "gemini-3.8-flash"),
        ("perplexity", "sonar"),
        ("aws.bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("openrouter", "meta-llama/llama-3-8b-instruct:free"),
        ("openai", "gpt-99"),
    ]
)
terms = st.fixed_dictionaries({}, optional={"tier": st.sampled_from(("batch", "flex", "default", "priority", "scale"))})


@given(models, usages, times, terms)
def test_the_classes_add_up_and_the_unknown_is_never_zero(
    model: tuple[str, str], usage: dict[str, Quantity], at: int, terms: dict[str, str]
) -> None:
    """An amount is the sum of its classes; it is None exactly when the status says unknown; a gap is named."""
    cost = PRICES.cost(model[0], (model[1],), Usage(classes=usage), at=at, terms=terms)
    assert (cost.amount is None) == (cost.status == "unknown")
    assert sum(cost.by_class.values()) == (cost.amount or 0)
    assert (cost.status == "partial") == bool(cost.unpriced and cost.amount is not None)
    if cost.status == "priced" and any(usage.values()):
        assert cost.amount
    if cost.status != "free":
        assert set(cost.unpriced) >= {name for name, used in usage.items() if used and name not in cost.by_class} or (
            model[1] == "gpt-99"
        )


@given(usages, usages)
def test_two_calls_cost_what_one_of_both_costs(one: dict[str, Quantity], other: dict[str, Quantity]) -> None:
    """Without context bands and with rates that are whole numbers of pico-USD."""
    both = {name: one.get(name, 0) + other.get(name, 0) for name in one.keys() | other.keys()}
    amounts = [
        PRICES.cost("anthropic", ("claude-opus-4-5",), Usage(classes=classes), at=AT).amount or 0
        for classes in (one, other, both)
    ]
    assert amounts[0] + amounts[1] == amounts[2]
    assert bool(amounts[2]) == any(both.values())


@given(models, usages, st.sampled_from(("input", "output")), st.integers(0, 10**6), times)
def test_more_tokens_never_cost_less(
    model: tuple[str, str], usage: dict[str, Quantity], name: str, more: int, at: int
) -> None:
    """Bands only go up."""
    less = PRICES.cost(model[0], (model[1],), Usage(classes=usage), at=at)
    cost = PRICES.cost(model[0], (model[1],), Usage(classes={**usage, name: usage.get(name, 0) + more}), at=at)
    assert (cost.amount or 0) >= (less.amount or 0)


@given(st.integers(0, 272_000), st.integers(0, 10**6))
def test_the_whole_call_moves_to_the_next_band(cached: int, output: int) -> None:
    """Cached input counts for the threshold, and the threshold itself is not over it."""
    at_it: dict[str, Quantity] = {"input": 272_000 - cached, "cache_read": cached, "output": output}
    over: dict[str, Quantity] = {**at_it, "input": at_it["input"] + 1}
    below = PRICES.cost("openai", ("gpt-6-sol",), Usage(classes=at_it), at=AT)
    above = PRICES.cost("openai", ("gpt-6-sol",), Usage(classes=over), at=AT)
    assert below.by_class == {
        "input": at_it["input"] * 2 * 10**6,
        "cache_read": cached * 2 * 10**5,
        "output": output * 10**7,
    }
    assert above.by_class == {
        "input": over["input"] * 4 * 10**6, "cache_read": cached * 4 * 10**5, "output": output * 15 * 10**6
    }  # fmt: skip


@given(st.lists(st.tuples(models, times), min_size=1, max_size=30))
def test_a_price_that_is_kept_is_the_price_found_anew(asked: list[tuple[tuple[str, str], int]]) -> None:
    """Whatever was asked before, and in whatever order of time."""
    usage = Usage(classes={"input": 1000, "output": 100, "cache_read": 10})
    for (provider, model), at in asked:
        anew = Prices(PRICES.table, PRICES.book).cost(provider, (model,), usage, at=at)
        assert PRICES.cost(provider, (model,), usage, at=at) == anew


moments = st.integers(0, 60 * 24 * 60).map(lambda minute: FIRST + minute * 60 * 10**9)
clocks = st.integers(0, 24 * 4 - 1).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}")
rows = st.builds(
    Price,
    since=st.sampled_from(("", "2024-12-09T16:00:00Z", "2024-12-20")),
    until=st.sampled_from(("", "2025-01-05T04:00:00Z")),
    daily=st.lists(st.tuples(clocks, clocks).filter(lambda pair: pair[0] != pair[1]).map("-".join), max_size=2),
    weekdays=st.sampled_from(("", "12345", "67")),
    holidays=st.sampled_from(("", "feast")),
)


@given(st.lists(rows, max_size=4), moments, st.fractions(0, 1))
def test_nothing_changes_inside_a_span(rows: list[Price], at: int, part: Fraction) -> None:
    """The span of an instant holds the instant, and each row holds all through it or not at all."""
    calendars = {"feast": frozenset({"2024-12-25", "2024-12-26"})}
    start, end = span(rows, at)
    assert start <= at < end
    inside = max(start, FIRST) + int((min(end, LAST) - 1 - max(start, FIRST)) * part)
    assert [holds(row, at, calendars) for row in rows] == [holds(row, inside, calendars) for row in rows]


@given(models, usages, usages)
def test_bounds_of_an_estimate_are_priced_as_usage_is(
    model: tuple[str, str], lower: dict[str, Quantity], upper: dict[str, Quantity]
) -> None:
    """Each bound is the cost of its classes; a bound with a gap is none."""
    both = {name: max(lower.get(name, 0), upper.get(name, 0)) for name in lower.keys() | upper.keys()}
    usage = Usage(classes=lower, estimated=True, lower=lower, upper=both)
    cost = PRICES.cost(model[0], (model[1],), usage, at=AT)
    for bound, classes in ((cost.lower, lower), (cost.upper, both)):
        alone = PRICES.cost(model[0], (model[1],), Usage(classes=classes), at=AT)
        assert bound == (alone.amount if alone.status in {"priced", "free"} and cost.amount is not None else None)


def test_an_estimate_without_an_upper_bound_has_none() -> None:
    """Nothing is made up."""
    usage = Usage(classes={"input": 10}, estimated=True, lower={"input": 10}, upper=None)
    cost = PRICES.cost("openai", ("gpt-4o",), usage, at=AT)
    assert (cost.lower, cost.upper) == (25 * 10**6, None)


def test_seconds_are_rounded_once_and_half_to_even() -> None:
    """0.36 USD an hour for 12.345678 seconds, given as a float that has no exact decimal."""
    cost = PRICES.cost("openai", ("whisper-1",), Usage(classes={"audio_seconds": 12.345678}), at=AT)
    assert cost.amount == round(Fraction("0.36") * 10**12 / 3600 * Fraction("12.345678"))


def test_threads_share_one_cache_and_get_the_same_costs() -> None:
    """Eight threads over models whose spans change under them."""
    prices = Prices.load()
    asked = [
        (model, FIRST + hour * 3600 * 10**9) for hour in range(24) for model in ("deepseek-chat", "deepseek-v4-pro")
    ]

    def cost(ask: tuple[str, int]) -> int | None:
        return prices.cost("deepseek", (ask[0],), Usage(classes={"input": 1000}), at=ask[1]).amount

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(cost, asked * 50))
    assert found == [cost(ask) for ask in asked] * 50


def test_the_cache_is_bounded() -> None:
    """Names that nobody knows, of which a stream can bring any number, do not fill the memory."""
    prices = Prices.load()
    for number in range(5_000):
        prices.cost("openai", (f"ft:gpt-4o-2024-08-06:me::{number}", f"x{number}"), Usage(classes={}), at=AT)
    assert len(prices._quotes) <= 4096  # noqa: SLF001  # that it is bounded can't be seen from outside
