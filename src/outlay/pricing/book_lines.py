"""What a price book says beside prices: adjustments, volumes and commitments of a month, and hosts of one's own."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from outlay.pricing.book import Adjustment, BookPrice
from outlay.pricing.book_prices import plain, read_weekdays, read_windows
from outlay.pricing.entry import Entry
from outlay.pricing.exchange import Currencies
from outlay.pricing.hosts import Host
from outlay.pricing.monthly import Commitment, Scope, Volume
from outlay.pricing.table import Price
from outlay.providers import canonical

ALLOCATE = ("none", "tokens", "busy_seconds")
_DATES = {"valid_from", "valid_until"}


def read_adjustment(entry: Entry) -> Adjustment:
    """Return an ``[[adjust]]``: a factor on every rate of what it matches."""
    entry.only(frozenset({"match", "multiply", "order", "why"} | _DATES))
    scope = _scope(entry)
    since, until = entry.instant("valid_from"), entry.instant("valid_until")
    order = entry.content.get("order", 0)
    if not isinstance(order, int):
        entry.fail("order is a whole number: adjustments are shown in this order")
    return Adjustment(scope.provider, scope.models[0], _factor(entry), order, entry.text("why"), since, until)


def read_volume(entry: Entry, currencies: Currencies) -> list[Volume]:
    """Return a ``[[volume]]``: a factor on what a month's calls cost beyond a number of tokens or an amount."""
    entry.only(frozenset({"match", "monthly_tokens", "monthly", "multiply", "why", "currency"} | _DATES))
    tokens = entry.content.get("monthly_tokens")
    if (tokens is None) == ("monthly" not in entry.content):
        entry.fail('a volume begins at monthly_tokens = 1000000000, or at an amount, monthly = "10000": one of them')
    if tokens is not None and (not isinstance(tokens, int) or isinstance(tokens, bool) or tokens < 1):
        entry.fail("monthly_tokens is a whole number of tokens")
    amount = None if tokens is not None else entry.usd("monthly", entry.content["monthly"])
    return [
        Volume(
            scope=_scope(entry),
            tokens=tokens,
            amount=None if amount is None else amount * period.usd,
            factor=_factor(entry),
            why=entry.text("why") + period.note,
            since=period.since,
            until=period.until,
        )
        for period in currencies.periods(entry)
    ]


def read_commitment(entry: Entry, currencies: Currencies) -> list[Commitment]:
    """Return a ``[[commit]]``: what is paid at least for a month's calls."""
    entry.only(frozenset({"provider", "covers", "monthly", "currency", "why"} | _DATES))
    covers = entry.content.get("covers", ["*"])
    if not isinstance(covers, list) or not covers or not all(isinstance(glob, str) and glob for glob in covers):
        entry.fail('covers is a list of models, like covers = ["anthropic.*"]; all of the provider without it')
    provider = canonical(entry.text("provider"))
    amount = entry.usd("monthly", entry.content.get("monthly"))
    if not amount:
        entry.fail("monthly is what is owed each month, above 0")
    return [
        Commitment(
            scope=Scope(provider, tuple(glob.lower() for glob in covers)),
            amount=amount * period.usd,
            why=entry.text("why", "") + period.note,
            since=period.since,
            until=period.until,
        )
        for period in currencies.periods(entry)
    ]


def read_host(entry: Entry, currencies: Currencies) -> list[tuple[Host, BookPrice]]:
    """Return a ``[[host]]``, and what its calls cost.

    With ``gpus`` its hours are counted by the clock, and its calls are included in them; without, GPU-hours are what
    calls are recorded with.
    """
    keys = {"name", "gpu_hour", "gpus", "allocate", "source", "currency", "daily", "weekdays"}
    entry.only(frozenset(keys | _DATES))
    name, gpus = canonical(entry.text("name")), entry.content.get("gpus")
    allocate = entry.text("allocate", "none")
    if allocate not in ALLOCATE:
        entry.fail(f"allocate says how hours are shared out among calls: {', '.join(ALLOCATE)}")
    if gpus is not None and (not isinstance(gpus, int) or isinstance(gpus, bool) or gpus < 1):
        entry.fail("gpus is how many GPUs are paid for, a whole number")
    if gpus is None and allocate != "none":
        entry.fail("allocate needs gpus, how many are paid for by the hour: their time is what is shared out")
    usd = entry.usd("gpu_hour", entry.content.get("gpu_hour"))
    if not usd or usd > 1000:
        entry.fail(f"gpu_hour = {entry.content['gpu_hour']} is no price of one GPU for one hour, like 2.49")
    source = entry.text("source", "") or entry.file.path
    made = []
    for period in currencies.periods(entry):
        runs = Price(since=period.since, until=period.until, daily=read_windows(entry), weekdays=read_weekdays(entry))
        rate = plain(usd * period.usd)
        price = Price(rates={"gpu_hours": rate}, since=period.since, until=period.until, source=source + period.note)
        if gpus is not None:
            price = Price(zero="included", since=period.since, until=period.until, source=source + period.note)
        host = Host(name, usd * period.usd, gpus or 1, allocate, runs, source + period.note, by_clock=gpus is not None)  # type: ignore[arg-type]  # one of ALLOCATE
        made.append((host, BookPrice(name, "*", glob=True, price=price)))
    return made


def read_aliases(entry: Entry, content: Any) -> dict[tuple[str, str], tuple[str, str]]:
    """Return ``[alias]``: other names of models, as (provider, model) both."""
    if not isinstance(content, dict):
        entry.fail('aliases are written [alias] and then "azure:my-gpt4o" = "azure:gpt-4o"')
    return {_named(entry, name): _named(entry, target) for name, target in content.items()}


def _named(entry: Entry, text: Any) -> tuple[str, str]:
    provider, colon, model = str(text).partition(":")
    if not (provider and colon and model):
        entry.fail(f'{text!r} must be "provider:model", on both sides of the alias')
    return canonical(provider), model.lower()


def _scope(entry: Entry) -> Scope:
    match = entry.content.get("match")
    texts = isinstance(match, dict) and all(isinstance(value, str) and value for value in match.values())
    if not isinstance(match, dict) or not match or match.keys() - {"provider", "model"} or not texts:
        entry.fail('match is written { provider = "openai", model = "gpt-4*" }, either or both')
    provider = match.get("provider", "*")
    return Scope(provider if provider == "*" else canonical(provider), (match.get("model", "*").lower(),))


def _factor(entry: Entry) -> Fraction:
    factor = entry.usd("multiply", entry.content.get("multiply"))
    if not Fraction(1, 100) <= factor <= 10:
        entry.fail(f"multiply = {float(factor):g} is no discount or surcharge; 0.85 is 15 % off, 1.1 is 10 % on top")
    return factor
