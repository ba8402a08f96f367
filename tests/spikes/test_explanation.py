"""Explanations are arithmetic: their parts add up, whatever the two times were like."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from outlay.spikes.explanation import FACTORS, explain
from outlay.traffic import Model, Spent

MODELS: tuple[Model, ...] = (("openai", "gpt-4o"), ("openai", "o4-mini"), ("anthropic", "claude-haiku-4-5"))
tokens = st.integers(0, 10**9)
amounts = st.integers(0, 10**18)


def classes(*names: str) -> st.SearchStrategy[dict[str, tuple[int, int]]]:
    """Return some of the classes, each with tokens and what they cost."""
    return st.dictionaries(st.sampled_from(names), st.tuples(tokens, amounts))


@st.composite
def spent(draw: st.DrawFn) -> Spent:
    """Return what the calls to one model may have been."""
    read, written = draw(classes("input", "cache_read", "cache_write_5m")), draw(classes("output", "other_output"))
    cost = draw(amounts) + sum(amount for part in (read, written) for _, amount in part.values())
    used = cost or any(count for part in (read, written) for count, _ in part.values())
    return Spent(draw(st.integers(0, 1000)), draw(st.integers(1 if used else 0, 1000)), cost, read, written)


times = st.dictionaries(st.sampled_from(MODELS), spent())


def plain(requests: int, *, read: int = 1000, written: int = 100, price: int = 10) -> Spent:
    """Return requests that are all alike."""
    classes_read, classes_written = (
        {"input": (requests * read, requests * read * price)},
        {"output": (requests * written, requests * written * 4 * price)},
    )
    cost = requests * (read * price + written * 4 * price)
    return Spent(requests, requests, cost, classes_read, classes_written)


@given(times, times, st.fractions(0, 10, max_denominator=1000))
def test_the_parts_add_up_to_the_difference(
    before: dict[Model, Spent], after: dict[Model, Spent], scale: Fraction
) -> None:
    """To the pico-USD, for any two times, with models and classes that are in one of them only, and with none."""
    explanation = explain(before, after, scale)
    assert sum(explanation.parts.values()) == explanation.difference
    assert set(explanation.parts) == set(FACTORS)
    assert explanation.after == sum(part.cost for part in after.values())


@given(times, times)
def test_no_direction_is_privileged(before: dict[Model, Spent], after: dict[Model, Spent]) -> None:
    """The way back is the way there with the signs changed, but for the rounding of a pico-USD."""
    there, back = explain(before, after), explain(after, before)
    assert all(abs(there.parts[name] + back.parts[name]) <= 1 for name in FACTORS)


@given(times)
def test_what_did_not_change_carries_nothing(time: dict[Model, Spent]) -> None:
    """Two times that are alike differ in nothing."""
    assert not any(explain(time, time).parts.values())


def test_one_factor_that_changes_carries_all() -> None:
    """More requests, longer input, longer output, another price: each is found where it happened, and nowhere else."""
    usual = {MODELS[0]: plain(10)}
    for name, after in (
        ("volume", plain(30)),
        ("input", plain(10, read=5000)),
        ("output", plain(10, written=700)),
        ("price", plain(10, price=25)),
    ):
        explanation = explain(usual, {MODELS[0]: after})
        assert {part: amount for part, amount in explanation.parts.items() if amount} == {name: explanation.difference}
        assert explanation.largest == name


def test_a_model_that_takes_over_is_a_change_of_model() -> None:
    """As many requests of the same size to a dearer model: nothing but the model."""
    explanation = explain({MODELS[1]: plain(10)}, {MODELS[0]: plain(10, price=100)})
    assert explanation.parts["model"] == explanation.difference > 0


def test_a_cache_that_is_lost_is_told_from_a_longer_prompt() -> None:
    """The input is as long as before, and no token of it is dearer."""
    cached = Spent(10, 10, 2000 * 10 + 8000, {"input": (2000, 20_000), "cache_read": (8000, 8000)}, {})
    lost = Spent(10, 10, 100_000, {"input": (10_000, 100_000)}, {})
    explanation = explain({MODELS[0]: cached}, {MODELS[0]: lost})
    assert explanation.parts["cache"] == explanation.difference == 72_000


def test_retries_that_are_billed_are_told_from_requests() -> None:
    """As many requests, twice the attempts."""
    twice = plain(20)
    explanation = explain({MODELS[0]: plain(10)}, {MODELS[0]: twice._replace(requests=10)})
    assert explanation.parts["retries"] == explanation.difference


def test_two_factors_share_what_both_did() -> None:
    """Doubled requests of doubled length: neither is taken first, so both carry as much."""
    explanation = explain({MODELS[0]: plain(10, written=0)}, {MODELS[0]: plain(20, read=2000, written=0)})
    assert explanation.parts["volume"] == explanation.parts["input"] == explanation.difference / 2
