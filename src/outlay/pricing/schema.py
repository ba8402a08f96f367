"""Read the tables of a price book, and refuse what can't be meant, in a sentence with the way out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, NoReturn

from outlay.errors import ConfigError
from outlay.pricing import magnitude
from outlay.pricing.table import Price, Rate, Rates
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

PRICE_KEYS = frozenset(
    {"provider", "model", "match", "unit", "total", "over", "region", "when", "valid_from", "valid_until", "daily"}
    | {"weekdays", "source", "free", "sure"}
)
LATER = "outlay does not use it yet; take it out of the book"


@dataclass(slots=True)
class File:
    """The book being read: for messages, and for the table's price to hold a price against."""

    path: str
    text: str
    listed: Callable[[str, str], Price | None]


@dataclass(slots=True)
class Parts:
    """What was read."""

    prices: list[tuple[str, str, bool, Price]] = field(default_factory=list)
    adjustments: list[tuple[str, str, Fraction, int, str]] = field(default_factory=list)
    aliases: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)


@dataclass(slots=True)
class Entry:
    """One table of the book, with its place in the file."""

    file: File
    kind: str
    number: int
    content: Mapping[str, Any]

    def fail(self, problem: str) -> NoReturn:
        """Raise ``ConfigError``: where, what is wrong, what to do."""
        headers = list(re.finditer(rf"^\s*\[{{1,2}}\s*{self.kind}\s*\]{{1,2}}", self.file.text, re.MULTILINE))
        line = self.file.text.count("\n", 0, headers[self.number].end()) + 1 if self.number < len(headers) else None
        place = f"{self.file.path}:{line}" if line else self.file.path
        name = self.content.get("model") or self.content.get("name")
        raise ConfigError(f"{place}: [[{self.kind}]]{f' {name}' if name else ''}: {problem}")

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text that must be there unless it has a default."""
        value = self.content.get(key, default)
        if not isinstance(value, str) or (not value and default is None):
            self.fail(f'{key} must be a text, like {key} = "…"')
        return value

    def only(self, allowed: frozenset[str]) -> None:
        """Refuse keys that mean nothing here."""
        for key in self.content.keys() - allowed:
            self.fail(f"{key} is not a key of this table; it has {', '.join(sorted(allowed))}")

    def usd(self, key: str, value: Any) -> Fraction:
        """Return an amount: a text with a decimal, as floats are not exact."""
        if not isinstance(value, str):
            self.fail(f'{key} must be a decimal in quotes, like {key} = "2.50", so that it stays exact')
        try:
            amount = Decimal(value)
        except InvalidOperation:
            self.fail(f"{key} = {value!r} is not a number; write it like 2.50 or 6e-08")
        if not amount.is_finite() or amount < 0:
            self.fail(f"{key} = {value!r} must be finite and not negative")
        return Fraction(amount)

    def instant(self, key: str) -> str:
        """Return a date or an instant in UTC as ISO text; empty when it is not there."""
        value = self.content.get(key)
        if value is None:
            return ""
        if isinstance(value, datetime):
            if value.tzinfo is None:
                self.fail(f"{key} has no time zone; write it like 2026-01-01T00:00:00Z")
            return value.astimezone(UTC).isoformat()
        if not isinstance(value, date):
            self.fail(f"{key} must be a date like 2026-01-01 or a time like 2026-01-01T00:00:00Z, without quotes")
        return f"{value.isoformat()}T00:00:00+00:00"


def read(file: File, content: Mapping[str, Any]) -> Parts:
    """Read a whole book."""
    known = {"schema", "currency", "price", "adjust", "host", "commit", "alias"}
    for key in content.keys() - known:
        raise ConfigError(f"{file.path}: {key} is not known here; a price book has {', '.join(sorted(known))}")
    if content.get("schema") != 1:
        raise ConfigError(f"{file.path}: a price book begins with schema = 1")
    if content.get("currency", "USD") != "USD":
        raise ConfigError(
            f'{file.path}: currency = {content["currency"]!r}: outlay reckons in "USD" only; convert the prices'
        )
    parts = Parts()
    for entry in _entries(file, content, "price"):
        parts.prices.append(_price(entry))
    for entry in _entries(file, content, "host"):
        parts.prices.append(_host(entry))
    for entry in _entries(file, content, "adjust"):
        parts.adjustments.append(_adjust(entry))
    for entry in _entries(file, content, "commit"):
        entry.fail(f"a commitment is a line of the month and not of a call: {LATER}")
    parts.aliases = _aliases(Entry(file, "alias", 0, {}), content.get("alias", {}))
    return parts


def _entries(file: File, content: Mapping[str, Any], kind: str) -> Iterator[Entry]:
    tables = content.get(kind, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ConfigError(f"{file.path}: {kind} is written as [[{kind}]], with two brackets")
    return (Entry(file, kind, number, table) for number, table in enumerate(tables))


def _price(entry: Entry) -> tuple[str, str, bool, Price]:
    entry.only(PRICE_KEYS | PER.keys())
    provider, model = canonical(entry.text("provider")), entry.text("model").lower()
    match = entry.text("match", "exact")
    if match not in {"exact", "glob"}:
        entry.fail('match is "exact" or "glob"; a name is never matched by its beginning alone')
    rates, free = _rates(entry), entry.content.get("free", False) is True
    if free == bool(rates):
        entry.fail('a price names at least one class, such as input = "2.50", or says free = true, not both')
    price = Price(
        rates=rates,
        since=entry.instant("valid_from"),
        until=entry.instant("valid_until"),
        daily=_windows(entry),
        weekdays=_weekdays(entry),
        when=_when(entry),
        free=free,
        source=entry.text("source", "") or entry.file.path,
    )
    if not entry.content.get("sure", False):
        problem = magnitude.doubt(price, entry.file.listed(provider, model))
        if problem:
            entry.fail(f"{problem} If the price is right, add sure = true.")
    return provider, model, match == "glob", price


def _rates(entry: Entry) -> Rates:
    """Return the rates as the table writes them: USD for the class's own quantity."""
    rates = {name: _rate(entry, name, entry.content[name]) for name in PER if name in entry.content}
    if "total" in entry.content:
        if rates:
            entry.fail(
                "total is the price of all tokens; leave it out to price the classes each, or leave out the classes"
            )
        rates = dict.fromkeys(TOTAL, _rate(entry, "input", entry.content["total"]))
    bands: dict[str, list[str | int]] = {}
    for over in entry.content.get("over", []):
        tokens = over.get("input_tokens")
        if not isinstance(tokens, int) or tokens < 1:
            entry.fail('over needs input_tokens, a whole number: over = [{ input_tokens = 200000, input = "6", … }]')
        tokens -= over.get("inclusive", False) is True
        for name in over.keys() - {"input_tokens", "inclusive"}:
            if name not in rates:
                entry.fail(f"over prices {name}, which has no price below {tokens} tokens")
            bands.setdefault(name, []).extend((tokens, _plain(_rate(entry, name, over[name]))))
    return {name: _banded(_plain(rate), bands.get(name)) for name, rate in rates.items()}


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
    if unit not in UNITS:
        entry.fail('unit must say what a token price is for: unit = "per_token", "per_1k_tokens" or "per_1m_tokens"')
    return entry.usd(name, value) * PER[name] / UNITS[unit]


