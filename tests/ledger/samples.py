"""Calls for tests: one that is plain, and strategies for any that can happen."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
from hypothesis import strategies as st

from outlay.records import INPUT_CLASSES, OUTPUT_CLASSES, Call, Cost, CostItem, Usage

HOUR = 3_600 * 10**9
START = 1_763_800_000_000_000_000
"""2025-11-22 08:26:40 UTC."""

_ids = itertools.count(1)


def call(**fields: Any) -> Call:
    """Return a priced call with an id of its own; ``fields`` replaces what matters to the test."""
    start = fields.pop("start", START)
    plain: dict[str, Any] = {
        "id": f"{next(_ids):016x}",
        "trace_id": "0" * 32,
        "provider": "openai",
        "api": "openai.chat",
        "operation": "chat",
        "request_model": "gpt-4o-mini",
        "start": start,
        "end": start + 1_000_000_000,
        "status": 200,
        "usage": Usage(classes={"input": 11, "output": 7}),
        "cost": Cost(status="priced", amount=5_850_000, by_class={"input": 1_650_000, "output": 4_200_000}),
    }
    return Call(**(plain | fields))


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12).filter(lambda text: text != "\x1a")
AMOUNTS = st.integers(0, 10**13)
QUANTITIES = st.integers(0, 10**9) | st.floats(0, 10**6, allow_nan=False)
CLASSES = st.dictionaries(st.sampled_from([*INPUT_CLASSES, *OUTPUT_CLASSES, "web_search", "audio_seconds"]), QUANTITIES)
USAGES = st.builds(
    Usage,
    classes=CLASSES,
    reasoning=st.integers(0, 10**9),
    estimated=st.booleans(),
    lower=st.none() | CLASSES,
    upper=st.none() | CLASSES,
)
KNOWN = st.builds(
    Cost,
    status=st.sampled_from(["priced", "partial", "free", "included"]),
    amount=AMOUNTS,
    source=st.sampled_from(["computed", "reported"]),
    by_class=st.dictionaries(st.sampled_from(["input", "output", "cache_read"]), AMOUNTS),
    unpriced=st.lists(st.sampled_from(["web_search", "output_audio"]), max_size=2).map(tuple),
    lower=st.none() | AMOUNTS,
    upper=st.none() | AMOUNTS,
    computed=st.none() | AMOUNTS,
    price_id=st.none() | TEXTS,
    table=st.none() | TEXTS,
    match=st.none() | TEXTS,
    model=st.none() | st.sampled_from(["gpt-4o", "claude-sonnet-4-5"]),
    items=st.lists(
        st.builds(CostItem, model=TEXTS, classes=CLASSES, amount=st.none() | AMOUNTS, price_id=st.none() | TEXTS),
        max_size=2,
    ).map(tuple),
)
COSTS = KNOWN | st.builds(Cost, status=st.just("unknown"), upper=st.none() | AMOUNTS)
RAW = st.none() | st.dictionaries(TEXTS, st.integers(-5, 5) | TEXTS, max_size=3)


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """Draw a call with any of its fields, on three days around a month's end."""
    start = START + 8 * 24 * HOUR + draw(st.integers(0, 72 * 3600)) * 10**9
    raw = draw(RAW)
    optional = st.none() | TEXTS
    return Call(
        id=f"{next(_ids):016x}",
        trace_id=draw(TEXTS),
        parent_id=draw(optional),
        project=draw(st.sampled_from(["", "shop"])),
        feature=draw(st.sampled_from(["", "answer", "summarise"])),
        path=draw(st.sampled_from(["", "nightly/answer"])),
        site=draw(optional),
        release=draw(optional),
        tags=draw(st.dictionaries(st.sampled_from(["user", 'od"d', "tenant"]), st.sampled_from(["a", "b", ""]))),
        provider=draw(st.sampled_from(["openai", "anthropic"])),
        api=draw(TEXTS),
        operation=draw(TEXTS),
        transport=draw(TEXTS),
        host=draw(st.sampled_from(["", "api.openai.com"])),
        request_model=draw(st.none() | st.sampled_from(["gpt-4o", "claude"])),
        response_model=draw(optional),
        response_id=draw(optional),
        request_id=draw(optional),
        start=start,
        end=start + draw(st.integers(-1, 10**10)),
        first_chunk=draw(st.none() | st.integers(0, 10**9)),
        streamed=draw(st.booleans()),
        outcome=draw(st.sampled_from(["ok", "error", "cancelled", "abandoned", "pending", "uncertain"])),
        status=draw(st.none() | st.integers(100, 599)),
        error_type=draw(optional),
        attempt=draw(st.integers(1, 3)),
        retry_of=draw(st.none() | st.text("0123456789abcdef", min_size=16, max_size=16)),
        finish_reasons=draw(st.lists(TEXTS, max_size=2).map(tuple)),
        terms=draw(st.dictionaries(st.sampled_from(["tier", "region"]), TEXTS)),
        requested_tier=draw(optional),
        usage=draw(st.none() | USAGES),
        raw_usage=msgspec.Raw(b"") if raw is None else msgspec.Raw(msgspec.json.encode(raw)),
        cost=draw(COSTS),
        marks=draw(st.lists(TEXTS, max_size=2).map(tuple)),
        request_digest=draw(st.sampled_from(["", "0123abcd"])),
        tools_digest=draw(st.sampled_from(["", "4567ef89"])),
    )
