"""What moved: the difference between two times' spend, split among the drivers of cost so that nothing is left over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any, NamedTuple

from rich.console import Console

from outlay.cli.output import count, money, share
from outlay.cli.statement import Key, Parts
from outlay.cli.tables import Column, print_table
from outlay.money import usd


class Side(NamedTuple):
    """One model's requests and money (pico-USD) in one time."""

    requests: int
    parts: Parts

    @property
    def input(self) -> int:
        """What was paid for the input, cached or not."""
        return self.parts.input + self.parts.cache

    @property
    def cost(self) -> int:
        """What was paid in all."""
        return self.input + self.parts.output + self.parts.other


@dataclass(frozen=True)
class Changes:
    """Why a spend of ``before`` became one of ``after``, in pico-USD: the five drivers add up to the difference.

    Each driver is changed in turn, those before it already at their new value: first the volume at the old cost of a
    request, then which models the requests went to, then what a request to each model cost in input and in output.
    """

    before: int
    after: int
    requests_before: int
    requests_after: int
    volume: int
    model: int
    input: int
    output: int
    other: int


def changes_between(old: Mapping[Key, Side], new: Mapping[Key, Side]) -> Changes | None:
    """Compare two times, model by model; None where the old one has no request to compare with."""
    before, after = (sum(side.cost for side in sides.values()) for sides in (old, new))
    requests_before, requests_after = (sum(side.requests for side in sides.values()) for sides in (old, new))
    if not requests_before:
        return None
    at_old_cost = requests_after * Fraction(before, requests_before)
    moved = {"volume": at_old_cost - before, "model": -at_old_cost, "input": Fraction(), "output": Fraction()}
    for key, side in new.items():
        base = old.get(key)
        if not side.requests:
            continue  # what only failed attempts cost has no request to be set against
        if base is None or not base.requests:
            moved["model"] += side.cost
            continue
        grown = Fraction(side.requests, base.requests)
        moved["model"] += grown * base.cost
        moved["input"] += side.input - grown * base.input
        moved["output"] += side.parts.output - grown * base.parts.output
    whole = {name: round(amount) for name, amount in moved.items()}
    other = after - before - sum(whole.values())
    return Changes(before, after, requests_before, requests_after, **whole, other=other)


DRIVERS = {
    "volume": "the number of requests",
    "model": "which models they went to",
    "input": "input per request",
    "output": "output per request",
    "other": "searches, images, failures, charges not split by the provider",
}


def show_changes(out: Console, changes: Changes | None, first: datetime, last: datetime) -> None:
    """Print what moved against the time from ``first`` to ``last``."""
    time = f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"
    out.print()
    if changes is None:
        out.print(f"Nothing to compare with: no request succeeded from {time}.")
        return
    difference = changes.after - changes.before
    out.print(f"What moved against {time}", style="bold")
    amounts = {name: getattr(changes, name) for name in DRIVERS}
    moved = {name: amount for name, amount in amounts.items() if amount or name != "other"}
    cells = [[*moved, "in all"], [*(DRIVERS[name] for name in moved), _in_all(changes)]]
    figures = [signed(amount) for amount in (*moved.values(), difference)]
    shares = [share(amount, changes.before) for amount in (*moved.values(), difference)]
    columns = [Column("driver", cells[0], figure=False), Column("change", figures), Column("of what was", shares)]
    print_table(out, [*columns, Column("", cells[1], figure=False)], total=True)


def signed(amount: int) -> str:
    """Write a difference in pico-USD."""
    return ("+" if amount > 0 else "") + money(usd(amount))


def _in_all(changes: Changes) -> str:
    requests = f"{count(changes.requests_before)} to {count(changes.requests_after)} requests"
    return f"{money(usd(changes.before))} to {money(usd(changes.after))}, {requests}"


def changes_data(changes: Changes | None, first: datetime, last: datetime) -> dict[str, Any] | None:
    """Return what moved, for programs."""
    if changes is None:
        return None
    names = ("before", "after", *DRIVERS)
    amounts = {f"{name}_usd": usd(getattr(changes, name)) for name in names}
    requests = {"requests_before": changes.requests_before, "requests_after": changes.requests_after}
    return {"since": first, "until": last, **requests, **amounts}
