"""Prices and quantities as people write them on a command line; units are always named."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

import click

from outlay.errors import ConfigError
from outlay.pricing.book import BookPrice
from outlay.pricing.book_prices import one_price
from outlay.pricing.hosts import Host

GIVEN = "given"
"""Provider of the prices that were given on the command line."""

_RATE = re.compile(r"(?P<name>.+?)=(?P<prices>\S+)\s+per\s+(?P<unit>token|1k|1m)(?:\s+tokens)?", re.IGNORECASE)
_HOST = re.compile(r"(?P<name>.+?)=(?P<usd>[\d.]+)\s+per\s+gpu[-_ ]?hour(?:\s+x\s*(?P<gpus>\d+))?", re.IGNORECASE)
_UNITS = {"token": "per_token", "1k": "per_1k_tokens", "1m": "per_1m_tokens"}
_QUANTITY = re.compile(r"(\d[\d_,]*(?:\.\d+)?)\s*([kmbt]?)", re.IGNORECASE)
_SIZES = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}


def read_tokens(text: str) -> int:
    """Return the whole number that is meant by ``10M``, ``4.5k`` or ``1_000``."""
    found = _QUANTITY.fullmatch(text.strip())
    number = None if found is None else Fraction(re.sub("[_,]", "", found[1])) * _SIZES[found[2].lower()]
    if number is None or number.denominator != 1:
        raise click.UsageError(f"{text!r} is no whole number: write it like 10M, 4.5k or 1_000.")
    return int(number)


def read_share(text: str) -> Fraction:
    """Return the share, from 0 to 1, that is meant by ``80%`` or ``0.8``."""
    try:
        found = Fraction(text.strip().removesuffix("%").strip()) / (100 if text.strip().endswith("%") else 1)
    except (ValueError, ZeroDivisionError):
        found = Fraction(-1)
    if not 0 <= found <= 1:
        raise click.UsageError(f"{text!r} is no share: write it like 80% or 0.8.")
    return found


def read_rate(text: str) -> tuple[str, BookPrice]:
    """Return (name, price) of ``NAME=INPUT/OUTPUT per UNIT``; one price alone is that of all tokens.

    Further classes have their name: ``m=0.5/2/cache_read:0.05 per 1M``. A price of an implausible size is refused.
    """
    found = _RATE.fullmatch(text.strip())
    if found is None:
        raise click.UsageError(
            f"--rate {text!r} must be written NAME=INPUT/OUTPUT per 1M tokens (or per 1K, or per token): the unit is "
            "a part of the price."
        )
    content = {"provider": GIVEN, "model": found["name"], "unit": _UNITS[found["unit"].lower()]}
    positional = ["input", "output"]
    prices = found["prices"].split("/")
    if len(prices) == 1 and ":" not in prices[0]:
        content["total"] = prices[0]
        prices = []
    for price in prices:
        name, colon, amount = price.partition(":")
        if not colon and not positional:
            raise click.UsageError(f"--rate {text!r}: a third price says what it is for, like cache_read:0.05.")
        content[name if colon else positional.pop(0)] = amount if colon else price
    try:
        return found["name"], one_price("--rate", content)
    except ConfigError as error:
        hint = "If the price is right, put it into a price book, with sure = true."
        raise click.UsageError(str(error).replace("If the price is right, add sure = true.", hint)) from None


def read_host(text: str, known: dict[str, Host]) -> Host:
    """Return the host in ``NAME=USD per GPU-hour x GPUS``, or the one of the price book that is called so."""
    if text in known:
        return known[text]
    found = _HOST.fullmatch(text.strip())
    if found is None:
        names = f" (or a name of the price book: {', '.join(known)})" if known else ""
        raise click.UsageError(f"--host {text!r} must be written NAME=1.80 per gpu-hour x 2{names}.")
    return Host(found["name"], Fraction(found["usd"]), int(found["gpus"] or 1))


def read_ratio(text: str) -> tuple[str, Decimal]:
    """Return (model, ratio) of ``MODEL=6.22``."""
    name, sign, ratio = text.rpartition("=")
    if not sign or not re.fullmatch(r"\d+(\.\d+)?", ratio) or not Decimal(ratio):
        raise click.UsageError(f"--reasoning {text!r} must be written MODEL=6.22: it writes 6.22 times the tokens.")
    return name, Decimal(ratio)