def _plain(amount: Fraction) -> str:
    """Write an exact amount: a decimal, or ``10/3`` where that has no end."""
    decimal = Decimal(amount.numerator) / Decimal(amount.denominator)
    return f"{decimal.normalize():f}" if Fraction(decimal) == amount else str(amount)


def _when(entry: Entry) -> dict[str, str]:
    when = entry.content.get("when", {})
    if not isinstance(when, dict) or not all(isinstance(value, str) for value in when.values()):
        entry.fail('when is written { tier = "batch" }: terms of the call and their values, both texts')
    region = entry.content.get("region")
    return {**when, "region": entry.text("region")} if region is not None else dict(when)


def _windows(entry: Entry) -> list[str]:
    windows = entry.content.get("daily", [])
    pattern = r"([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)"
    if not isinstance(windows, list) or not all(isinstance(w, str) and re.fullmatch(pattern, w) for w in windows):
        entry.fail('daily is a list of windows in UTC, like ["16:30-00:30"]')
    return windows


def _weekdays(entry: Entry) -> str:
    days = entry.text("weekdays", "")
    if not re.fullmatch("[1-7]*", days):
        entry.fail('weekdays are ISO numbers, Monday 1 to Sunday 7: weekdays = "12345"')
    return days


def _host(entry: Entry) -> tuple[str, str, bool, Price]:
    """Return the price of an hour of a GPU, whatever model runs on it."""
    entry.only(frozenset({"name", "gpu_hour", "gpus", "allocate", "source"}))
    if entry.content.get("allocate", "none") != "none":
        entry.fail(f"allocate, sharing an hour among calls: {LATER}")
    if "gpus" in entry.content:
        entry.fail(f"gpus, counting the hours of a host: {LATER}, and record GPU-hours (hours times GPUs) as gpu_hours")
    rate = _plain(entry.usd("gpu_hour", entry.content.get("gpu_hour")))
    return canonical(entry.text("name")), "*", True, Price(rates={"gpu_hours": rate}, source=entry.file.path)


def _adjust(entry: Entry) -> tuple[str, str, Fraction, int, str]:
    entry.only(frozenset({"match", "multiply", "order", "why"}))
    match = entry.content.get("match")
    if not isinstance(match, dict) or not match or match.keys() - {"provider", "model"}:
        entry.fail('match is written { provider = "openai", model = "gpt-4*" }, either or both')
    factor = entry.usd("multiply", entry.content.get("multiply"))
    if not Fraction(1, 100) <= factor <= 10:
        entry.fail(f"multiply = {float(factor):g} is no discount or surcharge; 0.85 is 15 % off, 1.1 is 10 % on top")
    order = entry.content.get("order", 0)
    if not isinstance(order, int):
        entry.fail("order is a whole number: adjustments are shown in this order")
    provider = match.get("provider", "*")
    provider = provider if provider == "*" else canonical(provider)
    return provider, match.get("model", "*").lower(), factor, order, entry.text("why")


def _aliases(entry: Entry, content: Any) -> dict[tuple[str, str], tuple[str, str]]:
    if not isinstance(content, dict):
        entry.fail('aliases are written [alias] and then "azure:my-gpt4o" = "azure:gpt-4o"')
    return {_named(entry, name): _named(entry, target) for name, target in content.items()}


def _named(entry: Entry, text: Any) -> tuple[str, str]:
    provider, colon, model = str(text).partition(":")
    if not (provider and colon and model):
        entry.fail(f'{text!r} must be "provider:model", on both sides of the alias')
    return canonical(provider), model.lower()
