"""Ask the budgets about a call that nobody makes: ``outlay.check``, and ``outlay.share``."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

import msgspec

from outlay.budgets.decision import Ask
from outlay.context import Home, scope
from outlay.ids import getrandbits
from outlay.pricing import Prices
from outlay.pricing.choice import maker
from outlay.providers import canonical
from outlay.tagging import merged


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller of ``outlay.check`` says."""

    model: str
    provider: str | None
    input_tokens: int
    output_limit: int | None
    cost: int | None
    """Pico-USD at most, where the caller knows it."""
    tags: Mapping[str, object]
    longest: Mapping[str, int] = {}
    """Pattern of models → tokens of their longest answer, for a call without a limit of its own."""

    def __post_init__(self) -> None:
        for name, value in (("input_tokens", self.input_tokens), ("output_limit", self.output_limit or 0)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise ValueError(f"{name}={value!r} must be a whole number of tokens, not negative")


class Fixed(msgspec.Struct, frozen=True):
    """A cost that is known, however the request is changed."""

    amount: int

    def __call__(self, model: str | None = None, output_limit: int | None = None) -> int:  # noqa: ARG002 - it is a Quote
        """Return the amount."""
        return self.amount


def asked(home: Home, prices: Prices, planned: Planned, now: int) -> Ask:
    """Return the question that such a call would be, made here and now."""
    around = scope()
    span = around.span
    if span is not None:
        span.identify()
    provider, model = (planned.provider, planned.model) if planned.provider else maker(prices, planned.model)

    def cost(of: str | None, output_tokens: int) -> int | None:
        if planned.cost is not None:
            return planned.cost
        return prices.bound(
            canonical(provider), (of,), input_tokens=planned.input_tokens, output_tokens=output_tokens, at=now
        )

    def quote(model: str | None = model, output_limit: int | None = None) -> int | None:
        name = model or planned.model
        known = next((most for pattern, most in planned.longest.items() if fnmatchcase(name, pattern)), None)
        limits = [limit for limit in (planned.output_limit, output_limit, known) if limit is not None]
        if planned.cost is None and not limits and cost(name, 1) is not None:
            return None  # of a model that has no price for output, an embedding's, the input is all
        return cost(name, min(limits, default=0))

    return Ask(
        id=f"{getrandbits(64):016x}",
        provider=canonical(provider),
        model=model,
        feature=span.feature if span else "",
        path=span.path if span else "",
        run=span.trace_id if span else None,
        spans={outer.name: outer.id for outer in span.lineage()} if span else {},
        tags=merged({**home.tags, **around.tags}, planned.tags),
        at=now,
        quote=quote,
        output_limit=planned.output_limit,
        expected=cost(model, 0),
    )


def shared(home: Home, amount: int, now: int) -> Ask:
    """Return the question whether ``amount`` (pico-USD) may be given away, from here and now."""
    around = scope()
    span = around.span
    if span is not None:
        span.identify()
    return Ask(
        id=f"{getrandbits(64):016x}",
        provider="",
        model=None,
        feature=span.feature if span else "",
        path=span.path if span else "",
        run=span.trace_id if span else None,
        spans={outer.name: outer.id for outer in span.lineage()} if span else {},
        tags={**home.tags, **around.tags},
        at=now,
        quote=Fixed(amount),
        output_limit=1,
        can_limit=False,
        can_downgrade=False,
    )
