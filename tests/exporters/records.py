"""A small trace for tests of mappings: a tracked function, a call in it that has everything, and one that failed."""

from __future__ import annotations

from typing import Any

from outlay.export import Batch
from outlay.records import Call, Cost, Span, Usage
from tests.ledger.samples import START, call

TRACE = "0123456789abcdef0123456789abcdef"
SPAN = Span(
    id="00000000000000a1",
    trace_id=TRACE,
    project="shop",
    name="answer",
    feature="answer",
    path="answer",
    tags={"user": "u-1", "session": "s-1", "team": "search"},
    start=START - 10**9,
    end=START + 3 * 10**9,
)
WHOLE: Call = call(
    id="00000000000000b1",
    trace_id=TRACE,
    parent_id=SPAN.id,
    project="shop",
    feature="answer",
    path="answer",
    response_model="gpt-4o-mini-2024-07-18",
    response_id="chatcmpl-1",
    streamed=True,
    first_chunk=250_000_000,
    finish_reasons=("stop",),
    tags={"user": "u-1", "session": "s-1", "team": "search"},
    usage=Usage(
        classes={"input": 100, "cache_read": 50, "cache_write_5m": 20, "cache_write_1h": 10, "output": 30}, reasoning=12
    ),
    cost=Cost(
        status="priced",
        amount=37_500_000,
        by_class={
            "input": 15_000_000,
            "cache_read": 3_750_000,
            "cache_write_5m": 3_000_000,
            "cache_write_1h": 1_500_000,
            "output": 14_250_000,
        },
        price_id="p",
    ),
)
FAILED: Call = call(
    id="00000000000000b2",
    trace_id=TRACE,
    parent_id=SPAN.id,
    project="shop",
    feature="answer",
    path="answer",
    outcome="error",
    status=429,
    error_type="rate_limit_exceeded",
    usage=None,
    cost=Cost(status="free", amount=0),
)


def batch(*records: Call | Span, **fields: Any) -> Batch:
    """Return a batch, of the small trace where nothing is said, with the spans that are in it around the others."""
    records = records or (SPAN, WHOLE, FAILED)
    around = {record.id: record for record in records if isinstance(record, Span)}
    return Batch(records=records, **({"around": around} | fields))
