"""What the same work costs on several models: by the answer, not only by the token."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from outlay.errors import UnknownPrice
from outlay.money import PICO, usd
from outlay.pricing.calculation import nanoseconds
from outlay.pricing.choice import chosen, unknown
from outlay.pricing.prices import Prices
from outlay.pricing.quote import Quote
from outlay.pricing.schedule import instant
from outlay.pricing.table import Price
from outlay.pricing.units import PER, decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is to be done, as one model would do it: tokens of a month, or of whatever time."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_share: Fraction = Fraction(0)
    """The share of the input that is read from the prompt cache."""
    requests: int | None = None
    """In how many calls: what decides the context band and fees per request; None for small calls without a fee."""

    def __post_init__(self) -> None:
        """Refuse numbers that can't be."""
        counts = {"input_tokens": self.input_tokens, "output_tokens": self.output_tokens, "requests": self.requests}
        for name, number in counts.items():
            if number is not None and (not isinstance(number, int) or isinstance(number, bool) or number < 0):
                raise ValueError(f"{name}={number!r} must be a whole number, not negative")

    def classes(self, ratio: Fraction) -> dict[str, int]:
        """Return disjoint classes for a model that writes ``ratio`` times as many tokens."""
        cached = round(self.input_tokens * self.cache_share)
        classes = {
            "input": self.input_tokens - cached,
            "cache_read": cached,
            "output": round(self.output_tokens * ratio),
            "requests": self.requests or 0,
        }
        return {name: quantity for name, quantity in classes.items() if quantity}


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the work costs on one model; None is what is not known."""

    asked: str
    provider: str
    model: str
    cost: Decimal | None
    """USD for the work, with as many output tokens as this model writes for it."""
    cost_at_equal_tokens: Decimal | None
    """USD if it wrote as many tokens as the others: what prices per token compare."""
    times: Decimal | None
    """The cost as a multiple of that of the cheapest, to 12 digits."""
    times_at_equal_tokens: Decimal | None
    token_ratio: Decimal
    """How many times as many tokens it writes."""
    by_class: dict[str, Decimal]
    unpriced: tuple[str, ...]
    """Classes and terms without a price: the cost is then None."""
    matched_by: str
    price_id: str | None
    notes: tuple[str, ...]


def compare(
    prices: Prices,
    models: Sequence[str],
    work: Work,
    *,
    token_ratios: Mapping[str, Decimal | float | str] | None = None,
    tier: str | None = None,
    at: datetime | None = None,
) -> list[Comparison]:
    """Return what ``work`` costs on each of ``models``, the cheapest first and the unknown last.

    A model is named alone or as ``provider:model``. ``token_ratios``: name to how many times as many output tokens it
    writes for the same answers. ``UnknownPrice`` is raised for a model that is not known, as for one whose provider
    has to be said.
    """
    ratios = {name: _ratio(name, ratio) for name, ratio in (token_ratios or {}).items()}
    if stray := sorted(ratios.keys() - set(models)):
        raise ValueError(f"there is a token ratio for {stray[0]!r}, which is not compared: name it as the model is")
    moment = time.time_ns() if at is None else nanoseconds(at)
    terms = {"tier": tier} if tier is not None else {}
    made = [_one(prices, name, work, ratios.get(name, Fraction(1)), (moment, terms)) for name in models]
    return _with_times(made)


def _one(
    prices: Prices, name: str, work: Work, ratio: Fraction, conditions: tuple[int, Mapping[str, str]]
) -> Comparison:
    provider, model = chosen(prices, name)
    at, terms = conditions
    found = prices.quote(provider, (model,), at=at, terms=terms)
    if found.match is None:
        raise UnknownPrice(unknown(prices, provider, model))
    by_class, unpriced = _settle(found, work, ratio)
    equal, _ = _settle(found, work, Fraction(1))
    complete = not unpriced
    return Comparison(
        asked=name,
        provider=found.match.provider if found.match.rule != "book" else provider,
        model=found.match.model,
        cost=usd(sum(by_class.values())) if complete else None,
        cost_at_equal_tokens=usd(sum(equal.values())) if complete else None,
        times=None,
        times_at_equal_tokens=None,
        token_ratio=decimal(ratio),
        by_class={part: usd(amount) for part, amount in by_class.items()},
        unpriced=unpriced,
        matched_by=found.match.rule,
        price_id=found.price_id,
        notes=tuple(_notes(found, work, at)),
    )


def _settle(found: Quote, work: Work, ratio: Fraction) -> tuple[dict[str, int], tuple[str, ...]]:
    """Return pico-USD by class for all of the work, at the rates of one of its calls; and what has no price."""
    classes = work.classes(ratio)
    calls = work.requests or max(1, sum(classes.values()))
    _, exact = found.pick({name: -(-quantity // calls) for name, quantity in classes.items()})
    amounts = {name: round(exact[name] * quantity) for name, quantity in classes.items() if name in exact}
    if found.zero:
        return dict.fromkeys(classes, 0), found.unpriced
    missing = (name for name in classes if name not in exact and name != "requests")
    return amounts, (*missing, *found.unpriced)


def _notes(found: Quote, work: Work, at: int) -> Iterable[str]:
    if found.bands and work.requests is None:
        yield f"for calls of up to {found.bands[0][0]:,} input tokens; longer ones cost more"
    if "requests" in found.exact and work.requests is None:
        fee = decimal(found.exact["requests"] * PER["requests"] / PICO)
        yield f"without its fee of ${fee:f} per {PER['requests']:,} requests: say how many there are"
    if found.match is not None and any(row.daily and _dates_hold(row, at) for row in found.match.rows):
        yield "its price changes with the hour of the day"


def _dates_hold(row: Price, at: int) -> bool:
    """Return whether a row holds at some hour of the days around ``at``."""
    return not (row.since and at < instant(row.since)) and not (row.until and at >= instant(row.until))


def _with_times(made: Sequence[Comparison]) -> list[Comparison]:
    costs = [one.cost for one in made if one.cost]
    equal = [one.cost_at_equal_tokens for one in made if one.cost_at_equal_tokens]
    told = [
        replace(
            one,
            times=_times(one.cost, min(costs, default=None)),
            times_at_equal_tokens=_times(one.cost_at_equal_tokens, min(equal, default=None)),
        )
        for one in made
    ]
    return sorted(told, key=lambda one: (one.cost is None, one.cost or 0))


def _times(cost: Decimal | None, least: Decimal | None) -> Decimal | None:
    if cost is None or least is None:
        return None
    times = Fraction(cost) / Fraction(least)
    return round(decimal(times), 12).normalize() + 0


def _ratio(name: str, ratio: Decimal | float | str) -> Fraction:
    try:
        found = Fraction(str(ratio))
    except ValueError:
        found = Fraction(0)
    if found <= 0:
        raise ValueError(f"the token ratio of {name!r} must be a number above 0, like 6.22, not {ratio!r}")
    return found


def share(value: Decimal | float | str) -> Fraction:
    """Return a share from 0 to 1, exactly; ``ValueError`` for anything else."""
    found = Fraction(str(value))
    if not 0 <= found <= 1:
        raise ValueError(f"a share is a number from 0 to 1, not {value!r}")
    return found
