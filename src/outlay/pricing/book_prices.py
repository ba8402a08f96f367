"""One ``[[price]]`` of a price book: its rates, each with its unit, and when and for which calls they hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from outlay.pricing import magnitude
from outlay.pricing.book import BookPrice
from outlay.pricing.entry import Entry, File
from outlay.pricing.exchange import Currencies, Period
from outlay.pricing.table import Price, Rate, Rates, Zero
from outlay.pricing.units import PER, TOKENS
from outlay.providers import canonical

UNITS = {
    "per_token": 1,
    "per_1k_tokens": 1000,
    "per_1k": 1000,
    "per_1m_tokens": 1_000_000,
    "per_1m": 1_000_000,
}
TOTAL = ("input", "cache_read", "cache_write_5m", "output")
"""Classes that ``total`` prices: one price for all text tokens, read or written."""

KEYS = frozenset(
    {"provider", "model", "match", "unit", "total", "over", "region", "when", "valid_from", "valid_until", "daily"}
    | {"weekdays", "source", "free", "included", "sure", "currency"}
)


def one_price(place: str, content: Mapping[str, Any]) -> BookPrice:
    """Return a price that was written elsewhere than in a book, as ``content`` would be in one, or refuse it."""
    entry = Entry(File(place, "", lambda _provider, _model: None), "price", 0, content)
    return read_price(entry, Currencies())[0]


def read_price(entry: Entry, currencies: Currencies) -> list[BookPrice]:
    """Return the rows of a price: one, or in another currency one for each period of its rate of exchange."""
    entry.only(KEYS | PER.keys())
    provider, model = canonical(entry.text("provider")), entry.text("model").lower()
    match = entry.text("match", "exact")
    if match not in {"exact", "glob"}:
        entry.fail('match is "exact" or "glob"; a name is never matched by its beginning alone')
    if match == "exact" and re.search(r"[*?\[]", model):
        entry.fail(f'{model} is a pattern: add match = "glob", or name one model')
    zero = _zero(entry)
    periods = [Period()] if zero else currencies.periods(entry)
    return [
        BookPrice(provider, model, match == "glob", _checked(entry, _row(entry, zero, period), provider, model))
        for period in periods
    ]


def _row(entry: Entry, zero: Zero, period: Period) -> Price:
    rates = _rates(entry, period.usd)
    if bool(zero) == bool(rates):
        entry.fail('a price names a class, such as input = "2.50", or says free = true or included = true, not both')
    return Price(
        rates=rates,
        since=period.since,
        until=period.until,
        daily=read_windows(entry),
        weekdays=read_weekdays(entry),
        when=_when(entry),
        zero=zero,
        source=(entry.text("source", "") or entry.file.path) + period.note,
    )


def _checked(entry: Entry, price: Price, provider: str, model: str) -> Price:
    """Return a price of a plausible size, or refuse it with the likely cause."""
    if not entry.flag("sure"):
        problem = magnitude.doubt(price, entry.file.listed(provider, model)) or magnitude.imbalance(price)
        if problem:
            entry.fail(f"{problem} If the price is right, add sure = true.")
    return price


def _rates(entry: Entry, usd: Fraction) -> Rates:
    """Return the rates as the table writes them, in USD for the class's own quantity; ``usd`` is one unit's worth."""
    rates = {name: usd * _rate(entry, name, entry.content[name]) for name in PER if name in entry.content}
    if "total" in entry.content:
        if rates:
            entry.fail(
                "total is the price of all tokens; leave it out to price the classes each, or leave out the classes"
            )
        rates = dict.fromkeys(TOTAL, usd * _rate(entry, "input", entry.content["total"]))
    bands: dict[str, list[str | int]] = {}
    for tokens, over in sorted(_bands(entry), key=lambda band: band[0]):
        for name, value in over.items():
            if name not in rates:
                entry.fail(f"over prices {name}, which has no price below {tokens} tokens")
            bands.setdefault(name, []).extend((tokens, plain(usd * _rate(entry, name, value))))
    return {name: _banded(plain(rate), bands.get(name)) for name, rate in rates.items()}


def _bands(entry: Entry) -> list[tuple[int, dict[str, Any]]]:
    """Return (tokens that must be exceeded, prices) of each band."""
    shape = 'over needs input_tokens, a whole number: over = [{ input_tokens = 200000, input = "6", … }]'
    over = entry.content.get("over", [])
    if not isinstance(over, list) or not all(isinstance(band, dict) for band in over):
        entry.fail(shape)
    found = []
    for band in over:
        tokens = band.get("input_tokens")
        if not isinstance(tokens, int) or isinstance(tokens, bool) or tokens < 1:
            entry.fail(shape)
        prices = {name: value for name, value in band.items() if name not in {"input_tokens", "inclusive"}}
        found.append((tokens - (band.get("inclusive", False) is True), prices))
    return found


def _banded(rate: str, bands: list[str | int] | None) -> Rate:
    return rate if bands is None else [rate, *bands]


def _rate(entry: Entry, name: str, value: Any) -> Fraction:
    """Return USD for the class's quantity in ``PER``, from a decimal with the table's unit or from ``{usd, per}``."""
    if isinstance(value, dict):
        per = value.get("per")
        if value.keys() != {"usd", "per"} or not isinstance(per, int) or per < 1:
            entry.fail(f'{name} is written {{ usd = "10", per = 1000 }}: the price and the number of units it is for')
        return entry.usd(name, value["usd"]) * PER[name] / per
    if name not in TOKENS:
        if PER[name] == 1:
            return entry.usd(name, value)
        entry.fail(f'{name} needs the number it is for: {name} = {{ usd = "10", per = 1000 }}')
    unit = entry.content.get("unit")
    if not isinstance(unit, str) or unit not in UNITS:
        entry.fail('unit must say what a token price is for: unit = "per_token", "per_1k_tokens" or "per_1m_tokens"')
    return entry.usd(name, value) * PER[name] / UNITS[unit]


def plain(amount: Fraction) -> str:
    """Write an exact amount: a decimal, or ``10/3`` where that has no end."""
    decimal = Decimal(amount.numerator) / Decimal(amount.denominator)
    return f"{decimal.normalize():f}" if Fraction(decimal) == amount else str(amount)


def _zero(entry: Entry) -> Zero:
    """Return why calls cost nothing, where they do."""
    if entry.flag("free"):
        return "free"
    return "included" if entry.flag("included") else ""


def _when(entry: Entry) -> dict[str, str]:
    when = entry.content.get("when", {})
    if not isinstance(when, dict) or not all(isinstance(value, str) for value in when.values()):
        entry.fail('when is written { tier = "batch" }: terms of the call and their values, both texts')
    region = entry.content.get("region")
    return {**when, "region": entry.text("region")} if region is not None else dict(when)


def read_windows(entry: Entry) -> list[str]:
    """Return the windows of the UTC day in which an entry holds; none for all day."""
    windows = entry.content.get("daily", [])
    pattern = r"([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)"
    if not isinstance(windows, list) or not all(isinstance(w, str) and re.fullmatch(pattern, w) for w in windows):
        entry.fail('daily is a list of windows in UTC, like ["16:30-00:30"]')
    return windows


def read_weekdays(entry: Entry) -> str:
    """Return the weekdays on which its windows begin; none for all."""
    days = entry.text("weekdays", "")
    if not re.fullmatch("[1-7]*", days):
        entry.fail('weekdays are ISO numbers, Monday 1 to Sunday 7: weekdays = "12345"')
    return days
