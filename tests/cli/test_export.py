"""``outlay export``: how deliveries stand, and commanding them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from outlay.ledger.ledger import Ledger
from outlay.ledger.spool import Spool
from tests.cli.conftest import Cli, command
from tests.ledger.samples import call


def lines_of(file: Path) -> list[dict[str, Any]]:
    """Return the records of a file of JSON lines."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def write_settings(folder: Path, text: str) -> None:
    """Write a file of settings for the commands of this test."""
    (folder / "outlay.toml").write_text(text)


@pytest.fixture
def sent(data: Path) -> Path:
    """Return the file that the exporter ``jsonl`` writes."""
    return data / "exporters" / "jsonl" / "calls.jsonl"


def test_history_is_sent_and_stands_in_the_status(cli: Cli, data: Path, shop_ledger: Path, sent: Path) -> None:
    """From before the exporter existed; once more only when asked once more."""
    here = ("--data", str(data))
    done = cli("export", "backfill", "--since", "2026-11-18", "--until", "2026-11-20", "--to", "jsonl", *here)
    assert (done.status, done.err) == (0, "")
    assert done.out == "jsonl: 28 records of this time, 0 left to go.\n"
    ids = [line["id"] for line in lines_of(sent)]
    assert (len(ids), len(set(ids))) == (28, 28)
    (status,) = json.loads(cli("export", "status", "--json", *here).out)
    assert (status["exporter"], status["delivered"], status["trouble"]) == ("jsonl", 28, "")
    assert status["left"] == {"new": 0, "queued": 0, "waiting": 0, "aside": 0}
    assert "up to date" in cli("export", "status", *here).out
    assert cli("export", "retry", "jsonl", *here).out == "jsonl: 0 records that it did not take, to be tried again.\n"
    with Ledger.open(shop_ledger / "ledger.db") as ledger:
        assert ledger.exporters()[0].holder == ""


