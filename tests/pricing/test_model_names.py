"""How a model's name finds its row, and which names find none."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from outlay.pricing import Prices
from outlay.providers import ALIASES, canonical, known
from outlay.records import Usage

AT = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()) * 10**9
PROFILE = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu.anthropic.claude-opus-4-5-20251101-v1:0"
HAIKU = "regional.anthropic.claude-3-haiku-20240307-v1:0"
VERTEX = "projects/acme/locations/us-central1/publishers/google/models/gemini-2.5-pro"


@pytest.fixture(scope="module")
def prices() -> Prices:
    """Return the prices of the table alone."""
    return Prices.load()


@pytest.mark.parametrize(
    ("provider", "name", "model", "rule"),
    [
        ("openai", "gpt-4o", "gpt-4o", "exact"),
        ("openai", "GPT-4o", "gpt-4o", "exact"),
        ("openai", "gpt-4o-2024-08-06", "gpt-4o", "alias"),
        ("openai", "gpt-4o-2024-05-13", "gpt-4o-2024-05-13", "exact"),
        ("openai", "gpt-5.2-20251211", "gpt-5.2", "alias"),
        ("openai", "openai/gpt-4o", "gpt-4o", "path"),
        ("openai", "gpt-6-sol-2026-09-22", "gpt-6-sol", "dated"),
        ("openai", "gpt-4o-audio-preview-2024-12-17", "gpt-4o-audio-preview", "dated"),
        ("openai", "ft:gpt-4o-mini-2024-07-18:acme::Ab12", "ft:gpt-4o-mini", "fine_tuned+alias"),
        ("openai", "ft:gpt-4.1-2025-04-14:acme:support:Ab12", "ft:gpt-4.1", "fine_tuned+alias"),
        ("anthropic", "claude-3-5-haiku-20241022", "claude-3-5-haiku-latest", "dated"),
        ("anthropic", "claude-3-5-haiku-latest", "claude-3-5-haiku-latest", "exact"),
        ("google", "models/gemini-2.5-flash", "gemini-2.5-flash", "path"),
        ("gemini", "gemini-2.5-pro-preview-05-06", "gemini-2.5-pro", "dated"),
        ("vertex_ai", VERTEX, "gemini-2.5-pro", "path"),
        ("vertex_ai", "publishers/anthropic/models/claude-sonnet-4-5@20250929", "claude-sonnet-4-5", "path+dated"),
        ("vertex_ai", "publishers/zai-org/models/glm-5-maas", "zai-org/glm-5-maas", "path+alias"),
        ("watsonx", "ibm/granite-4-h-small", "ibm/granite-4-h-small", "exact"),
        ("google", "claude-sonnet-4-5@20250929", "claude-sonnet-4-5", "dated"),
        ("google", "gemini-1.5-flash-8b", "gemini-flash-1.5-8b", "alias"),
        ("azure", "gpt-4o-2024-11-20", "gpt-4o", "alias+list_price_of_openai"),
        ("azure_ai", "claude-sonnet-4-5", "claude-sonnet-4-5", "exact+list_price_of_anthropic"),
        ("azure", "deepseek-r1", "deepseek-r1", "exact"),
        ("azure", "azure/gpt-4o", "gpt-4o", "path+list_price_of_openai"),
        ("azure_ai", "azure_ai/claude-haiku-4-5", "claude-haiku-4-5", "path+list_price_of_anthropic"),
        ("perplexity", "anthropic/claude-haiku-4-5", "claude-haiku-4-5", "path+list_price_of_anthropic"),
        ("bedrock", "bedrock/us-east-1/amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0", "path"),
        ("bedrock", "us.amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0", "geo+alias"),
        ("bedrock", "anthropic.claude-3-haiku-20240307-v1:0:48k", HAIKU, "alias"),
        ("bedrock", PROFILE, "regional.anthropic.claude-opus-4-5-v1:0", "path+geo+alias"),
        ("perplexity", "sonar", "sonar", "exact"),
        ("perplexity", "perplexity/sonar", "perplexity/sonar", "exact"),  # a model of another API, at another price
        ("perplexity", "perplexity/sonar-pro", "sonar-pro", "path"),
        ("openrouter", "openai/gpt-4o:nitro", "openai/gpt-4o", "flag"),
        ("openrouter", "some-lab/some-model:free", "some-lab/some-model:free", "free"),
        ("nscale", "deepseek-ai/DeepSeek-R1-Distill-Llama-8B", "deepseek-ai/deepseek-r1-distill-llama-8b", "exact"),
    ],
)  # fmt: skip
def test_a_name_finds_its_row_by_a_rule_that_is_recorded(
    prices: Prices, provider: str, name: str, model: str, rule: str
) -> None:
    """The rule stands in each cost, so that a wrong match can be seen."""
    cost = prices.cost(provider, (name,), Usage(classes={"input": 1000, "output": 10}), at=AT)
    assert (cost.model, cost.match) == (model, rule)
    assert cost.amount is not None


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("openai", "gpt-4o-2027-01-01"),  # the table does not say that a later snapshot costs the same
        ("openai", "gpt-4o-mega"),
        ("openai", "ft:gpt-5:acme::Ab12"),  # a fine-tuned model never costs what its base costs
        ("openai", "my-gpt-4o"),
        ("deepseek", "deepseek-r1-distill-llama-8b"),  # 0.75 USD elsewhere, priced as R1 at 16.45 by prefix
        ("google", "gemini-3.8-flash-cyber"),
        ("azure", "my-deployment"),
        ("azure", "grok-4"),  # Azure has a price of its own for other makers' models
        ("azure", "eu/gpt-4o"),
        ("bedrock", "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3"),
        ("bedrock", "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/a1b2c3"),
        ("vertex_ai", "meta/llama-3.2-90b-vision-instruct-maas"),  # the price in circulation is that of 3.1 405B
        ("huggingface_novita", "huggingface_nscale/qwen/qwq-32b"),  # another host has another price
        ("openrouter", "openrouter/auto"),
        ("nobody", "gpt-4o"),
        ("openai", ""),
    ],
)
def test_a_name_is_not_matched_by_its_beginning_or_its_neighbour(prices: Prices, provider: str, name: str) -> None:
    """Unknown: no amount, and no status that a total could take for zero."""
    cost = prices.cost(provider, (name, None), Usage(classes={"input": 1000}), at=AT)
    assert (cost.status, cost.amount, cost.by_class, cost.model) == ("unknown", None, {}, None)


def test_the_models_own_name_wins_over_the_name_that_was_asked_for(prices: Prices) -> None:
    """The response knows which model answered; the request may name a deployment."""
    usage = Usage(classes={"input": 1_000_000})
    assert prices.cost("openai", ("gpt-4o-mini", "gpt-4o"), usage, at=AT).model == "gpt-4o-mini"
    assert prices.cost("openai", (None, "gpt-4o"), usage, at=AT).model == "gpt-4o"
    assert prices.cost("azure", ["my-own", "gpt-4o"], usage, at=AT).model == "gpt-4o"


@pytest.mark.parametrize(
    ("name", "per_million"),
    [
        ("global.anthropic.claude-sonnet-4-5-20250929-v1:0", "18"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "19.8"),
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", "19.8"),
    ],
)
def test_bedrocks_regions_carry_their_surcharge(prices: Prices, name: str, per_million: str) -> None:
    """Ten per cent over the global profile, for 100,000 tokens each way."""
    cost = prices.cost("aws", (name,), Usage(classes={"input": 100_000, "output": 100_000}), at=AT)
    assert cost.usd == Decimal(per_million) / 10


def test_every_name_of_a_provider_leads_to_one_canonical_name() -> None:
    """No name stands for two; case, blanks and hyphens do not matter."""
    names = [name for others in ALIASES.items() for name in (others[0], *others[1])]
    assert len(names) == len(set(names))
    assert {canonical(name) for name in names} == set(ALIASES)
    assert canonical("Azure OpenAI") == "azure.ai.openai"
    assert canonical("x-ai") == canonical("xai") == "x_ai"
    assert canonical("huggingface_fireworks-ai") == "huggingface.fireworks"
    assert canonical("Acme-Host") == "acme-host"
    assert not known("acme-host")
