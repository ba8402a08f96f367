"""How many tokens a byte is, by what calls have turned out to have: enough of them, of late, and a margin."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from outlay.wire.ratios import ENOUGH, LOOKED_BACK, MARGIN, Ratios


def test_there_is_no_ratio_before_enough_calls() -> None:
    """Of that provider's model: others say nothing of it."""
    ratios = Ratios()
    for number in range(ENOUGH):
        assert ratios.of("openai", "gpt-4o") is None
        ratios.add(("openai", "gpt-4o"), 1000, 250 - number)
    assert ratios.of("openai", "gpt-4o") == 0.25 * MARGIN
    assert ratios.of("openai", "gpt-4o-mini") is None
    assert ratios.of("azure.ai.openai", "gpt-4o") is None


def test_what_was_long_ago_is_forgotten() -> None:
    """The highest ratio counts for at least 256 calls, and for no more than twice as many."""
    ratios = Ratios()
    ratios.add(("p", "m"), 100, 90)
    for _ in range(LOOKED_BACK):
        ratios.add(("p", "m"), 100, 20)
        assert ratios.of("p", "m") in (None, 0.9 * MARGIN)
    for _ in range(LOOKED_BACK):
        ratios.add(("p", "m"), 100, 20)
    assert ratios.of("p", "m") == 0.2 * MARGIN


@given(st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 10**6)), min_size=ENOUGH, max_size=200))
def test_no_call_that_was_looked_back_on_is_above_the_ratio(calls: list[tuple[int, int]]) -> None:
    """It is the highest, and a quarter more."""
    ratios = Ratios()
    for text, tokens in calls:
        ratios.add(("p", "m"), text, tokens)
    found = ratios.of("p", "m")
    assert found is not None
    assert all(tokens <= text * found for text, tokens in calls)
