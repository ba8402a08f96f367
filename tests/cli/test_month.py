"""The month that outlay's purpose was told with comes out as it was printed there."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from outlay.cli.times import nanoseconds
from outlay.ledger.ledger import Ledger
from outlay.money import pico
from outlay.records import Call, Cost, Usage
from tests.cli.conftest import Cli, words_of

AT = nanoseconds(datetime(2026, 11, 10, tzinfo=UTC))
MONTH = (
    ("gpt-4o-mini", 45_230, 12_300_000, "24.60"),
    ("gpt-4o", 8_420, 4_100_000, "82.00"),
    ("gpt-4", 320, 200_000, "12.00"),
)


def calls() -> list[Call]:
    """Return the month's calls: tokens and amounts spread evenly, the rests on the first."""
    made: list[Call] = []
    for model, number, tokens, amount in MONTH:
        each, more = divmod(tokens, number)
        cost, rest = divmod(pico(Decimal(amount)), number)
        made += [
            Call(
                id=f"{len(made) + index:016x}",
                trace_id="0" * 32,
                provider="openai",
                api="record",
                operation="chat",
                request_model=model,
                start=AT,
                end=AT,
                usage=Usage(classes={"input": each + (index < more)}),
                cost=Cost(status="priced", source="reported", amount=cost + (rest if index == 0 else 0)),
            )
            for index in range(number)
        ]
    return made


def test_the_month_comes_out_as_printed(cli: Cli, data: Path) -> None:
    """Three rows, their total, and the projection at the end of day 25 of 30."""
    with Ledger.open(data / "ledger.db") as ledger:
        ledger.write(calls())
    done = cli("report", "--since", "2026-11-01", "--until", "2026-11-26")
    head, *rows = [words_of(line) for line in done.out.splitlines()[1:6]]
    at = [head.index(name) for name in ("model", "requests", "tokens", "cost")]
    assert [[row[index] for index in at] for row in rows] == [
        ["gpt-4o", "8,420", "4.1M", "$82.00"],
        ["gpt-4o-mini", "45,230", "12.3M", "$24.60"],
        ["gpt-4", "320", "0.2M", "$12.00"],
        ["total", "53,970", "16.6M", "$118.60"],
    ]
    assert "at this pace: $142.32 (25 of 30 days have passed)" in done.out
