"""Doubt prices of an implausible size: nearly always the unit is wrong, by a factor of a thousand or a million."""

from __future__ import annotations

from fractions import Fraction

from outlay.pricing.table import Price, Rate

LOWEST, HIGHEST = Fraction(1, 1000), Fraction(1000)
"""USD per million tokens between which text is sold."""

TIMES = 20
"""How often dearer or cheaper than the list price a price may be."""

TEXT = ("input", "output")

SHARES = {"output": (Fraction(1, 40), Fraction(300)), "cache_read": (Fraction(1, 250), Fraction(3))}
"""Between which multiples of input's price a class is sold; what is known lies well inside."""


def doubt(price: Price, listed: Price | None) -> str | None:
    """Return what is odd about a price, with its likely cause; None when nothing is."""
    for name in TEXT:
        if name in price.rates:
            usd = _usd(price.rates[name])
            known = _usd(listed.rates[name]) if listed is not None and name in listed.rates else None
            problem = _against_list(name, usd, known) if known else _alone(name, usd)
            if problem:
                return problem
    return None


def imbalance(price: Price) -> str | None:
    """Return which class of a price does not fit to its input, with the likely cause; None when all do."""
    usd = {name: _usd(price.rates[name]) for name in ("input", *SHARES) if name in price.rates}
    for name, (least, most) in SHARES.items():
        if usd.get("input") and usd.get(name) and not least <= usd[name] / usd["input"] <= most:
            ratio = float(usd[name] / usd["input"])
            return f"{name} is {ratio:g} times the price of input: is one of them for another number of tokens?"
    return None


def _against_list(name: str, usd: Fraction, listed: Fraction) -> str | None:
    if not usd or 1 / Fraction(TIMES) <= usd / listed <= TIMES:
        return None
    ratio = usd / listed
    how = f"{float(ratio):g} times" if ratio > 1 else f"1/{float(1 / ratio):g} of"
    return f"{name} is {float(usd):g} USD per 1M tokens, {how} the list price of {float(listed):g}: {_cause(ratio)}"


def _alone(name: str, usd: Fraction) -> str | None:
    if not usd or LOWEST <= usd <= HIGHEST:
        return None
    side = "more" if usd > HIGHEST else "less"
    return f"{name} is {float(usd):g} USD per 1M tokens, {side} than any text costs: {_cause(usd)}"


def _cause(ratio: Fraction) -> str:
    """Guess the unit that was meant: prices per token, per 1K and per 1M lie 1,000 apart."""
    if ratio > 1:
        if ratio >= 100_000:
            return "is it a price per 1M tokens, written as one per token?"
        return "is it a price per 1M tokens written as one per 1K, or one per 1K written as one per token?"
    if ratio <= Fraction(1, 100_000):
        return "is it a price per token, written as one per 1M?"
    return "is it a price per 1K tokens written as one per 1M, or one per token written as one per 1K?"


def _usd(rate: Rate) -> Fraction:
    return Fraction(rate if isinstance(rate, str) else str(rate[0]))
