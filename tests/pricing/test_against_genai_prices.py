"""The table against genai-prices itself, all models at random times and usages: every difference has its correction."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import genai_prices.types as genai
import pytest
from genai_prices.data import providers as genai_providers

import outlay.pricing
from outlay.money import pico
from outlay.pricing import Prices
from outlay.pricing.clauses import found_by
from outlay.pricing.compile import TERMS
from outlay.pricing.corrections import Corrections
from outlay.pricing.schedule import holds
from outlay.pricing.units import STANDS_FOR
from outlay.providers import canonical
from outlay.records import INPUT_CLASSES, Quantity, Usage

CORRECTIONS = Corrections.load(Path(outlay.pricing.__file__).with_name("corrections.toml"))
FIRST, LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2027, 6, 30, tzinfo=UTC)
SIZES = (0, 1, 7, 999, 100_001, 128_001, 200_000, 200_001, 272_000, 272_001, 3_000_000)

WHOLES = {
    "input_tokens": INPUT_CLASSES,
    "output_tokens": ("output", "output_audio", "output_image", "output_video", "reasoning", "citation"),
    "cache_read_tokens": ("cache_read", "cache_read_audio", "cache_read_image"),
    "cache_write_tokens": ("cache_write_5m", "cache_write_1h"),
    "cache_write_1h_tokens": ("cache_write_1h",),
    "input_audio_tokens": ("input_audio", "cache_read_audio"),
    "input_image_tokens": ("input_image", "cache_read_image"),
    "input_video_tokens": ("input_video",),
    "cache_audio_read_tokens": ("cache_read_audio",),
    "cache_image_read_tokens": ("cache_read_image",),
    "output_audio_tokens": ("output_audio",),
    "output_image_tokens": ("output_image",),
    "output_video_tokens": ("output_video",),
    "output_reasoning_tokens": ("reasoning",),
    "output_citation_tokens": ("citation",),
    "audio_seconds": ("audio_seconds",),
    "input_audio_seconds": ("audio_seconds",),
    "input_characters": ("characters",),
    "input_text_messages": ("messages",),
    "input_document_pages": ("pages", "annotated_pages"),
    "input_annotated_document_pages": ("annotated_pages",),
    "web_searches": ("web_search",),
    "storage_searches": ("file_search",),
}
"""genai-prices' totals to the classes of ours that add up to them."""


@pytest.fixture(scope="module")
def prices() -> Prices:
    """Return the prices of the table alone."""
    return Prices.load()


def nanoseconds(at: datetime) -> int:
    """Return the nanoseconds since the epoch of a time."""
    return int(at.timestamp() * 10**6) * 1000


def models() -> Iterator[tuple[genai.Provider, genai.ModelInfo]]:
    """Yield every model of every provider in the data."""
    return ((provider, model) for provider in genai_providers for model in provider.models)


def contexts(model: genai.ModelInfo) -> list[dict[str, str]]:
    """Return the contexts that the data has prices for, the standard one first."""
    return [{}, *(variant.when for variant in model.price_variants or ())]


def their_usage(classes: dict[str, Quantity]) -> genai.Usage:
    """Return what genai-prices takes: totals that include their parts."""
    return genai.Usage(**{name: sum(classes.get(part, 0) for part in parts) for name, parts in WHOLES.items()})


def added(provider: str, model: str) -> set[str]:
    """Return the classes that the corrections give to a model: genai-prices has the price of another class there."""
    rows = [row for row in CORRECTIONS.add if row.provider == provider and model in row.models]
    parts = {part for row in rows for part in (*row.rates, *row.twice, *row.same)}
    return parts | {part for part, parent in STANDS_FOR.items() if parent in parts}


def explained(provider: str, source: genai.ModelInfo, context: dict[str, str], used: set[str], at: datetime) -> bool:
    """Return whether a row of the corrections file stands for a difference here, at this time, for what was used."""
    model = source.id.lower()
    if any((row.provider, row.model) == (provider, model) for row in CORRECTIONS.replace):
        return True
    if any(row.provider == provider and model in row.names for row in CORRECTIONS.meant):
        return True
    changed = [row for row in CORRECTIONS.change if (row.provider, row.model) == (provider, model)]
    if any(row.rates.keys() & (used | {"requests"}) for row in changed):
        return True
    adds = [row for row in CORRECTIONS.add if row.provider == provider and model in row.models]
    if any(add.most.keys() & used for add in adds):
        return True
    if any("requests" in add.rates for add in adds):  # a fee that every call owes
        return True
    if any(not row.when and holds(row, nanoseconds(at), {}) for add in adds for row in add.rows):
        return True
    terms = {TERMS.get(key, key): value for key, value in context.items()}
    ours = [row for one in CORRECTIONS.terms if provider in one.providers for row in one.rows]
    corrected = [row for row in ours if row.when.items() <= terms.items()]
    theirs = [variant for variant in source.price_variants or () if variant.when == context]
    return bool(corrected) and not any(v.constraint is None or v.constraint.active(at) for v in theirs)


