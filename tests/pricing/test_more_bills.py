"""Bills beside the acceptance cases, each worked out by hand from what is published: hours, bands, tiers, names."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest

from outlay.pricing import Prices
from outlay.records import Quantity, Usage

M = 1_000_000
BOTH = {"input": M, "output": M}
SMALL = {"input": 100_000, "output": 100_000}
REPORT = {"input": 10 * M, "output": 5 * M}
NOW = "2026-11-20T12:00:00Z"


@pytest.fixture(scope="module")
def prices() -> Prices:
    """Return the prices of the table alone."""
    return Prices.load()


def cost_of(prices: Prices, provider: str, model: str, classes: dict[str, Quantity], at: str, **terms: str) -> object:
    """Return the cost of a call that ended at a time."""
    instant = int(datetime.fromisoformat(at).timestamp()) * 10**9
    cost = prices.cost(provider, (model,), Usage(classes=classes), at=instant, terms=terms)
    assert cost.status in ("priced", "unknown")
    return cost.usd


REASONER, CHAT, PRO = "deepseek-reasoner", "deepseek-chat", "deepseek-v4-pro"


@pytest.mark.parametrize(
    ("model", "at", "usd"),
    [
        # R1: 0.55 + 2.19 by day, 0.135 + 0.55 from 16:30 to 00:30, from 2025-02-26 16:30 to 2025-09-05 16:00
        (REASONER, "2025-02-26T16:29:59Z", "2.74"),
        (REASONER, "2025-02-26T16:30:00Z", "0.685"),
        (REASONER, "2025-03-01T16:29:59Z", "2.74"),
        (REASONER, "2025-03-01T16:30:00Z", "0.685"),
        (REASONER, "2025-03-02T00:29:59Z", "0.685"),
        (REASONER, "2025-03-02T00:30:00Z", "2.74"),
        (REASONER, "2025-09-05T15:59:59Z", "2.74"),
        (REASONER, "2025-09-05T16:00:00Z", "2.24"),
        (REASONER, "2025-09-10T20:00:00Z", "2.24"),
        (REASONER, "2025-09-29T00:00:00Z", "0.70"),
        # V3: 0.27 + 1.10, 0.135 + 0.55 at night, 0.14 + 0.28 in its first weeks
        (CHAT, "2025-02-08T15:59:59Z", "0.42"),
        (CHAT, "2025-02-08T16:00:00Z", "1.37"),
        (CHAT, "2025-05-01T12:00:00Z", "1.37"),
        (CHAT, "2025-05-01T20:00:00Z", "0.685"),
        (CHAT, "2025-09-05T16:00:00Z", "2.24"),
        # V4 Pro: twice as much from 01 to 04 and from 06 to 10, Monday to Friday, not on Chinese holidays
        (PRO, "2026-08-16T15:59:59Z", "1.305"),
        (PRO, "2026-08-16T16:00:00Z", "2.64"),
        (PRO, "2026-09-02T00:59:59Z", "2.64"),
        (PRO, "2026-09-02T01:00:00Z", "5.28"),
        (PRO, "2026-09-02T04:00:00Z", "2.64"),
        (PRO, "2026-09-02T06:00:00Z", "5.28"),
        (PRO, "2026-09-02T09:59:59Z", "5.28"),
        (PRO, "2026-09-02T10:00:00Z", "2.64"),
        (PRO, "2026-09-05T02:00:00Z", "2.64"),  # a Saturday
        (PRO, "2026-10-01T02:00:00Z", "2.64"),  # the national day
    ],
)
def test_deepseeks_hours_begin_and_end_to_the_second(prices: Prices, model: str, at: str, usd: str) -> None:
    """A million tokens each way; a call is billed by when it ends."""
    assert cost_of(prices, "deepseek", model, dict(BOTH), at) == Decimal(usd)


@pytest.mark.parametrize(
    ("provider", "model", "classes", "usd"),
    [
        ("openai", "gpt-6-sol", {"input": 272_000, "output": 1000}, "0.554"),
        ("openai", "gpt-6-sol", {"input": 272_001, "output": 1000}, "1.103004"),
        ("google", "gemini-2.5-pro", {"input": 200_000, "output": 1000}, "0.26"),
        ("google", "gemini-2.5-pro", {"input": 300_000, "output": 1000}, "0.765"),
        # 100,000 x 6 + 100,001 x 0.60 + 1,000 x 22.50: what is cached counts towards the 200,000
        ("anthropic", "claude-sonnet-4-5", {"input": 100_000, "cache_read": 100_001, "output": 1000}, "0.6825006"),
        ("anthropic", "claude-sonnet-4-5", {"input": 100_000, "cache_read": 100_000, "output": 1000}, "0.345"),
        ("anthropic", "claude-sonnet-4-5", {"cache_write_5m": 100_000}, "0.375"),
        ("anthropic", "claude-sonnet-4-5", {"cache_write_1h": 100_000}, "0.60"),
    ],
)
def test_a_band_moves_the_whole_call(
    prices: Prices, provider: str, model: str, classes: dict[str, Quantity], usd: str
) -> None:
    """From the first token over the threshold, never at it."""
    assert cost_of(prices, provider, model, classes, NOW) == Decimal(usd)


@pytest.mark.parametrize(
    ("provider", "model", "classes", "at", "usd"),
    [
        ("openai", "gpt-4o", REPORT, NOW, "75"),
        ("openai", "o1", BOTH, NOW, "75"),
        ("openai", "gpt-4o-2024-05-13", BOTH, NOW, "20"),
        ("openai", "gpt-4o-2024-08-06", BOTH, NOW, "12.5"),
        ("openai", "o3", BOTH, "2025-06-09T23:59:59Z", "50"),
        ("openai", "o3", BOTH, "2025-06-10T12:00:00Z", "10"),
        ("openai", "gpt-5.6-sol", SMALL, "2026-08-01T12:00:00Z", "3.50"),
        ("openai", "ft:gpt-4o-mini-2024-07-18:acme::Ab12", BOTH, NOW, "1.50"),
        ("openai", "ft:o4-mini-2025-04-16:acme::Ab12", BOTH, NOW, "20"),
        ("openai", "gpt-4o-search-preview", {"input": 1000}, NOW, "0.0275"),
        ("openai", "gpt-4o-mini-search-preview-2025-03-11", {"input": 1000}, NOW, "0.02515"),
        ("openai", "gpt-4o-realtime-preview-2024-10-01", {"input_audio": 1000, "output_audio": 1000}, NOW, "0.30"),
        ("openai", "gpt-4o-realtime-preview-2024-12-17", {"input_audio": 1000, "output_audio": 1000}, NOW, "0.12"),
        ("google", "gemini-3.8-flash", SMALL, "2027-01-01T00:00:00Z", "0.90"),
        ("mistral", "mistral-large-latest", BOTH, "2025-12-01T12:00:00Z", "8"),
        ("mistral", "mistral-large-latest", BOTH, NOW, "2"),
        # Names that moved to another model: gpt-4o was its first snapshot, and xAI answers old names by Grok 4.3
        ("openai", "gpt-4o", BOTH, "2024-10-01T23:59:59Z", "20"),
        ("openai", "gpt-4o", BOTH, "2024-10-02T00:00:00Z", "12.5"),
        ("openai", "gpt-4o-2024-08-06", BOTH, "2024-09-01T12:00:00Z", "12.5"),
        ("openai", "gpt-4o-2024-11-20", BOTH, "2024-11-20T12:00:00Z", "12.5"),
        ("xai", "grok-4-fast", SMALL, "2026-05-15T18:59:59Z", "0.07"),
        ("xai", "grok-4-fast", SMALL, "2026-05-15T19:00:00Z", "0.375"),
        ("xai", "grok-code-fast-1", SMALL, "2026-05-15T18:59:59Z", "0.17"),
        ("xai", "grok-code-fast-1", SMALL, "2026-05-16T12:00:00Z", "0.375"),
        ("xai", "grok-code-fast-1", SMALL, NOW, "0.30"),
        ("mistral", "mistral-medium", BOTH, "2024-06-01T12:00:00Z", "10.8"),
        ("mistral", "mistral-medium", BOTH, "2025-09-01T12:00:00Z", "2.4"),
        ("mistral", "mistral-medium", BOTH, NOW, "9"),
        ("mistral", "magistral-medium-latest", BOTH, "2026-07-30T12:00:00Z", "7"),
        ("mistral", "magistral-medium-latest", BOTH, NOW, "9"),
        ("mistral", "magistral-medium-2509", BOTH, NOW, "7"),
        ("mistral", "magistral-small-latest", BOTH, NOW, "0.75"),
        ("mistral", "open-mistral-nemo-2407", BOTH, NOW, "0.30"),
        ("nscale", "deepseek-ai/DeepSeek-R1-Distill-Llama-8B", REPORT, NOW, "0.75"),
        ("nscale", "Qwen/Qwen2.5-Coder-32B-Instruct", REPORT, NOW, "1.60"),
        ("watsonx", "core42/jais-13b-chat", BOTH, NOW, "3.60"),
        ("azure", "deepseek-r1", BOTH, NOW, "6.75"),
        ("aws", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", SMALL, NOW, "1.80"),
        ("aws", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", SMALL, NOW, "1.98"),
        ("aws", "cohere.command-r-plus-v1:0", BOTH, NOW, "18"),
        ("cohere", "rerank-v3.5", {"rerank": 3}, NOW, "0.006"),
        ("voyage", "rerank-2.5", {"input": M}, NOW, "0.05"),
    ],
)
def test_a_name_has_the_price_of_its_day(
    prices: Prices, provider: str, model: str, classes: dict[str, Quantity], at: str, usd: str
) -> None:
    """Snapshots, fine-tuned models, regions, other makers' models: each its own."""
    assert cost_of(prices, provider, model, classes, at) == Decimal(usd)


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-4o-ultra"),
        ("openai", "gpt-5-search-api-2099-01-01"),
        ("openai", "ft:gpt-5:acme::Ab12"),
        ("anthropic", "claude-sonnet-4-5-mega"),
        ("deepseek", "deepseek-r1-distill-llama-8b"),
        ("google", "gemini-3.8-flash-cyber"),
        ("azure", "my-gpt4o-deployment"),
        ("perplexity", "sonar-ultra"),
        ("aws", "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2"),
    ],
)
def test_what_nobody_knows_is_not_priced_by_its_neighbour(prices: Prices, provider: str, model: str) -> None:
    """Unknown is no number."""
    assert cost_of(prices, provider, model, dict(BOTH), NOW) is None
