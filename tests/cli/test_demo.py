"""``outlay demo``: the main job, with the real SDKs, in a process of its own."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

from outlay.ledger.ledger import Ledger
from tests.cli.conftest import Cli, command


def test_the_demo_is_metered_to_the_token(cli: Cli, tmp_path: Path, data: Path) -> None:
    """What the hosts billed is in the ledger, exactly, or between bounds where an answer ended in mid-stream."""
    done = command("demo", "--json", folder=tmp_path)
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert found["proof"] == {"billed": 19, "exact": 17, "within": 2}
    total = found["total"]
    assert (total["requests"], total["attempts"], total["errors"], total["estimated_calls"]) == (18, 22, 4, 2)
    assert {line["model"] for line in found["lines"]} == {"gpt-4o", "gpt-4o-mini", "o4-mini", "claude-haiku-4-5"}
    assert total["cost_lower_usd"] < total["cost_usd"] < total["cost_upper_usd"]
    spent = sum(Decimal(line["cost_usd"]) for line in found["lines"] if line["feature"] == "research")
    assert {name: Decimal(found["stopped"][name]) for name in ("limit", "spent")} == {
        "limit": Decimal("0.01"),
        "spent": spent,
    }
    stays = json.loads(cli("report", "--json", "--by", "user").out)
    assert stays["total"]["cost_usd"] == total["cost_usd"]
    assert {line["user"] for line in stays["lines"]} == {"u-17", "u-42", "u-99", None}
    with Ledger.open(data / "ledger.db") as ledger:
        covered = ledger.coverage()
    assert (sum(row.requests for row in covered), sum(row.metered for row in covered)) == (22, 22)
    assert [row.missed for row in covered if row.missed] == []


def test_the_demo_reads_well_and_can_be_taken_out_again(cli: Cli, tmp_path: Path) -> None:
    """A proxy, a disabled outlay and a narrow terminal don't spoil it."""
    spoilers = {"HTTP_PROXY": "http://127.0.0.1:9", "OUTLAY_DISABLED": "1", "COLUMNS": "80"}
    done = command("demo", folder=tmp_path, environment=spoilers)
    assert done.status == 0, done.err
    assert "The hosts billed 19 answers. outlay has 17 of them to the token" in done.out
    assert max(map(len, done.out.splitlines())) <= 80 + len(str(tmp_path))
    assert cli("prune", "--project", "outlay-demo", "--yes").out.startswith("22 calls deleted")
    assert json.loads(cli("report", "--json").out)["total"]["attempts"] == 0


def test_without_the_sdks_there_is_the_pip_line(tmp_path: Path) -> None:
    """One sentence, that can be copied."""
    (tmp_path / "openai.py").write_text("raise ModuleNotFoundError(\"No module named 'openai'\", name='openai')\n")
    done = command("demo", folder=tmp_path, environment={"PYTHONPATH": str(tmp_path)})
    assert done.status == 1
    assert done.err == "outlay: the demo needs the openai package: pip install 'outlay[demo]'\n"
