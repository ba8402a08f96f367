"""An explanation as a table: what was, what moved it, what is; and who carries the difference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from outlay.alerts.alert import Driver
from outlay.cli.bars import waterfall
from outlay.cli.changes import signed
from outlay.cli.output import count, money, share
from outlay.cli.tables import Column, print_table
from outlay.money import usd
from outlay.spikes.explanation import MEANINGS, Explanation


def show_explanation(out: Console, explanation: Explanation, before: str, after: str) -> None:
    """Print the waterfall from the time called ``before`` to that called ``after``."""
    moved = {name: part for name, part in explanation.parts.items() if part}
    amounts = [money(usd(explanation.before)), *map(signed, moved.values()), money(usd(explanation.after))]
    counts = (explanation.requests_before, explanation.requests_after)
    words = [f"{count(counts[0])} requests", *(MEANINGS[name] for name in moved), f"{count(counts[1])} requests"]
    columns = [
        Column("factor", [before, *moved, after], figure=False),
        Column("USD", amounts),
        Column("share", ["", *(share(part, explanation.difference) for part in moved.values()), ""], leaves=2),
        Column("", waterfall(explanation.before, list(moved.values())), figure=False, leaves=1),
        Column("what it is", words, figure=False),
    ]
    print_table(out, columns, total=True)


def show_carriers(out: Console, carriers: Sequence[Driver]) -> None:
    """Print who carries the difference."""
    if not carriers:
        return
    out.print()
    columns = [
        Column("carried by", [driver.dimension for driver in carriers], figure=False),
        Column("", [driver.value for driver in carriers], figure=False),
        Column("USD", [signed(driver.amount) for driver in carriers]),
    ]
    print_table(out, columns)


def explanation_data(explanation: Explanation, carriers: Sequence[Driver]) -> dict[str, Any]:
    """Return an explanation for programs."""
    return {
        "before_usd": usd(explanation.before),
        "after_usd": usd(explanation.after),
        "difference_usd": usd(explanation.difference),
        "requests_before": explanation.requests_before,
        "requests_after": explanation.requests_after,
        "parts_usd": {name: usd(part) for name, part in explanation.parts.items()},
        "carriers": [
            {"dimension": driver.dimension, "value": driver.value, "usd": usd(driver.amount)} for driver in carriers
        ],
    }
