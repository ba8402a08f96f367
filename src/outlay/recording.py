"""Calls that are told to outlay instead of seen by it: ``outlay.record``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from outlay.context import Home
from outlay.noting import scope_with
from outlay.otel import foreign_trace
from outlay.pricing import Prices
from outlay.pricing.calculation import disjoint
from outlay.providers import canonical
from outlay.records import Call, Cost
from outlay.tagging import merged


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the caller of ``outlay.record`` says, with totals that include their parts."""

    provider: str
    model: str
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_write_input_tokens: int = 0
    cache_write_1h_input_tokens: int = 0
    reasoning_output_tokens: int = 0
    reported: int | None = None
    """Pico-USD that the provider charged."""
    operation: str
    start: int
    end: int
    tier: str | None = None
    error_type: str | None = None
    tags: Mapping[str, object] = field(default_factory=dict)


def recorded(home: Home, prices: Prices, told: Told) -> Call:
    """Return the record of such a call, in the span and with the tags of now."""
    around = scope_with(home.notes)
    span = around.span
    trace_id, parent_id = (
        (span.trace_id, span.id) if span and span.tally else foreign_trace() or (os.urandom(16).hex(), None)
    )
    usage = disjoint(**{name: getattr(told, name) for name in _COUNTS})
    provider = canonical(told.provider)
    terms = {"tier": told.tier} if told.tier else {}
    if told.error_type is not None and not usage.classes and told.reported is None:
        cost = Cost(status="free", amount=0)
    else:
        cost = prices.cost(provider, (told.model,), usage, at=told.end, terms=terms, reported=told.reported)
    return Call(
        id=os.urandom(8).hex(),
        trace_id=trace_id,
        parent_id=parent_id,
        project=home.project,
        feature=span.feature if span else "",
        path=span.path if span else "",
        site=span.site if span else None,
        release=home.release,
        tags=merged({**home.tags, **around.tags}, told.tags),
        provider=provider,
        api="record",
        operation=told.operation,
        request_model=told.model,
        start=told.start,
        end=told.end,
        outcome="ok" if told.error_type is None else "error",
        error_type=told.error_type,
        terms=terms,
        usage=usage,
        cost=cost,
    )


_COUNTS = (
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_write_input_tokens",
    "cache_write_1h_input_tokens",
    "reasoning_output_tokens",
)
