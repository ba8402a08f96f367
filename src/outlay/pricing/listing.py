"""All that is known of a model's price: every row, whenever and for whatever calls it holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

from outlay.pricing.book import Adjustment
from outlay.pricing.prices import Prices
from outlay.pricing.resolution import find
from outlay.pricing.schedule import dates
from outlay.pricing.table import Price, Rate
from outlay.pricing.units import PER, decimal
from outlay.providers import canonical


@dataclass(frozen=True, slots=True)
class ListedRate:
    """What a class costs: USD for a number of units, in calls of more than ``over`` input tokens."""

    name: str
    usd: Decimal
    per: int
    over: int = 0


@dataclass(frozen=True, slots=True)
class ListedRow:
    """One row: rates, when they hold, and for which calls."""

    rates: tuple[ListedRate, ...]
    since: datetime | None
    until: datetime | None
    daily: tuple[str, ...]
    weekdays: str
    holidays: str
    """Name of the calendar on whose days no window begins."""
    when: dict[str, str]
    multiply: Decimal | None
    """What the price of tokens is multiplied by in such calls."""
    least: dict[str, int]
    most: dict[str, int]
    zero: str
    """``free`` or ``included`` for a price of nothing, else empty."""
    source: str
    book: bool
    """Whether it stands in the user's price book."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A provider's model: how its name was found, and its rows, in the order in which later ones win."""

    provider: str
    model: str
    rule: str
    rows: tuple[ListedRow, ...]
    factor: Decimal
    """What the price book's adjustments multiply every rate by."""
    adjusted_by: tuple[str, ...]


def listing(prices: Prices, provider: str, model: str, at: int) -> Listing | None:
    """Return all that is known of a provider's model, adjusted as it is at ``at``; None for one that is not known."""
    match = find(prices.table, prices.book, canonical(provider), (model,))
    if match is None:
        return None
    own = match.rule.rpartition("+")[2] == "book"
    factor, _, _ = prices.book.factor(canonical(provider), match.model, at)
    adjustments = [one for one in prices.book.adjusting(canonical(provider), match.model) if _holds(one, at)]
    table = prices.table.compiled_from
    listed, above = (match.below, match.rows) if own else (match.rows, ())
    return Listing(
        provider=match.provider,
        model=match.model,
        rule=match.rule,
        rows=(*(_row(row, table, book=False) for row in listed), *(_row(row, "", book=True) for row in above)),
        factor=decimal(factor),
        adjusted_by=tuple(adjustment.why for adjustment in adjustments),
    )


def _holds(adjustment: Adjustment, at: int) -> bool:
    first, last = dates(adjustment.since, adjustment.until)
    return first <= at < last


def _row(row: Price, compiled_from: str, *, book: bool) -> ListedRow:
    return ListedRow(
        rates=tuple(rate for name, written in row.rates.items() for rate in _rates(name, written)),
        since=_moment(row.since),
        until=_moment(row.until),
        daily=tuple(row.daily),
        weekdays=row.weekdays,
        holidays=row.holidays,
        when=dict(row.when),
        multiply=Decimal(row.multiply) if row.multiply else None,
        least=dict(row.least),
        most=dict(row.most),
        zero=row.zero,
        source=row.source or compiled_from,
        book=book,
    )


def _rates(name: str, written: Rate) -> list[ListedRate]:
    if isinstance(written, str):
        return [ListedRate(name, decimal(Fraction(written)), PER[name])]
    levels = [(0, written[0]), *zip(written[1::2], written[2::2], strict=True)]
    return [ListedRate(name, decimal(Fraction(str(usd))), PER[name], int(over)) for over, usd in levels]


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
