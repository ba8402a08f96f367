"""An explanation as a table: what was, what moved it, what is; and who carries the difference."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from rich.console import Console

from outlay.alerts.alert import Driver
from outlay.cli.bars import waterfall
from outlay.cli.changes import signed
from outlay.cli.output import count, counted, money, share
from outlay.cli.tables import Column, print_table
from outlay.money import PICO, usd
from outlay.spikes.explanation import MEANINGS, Explanation, rounded


def show_explanation(out: Console, explanation: Explanation, before: str, after: str) -> None:
    """Print the waterfall from the time called ``before`` to that called ``after``."""
    moved = {name: part for name, part in explanation.parts.items() if part}
    counts = (explanation.requests_before, explanation.requests_after)
    words = [f"{count(counts[0])} requests", *(MEANINGS[name] for name in moved), f"{count(counts[1])} requests"]
    columns = [
        Column("factor", [before, *moved, after], figure=False),
        Column("USD", amounts_of(explanation)),
        Column("share", ["", *(share(part, explanation.difference) for part in moved.values()), ""], leaves=2),
        Column("", waterfall(explanation.before, list(moved.values())), figure=False, leaves=1),
        Column("what it is", words, figure=False),
    ]
    print_table(out, columns, total=True)
    if explanation.unpriced_before or explanation.unpriced_after:
        calls = counted(explanation.unpriced_before, "call"), counted(explanation.unpriced_after, "call")
        out.print(
            f"+ {calls[0]} ({before}) and {calls[1]} ({after}) without a (full) price: see `outlay calls --unpriced`."
        )


def amounts_of(explanation: Explanation) -> list[str]:
    """Return what was, what moved it and what is, as they are printed: with the same digits, adding up exactly.

    There are as many digits as the largest part needs. A plus sign, or a question mark, is where calls without a price
    are left out.
    """
    before, after = explanation.before, explanation.after
    moved = {name: Fraction(part) for name, part in explanation.parts.items() if part}
    digits = _digits(max(map(abs, moved.values()), default=max(before, after)))
    unit = Fraction(PICO, 10**digits)
    first, last = round(before / unit), round(after / unit)
    parts = rounded({name: part / unit for name, part in moved.items()}, last - first)
    signs = [_mark(before, explanation.unpriced_before), *[""] * len(parts), _mark(after, explanation.unpriced_after)]
    shown = [_fixed(first, digits), *(_fixed(part, digits, sign="+") for part in parts.values()), _fixed(last, digits)]
    blank = "  " if " +" in signs else ""
    return [mark + blank if mark == "?" else text + (mark or blank) for text, mark in zip(shown, signs, strict=True)]


def _digits(amount: Fraction | int) -> int:
    """Return how many digits after the point an amount is written with."""
    return len(money(usd(round(amount))).partition(".")[2])


def _fixed(units: int, digits: int, sign: str = "") -> str:
    """Write an amount that is so many units of its last digit."""
    return f"{'-' if units < 0 else sign if units else ''}${Decimal(abs(units)).scaleb(-digits):,.{digits}f}"


def _mark(amount: int, unpriced: int) -> str:
    """Return what ``spend`` writes after a sum, or in its place."""
    return "" if not unpriced else "?" if amount == 0 else " +"


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
        "unpriced_calls_before": explanation.unpriced_before,
        "unpriced_calls_after": explanation.unpriced_after,
        "parts_usd": {name: usd(part) for name, part in explanation.parts.items()},
        "carriers": [
            {"dimension": driver.dimension, "value": driver.value, "usd": usd(driver.amount)} for driver in carriers
        ],
    }
