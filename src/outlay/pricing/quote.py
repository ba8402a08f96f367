"""The price of one model for calls of the same terms, during a span of time, ready to be multiplied by usage."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

import msgspec

from outlay.money import PICO
from outlay.pricing import schedule
from outlay.pricing.resolution import Match
from outlay.pricing.table import Price, Rate, Rates, Zero
from outlay.pricing.terms import answering, contradicting, relevant, unanswered
from outlay.pricing.units import PER, STANDS_FOR, TOKENS
from outlay.records import INPUT_CLASSES, Quantity

Exact = dict[str, Fraction]
"""Class to pico-USD per unit."""

_INPUT = frozenset(INPUT_CLASSES)


class Quote(msgspec.Struct, eq=False):
    """What ``Prices.cost`` multiplies; cached, so built once per model, terms and span."""

    start: int
    end: int
    """Nanoseconds since the epoch: the span in which the quote holds, end excluded."""
    match: Match | None
    """None for a model that nobody knows; the quote then has no price."""
    rates: dict[str, int] = {}
    """Class to pico-USD per unit, for rates that are whole numbers of it: all but a few."""
    bands: tuple[tuple[int, dict[str, int], Exact], ...] = ()
    """(input tokens that must be exceeded, whole rates, exact rates) of the context bands, in ascending order."""
    exact: Exact = {}
    least: Mapping[str, int] = {}
    most: Mapping[str, int] = {}
    zero: Zero = ""
    unpriced: tuple[str, ...] = ()
    """Terms that no row prices: the amount is then that of the standard price, and never more than partial."""
    price_id: str | None = None
    standing: Price | None = None
    variants: Sequence[Price] = ()
    plain: bool = False
    """Whether the fast path holds: a price, nothing unanswered, no fee per request, no least or most."""
    rule: str | None = None
    model: str | None = None
    """What every cost of the match says, kept at hand."""

    def __post_init__(self) -> None:
        """Take from the match what is kept at hand."""
        if self.match is not None:
            self.rule, self.model = self.match.rule, self.match.model

    def pick(self, classes: Mapping[str, Quantity]) -> tuple[dict[str, int], Exact]:
        """Return the rates of the context band that the usage falls in: all of the call moves to them."""
        tokens: Quantity = 0
        for name, quantity in classes.items():
            if name in _INPUT:
                tokens += quantity
        rates, exact = self.rates, self.exact
        for over, band_rates, band_exact in self.bands:
            if tokens <= over:
                break
            rates, exact = band_rates, band_exact
        return rates, exact

    def settle(self, classes: Mapping[str, Quantity]) -> tuple[dict[str, int], tuple[str, ...]]:
        """Return pico-USD by class, each rounded once and half to even, and the used classes without a price."""
        _, exact = self.pick(classes)
        by_class: dict[str, int] = {}
        unpriced: list[str] = []
        for name, quantity in classes.items():
            if self.zero:
                by_class[name] = 0
            elif name in exact:
                billed = max(quantity, self.least.get(name, 0)) if quantity else 0
                billed = min(billed, self.most.get(name, billed))
                by_class[name] = round(exact[name] * Fraction(str(billed)))
            elif quantity:
                unpriced.append(name)
        if "requests" in exact and "requests" not in classes:
            by_class["requests"] = round(exact["requests"])  # a fee per request is owed by every call
        return by_class, tuple(unpriced)


def quote(match: Match, terms: Mapping[str, str], at: int, calendars: schedule.Calendars, factor: Fraction) -> Quote:
    """Put together the price of ``match`` for calls of these terms that end at ``at``.

    ``factor`` is what the user's adjustments multiply every rate by.
    """
    rows, standing = _rows(match, at, calendars)
    asked = relevant(terms, rows)
    start, end = schedule.span(_bearing([*match.rows, *match.below], asked), at)
    variants = [row for row in answering(rows, asked) if schedule.holds(row, at, calendars)]
    if standing is None and not variants:
        return Quote(start, end, match)
    rates = _vary({} if standing is None else standing.rates, variants, rows)
    (_, whole, exact), *bands = [(over, _whole(exact), exact) for over, exact in _levels(rates, factor)]
    zero = _zero([*variants[::-1], standing])
    least, most = ({}, {}) if standing is None else (standing.least, standing.most)
    missing = (*unanswered(asked, variants), *contradicting(variants))
    return Quote(
        start,
        end,
        match,
        rates=whole,
        exact=exact,
        bands=tuple(bands),
        least=least,
        most=most,
        zero=zero,
        unpriced=missing,
        price_id=_identify(match, standing, variants, factor, rates),
        standing=standing,
        variants=variants,
        plain=not (zero or missing or least or most or "requests" in exact) and bool(exact),
    )


def _rows(match: Match, at: int, calendars: schedule.Calendars) -> tuple[Sequence[Price], Price | None]:
    """Return the rows that count, and the standing price among them.

    Where the book has no whole price for this time the table's stands, and the book's rows for terms change it.
    """
    standing = schedule.in_force(match.rows, at, calendars)
    if standing is not None or not match.below:
        return match.rows, standing
    rows = [*match.below, *match.rows]
    return rows, schedule.in_force(rows, at, calendars)


def _bearing(rows: Sequence[Price], terms: Mapping[str, str]) -> list[Price]:
    """Return the rows that at some time bear on the price of calls of these terms."""
    return [*(row for row in rows if not row.when), *answering(rows, terms)]


def _zero(rows: Iterable[Price | None]) -> Zero:
    """Return why calls cost nothing; ``rows`` has the latest first.

    A row that says so holds unless a later one for the same terms sets a price, or says by times 1 that the standing
    one does: a free refusal is free in a batch too.
    """
    later: list[Price] = []
    for row in rows:
        if row is None:
            continue
        if row.zero and not any(row.when.keys() <= one.when.keys() for one in later):
            return row.zero
        if row.zero or row.rates or row.multiply == "1":
            later.append(row)
    return ""


def _vary(standing: Rates, variants: Sequence[Price], rows: Sequence[Price]) -> dict[str, tuple[Rate, Fraction]]:
    """Return class to (rate, factor): variants set rates class by class, the later over the earlier, and multiply.

    Where a model has rates of its own for the same terms, at this time or another, a discount for all models of the
    provider covers the classes of those; with rates at this time it is not needed at all.
    """
    rates = {name: (rate, Fraction(1)) for name, rate in standing.items()}
    settled = [row.when for row in variants if not row.multiply]
    for row in variants:
        rates.update((name, (rate, Fraction(1))) for name, rate in row.rates.items())
    for when, factor in {
        tuple(sorted(row.when.items())): Fraction(row.multiply) for row in variants if row.multiply
    }.items():
        if dict(when) in settled:
            continue
        own = {name for row in rows if row.when == dict(when) and not row.multiply for name in row.rates}
        for name in (own or TOKENS) & rates.keys():
            rates[name] = (rates[name][0], rates[name][1] * factor)
    return rates


def _levels(rates: Mapping[str, tuple[Rate, Fraction]], factor: Fraction) -> list[tuple[int, Exact]]:
    """Return the exact rates below all thresholds (as if over -1), then over each of them."""
    steps = {over for rate, _ in rates.values() if isinstance(rate, list) for over in rate[1::2]}
    levels = []
    for over in (-1, *sorted(int(step) for step in steps)):
        exact = {
            name: Fraction(_usd_over(rate, over)) * own * factor * PICO / PER[name]
            for name, (rate, own) in rates.items()
        }
        for name, parent in STANDS_FOR.items():
            if name not in exact and parent in exact:
                exact[name] = exact[parent]
        levels.append((over, exact))
    return levels


def _usd_over(rate: Rate, over: int) -> str:
    """Return the USD of a rate for input of more than ``over`` tokens."""
    if isinstance(rate, str):
        return rate
    usd = rate[0]
    for threshold, price in zip(rate[1::2], rate[2::2], strict=True):
        if over >= int(threshold):
            usd = price
    return str(usd)


def _whole(exact: Exact) -> dict[str, int]:
    return {name: rate.numerator for name, rate in exact.items() if rate.denominator == 1}


def _identify(
    match: Match, standing: Price | None, variants: Sequence[Price], factor: Fraction, rates: Iterable[str]
) -> str:
    """Return 16 hex digits that name exactly this price: whose, of what, the rows with units, validity and source."""
    described = [
        match.provider,
        match.model,
        standing,
        list(variants),
        str(factor),
        {name: PER[name] for name in rates},
    ]
    return hashlib.sha256(msgspec.json.encode(described)).hexdigest()[:16]
