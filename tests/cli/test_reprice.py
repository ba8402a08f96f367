"""``outlay reprice`` writes what calls cost by another table beside what was recorded, never over it."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from outlay.pricing.table import load
from tests.cli.conftest import Cli, words_of
from tests.pricing import genai_data

pytestmark = pytest.mark.usefixtures("shop_ledger")
NOVEMBER = ("--since", "2026-11-01", "--until", "2026-11-20")


def asked(cli: Cli, *arguments: str) -> Any:
    """Return what programs get."""
    done = cli(*arguments, "--json")
    assert done.status == 0, done.err
    return json.loads(done.out)


@pytest.fixture
def dearer(cli: Cli, tmp_path: Path, shop_ledger: Path) -> None:
    """Bring a table in which gpt-4o-mini's input costs twice as much."""
    found = genai_data.data()
    genai_data.prices_of(found, "openai", "gpt-4o-mini")["input_mtok"] = 0.3
    file = genai_data.write(tmp_path / "data.json", found)
    assert cli("prices", "update", "--from", str(file), "--dated", "2027-01-15").status == 0


def test_by_the_same_table_nothing_differs(cli: Cli) -> None:
    """All of the shop's calls: repricing is a pure function of what was recorded."""
    done = asked(cli, "reprice")
    assert (done["calls"], done["changed_calls"], done["price_table"]) == (510, 0, load().version)


@pytest.mark.usefixtures("dearer")
def test_both_costs_stand_in_the_report(cli: Cli) -> None:
    """The recorded one as it was; the difference is that of the input."""
    before = asked(cli, "report", *NOVEMBER)
    done = asked(cli, "reprice")
    (model,) = done["models"]
    assert (model["model"], model["calls"], done["changed_calls"]) == ("gpt-4o-mini", 152, 152)
    after = asked(cli, "report", "--restated", *NOVEMBER)
    assert {name: after["total"][name] for name in before["total"]} == before["total"]
    mini = next(line for line in after["lines"] if line["model"] == "gpt-4o-mini")
    uncached = 57 * 900 + 2 * 700
    assert Decimal(mini["restated_usd"]) - Decimal(mini["cost_usd"]) == uncached * Decimal("0.15") / 10**6
    assert (mini["restated_calls"], after["total"]["restated_calls"]) == (59, 59)
    rows = [words_of(line) for line in cli("report", "--restated", *NOVEMBER, columns=120).out.splitlines()]
    assert {"restated", "difference"} <= set(rows[1])
    assert "restated: 59 calls by table" in cli("report", "--restated", *NOVEMBER).out


@pytest.mark.usefixtures("dearer")
def test_one_call_shows_both_costs(cli: Cli) -> None:
    """With the table, and why they differ."""
    asked(cli, "reprice")
    found = asked(cli, "calls", "944d05d2")
    assert (found["cost_usd"], found["restated"]["cost_usd"]) == ("0.000123", "0.000228")
    assert "Restated on " in cli("calls", "944d05d2").out
    assert asked(cli, "calls", "57de125f")["restated"] is None


@pytest.mark.usefixtures("dearer")
def test_the_table_of_the_day_takes_the_difference_back(cli: Cli) -> None:
    """Old tables stay at hand by their version; a dry run keeps nothing."""
    assert asked(cli, "reprice", "--dry-run")["changed_calls"] == 152
    assert "No call is restated" in cli("report", "--restated", *NOVEMBER).out
    asked(cli, "reprice", "--since", "2026-11-01")
    assert asked(cli, "report", "--restated", *NOVEMBER)["total"]["restated_calls"] == 59
    assert asked(cli, "reprice", "--table", load().version[:8])["changed_calls"] == 0
    assert asked(cli, "report", "--restated", *NOVEMBER)["total"]["restated_calls"] == 0


def test_a_book_of_today_is_laid_over_the_calls_of_yesterday(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What had no price has one."""
    book = tmp_path / "prices.toml"
    book.write_text(
        'schema = 1\n[[price]]\nprovider = "unknown"\nmodel = "house-model-7b"\nunit = "per_1m_tokens"\ntotal = "1"\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("OUTLAY_PRICE_BOOK", str(book))
    done = cli("reprice", "--where", "project=lab")
    assert [words_of(line) for line in done.out.splitlines()][2] == [
        "house-model-7b", "unknown", "1", "$0.00", "$0.001100", "+$0.001100"
    ]  # fmt: skip
    total = asked(cli, "report", "--restated", *NOVEMBER)["total"]
    assert (total["unpriced_calls"], total["restated_unpriced_calls"]) == (1, 0)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("reprice --table ffff", "no price table at hand with the version 'ffff'"),
        ("reprice --where colour=red", "calls have no 'colour'"),
        ("reprice --since never", "'never' is no time"),
    ],
)
def test_what_cannot_be_repriced_is_told_in_a_sentence(line: str, sentence: str, cli: Cli) -> None:
    """And nothing is kept."""
    done = cli(*line.split())
    assert done.status in (1, 2)
    assert sentence in done.err
