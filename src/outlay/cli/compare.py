"""``outlay compare``: what the same work costs on several models, and when GPUs of one's own pay."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from outlay.cli.books import data_option, holds_something, located, opened, prices_of
from outlay.cli.output import as_json, console, count, money, print_json, seconds, tokens, when
from outlay.cli.rates import GIVEN, read_host, read_rate, read_ratio, read_share, read_tokens
from outlay.cli.tables import Column, print_table
from outlay.cli.times import moment, nanoseconds, zone_named, zone_option
from outlay.ledger.questions import Line
from outlay.pricing.comparison import Comparison, Work, compare
from outlay.pricing.hosts import HOURS_A_MONTH, BreakEven, Host, break_even
from outlay.pricing.prices import Prices
from outlay.pricing.units import decimal

Latency = Mapping[tuple[str, str], int]
"""(provider, model) to nanoseconds that a request took, on average."""


@dataclass(frozen=True)
class Compared:
    """What the command found."""

    rows: Sequence[Comparison]
    work: Work
    at: datetime
    hosts: Sequence[Host]
    break_evens: Sequence[BreakEven]
    latency: Latency


@click.command(short_help="Compare what the same work costs on several models, or on GPUs of your own.")
@click.argument("models", nargs=-1, metavar="[MODEL]…")
@click.option("--input", "read", type=read_tokens, default="0", help="Input tokens, like 10M.")
@click.option("--output", "written", type=read_tokens, default="0", help="Output tokens, like 5M.")
@click.option("--requests", type=read_tokens, help="How many calls: for fees per request, and for long ones.")
@click.option(
    "--cache-share", type=read_share, default="0", help="The share of the input that is read from a cache: 80%."
)
@click.option("--reasoning", multiple=True, metavar="MODEL=RATIO", help="A model that writes RATIO times the tokens.")
@click.option("--tier", help="batch, flex, priority, …")
@click.option("--at", "moment_text", default="now", show_default=True, help="When the calls end; for hours and dates.")
@click.option("--rate", "rates", multiple=True, metavar="'NAME=IN/OUT per 1M'", help="A price of your own; repeatable.")
@click.option("--host", "hosts", multiple=True, metavar="'NAME=USD per gpu-hour x GPUS'", help="GPUs of your own.")
@click.option("--hours", default=HOURS_A_MONTH, show_default=True, help="Hours in which a host is paid.")
@zone_option
@data_option
@as_json
def command(  # noqa: PLR0913 - one argument an option
    models: tuple[str, ...],
    *,
    read: int,
    written: int,
    requests: int | None,
    cache_share: Fraction,
    reasoning: tuple[str, ...],
    tier: str | None,
    moment_text: str,
    rates: tuple[str, ...],
    hosts: tuple[str, ...],
    hours: int,
    zone: str | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Compare what work of so many tokens costs on each MODEL, the cheapest first.

    A model is named as a call names it, with its provider before a colon where several sell it. Prices that no table
    has are given by --rate, with their unit, or stand in the price book.
    """
    prices, settings = prices_of(data)
    given = {f"{GIVEN}:{name}": (name, price) for name, price in map(read_rate, rates)}
    prices = Prices(prices.table, prices.book.plus([price for _, price in given.values()]))
    names = [*models, *given]
    if not names or not read + written:
        raise click.UsageError("name what to compare and for how many tokens: --input 10M --output 5M gpt-4o o4-mini.")
    at = moment(moment_text, zone_named(zone or settings.timezone), datetime.now(UTC))
    work = Work(input_tokens=read, output_tokens=written, cache_share=cache_share, requests=requests)
    ratios = {_called(name, names): ratio for name, ratio in map(read_ratio, reasoning)}
    rows = [
        dataclasses.replace(row, asked=given[row.asked][0] if row.asked in given else row.asked)
        for row in _compare(prices, names, work, ratios, tier, at)
    ]
    known = [read_host(text, {host.name: host for host in prices.book.hosts}) for text in hosts]
    evens = [break_even(host, row.asked, read + written, row.cost, hours) for host in known for row in rows]
    found = Compared(rows, work, at, known, evens, _latency(data))
    if as_json:
        print_json(_as_data(found))
    else:
        _show(console(), found)


def _compare(
    prices: Prices, names: list[str], work: Work, ratios: dict[str, Decimal], tier: str | None, at: datetime
) -> list[Comparison]:
    try:
        return compare(prices, names, work, token_ratios=ratios, tier=tier, at=at)
    except ValueError as error:
        raise click.UsageError(f"{error}.") from None


