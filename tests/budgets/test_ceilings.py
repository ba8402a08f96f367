"""The most that a call can cost: a law over the whole price table."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from outlay.pricing import Prices
from outlay.records import INPUT_CLASSES, OUTPUT_CLASSES, Usage

NOW = int(datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()) * 10**9
HOUR = 3600 * 10**9


@cache
def prices() -> Prices:
    """Load the table that this release has."""
    return Prices.load(tables=Path("nowhere"))


@cache
def sold() -> list[tuple[str, str]]:
    """Return every provider and model of the table."""
    return [
        (name, model) for name in prices().table.names() for model in (prices().table.provider(name) or _none()).models
    ]


def _none() -> Any:
    raise AssertionError("the table names a provider that it does not have")


@st.composite
def split(draw: st.DrawFn, total: int, classes: tuple[str, ...]) -> dict[str, int]:
    """Split a total into classes that do not overlap."""
    found: dict[str, int] = {}
    for name in draw(st.permutations(classes))[:4]:
        found[name] = draw(st.integers(0, total - sum(found.values())))
    return found


@settings(max_examples=500)
@given(st.data())
def test_no_call_costs_more_than_its_ceiling(data: st.DataObject) -> None:
    """Whatever of its tokens is cached, thought or spoken, in whatever tier, whenever within a day it ends."""
    provider, model = data.draw(st.sampled_from(sold()))
    inputs, outputs = data.draw(st.integers(0, 2_000_000)), data.draw(st.integers(0, 200_000))
    start = NOW + data.draw(st.integers(0, 48)) * HOUR
    bound = prices().bound(provider, (model,), input_tokens=inputs, output_tokens=outputs, at=start)
    classes = data.draw(split(inputs, INPUT_CLASSES)) | data.draw(split(outputs, OUTPUT_CLASSES))
    terms = data.draw(
        st.fixed_dictionaries(
            {},
            optional={
                "tier": st.sampled_from(["default", "priority", "flex", "fast", "ultrafast", "batch"]),
                "inference_geo": st.sampled_from(["us", "global"]),
                "speed": st.sampled_from(["fast", "standard"]),
            },
        )
    )
    ends = start + data.draw(st.integers(0, 24 * HOUR - 1))
    cost = prices().cost(provider, (model,), Usage(classes={**classes}), at=ends, terms=terms)
    if cost.status == "priced" and cost.amount:  # nothing at all costs nothing, whatever is not known
        assert bound is not None
        assert cost.amount <= bound


@settings(max_examples=200)
@given(st.sampled_from(sold()), st.integers(0, 10**6), st.integers(0, 10**5))
def test_more_tokens_never_lower_the_ceiling(which: tuple[str, str], inputs: int, outputs: int) -> None:
    """Long contexts have prices of their own, above a threshold: the ceiling only steps up there."""
    provider, model = which
    before = 0
    for factor in (0, 1, 2, 4):
        bound = prices().bound(provider, (model,), input_tokens=inputs * factor, output_tokens=outputs * factor, at=NOW)
        if bound is None:
            return
        assert bound >= before
        before = bound


def test_a_tier_that_is_asked_for_rules_out_the_dearer_ones() -> None:
    """``default`` is not served as priority; what is not said may be."""
    tokens: dict[str, Any] = {"input_tokens": 1000, "output_tokens": 1000, "at": NOW}
    anything = prices().bound("openai", ("gpt-4o",), **tokens)
    standard = prices().bound("openai", ("gpt-4o",), terms={"tier": "default"}, **tokens)
    assert anything is not None
    assert standard is not None
    assert standard < anything


def test_a_model_without_a_price_has_no_ceiling() -> None:
    """Unknown is not zero."""
    assert prices().bound("openai", ("of-my-own",), input_tokens=1, output_tokens=1, at=NOW) is None
    assert prices().bound("openai", (None,), input_tokens=1, output_tokens=1, at=NOW) is None


def test_a_class_that_a_call_can_not_have_is_left_out() -> None:
    """Without a cache that lives for an hour the input costs no more than one for five minutes."""
    tokens: dict[str, Any] = {"input_tokens": 1000, "output_tokens": 0, "at": NOW}
    any_class = prices().bound("anthropic", ("claude-haiku-4-5",), **tokens)
    written = prices().bound("anthropic", ("claude-haiku-4-5",), without=frozenset(("cache_write_1h",)), **tokens)
    plain = prices().bound(
        "anthropic", ("claude-haiku-4-5",), without=frozenset(("cache_write_1h", "cache_write_5m")), **tokens
    )
    assert any_class is not None
    assert written is not None
    assert plain is not None
    assert any_class > written > plain
