"""Behind ``outlay.calculate_cost``: one call's cost in USD, or a reason why there is none."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from outlay.errors import UnknownPrice
from outlay.money import usd
from outlay.pricing.choice import maker, unknown
from outlay.providers import canonical
from outlay.records import Cost, Usage

if TYPE_CHECKING:
    from outlay.pricing.prices import Prices

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def disjoint(
    *,
    input_tokens: int,
    output_tokens: int,
    cache_read_input_tokens: int,
    cache_write_input_tokens: int,
    cache_write_1h_input_tokens: int,
    reasoning_output_tokens: int,
) -> Usage:
    """Turn totals that include their parts into classes that do not overlap; ``ValueError`` where they can't be."""
    for name, tokens in locals().items():
        if not isinstance(tokens, int) or isinstance(tokens, bool) or tokens < 0:
            raise ValueError(f"{name}={tokens!r} must be a whole number of tokens, not negative")
    cached = cache_read_input_tokens + cache_write_input_tokens
    if cached > input_tokens:
        raise ValueError(
            f"cache_read_input_tokens and cache_write_input_tokens ({cached}) exceed input_tokens ({input_tokens}), "
            "which includes them"
        )
    if cache_write_1h_input_tokens > cache_write_input_tokens:
        raise ValueError(
            f"cache_write_1h_input_tokens ({cache_write_1h_input_tokens}) exceeds cache_write_input_tokens "
            f"({cache_write_input_tokens}), which includes it"
        )
    if reasoning_output_tokens > output_tokens:
        raise ValueError(
            f"reasoning_output_tokens ({reasoning_output_tokens}) exceeds output_tokens ({output_tokens}), "
            "which includes it"
        )
    classes = {
        "input": input_tokens - cached,
        "cache_read": cache_read_input_tokens,
        "cache_write_5m": cache_write_input_tokens - cache_write_1h_input_tokens,
        "cache_write_1h": cache_write_1h_input_tokens,
        "output": output_tokens,
    }
    return Usage(
        classes={name: tokens for name, tokens in classes.items() if tokens}, reasoning=reasoning_output_tokens
    )


def calculate(
    prices: Prices, model: str, usage: Usage, *, provider: str | None, at: datetime | None, tier: str | None
) -> Decimal:
    """Price one call in full, or raise ``UnknownPrice`` with what is missing and what to do."""
    if provider is None:
        provider, model = maker(prices, model)
    cost = prices.cost(
        provider,
        (model,),
        usage,
        at=time.time_ns() if at is None else nanoseconds(at),
        terms={"tier": tier} if tier is not None else {},
    )
    if cost.amount is None and not cost.unpriced:
        raise UnknownPrice(unknown(prices, provider, model))
    if cost.amount is None or cost.unpriced:
        raise UnknownPrice(_unpriced(provider, cost))
    return usd(cost.amount)


def _unpriced(provider: str, cost: Cost) -> str:
    what = ", ".join(cost.unpriced)
    return f"{cost.model} of {canonical(provider)} has no price for {what}; add one to a price book (docs/pricing.md)."


def nanoseconds(at: datetime) -> int:
    """Return the nanoseconds since the epoch of ``at``; ``ValueError`` for one without a zone."""
    if at.tzinfo is None:
        raise ValueError(f"at={at!r} has no time zone; give it one, such as datetime.UTC")
    return (at - EPOCH) // timedelta(microseconds=1) * 1000
