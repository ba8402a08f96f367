"""``outlay budgets``: how the limits stand, other limits, and the audit."""

from __future__ import annotations

import json
import re
import time
from decimal import Decimal
from pathlib import Path

import pytest

from outlay import Budget
from outlay.budgets.gate import Budgets
from outlay.budgets.stores.sqlite import SqliteStore
from tests.budgets.asks import NANO, spend
from tests.cli import shop
from tests.cli.conftest import Cli

FILE = """
project = "shop"

[[budgets]]
name = "month"
limit = 100
block = true

[[budgets]]
name = "tenant"
limit = 5
per = "day"
scope = "tenant"
block = true
"""
BUDGETS = [Budget("month", limit=100, block=True), Budget("tenant", limit=5, per="day", scope="tenant", block=True)]


@pytest.fixture
def spent(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with budgets of which a part was spent."""
    (tmp_path / "outlay.toml").write_text(FILE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OUTLAY_DATA", str(data))
    budgets = Budgets(BUDGETS, SqliteStore(data / "budgets.db"), project="shop")
    assert spend(budgets, 4, tags={"tenant": "acme"})
    assert spend(budgets, 1, tags={"tenant": "umbrella"})
    budgets.close()
    return data


def test_budgets_show_what_is_spent_and_left(cli: Cli, spent: Path) -> None:
    """A line for each value of a scope, with a bar."""
    done = cli("budgets", columns=140)
    assert done.status == 0
    lines = done.out.splitlines()
    assert len(lines) == 4
    assert "$95.00" in lines[1]
    assert "tenant=acme" in lines[2]
    assert "████████████████····" in lines[2]
    assert "$1.00" in lines[2]


def test_budgets_as_json(cli: Cli, spent: Path) -> None:
    """Amounts are decimal strings in USD."""
    lines = json.loads(cli("budgets", "--json").out)
    assert [(line["budget"], line["scope"], float(line["spent_usd"])) for line in lines] == [
        ("month", "", 5),
        ("tenant", "tenant=acme", 4),
        ("tenant", "tenant=umbrella", 1),
    ]
    assert lines[0]["resets"] is not None
    assert lines[0]["status"] in ("on track", "at risk", "will exceed")


def test_a_refusal_and_limits_that_differ_stand_in_the_table_and_in_json(cli: Cli, spent: Path) -> None:
    """Left may be something, and yet a call did not fit; the lowest limit holds while processes disagree."""
    others = Budgets([Budget("month", limit=10, block=True)], SqliteStore(spent / "budgets.db"), project="shop")
    mine = Budgets(BUDGETS, SqliteStore(spent / "budgets.db"), project="shop")
    assert spend(mine, 1)
    assert not spend(others, 9)
    others.flush()
    done, (line, *_) = cli("budgets", columns=200), json.loads(cli("budgets", "--json").out)
    for budgets in (mine, others):
        budgets.close()
    assert done.status == 2
    assert "it has refused a call for which too little was left" in done.out
    assert "processes disagree about its limit ($10.00, $100.00)" in done.out
    assert (line["refused"], line["declared_usd"]) == (True, ["10", "100"])


def test_a_limit_that_is_exceeded_makes_the_exit_status_2(cli: Cli, spent: Path) -> None:
    """And so does a call that was refused."""
    budgets = Budgets(BUDGETS, SqliteStore(spent / "budgets.db"), project="shop")
    assert not spend(budgets, 4, tags={"tenant": "acme"})
    budgets.close()
    assert cli("budgets").status == 2


def test_a_limit_is_set_for_all_until_it_is_cleared(cli: Cli, spent: Path) -> None:
    """By a command, and shown as such."""
    assert cli("budgets", "set", "month", "4.5", "--until", "2126-01-01").out == (
        "The limit of month is $4.50 until 2126-01-01 00:00 UTC.\n"
    )
    done = cli("budgets", columns=140)
    assert (done.status, "exceeded" in done.out, "set by `outlay budgets set`" in done.out) == (2, True, True)
    assert cli("budgets", "set", "month", "--clear").status == 0
    assert cli("budgets").status == 0


def test_a_limit_that_is_set_is_shown_before_anything_is_spent(cli: Cli, spent: Path) -> None:
    """In the table and for programs."""
    with Path("outlay.toml").open("a", encoding="utf-8") as file:
        file.write('[[budgets]]\nname = "fresh"\nlimit = 5\n')
    assert cli("budgets", "set", "fresh", "10").status == 0
    (fresh,) = [line for line in json.loads(cli("budgets", "--json").out) if line["budget"] == "fresh"]
    assert (fresh["limit_usd"], fresh["override"]) == ("10", True)
    assert "fresh: its limit was set by `outlay budgets set`." in cli("budgets", columns=140).out


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (("set", "moth", "5"), "there is no budget 'moth'; known are month, tenant"),
        (("set", "month", "much"), "'much' is no limit"),
        (("set", "month"), "write a limit in USD, or --clear"),
        (("set", "month", "5", "--until", "2020-01-01"), "is over: write a time to come"),
    ],
)
def test_a_limit_that_cannot_be_set_is_said(cli: Cli, spent: Path, line: tuple[str, ...], complaint: str) -> None:
    """The exit status is that of a line that can't be understood."""
    done = cli("budgets", *line)
    assert (done.status, complaint in done.err) == (2, True)


def test_an_audit_compares_counters_with_entries(cli: Cli, spent: Path) -> None:
    """It finds nothing, unless somebody has changed a counter."""
    done = cli("budgets", "audit")
    assert (done.status, "0 differences" in done.out, "3 accounts" in done.out) == (0, True, True)
    store = SqliteStore(spent / "budgets.db")
    with store._transaction() as database:  # noqa: SLF001 - a counter that nobody can change otherwise
        database.execute("UPDATE accounts SET state = json_set(state, '$.settled', 1) WHERE budget = 'month'")
    store.close()
    done = cli("budgets", "audit", "--json")
    assert done.status == 2
    (found,) = json.loads(done.out)["differences"]
    assert Decimal(found["settled_usd"]) == Decimal(1 - 5 * NANO) / NANO


def test_what_was_spent_before_a_budget_was_set_is_an_entry_of_its_own(cli: Cli, spent: Path) -> None:
    """Shown beside the budget, and by the audit."""
    budgets = [Budget("all", limit=20, per="total")]
    with (spent.parent / "outlay.toml").open("a", encoding="utf-8") as file:
        file.write('[[budgets]]\nname = "all"\nlimit = 20\nper = "total"\n')
    store = SqliteStore(spent / "budgets.db")
    gate = Budgets(budgets, store, project="shop", opening=lambda _lease, _until: ((20_000, 7 * NANO),))
    assert spend(gate, 1)
    gate.close()
    assert "all: $7.00 of what is spent was spent before the budget was set." in cli("budgets", columns=140).out
    assert json.loads(cli("budgets", "--json").out)[-1]["opening_usd"] == "7"
    done = cli("budgets", "audit")
    assert done.status == 0
    assert done.out.endswith("shop|all||total: begins with 7 USD that was spent before it was set.\n")
    (found,) = json.loads(cli("budgets", "audit", "--json").out)["openings"]
    assert found == {"account": "shop|all||total", "amount_usd": "7"}


def test_without_budgets_it_says_how_to_write_one(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is a database made."""
    monkeypatch.chdir(tmp_path)
    done = cli("budgets", "--data", str(tmp_path))
    assert (done.status, "write [[budgets]] into outlay.toml" in done.err) == (1, True)
    assert not (tmp_path / "budgets.db").exists()


def test_a_busy_database_is_told(cli: Cli, spent: Path) -> None:
    """In one sentence."""
    (spent / "budgets.db").write_bytes(b"no database, " * 100)
    began = time.monotonic()
    done = cli("budgets")
    assert (done.status, "the budgets' store can't be used" in done.err) == (1, True)
    assert time.monotonic() - began < 5


def test_a_report_of_the_month_shows_its_budget(cli: Cli, spent: Path) -> None:
    """Beside the month's total: the one that is for everything."""
    shop.write(spent)
    assert re.search(r"^Budget month: \$5.00 of \$100.00, \w", cli("report").out, re.MULTILINE)
    assert cli("budgets", "set", "month", "50").status == 0
    assert "Budget month: $5.00 of $50.00 (set by `outlay budgets set`)" in cli("report").out
    assert cli("budgets", "set", "month", "--clear").status == 0
    (line,) = json.loads(cli("report", "--json").out)["budgets"]
    assert (line["budget"], line["limit_usd"]) == ("month", "100")
    assert "Budget" not in cli("report", "--since", "7d").out
