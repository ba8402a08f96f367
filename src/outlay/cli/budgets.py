"""``outlay budgets``: how the limits stand, putting another limit in place, and auditing the counters."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from outlay.budgets.budget import LEAST, MOST
from outlay.budgets.notices import dollars
from outlay.budgets.opening import project_of, store_of
from outlay.budgets.standing import Standing, read_standings
from outlay.budgets.tables import budgets_of
from outlay.budgets.trade import Store, StoreDown
from outlay.cli.books import data_option, located
from outlay.cli.output import as_json, console, counted, money, print_json
from outlay.cli.tables import Column, print_table
from outlay.cli.times import moment, nanoseconds, zone_named
from outlay.config import Settings
from outlay.errors import ConfigError, OutlayError
from outlay.money import number

NANO = 10**9
BAR = 20
"""Characters of a bar."""
EXCEEDED = 2
"""The exit status when a limit is exceeded, or something does not add up."""

project_option = click.option(
    "--project", metavar="NAME", help="Whose budgets; the setting `project`, or this folder's name, where not given."
)


@contextmanager
def _store(data: Path | None, project: str | None) -> Iterator[tuple[Store, Settings, str]]:
    """Yield (store, settings, project)."""
    settings, folder = located(data)
    store = store_of(settings, folder)
    try:
        yield store, settings, project or project_of(settings)
    except StoreDown as error:
        raise OutlayError(f"the budgets' store can't be used: {error}") from None
    finally:
        store.close()


@click.group(invoke_without_command=True, short_help="Show how the budgets stand; set a limit, audit the counters.")
@project_option
@data_option
@as_json
@click.pass_context
def command(context: click.Context, project: str | None, data: Path | None, *, as_json: bool) -> int:
    """Show what is spent, held and left of each limit, and where it will end.

    The exit status is 2 if one is exceeded.
    """
    if context.invoked_subcommand is not None:
        return 0
    with _store(data, project) as (store, settings, name):
        budgets = budgets_of(settings.budgets)
        if not budgets:
            raise ConfigError("no budgets are set here: write [[budgets]] into outlay.toml, with a name and a limit.")
        lines = read_standings(store, name, budgets, time.time_ns(), settings.timezone)
    if as_json:
        print_json([as_data(line) for line in lines])
    else:
        _show(lines)
    return EXCEEDED if any(line.status == "exceeded" or line.refused for line in lines) else 0


@command.command("set", short_help="Put a limit in place of the configured one, for all processes.")
@click.argument("budget")
@click.argument("limit", required=False)
@click.option("--until", metavar="TIME", help="When the configured limit holds again; never where not given.")
@click.option("--clear", is_flag=True, help="Have the configured limit hold again now.")
@project_option
@data_option
def set_limit(
    budget: str, limit: str | None, until: str | None, project: str | None, data: Path | None, *, clear: bool
) -> None:
    """Put LIMIT (USD) in place of what processes are configured with: within seconds, in all of them."""
    if clear == (limit is not None):
        raise click.UsageError("write a limit in USD, or --clear.")
    with _store(data, project) as (store, settings, name):
        known = {each.name for each in budgets_of(settings.budgets)} | {
            each.account.budget for each in store.figures(name)
        }
        if budget not in known:
            raise click.UsageError(f"there is no budget {budget!r}; known are {', '.join(sorted(known)) or 'none'}.")
        amount = None if limit is None else _amount(limit)
        end = None if until is None else _end(until, settings)
        store.override(name, budget, amount, None if end is None else nanoseconds(end) // 10**6)
    if amount is None:
        click.echo(f"The configured limit of {budget} holds again.")
    else:
        last = "" if end is None else f" until {end:%Y-%m-%d %H:%M %Z}"
        click.echo(f"The limit of {budget} is {money(dollars(amount))}{last}.")


@command.command("audit", short_help="Compare the counters with their entries.")
@data_option
@as_json
def audit(data: Path | None, *, as_json: bool) -> int:
    """Add up the entries of every account, and compare. The exit status is 2 where one differs."""
    with _store(data, None) as (store, _, _):
        found = store.audit()
    if as_json:
        print_json({
            "accounts": found.accounts,
            "entries": found.entries,
            "differences": [
                {"account": one.key, "settled_usd": dollars(one.settled), "leased_usd": dollars(one.leased)}
                for one in found.differences
            ],
            "openings": [{"account": one.key, "amount_usd": dollars(one.amount)} for one in found.openings],
        })  # fmt: skip
    else:
        click.echo(
            f"{counted(found.accounts, 'account')}, {counted(found.entries, 'entry', 'entries')}, "
            f"{counted(len(found.differences), 'difference')}."
        )
        for one in found.differences:
            click.echo(
                f"{one.key}: settled off by {dollars(one.settled):f} USD, leased by {dollars(one.leased):f} USD."
            )
        for before in found.openings:
            click.echo(f"{before.key}: begins with {dollars(before.amount):f} USD that was spent before it was set.")
    return EXCEEDED if found.differences else 0


def _amount(text: str) -> int:
    amount = number(text.removeprefix("$"))
    if amount is None or not LEAST <= amount <= MOST:
        raise click.UsageError(f"{text!r} is no limit: write USD, above 0 and up to {MOST:,}.")
    return int(amount * NANO)


def _end(until: str, settings: Settings) -> datetime:
    now = datetime.now(UTC)
    found = moment(until, zone_named(settings.timezone), now)
    if found <= now:
        raise click.UsageError(f"--until {until} is over: write a time to come.")
    return found


def _show(lines: list[Standing]) -> None:
    out = console()
    columns = (
        Column("budget", [line.budget for line in lines], figure=False),
        Column("for", [line.scope for line in lines], figure=False),
        Column("window", [line.window for line in lines], figure=False, leaves=3),
        Column("", [_bar(line) for line in lines], figure=False, leaves=1),
        Column("spent", [money(dollars(line.spent)) for line in lines]),
        Column("held", [money(dollars(line.held)) if line.held else "" for line in lines], leaves=4),
        Column("left", [money(dollars(line.left)) for line in lines]),
        Column("limit", [money(dollars(line.limit)) for line in lines]),
        Column("forecast", [_forecast(line) for line in lines], leaves=5),
        Column("resets", [f"{line.resets:%Y-%m-%d %H:%M}" if line.resets else "" for line in lines], leaves=2),
        Column("status", [line.sentence for line in lines], figure=False),
    )
    left = print_table(out, [column for column in columns if not column.idle])
    for note in filter(None, map(_note, lines)):
        out.print(note)
    if shown := [name for name in left if name]:
        out.print(f"Not shown for want of room: {', '.join(shown)}.")


def _bar(line: Standing) -> str:
    spent = min(BAR, round(BAR * line.spent / line.limit))
    held = min(BAR - spent, -(-BAR * line.held // line.limit))
    return "█" * spent + "▒" * held + "·" * (BAR - spent - held)


def _forecast(line: Standing) -> str:
    return "" if line.forecast is None else money(_foreseen(line.forecast.amount))


def _foreseen(amount: float) -> Decimal:
    """Return USD of a forecast, to the digits that both the table and ``--json`` show."""
    return Decimal(str(round(amount, 6)))


def _note(line: Standing) -> str:
    """Return what a line has no column for."""
    whose = f"{line.budget}{f' ({line.scope})' if line.scope else ''}"
    notes = []
    if line.override is not None:
        end = "" if line.override_until is None else f" until {line.override_until:%Y-%m-%d %H:%M} UTC"
        notes.append(f"its limit was set by `outlay budgets set`{end}")
    if line.refused and line.spent < line.limit:
        notes.append("it has refused a call for which too little was left")
    if line.declared:
        notes.append(f"processes disagree about its limit ({', '.join(money(dollars(one)) for one in line.declared)})")
    if line.opening:
        notes.append(f"{money(dollars(line.opening))} of what is spent was spent before the budget was set")
    if line.suspense:
        notes.append(f"{money(dollars(line.suspense))} of what is spent was held by processes that died")
    if line.overshoot:
        notes.append(f"calls in flight may cost {money(dollars(line.overshoot))} more than is held for them")
    return f"{whose}: {'; '.join(notes)}." if notes else ""


def as_data(line: Standing) -> dict[str, Any]:
    """Return a line for ``--json``: amounts in USD."""
    told = line.forecast
    return {
        "budget": line.budget, "scope": line.scope, "window": line.window, "limit_usd": dollars(line.limit),
        "spent_usd": dollars(line.spent), "held_usd": dollars(line.held), "left_usd": dollars(line.left),
        "opening_usd": dollars(line.opening),
        "suspense_usd": dollars(line.suspense), "overshoot_usd": dollars(line.overshoot), "blocks": line.blocks,
        "refused": line.refused, "resets": line.resets, "status": line.status, "sentence": line.sentence,
        "forecast_usd": None if told is None else _foreseen(told.amount),
        "forecast_lower_usd": None if told is None else _foreseen(told.lower),
        "forecast_upper_usd": None if told is None else _foreseen(told.upper),
        "declared_usd": [dollars(one) for one in line.declared],
        "override": line.override is not None, "override_until": line.override_until,
    }  # fmt: skip
