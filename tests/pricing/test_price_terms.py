"""Tiers, speed and place: each has its price, or the cost says that it has none."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from outlay.pricing import Prices
from outlay.records import Quantity, Usage

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MILLION = Usage(classes={"input": 1_000_000, "output": 1_000_000})
SMALL = Usage(classes={"input": 100_000, "output": 100_000})


@pytest.fixture(scope="module")
def prices() -> Prices:
    """Return the prices of the table alone."""
    return Prices.load()


def nanoseconds(at: datetime) -> int:
    """Return the nanoseconds since the epoch of a time."""
    return int(at.timestamp()) * 10**9


@pytest.mark.parametrize(
    ("provider", "model", "terms", "at", "dollars"),
    [
        ("openai", "o3", {"tier": "flex"}, NOW, "5"),
        ("openai", "o3", {"tier": "batch"}, NOW, "5"),
        ("openai", "o3", {"tier": "flex"}, datetime(2025, 5, 1, tzinfo=UTC), "25"),
        ("openai", "gpt-4o", {"tier": "batch"}, datetime(2026, 3, 1, tzinfo=UTC), "6.25"),
        ("openai", "gpt-4o", {"tier": "priority"}, NOW, "21.25"),
        ("openai", "gpt-4o", {"tier": "default", "region": "eu-west-1"}, NOW, "12.5"),
        ("anthropic", "claude-3-5-sonnet-20241022", {"tier": "batch"}, datetime(2025, 3, 1, tzinfo=UTC), "9"),
        ("anthropic", "claude-opus-4-5", {"tier": "standard", "inference_geo": "not_available"}, NOW, "30"),
        ("anthropic", "claude-opus-5-5", {"inference_geo": "global"}, NOW, "24"),
        ("anthropic", "claude-opus-5-5", {"inference_geo": "us"}, NOW, "26.4"),
        ("anthropic", "claude-opus-5-5", {"inference_geo": "us", "tier": "batch"}, NOW, "13.2"),
        ("anthropic", "claude-opus-5-5", {"speed": "fast"}, NOW, "48"),
        ("anthropic", "claude-opus-5-5", {"speed": "fast", "inference_geo": "us"}, NOW, "52.8"),
        # six times as much; long input cost twice as much, its output half as much again, until 2026-03-13
        ("anthropic", "claude-opus-4-6", {"speed": "fast"}, datetime(2026, 3, 1, tzinfo=UTC), "285"),
        (
            "anthropic",
            "claude-opus-4-6",
            {"speed": "fast", "inference_geo": "us"},
            datetime(2026, 4, 1, tzinfo=UTC),
            "198",
        ),
        ("anthropic", "claude-opus-4-7", {"speed": "fast"}, datetime(2026, 6, 1, tzinfo=UTC), "180"),
        ("groq", "openai/gpt-oss-20b", {"tier": "on_demand"}, NOW, "0.375"),
        ("groq", "openai/gpt-oss-20b", {"tier": "flex"}, NOW, "0.375"),
        ("azure", "gpt-4o-2024-11-20", {"tier": "batch"}, NOW, "6.25"),
        ("aws", "amazon.nova-pro-v1:0", {"tier": "batch"}, NOW, "2"),
        ("xai", "grok-4.7", {"region": "us"}, NOW, "17.6"),  # over 200,000 tokens: 4 and 12 USD, and a tenth
        ("xai", "grok-4.7", {"region": "eu"}, NOW, "16"),
        ("vertex_ai", "claude-haiku-4-5", {"region": "us-east5"}, NOW, "6.6"),
        ("vertex_ai", "claude-haiku-4-5", {"region": "us"}, NOW, "6.6"),  # several regions cost as much as one
        ("vertex_ai", "claude-haiku-4-5", {"region": "global"}, NOW, "6"),
        ("vertex_ai", "claude-3-5-haiku", {"region": "us-east5"}, NOW, "4.8"),  # older than the surcharge
        ("vertex_ai", "gemini-2.5-flash", {"region": "europe-west1"}, NOW, "2.8"),
        ("vertex_ai", "gemini-3.5-flash", {"region": "europe-west1"}, NOW, "11.55"),
        ("vertex_ai", "gemini-2.5-flash", {"tier": "flex", "region": "global"}, NOW, "1.4"),
        ("anthropic", "claude-3-5-haiku-20241022", {}, datetime(2024, 11, 15, tzinfo=UTC), "6"),
        ("anthropic", "claude-3-5-haiku-20241022", {}, datetime(2024, 12, 3, tzinfo=UTC), "4.8"),
        ("perplexity", "sonar", {}, NOW, "2.005"),
        ("perplexity", "sonar", {"search_context": "medium"}, NOW, "2.008"),
        ("perplexity", "sonar", {"search_context": "high"}, NOW, "2.012"),
    ],
)
def test_a_term_has_its_price(
    prices: Prices, provider: str, model: str, terms: dict[str, str], at: datetime, dollars: str
) -> None:
    """One million tokens each way; discounts and surcharges stack."""
    cost = prices.cost(provider, (model,), MILLION, at=nanoseconds(at), terms=terms)
    assert (cost.status, cost.usd, cost.unpriced) == ("priced", Decimal(dollars), ())


def test_what_runs_on_provisioned_throughput_is_included(prices: Prices) -> None:
    """It is paid by the week or the month: the call itself costs nothing, and says why."""
    cost = prices.cost("vertex_ai", ("gemini-2.5-pro",), MILLION, at=nanoseconds(NOW), terms={"tier": "provisioned"})
    assert (cost.status, cost.amount) == ("included", 0)


@pytest.mark.parametrize(
    ("provider", "model", "terms", "named"),
    [
        ("openai", "gpt-4o", {"tier": "scale"}, "tier:scale"),
        ("aws.bedrock", "us.amazon.nova-pro-v1:0", {"latency": "optimized"}, "latency:optimized"),
        ("openai", "gpt-4o", {"tier": "ultrafast"}, "tier:ultrafast"),
        ("anthropic", "claude-opus-5-5", {"tier": "batch", "speed": "fast"}, "speed:fast tier:batch"),
        ("anthropic", "claude-opus-4-5", {"tier": "priority"}, "tier:priority"),  # bought by commitment, not by token
        ("anthropic", "claude-opus-4-5", {"inference_geo": "us"}, "inference_geo:us"),
        ("anthropic", "claude-sonnet-4-5", {"speed": "fast"}, "speed:fast"),
        ("azure", "gpt-4o", {"tier": "flex"}, "tier:flex"),
        ("aws", "amazon.nova-lite-v1:0", {"tier": "flex"}, "tier:flex"),
        ("perplexity", "sonar", {"search_context": "huge"}, "search_context:huge"),
    ],
)
def test_a_term_without_a_price_is_never_silently_the_standard_price(
    prices: Prices, provider: str, model: str, terms: dict[str, str], named: str
) -> None:
    """Partial: the amount is the standard price, and the status and the name say that it is not the whole truth."""
    cost = prices.cost(provider, (model,), SMALL, at=nanoseconds(NOW), terms=terms)
    assert (cost.status, cost.unpriced) == ("partial", tuple(named.split()))


def test_a_search_is_not_discounted_in_a_batch(prices: Prices) -> None:
    """Half of 5 USD for a million tokens, and a whole cent for the search."""
    usage = Usage(classes={"input": 1_000_000, "web_search": 1})
    cost = prices.cost("anthropic", ("claude-opus-4-5",), usage, at=nanoseconds(NOW), terms={"tier": "batch"})
    assert cost.usd == Decimal("2.51")


@pytest.mark.parametrize(
    ("day", "dollars"),
    [
        ("2026-08-01T02:00:00", "1.305"),  # before there were peak hours
        ("2026-08-17T00:59:59", "2.64"),
        ("2026-08-17T01:00:00", "5.28"),
        ("2026-08-17T03:59:59", "5.28"),
        ("2026-08-17T04:00:00", "2.64"),
        ("2026-08-22T02:00:00", "2.64"),  # Saturday
        ("2026-09-25T02:00:00", "2.64"),  # Mid-Autumn Festival, a Friday
        ("2026-10-08T07:00:00", "5.28"),
    ],
)
def test_peak_hours_know_their_dates_weekdays_and_holidays(prices: Prices, day: str, dollars: str) -> None:
    """Each edge from both sides."""
    at = nanoseconds(datetime.fromisoformat(day).replace(tzinfo=UTC))
    assert prices.cost("deepseek", ("deepseek-v4-pro",), MILLION, at=at).usd == Decimal(dollars)


@pytest.mark.parametrize(
    ("classes", "status", "unpriced"),
    [
        ({"input": 10, "cache_write_1h": 5}, "partial", ("cache_write_1h",)),
        ({"input": 10, "input_audio": 5}, "partial", ("input_audio",)),
        ({"input": 10, "output_image": 5}, "partial", ("output_image",)),
        ({"input": 10, "input_audio": 0}, "priced", ()),
        ({"input_audio": 5}, "unknown", ("input_audio",)),
        ({"input": 10, "reasoning": 5, "tool_use_input": 5, "input_image": 5}, "priced", ()),
        ({}, "priced", ()),
    ],
)
def test_a_class_without_a_price_is_named(
    prices: Prices, classes: dict[str, Quantity], status: str, unpriced: tuple[str, ...]
) -> None:
    """gpt-4o has no prices for audio, for pictures that it makes and for cache writes; it reads pictures as input."""
    cost = prices.cost("openai", ("gpt-4o",), Usage(classes=classes), at=nanoseconds(NOW))
    assert (cost.status, cost.unpriced) == (status, unpriced)


def test_the_providers_own_charge_wins_and_ours_stands_beside_it(prices: Prices) -> None:
    """Also for a model that the table does not know."""
    cost = prices.cost("openrouter", ("openai/gpt-4o",), MILLION, at=nanoseconds(NOW), reported=13 * 10**9)
    assert (cost.status, cost.source, cost.amount, cost.computed) == ("priced", "reported", 13 * 10**9, 125 * 10**11)
    unknown = prices.cost("openrouter", ("openrouter/auto",), MILLION, at=nanoseconds(NOW), reported=7)
    assert (unknown.status, unknown.amount, unknown.computed, unknown.unpriced) == ("priced", 7, None, ())


def test_what_is_free_is_free_and_what_has_no_price_is_not(prices: Prices) -> None:
    """The data has no price for either; one is known to be free."""
    free = prices.cost("openai", ("omni-moderation-latest",), MILLION, at=nanoseconds(NOW))
    assert (free.status, free.amount) == ("free", 0)
    empty = prices.cost("cerebras", ("qwen-3-coder-480b",), MILLION, at=nanoseconds(NOW))
    assert (empty.status, empty.amount) == ("unknown", None)


@pytest.mark.parametrize(
    ("provider", "model", "dollars"),
    [
        ("watsonx", "meta-llama/llama-3-2-90b-vision-instruct", "4"),
        ("watsonx", "mistralai/mistral-large", "13"),
        ("watsonx", "core42/jais-13b-chat", "3.6"),
        ("vertex_ai", "gemini-2.0-flash-001", "0.75"),
        ("google", "gemini-2.0-flash-001", "0.5"),
        ("vertex_ai", "gemini-2.5-flash", "2.8"),
        ("vertex_ai", "publishers/meta/models/llama-3.3-70b-instruct-maas", "1.44"),
        ("nebius", "meta-llama/Llama-3.3-70B-Instruct", "0.53"),
        ("huggingface.nebius", "meta-llama/Llama-3.3-70B-Instruct", "1"),
        ("nscale", "deepseek-ai/DeepSeek-R1-Distill-Llama-8B", "0.1"),
        ("azure_ai", "deepseek-r1", "6.75"),
        ("deepseek", "deepseek-r1", "0.42"),
    ],
)
def test_the_same_model_has_the_price_of_its_seller(prices: Prices, provider: str, model: str, dollars: str) -> None:
    """A million tokens each way: the spread of one name is 25 times."""
    assert prices.cost(provider, (model,), MILLION, at=nanoseconds(NOW)).usd == Decimal(dollars)


@pytest.mark.parametrize(
    ("model", "terms", "dollars"),
    [
        ("gemini-2.5-flash-tts", {}, "10"),
        ("gemini-2.5-flash-tts", {"tier": "batch"}, "5"),
        ("gemini-3.8-flash-tts", {}, "9"),
    ],
)
def test_speech_costs_what_its_model_writes(prices: Prices, model: str, terms: dict[str, str], dollars: str) -> None:
    """It writes nothing but audio, so its price of output is that of audio; in a batch too."""
    usage = Usage(classes={"output_audio": 1_000_000})
    assert prices.cost("gcp.gemini", (model,), usage, at=nanoseconds(NOW), terms=terms).usd == Decimal(dollars)


def test_a_picture_has_its_price_each(prices: Prices) -> None:
    """Where it is not tokens that are billed."""
    usage = Usage(classes={"images": 3})
    assert prices.cost("google", ("imagen-4.0-generate-001",), usage, at=nanoseconds(NOW)).usd == Decimal("0.12")


def test_a_least_quantity_is_billed(prices: Prices) -> None:
    """Groq bills ten seconds of audio at least."""
    one = prices.cost("groq", ("whisper-large-v3",), Usage(classes={"audio_seconds": 1}), at=nanoseconds(NOW))
    ten = prices.cost("groq", ("whisper-large-v3",), Usage(classes={"audio_seconds": 10}), at=nanoseconds(NOW))
    assert one.amount == ten.amount != 0


def test_a_most_quantity_is_billed(prices: Prices) -> None:
    """Up to Gemini 2.5 Google bills a grounded prompt once, on either API, since Gemini 3 each of its searches."""
    for provider, model, usd in (
        ("google", "gemini-2.5-flash", "0.035"),
        ("google", "gemini-2.0-flash", "0.035"),
        ("vertex_ai", "gemini-2.5-pro", "0.035"),
        ("vertex_ai", "gemini-2.0-flash", "0.035"),
        ("google", "gemini-3.8-flash", "0.042"),
    ):
        found = prices.cost(provider, (model,), Usage(classes={"web_search": 3}), at=nanoseconds(NOW))
        assert found.usd == Decimal(usd), model
    none = prices.cost("google", ("gemini-2.5-flash",), Usage(classes={"input": 1_000_000}), at=nanoseconds(NOW))
    assert none.usd == Decimal("0.3")


@pytest.mark.parametrize(
    ("provider", "model", "category", "at", "dollars"),
    [
        # https://platform.claude.com/docs/en/release-notes/overview, of 2026-06-02 and 2026-09-24
        ("anthropic", "claude-opus-4-8", "cyber", datetime(2026, 6, 1, 23, 59, tzinfo=UTC), "30"),
        ("anthropic", "claude-opus-4-8", "cyber", datetime(2026, 6, 2, tzinfo=UTC), "0"),
        ("anthropic", "claude-opus-4-8", "bio", datetime(2026, 9, 23, tzinfo=UTC), "0"),
        ("anthropic", "claude-opus-4-8", "bio", datetime(2026, 9, 24, tzinfo=UTC), "30"),
        ("anthropic", "claude-opus-4-8", "frontier_llm", NOW, "30"),
        ("anthropic", "claude-opus-4-8", "reasoning_extraction", NOW, "30"),
        ("anthropic", "claude-opus-4-8", "general_harms", NOW, "0"),
        ("anthropic", "claude-opus-4-8", "none", NOW, "0"),
        ("anthropic", "claude-opus-4-8", "a category of next year", NOW, "0"),
        ("vertex_ai", "claude-opus-4-8", "cyber", datetime(2026, 9, 23, tzinfo=UTC), "30"),
        ("vertex_ai", "claude-opus-4-8", "cyber", NOW, "0"),
        ("vertex_ai", "claude-opus-4-8", "bio", NOW, "30"),
        ("azure_ai", "claude-opus-4-8", "cyber", NOW, "0"),
        ("bedrock", "global.anthropic.claude-opus-4-8", "cyber", NOW, "0"),
        ("bedrock", "global.anthropic.claude-opus-4-8", "bio", NOW, "30"),
    ],
)
def test_a_refusal_before_any_output_is_billed_by_its_day_and_category(
    prices: Prices, provider: str, model: str, category: str, at: datetime, dollars: str
) -> None:
    """Free since June, in three categories until September only; elsewhere than at Anthropic since September."""
    cost = prices.cost(provider, (model,), MILLION, at=nanoseconds(at), terms={"refusal": category})
    assert (cost.usd, cost.unpriced) == (Decimal(dollars), ())
    assert cost.status == ("priced" if cost.amount else "free")
    batch = prices.cost(provider, (model,), MILLION, at=nanoseconds(at), terms={"refusal": category, "tier": "batch"})
    assert batch.usd == Decimal(dollars) / 2


def test_a_refusal_makes_no_ceiling_and_no_span(prices: Prices) -> None:
    """It costs no more than an answer, and what it costs when says nothing of the price of answers."""
    bound = prices.bound("anthropic", ("claude-opus-4-8",), input_tokens=100, output_tokens=10, at=nanoseconds(NOW))
    assert bound is not None
    found = prices.explain("anthropic", ("claude-opus-4-8",), at=nanoseconds(NOW))
    assert found is not None
    assert found.since is None


def test_a_row_explains_itself(prices: Prices) -> None:
    """Rates with their units, since when and until when, whence, and by which rule."""
    found = prices.explain("openai", ("gpt-5.6-sol",), at=nanoseconds(NOW))
    assert found is not None
    assert (found.provider, found.model, found.rule) == ("openai", "gpt-5.6-sol", "exact")
    assert [(band.over, band.rates["input"], band.rates["web_search"]) for band in found.bands] == [
        (0, (Decimal(4), 1_000_000), (Decimal(10), 1000)),
        (272_000, (Decimal(8), 1_000_000), (Decimal(10), 1000)),
    ]
    assert found.since == datetime(2026, 8, 21, tzinfo=UTC)  # a tier's price changed since: it bears on other calls
    assert found.price_id == prices.cost("openai", ("gpt-5.6-sol",), SMALL, at=nanoseconds(NOW)).price_id
    night = prices.explain("deepseek", ("deepseek-chat",), at=nanoseconds(datetime(2025, 5, 1, 20, tzinfo=UTC)))
    assert night is not None
    assert night.until == datetime(2025, 5, 2, tzinfo=UTC)
    assert night.sources == ("https://api-docs.deepseek.com/quick_start/pricing",)
    assert prices.explain("openai", ("gpt-99",), at=nanoseconds(NOW)) is None


def test_a_price_has_one_id_wherever_it_is_met_and_another_price_another(prices: Prices) -> None:
    """So that the same price can be found again in a ledger."""

    def price_id(model: str, at: datetime, **terms: str) -> str | None:
        return prices.cost("openai", (model,), SMALL, at=nanoseconds(at), terms=terms).price_id

    assert price_id("gpt-4o", NOW) == price_id("gpt-4o-2024-08-06", datetime(2025, 1, 1, tzinfo=UTC))
    ids = {price_id("gpt-4o", NOW), price_id("gpt-4o", NOW, tier="batch"), price_id("gpt-4o-mini", NOW)}
    assert len(ids) == 3
