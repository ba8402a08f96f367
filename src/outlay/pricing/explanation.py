"""Say how a price was found and what it is made of: for ``outlay calls ID`` and ``outlay prices MODEL``."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from outlay.money import PICO
from outlay.pricing.quote import Quote
from outlay.pricing.schedule import ALWAYS
from outlay.pricing.table import LoadedTable
from outlay.pricing.units import PER, decimal


class Band(msgspec.Struct, frozen=True):
    """Rates that hold for calls with more than ``over`` input tokens (0: for all others)."""

    over: int
    rates: dict[str, tuple[Decimal, int]]
    """Class to (USD, the number of units it is for): ``{"input": (Decimal("2.5"), 1000000)}``."""


class Explanation(msgspec.Struct, frozen=True):
    """One price: what it is, for what, since when, from where, and by which rule the model's name found it."""

    provider: str
    model: str
    rule: str
    price_id: str | None
    bands: tuple[Band, ...]
    zero: str
    """``free`` or ``included`` for a price of nothing, else empty."""
    unpriced: tuple[str, ...]
    """Terms (``tier:scale``) that have no price: the bands then show the standard price."""
    since: datetime | None
    """The first instant at which these rates held without a change; None where no start is known."""
    until: datetime | None
    """The next instant at which they may change; None where no change is known."""
    sources: tuple[str, ...]


def explain(table: LoadedTable, found: Quote) -> Explanation | None:
    """Describe a quote; None where the model is not known."""
    match = found.match
    if match is None:
        return None
    rows = ([] if found.standing is None else [found.standing]) + list(found.variants)
    levels = [(0, found.exact), *((over, exact) for over, _, exact in found.bands)]
    return Explanation(
        provider=match.provider,
        model=match.model,
        rule=match.rule,
        price_id=found.price_id,
        bands=tuple(
            Band(over, {name: (decimal(rate * PER[name] / PICO), PER[name]) for name, rate in exact.items()})
            for over, exact in levels
        ),
        zero=found.zero,
        unpriced=found.unpriced,
        since=_moment(found.start),
        until=_moment(found.end),
        sources=tuple(dict.fromkeys(row.source or table.compiled_from for row in rows)),
    )


def _moment(at: int) -> datetime | None:
    return None if at in ALWAYS else datetime.fromtimestamp(at // 10**9, UTC)