def _called(name: str, names: Sequence[str]) -> str:
    """Return a model by the name under which it is compared; one of ``--rate`` needs no ``given:`` before it."""
    return f"{GIVEN}:{name}" if f"{GIVEN}:{name}" in names else name


def _latency(data: Path | None) -> Latency:
    """Return how long requests took, where there is a ledger that knows."""
    _, folder = located(data)
    if not holds_something(folder):
        return {}
    with opened(data) as (ledger, _, _):
        lines = ledger.report(("provider", "model")).lines
    return {(line.key[0] or "", line.key[1] or ""): _mean(line) for line in lines if line.requests}


def _mean(line: Line) -> int:
    return line.duration_us * 1000 // line.requests


def _show(out: Console, found: Compared) -> None:
    rows, work = found.rows, found.work
    sides = {"in": work.input_tokens, "out": work.output_tokens}
    words = [f"{tokens(number)} tokens {side}" for side, number in sides.items() if number]
    if work.cache_share:
        words.append(f"{float(work.cache_share):.0%} of the input from a cache")
    if work.requests:
        words.append(f"{count(work.requests)} requests")
    out.print(f"{', '.join(words)}, at the prices of {found.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC", style="bold")
    columns = [
        Column("model", [row.asked for row in rows], figure=False),
        Column("provider", [row.provider for row in rows], figure=False, leaves=1),
        *(
            Column(f"{part.replace('_', ' ')} $", [_part(row, part) for row in rows], leaves=2)
            for part in ("input", "cache_read", "output", "requests")
        ),
        Column("cost", [money(row.cost) for row in rows]),
        Column("times", [_digits(row.times) for row in rows]),
    ]
    if any(row.token_ratio != 1 for row in rows):
        columns += [
            Column("tokens", [f"x {row.token_ratio:f}" if row.token_ratio != 1 else "" for row in rows]),
            Column("times per token", [_digits(row.times_at_equal_tokens) for row in rows]),
        ]
    columns.append(Column("time", [seconds(found.latency.get((row.provider, row.model))) for row in rows]))
    left = print_table(out, [column for column in columns if any(column.cells)])
    for sentence in _sentences(found):
        out.print(sentence)
    if left:
        out.print(f"Not shown for want of room: {', '.join(left)}.", style="dim")


def _part(row: Comparison, part: str) -> str:
    return money(row.by_class[part]) if part in row.by_class else ""


def _digits(times: Decimal | None) -> str:
    """Write a ratio with five digits."""
    return "?" if times is None else f"{times:.{max(0, 4 - times.adjusted())}f}"


def _sentences(found: Compared) -> list[str]:
    said = [f"{row.asked}: no price for {', '.join(row.unpriced)}." for row in found.rows if row.unpriced]
    said += [f"{row.asked}: {note}." for row in found.rows for note in row.notes]
    if any(row.token_ratio != 1 for row in found.rows):
        said.append("times: what an answer costs. times per token: if all wrote as many tokens.")
    if any((row.provider, row.model) in found.latency for row in found.rows):
        said.append("time: what a request took on average, by your ledger.")
    for host in found.hosts:
        evens = [even for even in found.break_evens if even.host == host.name]
        gpus = f"{host.gpus} GPU{'s' if host.gpus > 1 else ''}"
        said.append(f"{host.name}: {money(evens[0].host_cost)} a month for {gpus}, whatever they do. It pays")
        said += [f"  against {even.model} {_volume(even)}" for even in evens]
    return said


def _volume(even: BreakEven) -> str:
    if even.tokens is None or even.tokens_per_second is None:
        return "never, as far as prices are known."
    volume = tokens(even.tokens) if even.tokens >= 10_000 else count(even.tokens)
    return f"from {volume} tokens a month on: {even.tokens_per_second:,} a second in every hour."


def _as_data(found: Compared) -> dict[str, Any]:
    work = dataclasses.asdict(found.work) | {"cache_share": decimal(found.work.cache_share)}
    rows = []
    for row in found.rows:
        took = found.latency.get((row.provider, row.model))
        rows.append(dataclasses.asdict(row) | {"mean_seconds": None if took is None else Decimal(took) / 10**9})
    hosts = [{"name": host.name, "gpu_hour_usd": str(host.gpu_hour), "gpus": host.gpus} for host in found.hosts]
    evens = [even._asdict() for even in found.break_evens]
    at = when(nanoseconds(found.at))
    return {"at": f"{at} UTC", "work": work, "models": rows, "hosts": hosts, "break_even": evens}
