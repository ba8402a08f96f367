"""``outlay prices``: what is known of a model's price, which tables there are, and building a newer one."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from outlay.cli.books import data_option, located, prices_of
from outlay.cli.groups import Group
from outlay.cli.one_call import price_data
from outlay.cli.output import as_json, console, count, print_json
from outlay.cli.price_rows import Found, look_up, show_found
from outlay.cli.price_update import update
from outlay.cli.tables import Column, print_table
from outlay.cli.times import moment, nanoseconds, zone_named, zone_option
from outlay.errors import UnknownPrice
from outlay.pricing import shelf
from outlay.pricing.prices import Prices
from outlay.pricing.table import SHIPPED


@click.group(cls=Group, default="show", short_help="Show what is known of a model's price, since when and whence.")
def command() -> None:
    """Show what is known of models' prices: `outlay prices MODEL…`; without a model, the table in use."""


@command.command("show", short_help="Show models; the word can be left out.")
@click.argument("models", nargs=-1, metavar="[MODEL]…")
@click.option("--at", "when", default="now", show_default=True, help="The time at which a price is to hold.")
@click.option("--table", "version", default="", metavar="VERSION", help="A kept table, in place of the newest.")
@zone_option
@data_option
@as_json
def show(
    models: tuple[str, ...], when: str, version: str, zone: str | None, data: Path | None, *, as_json: bool
) -> None:
    """Show all that is known of models' prices: every class, term and window, since when, whence.

    A model is named as a call names it, with its provider before a colon where several sell it: together:MODEL.
    """
    prices, settings = prices_of(data, version)
    clock = zone_named(zone or settings.timezone)
    at = nanoseconds(moment(when, clock, datetime.now(UTC)))
    if not models:
        _show_table(prices, as_json=as_json)
        return
    found = [_found(prices, model, at) for model in models]
    if as_json:
        print_json([_as_data(one) for one in found])
        return
    out = console()
    for number, one in enumerate(found):
        if number:
            out.print()
        show_found(out, one, prices, at)


def _as_data(found: Found) -> dict[str, Any]:
    return {
        "asked": found.asked,
        "listings": [dataclasses.asdict(listed) for listed in found.listings],
        "now": [price_data(price) for price in found.now],
        "elsewhere": list(found.elsewhere),
    }


def _found(prices: Prices, model: str, at: int) -> Found:
    found = look_up(prices, model, at)
    if not found.listings:
        raise UnknownPrice(found.problem)
    return found


@command.command(short_help="List the tables at hand.")
@data_option
@as_json
def tables(data: Path | None, *, as_json: bool) -> None:
    """List the price tables at hand; reprice and prices take any of them by its version."""
    _, folder = located(data)
    kept = shelf.at_hand(folder / shelf.FOLDER)
    used = shelf.newest(folder / shelf.FOLDER).version
    if as_json:
        rows = [{"version": one.version, "dated": one.dated.isoformat(), "path": one.path} for one in kept]
        print_json([row | {"in_use": row["version"] == used} for row in rows])
        return
    columns = [
        Column("version", [one.version for one in kept], figure=False),
        Column("dated", [one.dated.isoformat() for one in kept], figure=False),
        Column("", ["in use" if one.version == used else "" for one in kept], figure=False),
        Column("where", ["this outlay" if one.path == SHIPPED else str(one.path) for one in kept], figure=False),
    ]
    print_table(console(), columns)


def _show_table(prices: Prices, *, as_json: bool) -> None:
    table, providers = prices.table, prices.table.names()
    models = sum(len(sold.models) for name in providers if (sold := table.own(name)) is not None)
    known: dict[str, Any] = {
        "version": table.version,
        "dated": table.dated.isoformat(),
        "compiled_from": table.compiled_from,
        "providers": len(providers),
        "models": models,
        "price_book": prices.book.path or None,
        "costs_name": prices.version,
    }
    if as_json:
        print_json(known)
        return
    out = console()
    out.print(f"Table {table.version} of {table.dated}, compiled from {table.compiled_from} with our corrections:")
    out.print(f"{count(models)} models of {count(len(providers))} providers.")
    if prices.book.path:
        out.print(f"The price book {prices.book.path} lies over it; costs name both as {prices.version}.")
    out.print("See a model with `outlay prices MODEL`, the kept tables with `outlay prices tables`.")


command.add_command(update)
