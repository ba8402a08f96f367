"""``outlay report --errors``: what failed by provider and model, and what trying again wasted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from outlay.cli.output import count, money, share, tokens
from outlay.cli.tables import Column, print_table
from outlay.ledger.failures import KINDS, Failures, total_of
from outlay.money import usd

HEADS = {
    "rate_limited": "429",
    "overloaded": "overload",
    "server_error": "5xx",
    "no_answer": "no answer",
    "refused": "budget",
    "other": "other",
}


def show_failures(out: Console, names: Sequence[str], lines: list[Failures], first: datetime, last: datetime) -> None:
    """Print a line for each provider and model that was called, those that failed most first."""
    out.print(f"Errors from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} {last.tzname()}", style="bold")
    total = total_of(lines)
    if not total.failed:
        out.print(f"None of {count(total.attempts)} attempts failed.")
        return
    shown = [*(line for line in lines if line.failed), total]
    heads = [
        Column(name.removeprefix("tag:"), [*(line.key[at] or "(none)" for line in shown[:-1]), ""], figure=False)
        for at, name in enumerate(names)
    ]
    if heads:
        heads[0] = Column(heads[0].name, [*heads[0].cells[:-1], "total"], figure=False)
    kinds = [Column(HEADS[kind], [_some(getattr(line, kind)) for line in shown]) for kind in KINDS]
    columns = [
        *heads,
        _column("attempts", shown, lambda line: count(line.attempts), leaves=2),
        _column("failed", shown, lambda line: count(line.failed)),
        _column("of all", shown, lambda line: share(line.failed, line.attempts), leaves=3),
        *(column for column in kinds if any(column.cells)),
        _column("retried", shown, lambda line: _some(line.retried), leaves=1),
        _column("time lost", shown, lambda line: f"{line.lost_ns / 1e9:,.1f} s"),
        _column("tokens lost", shown, lambda line: tokens(line.lost_tokens) if line.lost_tokens else ""),
        _column("cost lost", shown, lambda line: money(usd(line.lost_cost)) if line.lost_cost else ""),
    ]
    left = print_table(out, [column for column in columns if any(column.cells)], total=True)
    out.print("time lost: from a failed attempt to the next one, the wait between them included.")
    if left:
        out.print(Text(f"Not shown for want of room: {', '.join(left)}.", style="dim"))


def failures_data(names: Sequence[str], lines: list[Failures], first: datetime, last: datetime) -> dict[str, Any]:
    """Return what failed, for programs."""
    bare = [name.removeprefix("tag:") for name in names]
    return {
        "since": first,
        "until": last,
        "by": bare,
        "lines": [dict(zip(bare, line.key, strict=True)) | _data(line) for line in lines],
        "total": _data(total_of(lines)),
    }


def _data(line: Failures) -> dict[str, Any]:
    counts = {name: getattr(line, name) for name in ("attempts", "failed", *KINDS, "retried", "lost_tokens")}
    return counts | {"lost_seconds": usd(line.lost_ns * 1000), "lost_cost_usd": usd(line.lost_cost)}


def _some(number: int) -> str:
    return count(number) if number else ""


def _column(name: str, lines: Sequence[Failures], cell: Callable[[Failures], str], leaves: int = 0) -> Column:
    return Column(name, [cell(line) for line in lines], leaves=leaves)
