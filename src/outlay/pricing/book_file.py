"""Read a price book, and refuse what can't be meant; ``docs/pricing.md`` shows one."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from outlay.errors import ConfigError
from outlay.pricing import magnitude
from outlay.pricing.book import Adjustment, Book, BookPrice
from outlay.pricing.entry import Entry, File
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

PRICE_KEYS = frozenset(
    {"provider", "model", "match", "unit", "total", "over", "region", "when", "valid_from", "valid_until", "daily"}
    | {"weekdays", "source", "free", "included", "sure"}
)
KNOWN = frozenset({"schema", "currency", "price", "adjust", "host", "commit", "alias"})
LATER = "outlay does not use it yet; take it out of the book"


def read(path: Path, listed: Callable[[str, str], Price | None]) -> Book:
    """Read the price book at ``path``; ``ConfigError`` names the file, the line in it, and the way out.

    ``listed`` gives the price that the table has in force for a provider's model, if any: a price of the book is held
    against it, to catch a mistaken unit.
    """
    try:
        data = path.read_bytes()
        text = data.decode()
        content = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"the price book {path} can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the price book {path} is not TOML: {error}") from error
    file = File(str(path), text, listed)
    _check_head(file, content)
    prices = [_price(entry) for entry in _entries(file, content, "price")]
    hosts = [_host(entry) for entry in _entries(file, content, "host")]
    adjustments = [_adjust(entry) for entry in _entries(file, content, "adjust")]
    for entry in _entries(file, content, "commit"):
        entry.fail(f"a commitment is a line of the month and not of a call: {LATER}")
    aliases = _aliases(Entry(file, "alias", 0, {}), content.get("alias", {}))
    return Book([*prices, *hosts], adjustments, aliases, hashlib.sha256(data).hexdigest(), str(path))


def one_price(place: str, content: Mapping[str, Any]) -> BookPrice:
    """Return a price that was written elsewhere than in a book, as ``content`` would be in one, or refuse it."""
    return _price(Entry(File(place, "", lambda _provider, _model: None), "price", 0, content))


def _check_head(file: File, content: Mapping[str, Any]) -> None:
    for key in content.keys() - KNOWN:
        raise ConfigError(f"{file.path}: {key} is not known here; a price book has {', '.join(sorted(KNOWN))}")
    if content.get("schema") != 1:
        raise ConfigError(f"{file.path}: a price book begins with schema = 1")
    currency = content.get("currency", "USD")
    if currency != "USD":
        raise ConfigError(f'{file.path}: currency = {currency!r}: outlay reckons in "USD" only; convert the prices')


def _entries(file: File, content: Mapping[str, Any], kind: str) -> Iterator[Entry]:
    tables = content.get(kind, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ConfigError(f"{file.path}: {kind} is written as [[{kind}]], with two brackets")
    return (Entry(file, kind, number, table) for number, table in enumerate(tables))


def _price(entry: Entry) -> BookPrice:
    entry.only(PRICE_KEYS | PER.keys())
    provider, model = canonical(entry.text("provider")), entry.text("model").lower()
    match = entry.text("match", "exact")
    if match not in {"exact", "glob"}:
        entry.fail('match is "exact" or "glob"; a name is never matched by its beginning alone')
    rates, zero = _rates(entry), _zero(entry)
    if bool(zero) == bool(rates):
        entry.fail('a price names a class, such as input = "2.50", or says free = true or included = true, not both')
    price = Price(
        rates=rates,
        since=entry.instant("valid_from"),
        until=entry.instant("valid_until"),
        daily=_windows(entry),
        weekdays=_weekdays(entry),
        when=_when(entry),
        zero=zero,
        source=entry.text("source", "") or entry.file.path,
    )
    if not entry.content.get("sure", False):
        problem = magnitude.doubt(price, entry.file.listed(provider, model))
        if problem:
            entry.fail(f"{problem} If the price is right, add sure = true.")
    return BookPrice(provider, model, match == "glob", price)


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


def _zero(entry: Entry) -> Zero:
    """Return why calls cost nothing, where they do."""
    if entry.content.get("free", False) is True:
        return "free"
    return "included" if entry.content.get("included", False) is True else ""


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


def _host(entry: Entry) -> BookPrice:
    """Return the price of an hour of a GPU, whatever model runs on it."""
    entry.only(frozenset({"name", "gpu_hour", "gpus", "allocate", "source"}))
    if entry.content.get("allocate", "none") != "none":
        entry.fail(f"allocate, sharing an hour among calls: {LATER}")
    if "gpus" in entry.content:
        entry.fail(f"gpus, counting the hours of a host: {LATER}, and record GPU-hours (hours times GPUs) as gpu_hours")
    rate = _plain(entry.usd("gpu_hour", entry.content.get("gpu_hour")))
    return BookPrice(
        canonical(entry.text("name")), "*", glob=True, price=Price(rates={"gpu_hours": rate}, source=entry.file.path)
    )


def _adjust(entry: Entry) -> Adjustment:
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
    return Adjustment(provider, match.get("model", "*").lower(), factor, order, entry.text("why"))


def _aliases(entry: Entry, content: Any) -> dict[tuple[str, str], tuple[str, str]]:
    if not isinstance(content, dict):
        entry.fail('aliases are written [alias] and then "azure:my-gpt4o" = "azure:gpt-4o"')
    return {_named(entry, name): _named(entry, target) for name, target in content.items()}


def _named(entry: Entry, text: Any) -> tuple[str, str]:
    provider, colon, model = str(text).partition(":")
    if not (provider and colon and model):
        entry.fail(f'{text!r} must be "provider:model", on both sides of the alias')
    return canonical(provider), model.lower()
