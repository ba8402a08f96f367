"""What is owed beside calls has lines of its own in a report: hosts by the hour, commitments, discounts by volume."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from outlay.cli.times import nanoseconds
from outlay.ledger.ledger import Ledger
from tests.cli.conftest import Cli, words_of
from tests.ledger.samples import call

pytestmark = pytest.mark.usefixtures("shop_ledger")
OCTOBER = ("--since", "2026-10-01", "--until", "2026-11-01")
O4 = Decimal("0.595386")
"""What the shop's calls to o4-mini cost in October."""

Book = Callable[[str], None]


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Book:
    """Return what writes a price book and sets it."""

    def write(text: str) -> None:
        path = tmp_path / "prices.toml"
        path.write_text("schema = 1\n" + text, encoding="utf-8")
        monkeypatch.setenv("OUTLAY_PRICE_BOOK", str(path))

    return write


def report(cli: Cli, *arguments: str) -> dict[str, Any]:
    """Return the report as programs get it."""
    done = cli("report", *arguments, "--json")
    assert done.status == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def test_without_a_book_there_is_nothing_beside_calls(cli: Cli, book: Book) -> None:
    """Nor with one that has prices only."""
    assert "beside_calls" not in report(cli, *OCTOBER)
    book("")
    assert "beside_calls" not in report(cli, *OCTOBER)


def test_what_a_commitment_leaves_over_counts_once_its_month_is_over(cli: Cli, book: Book) -> None:
    """Until then the line says how much is drawn."""
    book('[[commit]]\nprovider = "openai"\ncovers = ["o4-*"]\nmonthly = "5"\nwhy = "contract 7"\n')
    found = report(cli, *OCTOBER)
    (line,) = found["beside_calls"]
    assert Decimal(line["cost_usd"]) == 5 - O4
    assert line["note"] == "2026-10: $5.00 a month, $0.5954 drawn, $4.40 not drawn; contract 7"
    assert Decimal(found["in_all_usd"]) == Decimal(found["total"]["cost_usd"]) + 5 - O4
    (line,) = report(cli, "--since", "2026-10-01", "--until", "2026-10-31")["beside_calls"]
    assert (line["cost_usd"], "not drawn yet" in line["note"]) == ("0", True)


def test_a_discount_begins_where_its_volume_is_reached(cli: Cli, book: Book) -> None:
    """By the tokens of the month, in the order of the calls, wherever the report begins."""
    scope = '[[volume]]\nmatch = { provider = "openai", model = "o4-mini" }\nmultiply = "0.9"\nwhy = "tier 2"\n'
    book(scope + "monthly_tokens = 17700\n")  # ten calls of 1,770
    (line,) = report(cli, *OCTOBER)["beside_calls"]
    assert Decimal(line["cost_usd"]) == -(O4 - 10 * Decimal("0.006402")) / 10
    assert line["note"] == "2026-10: x 0.9 beyond 17,700 tokens, tier 2"
    (line,) = report(cli, "--since", "2026-10-31", "--until", "2026-11-01")["beside_calls"]
    assert Decimal(line["cost_usd"]) == -3 * Decimal("0.006402") / 10
    book(scope + 'monthly = "0.5"\n')
    (line,) = report(cli, *OCTOBER)["beside_calls"]
    assert Decimal(line["cost_usd"]) == -(O4 - Decimal("0.5")) / 10
    assert "beyond $0.5000" in line["note"]


def test_a_host_is_shared_out_among_its_calls_and_idle_stands_apart(cli: Cli, book: Book, data: Path) -> None:
    """Half an hour of calls in an hour of two GPUs; the calls themselves are included in it."""
    start = nanoseconds(datetime(2026, 11, 1, tzinfo=UTC))
    with Ledger.open(data / "ledger.db") as ledger:
        for minute, feature in ((0, "answer"), (10, "answer"), (30, "draft")):
            begin = start + minute * 60 * 10**9
            ledger.write([call(provider="acme-vllm", feature=feature, start=begin, end=begin + 600 * 10**9)])
    book('[[host]]\nname = "acme-vllm"\ngpu_hour = "3"\ngpus = 2\nallocate = "busy_seconds"\n')
    hour = ("--since", "2026-11-01", "--until", "2026-11-01T01:00", "--by", "feature")
    lines = report(cli, *hour)["beside_calls"]
    assert [(line["kind"], line.get("feature"), line["cost_usd"]) for line in lines] == [
        ("host", "answer", "2"),
        ("host", "draft", "1"),
        ("idle", None, "3"),
    ]
    rows = [words_of(line) for line in cli("report", *hour, columns=120).out.splitlines()]
    assert ["acme-vllm: idle", "$3.00", "50.0 % of 1 h of 2 GPUs at $3 an hour each"] in rows
    assert rows[-1][:1] == ["in all, with calls"]
    book('[[host]]\nname = "acme-vllm"\ngpu_hour = "3"\ngpus = 2\n')
    (line,) = report(cli, *hour)["beside_calls"]
    assert (line["name"], line["cost_usd"]) == ("acme-vllm", "6")


def test_a_narrowed_report_has_no_lines_of_the_whole(cli: Cli, book: Book) -> None:
    """A commitment is nobody's in particular."""
    book('[[commit]]\nprovider = "openai"\nmonthly = "5"\n')
    assert "beside_calls" not in report(cli, *OCTOBER, "--where", "user=u-42")
