"""Explanations and trends for people: amounts that add up as printed, and that say what they leave out."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from outlay.cli.explanations import amounts_of, show_explanation
from outlay.ledger.ledger import Ledger
from outlay.records import Call, Cost
from outlay.spikes.explanation import FACTORS, Explanation
from tests.cli.conftest import Cli
from tests.spikes.days import DAY, MONDAY, SHOP, calls

TIME = ("--since", "2026-09-08", "--until", "2026-09-09")
UNKNOWN = Cost(status="unknown", unpriced=("input", "output"))
amounts = st.integers(-(10**16), 10**16) | st.integers(-(10**6), 10**6)


def made(before: int, parts: dict[str, int], **given: int) -> Explanation:
    """Return an explanation whose parts add up."""
    after = before + sum(parts.values())
    return Explanation(before=before, after=after, requests_before=1, requests_after=1, parts=parts, **given)


@given(st.integers(0, 10**16), st.dictionaries(st.sampled_from(FACTORS), amounts))
def test_the_amounts_of_a_table_add_up_as_they_are_printed(before: int, parts: dict[str, int]) -> None:
    """To the last digit, of which each has as many."""
    shown = amounts_of(made(before, parts))
    first, *moved, last = (Decimal(re.sub("[$,]", "", amount)) for amount in shown)
    assert first + sum(moved) == last
    assert len({amount.partition(".")[2].__len__() for amount in shown}) == 1
    unit = Decimal(1).scaleb(-len(shown[0].partition(".")[2]))
    assert abs(first - Decimal(before).scaleb(-12)) <= unit / 2
    for amount, part in zip(moved, filter(None, parts.values()), strict=True):
        assert abs(amount - Decimal(part).scaleb(-12)) < 2 * unit


def test_amounts_have_the_digits_that_the_largest_part_needs() -> None:
    """Cents from a dollar up, four digits that count below."""
    cent = 10**10
    parts = {"volume": 123 * cent, "cache": -cent // 3, "price": cent // 3}
    assert amounts_of(made(1234 * cent, parts)) == ["$12.34", "+$1.23", "$0.00", "$0.00", "$13.57"]
    assert amounts_of(made(1234 * cent, {"volume": 12 * cent + 10**8})) == ["$12.3400", "+$0.1201", "$12.4601"]


def test_sums_that_leave_calls_out_are_marked() -> None:
    """As in reports: a plus sign, a question mark where nothing is known; and how many there are."""
    out = StringIO()
    explanation = made(0, {"volume": 10**12}, unpriced_before=2, unpriced_after=1)
    assert amounts_of(explanation) == ["?  ", "+$1.00  ", "$1.00 +"]
    show_explanation(Console(file=out, width=100), explanation, "before", "after")
    assert (
        "+ 2 calls (before) and 1 call (after) without a (full) price: see `outlay calls --unpriced`." in out.getvalue()
    )


@pytest.fixture
def unpriced(data: Path) -> list[Call]:
    """Write two days of calls to a model that has no price on the second day, and return those of the second."""
    first, second = (calls(MONDAY + day * DAY, MONDAY + (day + 1) * DAY, SHOP[1:2]) for day in (0, 1))
    second = [call if call.usage is None else msgspec.structs.replace(call, cost=UNKNOWN) for call in second]
    data.mkdir(exist_ok=True)
    with Ledger.open(data / "ledger.db") as ledger:
        ledger.write([*first, *second])
    return second


def as_json(cli: Cli, *arguments: str) -> Any:
    """Return what a command prints for programs."""
    done = cli(*arguments, "--json")
    assert done.status == 0, done.err
    return json.loads(done.out)


def test_an_explanation_counts_as_the_report_does(cli: Cli, unpriced: list[Call]) -> None:
    """Requests are attempts that succeeded; those without a price are no free ones."""
    found, report = as_json(cli, "explain", *TIME), as_json(cli, "report", *TIME)["total"]
    priced = as_json(cli, "report", "--since", "2026-09-07", "--until", "2026-09-08")["total"]
    failed = sum(call.usage is None for call in unpriced)
    assert (found["requests_before"], found["unpriced_calls_before"]) == (priced["requests"], 0)
    assert (found["requests_after"], found["unpriced_calls_after"]) == (report["requests"], report["unpriced_calls"])
    assert report["requests"] == report["unpriced_calls"] == len(unpriced) - failed < len(unpriced)
    said = cli("explain", *TIME).out
    assert re.search(r"^after +\?", said, re.MULTILINE)
    assert f"+ 0 calls (before) and {report['unpriced_calls']:,} calls (after) without a (full) price" in said


def test_a_trend_says_what_it_leaves_out(cli: Cli, unpriced: list[Call]) -> None:
    """What is not known is no fall to nothing."""
    asked = ("trends", "--by", "model", "--since", "2026-09-07", "--until", "2026-09-09")
    (found,) = as_json(cli, *asked)
    count = sum(call.usage is not None for call in unpriced)
    assert [found["unpriced_calls"], *(step["unpriced_calls"] for step in found["steps"])] == [count, 0, count]
    said = cli(*asked).out
    assert re.search(r"\$0\.\d+ +\? +\? ", said)
    assert f"+ {count:,} calls without a (full) price: see `outlay calls --unpriced`." in said