def test_a_backend_that_fails_says_so_and_loses_nothing(
    cli: Cli, data: Path, shop_ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit status 1, the reason, and what is left; when it is mended, all of it goes."""
    assert shop_ledger == data
    (tmp_path / "taken").write_text("a file where a folder is wanted")
    write_settings(tmp_path, f'[exporters.jsonl]\npath = "{tmp_path / "taken" / "calls.jsonl"}"')
    monkeypatch.chdir(tmp_path)
    here = ("--data", str(data))
    done = cli("export", "backfill", "--since", "2026-11-18", "--until", "2026-11-20", "--to", "jsonl", *here)
    assert done.status == 1
    assert "28 records of this time, 28 left to go" in done.out
    assert "can't be opened: FileExistsError" in done.out or "NotADirectoryError" in done.out
    shown = cli("export", "status", *here).out
    assert "failing" in shown
    assert "1 attempt" in shown
    write_settings(tmp_path, f'[exporters.jsonl]\npath = "{tmp_path / "mended.jsonl"}"')
    cli("export", "retry", "jsonl", *here)
    assert cli("export", "run", "--once", *here).status == 0
    assert len(lines_of(tmp_path / "mended.jsonl")) == 28


def test_what_was_set_aside_goes_when_somebody_asks(cli: Cli, data: Path, shop_ledger: Path, sent: Path) -> None:
    """And not before; the status says what, and why."""
    here = ("--data", str(data))
    with Ledger.open(shop_ledger / "ledger.db") as ledger:
        backlog = ledger.backlog("jsonl")
        backlog.begin(0, time.time_ns())
        (due,) = backlog.new(1)
        backlog.settle([due], now=time.time_ns(), aside={due.record.id: "too long"})
    assert cli("export", "run", "--once", "--to", "jsonl", *here).status == 0
    before = {line["id"] for line in lines_of(sent)}
    assert due.record.id not in before
    assert f"jsonl does not take the call {due.record.id}: too long" in cli("export", "status", *here).out
    assert cli("export", "retry", "jsonl", *here).out == "jsonl: 1 record that it did not take, to be tried again.\n"
    assert cli("export", "run", "--once", "--to", "jsonl", *here).status == 0
    assert {line["id"] for line in lines_of(sent)} == before | {due.record.id}
    (status,) = json.loads(cli("export", "status", "--json", *here).out)
    assert (status["set_aside"], status["left"]["aside"]) == ([], 0)


@pytest.mark.usefixtures("shop_ledger")
def test_a_wrong_name_is_said_with_the_right_ones(cli: Cli, data: Path) -> None:
    """One sentence, exit status 1 or 2."""
    here = ("--data", str(data))
    done = cli("export", "backfill", "--since", "7d", "--to", "jsnol", *here)
    assert done.err == "outlay: exporters.jsnol: there is no exporter 'jsnol'; did you mean 'jsonl'?\n"
    assert cli("export", "retry", "otlp", *here).status == 2
    assert "no exporter is set" in cli("export", "run", *here).err
    assert "No exporter was asked for" in cli("export", "status", *here).out


@pytest.mark.usefixtures("shop_ledger")
def test_nothing_is_delivered_to_what_follows_calls(cli: Cli, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence each; nobody waits for a delivery that can't be."""
    monkeypatch.setenv("OUTLAY_EXPORTERS", "opentelemetry")
    here = ("--data", str(data))
    shown = cli("export", "status", *here).out
    assert shown == "opentelemetry: nothing is delivered to it, since it follows calls where they are made.\n"
    for words in (("run", "--once"), ("backfill", "--since", "7d", "--to", "opentelemetry")):
        done = cli("export", *words, *here)
        assert done.status == 2
        assert "nothing is delivered to opentelemetry: it follows calls where they are made." in done.err


@pytest.mark.slow
def test_doctor_speaks_of_what_a_backend_does_not_take(cli: Cli, data: Path, shop_ledger: Path, tmp_path: Path) -> None:
    """And of a backend that has taken nothing for a while."""
    with Ledger.open(shop_ledger / "ledger.db") as ledger:
        now = time.time_ns()
        for name in ("mlflow", "otlp"):
            ledger.backlog(name).begin(0, now)
        backlog = ledger.backlog("mlflow")
        (due,) = backlog.new(1)
        backlog.settle([due], now=now, aside={due.record.id: "too long"})
        ledger.backlog("otlp").fail("refused", now=now - 3_600 * 10**9, retry_at=now)
    found = json.loads(command("doctor", "--json", "--data", str(data), folder=tmp_path).out)
    assert "1 record that mlflow does not take: see `outlay export status`." in found["attention"]
    assert [one for one in found["attention"] if one.startswith("otlp takes nothing since")]
    shown = cli("export", "status", "--data", str(data)).out
    assert f"mlflow does not take the call {due.record.id}: too long" in shown


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_sidecar_delivers_what_programs_write(ending: signal.Signals, data: Path, sent: Path, tmp_path: Path) -> None:
    """They spool; it carries and sends, and ends with Ctrl-C, or as containers are stopped."""
    data.mkdir()
    spool = Spool(data / "spool")
    spool.append(call())
    line = [sys.executable, "-m", "outlay.cli", "export", "run", "--to", "jsonl", "--data", str(data)]
    beside = subprocess.Popen(
        line, cwd=tmp_path, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert beside.stdout is not None
        assert "Delivering to jsonl" in beside.stdout.readline()
        made = call(start=time.time_ns())
        spool.append(made)
        deadline = time.monotonic() + 20
        while made.id not in {line["id"] for line in lines_of(sent)}:
            assert time.monotonic() < deadline, "the sidecar did not deliver"
            time.sleep(0.05)
    finally:
        beside.send_signal(ending)
        out, err = beside.communicate(timeout=20)
        spool.close()
    assert (beside.returncode, err) == (0, "Stopping.\n"), out
