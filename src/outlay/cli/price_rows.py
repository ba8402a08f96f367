"""A model's price for people: its rows with their times and terms, and who else sells a model of this name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from rich.console import Console

from outlay.cli.output import count, when
from outlay.cli.tables import Column, print_table
from outlay.errors import UnknownPrice
from outlay.pricing.choice import chosen, sellers, unknown
from outlay.pricing.explanation import Explanation
from outlay.pricing.listing import ListedRow, Listing, listing
from outlay.pricing.prices import Prices
from outlay.pricing.units import TOKENS

ORDER = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "cache_write_12h", "output")
"""The columns that come first."""


@dataclass(frozen=True)
class Found:
    """What is known under one name."""

    asked: str
    listings: tuple[Listing, ...]
    """Of the provider that was meant; or of all that sell the model, where nobody said which."""
    now: tuple[Explanation | None, ...]
    """The price of each at the time asked for, in calls without terms."""
    elsewhere: tuple[str, ...]
    """Other providers that sell a model of this name."""
    problem: str


def look_up(prices: Prices, name: str, at: int) -> Found:
    """Return what is known under ``name``, with or without a provider; ``problem`` says why nothing is."""
    problem, elsewhere = "", []
    try:
        provider, model = chosen(prices, name)
        chosen_here = [(provider, model)] if prices.knows(provider, model) else []
        problem = "" if chosen_here else unknown(prices, provider, model)
        if model == name:
            elsewhere = [seller for seller in sellers(prices, model) if seller != provider]
    except UnknownPrice as error:
        chosen_here = [(seller, name) for seller in sellers(prices, name)]
        problem = str(error)
    listings = [listing(prices, *pair, at) for pair in chosen_here]
    return Found(
        asked=name,
        listings=tuple(one for one in listings if one is not None),
        now=tuple(prices.explain(seller, (model,), at=at) for seller, model in chosen_here),
        elsewhere=tuple(elsewhere),
        problem=problem,
    )


def show_found(out: Console, found: Found, prices: Prices, at: int) -> None:
    """Print the rows of the model; of several sellers their prices of the time, one below the other."""
    if len(found.listings) > 1:
        out.print(f"{found.asked} is sold by {len(found.listings)} providers; their prices at {when(at)} UTC:")
        _show_sellers(out, found.listings, found.now)
        first = found.listings[0].provider
        out.print(f"See one in full with its name before a colon: outlay prices {first}:{found.asked}")
        return
    _show_listing(out, found.listings[0], found.now[0], at)
    if found.elsewhere:
        others = [(seller, listing(prices, seller, found.asked, at)) for seller in found.elsewhere]
        prices_there = [prices.explain(seller, (found.asked,), at=at) for seller, _ in others]
        out.print("Also sold by:")
        _show_sellers(out, [one for _, one in others if one is not None], prices_there, found.elsewhere)


def _show_listing(out: Console, listed: Listing, now: Explanation | None, at: int) -> None:
    out.print(f"{listed.model} of {listed.provider}; its name matched by: {listed.rule}.", style="bold")
    said = [row for row in listed.rows if row.rates or row.multiply is not None or row.zero]
    sources = list(dict.fromkeys(row.source for row in said))
    classes = {rate.name: rate.per for row in listed.rows for rate in row.rates}
    names = sorted(classes, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))
    lines = [(row, over) for row in said for over in _levels(row)]
    columns = [
        Column("from", [_time(row.since) if not over else "" for row, over in lines], figure=False),
        Column("until", [_time(row.until) if not over else "" for row, over in lines], figure=False),
        Column("for calls", [_for(row, over) for row, over in lines], figure=False),
        *(
            Column(_head(name), [_usd(row, name, over) for row, over in lines], leaves=0 if name in ORDER else 1)
            for name in names
        ),
        Column("source", [f"[{sources.index(row.source) + 1}]" for row, _ in lines]),
    ]
    left = print_table(out, [column for column in columns if not _empty(column)])
    units = [f"{name} per {count(per)}" for name, per in classes.items() if name not in TOKENS]
    out.print(f"USD per 1,000,000 tokens{''.join(f', {unit}' for unit in units)}. Times are UTC; a lower line wins.")
    if any(over for _, over in lines):
        out.print("over … in: for calls with more input tokens than that, cached ones included; all of such a call.")
    for number, source in enumerate(sources, 1):
        out.print(f"[{number}] {source}")
    if listed.factor != 1:
        out.print(f"Your price book multiplies all of it by {listed.factor:f}: {', '.join(listed.adjusted_by)}.")
    if now is not None:
        _show_now(out, now, at)
    if left:
        out.print(f"Not shown for want of room: {', '.join(left)}.", style="dim")


def _show_now(out: Console, now: Explanation, at: int) -> None:
    since = "" if now.since is None else f", since {now.since:%Y-%m-%d %H:%M}"
    until = "" if now.until is None else f", until {now.until:%Y-%m-%d %H:%M} at least"
    rates = now.bands[0].rates if now.bands else {}
    main = [name for name in ORDER if name in rates] or list(rates)
    price = now.zero or ", ".join(f"{_head(name)} {_dollars(rates[name][0])}" for name in main)
    out.print(f"At {when(at)} UTC{since}{until}: {price or 'no price'} (row {now.price_id}).")


def _show_sellers(
    out: Console,
    listings: Sequence[Listing],
    now: Sequence[Explanation | None],
    names: Sequence[str] | None = None,
) -> None:
    names = names or [listed.provider for listed in listings]
    columns = [
        Column("provider", names, figure=False),
        Column("model", [listed.model for listed in listings], figure=False),
        *(Column(_head(name), [_usd_now(price, name) for price in now]) for name in ("input", "cache_read", "output")),
        Column("matched by", [listed.rule for listed in listings], figure=False, leaves=1),
    ]
    print_table(out, columns)


def _usd_now(price: Explanation | None, name: str) -> str:
    if price is None:
        return "?"
    if price.zero:
        return price.zero
    rate = price.bands[0].rates.get(name) if price.bands else None
    return "" if rate is None else _dollars(rate[0])


def _levels(row: ListedRow) -> list[int]:
    return sorted({0, *(rate.over for rate in row.rates)})


def _usd(row: ListedRow, name: str, over: int) -> str:
    if row.zero:
        return row.zero if name == "input" else ""
    if row.multiply is not None and not row.rates:
        return f"x {row.multiply:f}" if name in TOKENS else ""
    rates = [rate for rate in row.rates if rate.name == name and rate.over == over]
    return _dollars(rates[0].usd) if rates else ""


def _for(row: ListedRow, over: int) -> str:
    """Say for which calls a row holds."""
    parts = [f"{name}={value}" for name, value in row.when.items()]
    if row.daily:
        parts.append(" and ".join(row.daily))
    if row.weekdays:
        parts.append(f"weekdays {row.weekdays}")
    if row.holidays:
        parts.append(f"no holiday ({row.holidays})")
    if row.least:
        parts.append(", ".join(f"at least {least} {name}" for name, least in row.least.items()))
    if row.most:
        parts.append(", ".join(f"at most {most} {name} a call" for name, most in row.most.items()))
    if over:
        parts.append(f"over {count(over)} in")
    return ("book: " if row.book else "") + ", ".join(parts)


def _head(name: str) -> str:
    return name.replace("_", " ")


def _dollars(usd: Decimal) -> str:
    """Write a price: with cents at least, and with all digits that it has."""
    return f"${usd:.2f}" if usd == usd.quantize(Decimal("0.01")) else f"${usd:f}"


def _time(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d}" if (at.hour, at.minute) == (0, 0) else f"{at:%Y-%m-%d %H:%M}"


def _empty(column: Column) -> bool:
    return not any(column.cells)
