"""A statement for people: a table of what was spent, and what a reader must know to believe its total."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from rich.console import Console
from rich.text import Text

from outlay.cli.changes import signed
from outlay.cli.output import count, counted, money, share, spend, tokens
from outlay.cli.statement import Parts, Restated, Statement, per_request, stale_days, unknown
from outlay.cli.tables import Column, print_table
from outlay.ledger.questions import Line
from outlay.money import usd

Cell = Callable[[Line], str]


def show(out: Console, statement: Statement, now: datetime) -> None:
    """Print a statement."""
    total = statement.report.total
    first, last = statement.first, statement.last
    out.print(f"Spend from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} {last.tzname()}", style="bold")
    if not total.attempts:
        out.print("No calls in this time: `outlay calls` shows the latest there are, `outlay doctor` what is metered.")
        return
    show_lines(out, statement, now)
    if statement.pace is not None:
        pace = statement.pace
        out.print(
            Text.assemble(
                f"Projected for {first:%B} at this pace: ",
                (money(usd(pace.projected)), "bold"),
                f" ({float(pace.days):.3g} of {pace.of_days} days have passed)",
            )
        )


def show_lines(out: Console, statement: Statement, now: datetime) -> None:
    """Print a statement's table, and what a reader must know of it."""
    left = print_table(out, columns_of(statement), total=True)
    for note in notes(statement, now):
        out.print(note)
    if left:
        out.print(Text(f"Not shown for want of room: {', '.join(left)}.", style="dim"))


def columns_of(statement: Statement) -> list[Column]:
    """Return the table's columns; those without anything to say are left out."""
    report = statement.report
    lines = [*report.lines, report.total]
    heads = [
        Column(name.removeprefix("tag:"), [*(line.key[at] or "(none)" for line in report.lines), ""], figure=False)
        for at, name in enumerate(report.by)
    ]
    if heads:
        heads[0] = Column(heads[0].name, [*heads[0].cells[:-1], "total"], figure=False)
    else:
        heads = [Column("", ["total"], figure=False)]
        lines = [report.total]
    figures = [*_volume(lines), *(_tokens(lines) if statement.parts is None else _drivers(statement, lines))]
    total = report.total
    amounts = [
        _column("cost", 0, lines, lambda line: spend(line.spend)),
        *(() if statement.restated is None else _restated(statement.restated, lines)),
        _column("per request", 6, lines, _per_request),
        _column("share", 5, lines, lambda line: "?" if unknown(line) else share(line.cost, total.cost)),
    ]
    return [*heads, *(column for column in figures if not column.idle), *amounts]


def _volume(lines: Sequence[Line]) -> list[Column]:
    made = [_column("requests", 0, lines, lambda line: count(line.requests))]
    if any(line.attempts != line.requests for line in lines):
        made.append(_column("attempts", 1, lines, lambda line: count(line.attempts)))
    return [*made, _column("errors", 7, lines, lambda line: count(line.errors))]


def _tokens(lines: Sequence[Line]) -> list[Column]:
    return [
        _counts("tokens", 0, [line.total_tokens for line in lines]),
        _counts("input", 8, [line.input_tokens for line in lines]),
        _counts("cache read", 3, [line.cache_read for line in lines]),
        _counts("cache write", 2, [line.cache_write_input_tokens for line in lines]),
        _counts("output", 9, [line.output_tokens for line in lines]),
        _column(
            "reasoning", 4, lines, lambda line: share(line.reasoning, line.output_tokens) if line.reasoning else ""
        ),
    ]


def _drivers(statement: Statement, lines: Sequence[Line]) -> list[Column]:
    """Return what each line's money was paid for."""
    split = statement.parts or {}

    def column(name: str, leaves: int, part: Callable[[Parts], int]) -> Column:
        return _column(
            name, leaves, lines, lambda line: money(usd(amount)) if (amount := part(split[line.key])) else ""
        )

    return [
        _counts("tokens", 1, [line.total_tokens for line in lines]),
        column("input $", 0, lambda parts: parts.input),
        column("cache $", 12, lambda parts: parts.cache),
        column("output $", 0, lambda parts: parts.output),
        column("other $", 11, lambda parts: parts.other),
    ]


def _restated(restated: Restated, lines: Sequence[Line]) -> list[Column]:
    return [
        _column("restated", 0, lines, lambda line: spend(restated.spend(line))),
        _column("difference", 10, lines, lambda line: signed(cost) if (cost := restated.of(line).cost) else ""),
    ]


def _per_request(line: Line) -> str:
    return "" if line.requests == 0 else money(per_request(line))


def _counts(name: str, leaves: int, numbers: Sequence[int]) -> Column:
    return Column(name, [tokens(number, max(numbers)) for number in numbers], leaves=leaves)


def _column(name: str, leaves: int, lines: Sequence[Line], cell: Cell) -> Column:
    return Column(name, [cell(line) for line in lines], leaves=leaves)


def _restated_note(restated: Restated, total: Line) -> str:
    changed = restated.of(total).calls
    if not changed:
        return "No call is restated: `outlay reprice` prices calls anew."
    return f"restated: {counted(changed, 'call')} by table {', '.join(restated.tables)}, the others as recorded."


def notes(statement: Statement, now: datetime) -> list[str]:
    """Return what a reader must know to believe the total, a sentence each."""
    report, said = statement.report, []
    total = report.total
    if total.unpriced_calls:
        said.append(
            f"+ {counted(total.unpriced_calls, 'call')} ({tokens(total.unpriced_tokens)} tokens) without a (full) "
            "price: see `outlay calls --unpriced`."
        )
    if total.estimated_calls:
        upper = total.spend.upper
        bound = "and nothing bounds it from above" if upper is None else f"at most {money(upper)}"
        verb = "is an estimate" if total.estimated_calls == 1 else "are estimates"
        said.append(
            f"{counted(total.estimated_calls, 'call')} {verb}: "
            f"the total is at least {money(total.spend.lower)}, {bound}."
        )
    if statement.restated is not None:
        said.append(_restated_note(statement.restated, total))
    if report.folded:
        said.append("(other) holds values that were too many to keep apart: `--exact` reads every call.")
    if report.approximate:
        said.append("Calls were pruned there: the hour at each end counts where it began.")
    if age := stale_days(statement.prices_dated, now):
        said.append(f"The price table is {age} days old: upgrade outlay, or run `outlay prices update`.")
    return said