def test_every_difference_from_genai_prices_has_its_correction(prices: Prices) -> None:
    """The law: the same price as the source of the data, but where a dated and sourced row says otherwise."""
    random_ = random.Random(20261121)
    compared, differing = 0, set()
    for provider, model in models():
        name, ident = canonical(provider.id), model.id.lower()
        if name == "openrouter" and ident.endswith(":free"):
            continue  # free by its ending
        for context in contexts(model) * 2:
            at = FIRST + (LAST - FIRST) * random_.random()
            terms = {TERMS.get(key, key): value for key, value in context.items()}
            known = prices.explain(name, (ident,), at=nanoseconds(at), terms=terms)
            assert known is not None, f"{name} {ident} is not in the table"
            parts = known.bands[0].rates.keys() - added(name, ident) - {"requests"}
            classes: dict[str, Quantity] = {part: random_.choice(SIZES) for part in sorted(parts)}
            ours = prices.cost(name, (ident,), Usage(classes=classes), at=nanoseconds(at), terms=terms)
            theirs = model.calc_price(their_usage(classes), provider, genai_request_timestamp=at, price_context=context)
            compared += 1
            if abs((ours.amount or 0) - pico(theirs.total_price)) > len(classes):
                differing.add((name, *terms.items()))
                used = {part for part, quantity in classes.items() if quantity}
                assert explained(name, model, context, used, at), f"{name} {ident} {context} {at}: {ours} not {theirs}"
    assert compared > 4_500
    assert {
        ("deepseek",),
        ("perplexity",),
        ("openai", ("tier", "batch")),
        ("anthropic", ("tier", "batch")),
    } <= differing


def test_a_price_that_genai_prices_has_is_never_lost(prices: Prices) -> None:
    """Each of its prices, per unit and per model, has a rate here."""
    for provider, model in models():
        rows = model.prices if isinstance(model.prices, list) else [genai.ConditionalPrice(prices=model.prices)]
        priced = any(value is not None for row in rows for value in vars(row.prices).values())
        if priced and not model.id.endswith(":free"):
            known = prices.explain(canonical(provider.id), (model.id,), at=1_795_219_200 * 10**9)
            assert known is not None
            assert known.bands[0].rates, f"{provider.id} {model.id} has lost its price"


def names(clause: genai.MatchLogic) -> Iterator[str]:
    """Yield the names that a clause holds in full."""
    for part in getattr(clause, "or_", None) or ():
        yield from names(part)
    if isinstance(clause, genai.ClauseEquals):
        yield clause.equals.lower()


def test_every_name_in_the_data_leads_to_the_same_model(prices: Prices) -> None:
    """As long as its provider's clauses find that model first, and the corrections say nothing else of the name."""
    corrected = {(row.provider, name) for row in CORRECTIONS.replace for name in (row.model, *row.aliases)}
    corrected |= {(row.provider, name) for row in CORRECTIONS.rename for name in row.aliases}
    seen = 0
    for provider, model in models():
        seller = canonical(provider.id)
        for name in {model.id.lower(), *names(model.match)}:
            found = found_by(provider, name)
            if found is None or name.endswith(":free") or (seller, name) in corrected:
                continue
            known = prices.explain(seller, (name,), at=1_795_219_200 * 10**9)
            assert known is not None, f"{seller} {name} is lost"
            assert known.model == found.id.lower()
            seen += 1
    assert seen > 3_000


def test_a_term_before_its_price_is_partial_where_genai_prices_is_silent(prices: Prices) -> None:
    """genai-prices gives the standard price for a tier whose price starts later; here the cost says so."""
    at = int(datetime(2025, 12, 1, tzinfo=UTC).timestamp()) * 10**9
    cost = prices.cost("openai", ("gpt-5",), Usage(classes={"input": 10}), at=at, terms={"tier": "priority"})
    assert (cost.status, cost.unpriced) == ("partial", ("tier:priority",))
    assert cost.usd == Decimal("0.0000125")
