"""Calls that are told to outlay instead of seen by it: ``outlay.record``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from outlay.context import Home
from outlay.ledger.bounds import TOKEN_LIMIT
from outlay.money import number, pico
from outlay.noting import scope_with
from outlay.otel import foreign_trace
from outlay.pricing import Prices
from outlay.pricing.calculation import disjoint
from outlay.providers import canonical
from outlay.records import Call, Cost
from outlay.tagging import merged

LARGEST = 1_000_000
"""USD beyond which one call's cost is taken for a mistake."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the caller of ``outlay.record`` says, with totals that include their parts.

    Raises ``ValueError`` for what no ledger could hold as it was said.
    """

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

    def __post_init__(self) -> None:
        for name in ("provider", "model", "operation"):
            if not isinstance(value := getattr(self, name), str) or not value:
                raise ValueError(f"{name}={value!r} must be a text")
        for name in ("tier", "error_type"):
            if not isinstance(value := getattr(self, name), str | None):
                raise ValueError(f"{name}={value!r} must be a text, or None")
        for name in ("input_tokens", "output_tokens"):
            if isinstance(tokens := getattr(self, name), int) and tokens > TOKEN_LIMIT // 2:
                raise ValueError(f"{name}={tokens} is more than a call can have")
        if self.end < self.start:
            raise ValueError("end must not be before start")
        if not isinstance(self.tags, Mapping):
            raise ValueError(f"tags={self.tags!r} must be a mapping of names to values")


def charged(cost: Decimal | float | str | None) -> int | None:
    """Return what a provider charged, in pico-USD; ``ValueError`` for what is no such amount."""
    if cost is None:
        return None
    amount = number(cost)
    if amount is None or not 0 <= amount <= LARGEST:
        raise ValueError(f"cost={cost!r} must be USD, from 0 to {LARGEST:,}")
    return pico(amount)


def nanoseconds(name: str, at: datetime | None, now: int) -> int:
    """Return a moment in nanoseconds since the epoch, ``now`` for None; one without a zone is taken as UTC."""
    if at is None:
        return now
    if not isinstance(at, datetime):
        raise ValueError(f"{name}={at!r} must be a datetime")
    moment = at if at.tzinfo else at.replace(tzinfo=UTC)
    if not _EPOCH <= moment < _LAST:
        raise ValueError(f"{name}={at.isoformat()} must be a time between 1970 and 2200")
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000


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
