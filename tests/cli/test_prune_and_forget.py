"""``outlay prune`` and ``outlay forget`` delete what they say, after asking, and no more."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from outlay.ledger.ledger import Ledger
from outlay.records import Call
from tests.cli import shop
from tests.cli.conftest import Cli

pytestmark = pytest.mark.usefixtures("shop_ledger")
EVER = ("--since", "2026-01-01", "--until", "2027-01-01", "--json")


def total(cli: Cli, *arguments: str) -> tuple[int, Decimal]:
    """Return the requests and the cost of a report over everything."""
    found = json.loads(cli("report", *EVER, *arguments).out)["total"]
    return found["requests"], Decimal(found["cost_usd"])


def calls(cli: Cli) -> int:
    """Return how many calls there are one by one."""
    return len(json.loads(cli("calls", "--limit", "10000", "--json").out))


def test_nothing_is_deleted_without_a_yes(cli: Cli) -> None:
    """Where nobody can be asked, the option must be there."""
    before = calls(cli)
    for arguments in (("prune", "--older-than", "0"), ("prune", "--project", "shop"), ("forget", "user=u-42")):
        done = cli(*arguments)
        assert done.status == 2
        assert "say --yes where nobody can be asked, or --dry-run to look" in done.err
    assert calls(cli) == before


def test_a_dry_run_tells_and_deletes_nothing(cli: Cli) -> None:
    """Also where consent is given."""
    before = calls(cli)
    assert cli("prune", "--older-than", "0", "--dry-run", "--yes").out.startswith(f"Would delete {before} calls that")
    assert "Would delete 1 call of the project lab" in cli("prune", "--project", "lab", "--dry-run").out
    assert "Would erase all that leads from " in cli("forget", "user=u-42", "--dry-run").out
    found = json.loads(cli("prune", "--megabytes", "1", "--older-than", "0", "--dry-run", "--json").out)
    assert found == {"deleted_calls": 0, "found_calls": before, "dry_run": True}
    assert calls(cli) == before


def test_old_calls_go_and_reports_keep_their_sums(cli: Cli) -> None:
    """Retention is about calls, not about money."""
    spent = total(cli)
    done = cli("prune", "--older-than", "0", "--yes")
    assert done.out.endswith("calls deleted; reports still show what was spent.\n")
    assert calls(cli) == 0
    assert total(cli) == spent


def test_the_ledger_is_brought_down_to_a_size(cli: Cli, data: Path) -> None:
    """The oldest days go first, and no more of them than needed."""
    with Ledger.open(data / "ledger.db") as ledger:
        latest = max(call.start for call in ledger.calls(limit=1))
        many = [record for record in shop.records() if isinstance(record, Call)]
        for copy in range(1, 8):
            ledger.write([msgspec.structs.replace(call, id=f"{call.id}-{copy}") for call in many])
    before = calls(cli)
    cli("prune", "--megabytes", "1", "--yes")
    assert 0 < calls(cli) < before
    assert json.loads(cli("calls", "--json", "--limit", "1").out)[0]["start"] == latest


def test_a_project_goes_whole(cli: Cli, data: Path) -> None:
    """Its calls, its part of every report and the coverage of its own hosts; the others stay as they were."""
    shop_alone = total(cli, "--where", "project=shop")
    assert cli("prune", "--project", "lab", "--yes").out == "1 call deleted; reports show nothing of it any more.\n"
    assert total(cli) == shop_alone
    assert "house-model-7b" not in cli("report", *EVER).out
    with Ledger.open(data / "ledger.db") as ledger:
        assert {row.host for row in ledger.coverage()} == {"api.openai.com"}
    gone = cli("prune", "--project", "lab", "--yes")
    assert gone.status == 2
    assert "no call is of the project 'lab'" in gone.err


def test_a_person_is_forgotten_and_the_money_stays(cli: Cli, data: Path) -> None:
    """By any tag, declared or not; every file of the ledger is free of them afterwards."""
    spent = total(cli)
    done = cli("forget", "user=u-42", "--yes")
    assert done.out.endswith("calls no longer say whose they were.\n")
    assert total(cli) == spent
    assert total(cli, "--where", "user=u-42") == (0, Decimal(0))
    assert cli("forget", "team=support", "user=u-17", "--yes").status == 0
    kept = b"".join(file.read_bytes() for file in data.rglob("*") if file.is_file())
    assert b"u-42" not in kept
    assert b"u-17" not in kept
    assert b"u-99" in kept


def test_conditions_to_forget_are_tags(cli: Cli) -> None:
    """Each with a value, and once."""
    assert "'u-42' must be written as TAG=VALUE" in cli("forget", "u-42").err
    assert "'user' is named twice" in cli("forget", "user=a", "user=b").err


def test_a_project_goes_alone(cli: Cli) -> None:
    """Age and size are no part of it."""
    assert "leave --older-than and --megabytes out" in cli("prune", "--project", "lab", "--older-than", "3").err
