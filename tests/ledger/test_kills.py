"""What was acknowledged is in the ledger, whoever is killed when."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from outlay.config import load
from outlay.ledger.ledger import Ledger
from outlay.reviver import reviver

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")

CHILDREN = Path(__file__).with_name("children.py")


def run(mode: str, folder: Path, seed: int, *more: int) -> list[str]:
    """Run a mode of children.py and return the ids that its children saw acknowledged."""
    arguments = [str(CHILDREN), mode, str(folder), str(seed), *map(str, more)]
    done = subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True)
    return [f"{number:016x}" for number in json.loads(done.stdout)]


def check(folder: Path, acknowledged: list[str]) -> None:
    """Hold that each acknowledged id is in the ledger once, and that rollups equal rows."""
    with Ledger.open(folder / "ledger.db") as ledger:
        done = ledger.ingest(folder / "spool")
        assert done.trouble is None
        assert done.left == 0
        kept = [call.id for _, call in ledger.calls_after(0, 10**9) if call.outcome == "ok"]
        assert len(acknowledged) > 300
        assert len(kept) == len(set(kept))
        assert set(acknowledged) <= set(kept)
        for by in ((), ("hour", "model"), ("tag:user",)):
            rolled, read = ledger.report(by), ledger.report(by, exact=True)
            assert rolled.total == read.total
            assert sorted(rolled.lines, key=str) == sorted(read.lines, key=str)
    assert list((folder / "spool").iterdir()) == []


def test_what_append_acknowledged_survives_sigkill_at_any_moment(tmp_path: Path) -> None:
    """100 processes are killed while they write; a call in flight then is kept as uncertain."""
    check(tmp_path, run("killed_writers", tmp_path, 1, 100))
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        uncertain = ledger.calls("failed", limit=1000, filters={"outcome": "uncertain"})
    assert uncertain
    assert all(call.cost.status == "unknown" and call.provider == "openai" for call in uncertain)


def test_segments_are_carried_once_while_their_carriers_are_killed(tmp_path: Path) -> None:
    """Three processes carry the same segments, 40 of them are killed amid it, and 80 writers too."""
    check(tmp_path, run("killed_ingesters", tmp_path, 2))


@pytest.mark.slow
def test_a_call_that_has_returned_is_kept_priced_whenever_its_process_is_killed(tmp_path: Path) -> None:
    """Noted, being read by the worker, in the spool, or on its way to the ledger: its cost is in the reports."""
    acknowledged = run("killed_callers", tmp_path, 3)
    settings = load({"data": str(tmp_path)})
    with Ledger.open(tmp_path / "ledger.db", reviver(settings)) as ledger:
        assert ledger.ingest(tmp_path / "spool").left == 0
        calls = [call for _, call in ledger.calls_after(0, 10**9) if call.outcome == "ok"]
    assert len(acknowledged) > 300
    answers = [call.response_id for call in calls]
    assert len(answers) == len(set(answers))
    assert set(acknowledged) <= set(answers)
    assert {(call.feature, call.request_model, call.cost.status) for call in calls} == {
        ("answer", "gpt-4o-mini", "priced")
    }
    assert {call.cost.amount for call in calls if not (call.usage and call.usage.estimated)} == {
        11 * 150_000 + 7 * 600_000
    }


@pytest.mark.slow
@pytest.mark.parametrize("seed", [10, pytest.param(11, marks=pytest.mark.long)])
def test_hundreds_of_kills_lose_nothing(tmp_path: Path, seed: int) -> None:
    """The same for longer, with other seeds."""
    check(tmp_path, run("killed_writers", tmp_path, seed, 600))
    check(tmp_path, run("killed_ingesters", tmp_path, seed + 100, 150))
