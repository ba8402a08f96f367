"""``calculate_cost``: one exact amount, or one sentence that says why there is none."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from outlay.errors import UnknownPrice
from outlay.pricing import Prices
from outlay.providers import FIRST_PARTY

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def prices() -> Prices:
    """Return the prices of the table alone."""
    return Prices.load()


def test_totals_include_their_parts(prices: Prices) -> None:
    """5 to 6.25 and 10 and 0.5 for writes and reads, 25 for output with its reasoning inside."""
    cost = prices.calculate(
        "claude-opus-4-5",
        at=AT,
        input_tokens=1_000_000,
        cache_read_input_tokens=300_000,
        cache_write_input_tokens=200_000,
        cache_write_1h_input_tokens=100_000,
        output_tokens=100_000,
        reasoning_output_tokens=60_000,
    )
    assert cost == Decimal("0.5") * 5 + Decimal("0.3") / 2 + Decimal("0.625") + Decimal(1) + Decimal("2.5")


def test_a_call_without_tokens_costs_nothing(prices: Prices) -> None:
    """Zero is right here: nothing was used."""
    assert prices.calculate("gpt-4o", at=AT) == 0


def test_a_model_named_alone_is_looked_for_at_its_maker(prices: Prices) -> None:
    """Or at the provider written before a slash."""
    assert prices.calculate("deepseek-v4-pro", at=AT, input_tokens=10**6) == Decimal("0.66")
    assert prices.calculate("groq/openai/gpt-oss-20b", at=AT, input_tokens=10**6) == Decimal("0.075")


@pytest.mark.parametrize(
    "tokens",
    [
        {"input_tokens": -1},
        {"output_tokens": 1.5},
        {"output_tokens": "7"},
        {"input_tokens": True},
        {"input_tokens": 10, "cache_read_input_tokens": 11},
        {"input_tokens": 10, "cache_read_input_tokens": 6, "cache_write_input_tokens": 6},
        {"input_tokens": 10, "cache_write_input_tokens": 5, "cache_write_1h_input_tokens": 6},
        {"output_tokens": 10, "reasoning_output_tokens": 11},
    ],
)
def test_numbers_that_cannot_be_are_refused(prices: Prices, tokens: dict[str, Any]) -> None:
    """Negative, not whole, or a part greater than its total: the message names the argument."""
    with pytest.raises(ValueError, match="|".join(tokens)):
        prices.calculate("gpt-4o", at=AT, **tokens)


def test_a_time_without_a_zone_is_refused(prices: Prices) -> None:
    """Prices change at instants, and a local time is none."""
    with pytest.raises(ValueError, match="has no time zone"):
        prices.calculate("gpt-4o", at=datetime(2026, 1, 1), input_tokens=1)  # noqa: DTZ001  # that is the mistake


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        ({"model": "gpt-4o-mni", "provider": "openai"}, "Did you mean gpt-4o-mini"),
        ({"model": "gpt-4o-mni"}, "Did you mean gpt-4o-mini"),
        ({"model": "gpt-4o", "provider": "nobody"}, "for the provider 'nobody'"),
        ({"model": "llama-3.3-70b-versatile-9"}, "say which with provider="),
        ({"model": "gpt-4o", "provider": "openai", "tier": "scale"}, "has no price for tier:scale"),
        ({"model": "gpt-4o", "provider": "openai", "cache_write_input_tokens": 1}, "has no price for cache_write_5m"),
        ({"model": "qwen-3-coder-480b", "provider": "cerebras"}, "has no price for input"),
    ],
)
def test_what_has_no_price_raises_a_sentence_that_helps(prices: Prices, ask: dict[str, Any], sentence: str) -> None:
    """Never zero, never a neighbour's price."""
    with pytest.raises(UnknownPrice, match=sentence):
        prices.calculate(at=AT, input_tokens=10, **ask)


def test_a_name_that_two_makers_have_needs_a_provider(tmp_path: Path) -> None:
    """The sentence names them; in the table alone no two makers share a name."""
    book = tmp_path / "prices.toml"
    book.write_text(
        'schema = 1\n[[price]]\nprovider = "mistral"\nmodel = "gpt-4o"\nunit = "per_1m_tokens"\ninput = "1"\n'
    )
    with pytest.raises(UnknownPrice, match=r"openai and mistral_ai: say which with provider='openai'"):
        Prices.load(book).calculate("gpt-4o", at=AT, input_tokens=1)


def test_no_two_makers_share_a_name(prices: Prices) -> None:
    """Else a model could no longer be named alone."""
    sold = [name for provider in FIRST_PARTY for name in prices.sells(provider)]
    assert len(sold) == len(set(sold))


def test_now_is_the_time_unless_it_is_said(prices: Prices) -> None:
    """Some price stands today for a model that has never changed."""
    assert prices.calculate("gpt-4", input_tokens=1000, output_tokens=500) == Decimal("0.06")
