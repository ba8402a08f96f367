"""Processes that die while they deliver, to each backend: nothing is missing then, and what came twice has one id."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from outlay.ledger.ledger import Ledger
from outlay.records import Call, Span
from tests.exporters.site import SILENT, Answer, Request, Site, serve
from tests.exporters.test_drills import CASES, PERSONAL, Case
from tests.ports import free_port

pytestmark = pytest.mark.slow

CALLS, MORE, BATCH = 6, 3, 5
"""Calls of the first process, each in a tracked function; those of the second; records that go at once."""


def start(folder: Path, exporters: dict[str, Any], mode: str, number: int) -> subprocess.Popen[str]:
    """Start an application, without the settings of the person who runs the tests."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PERSONAL)}
    command = [sys.executable, "-m", "tests.exporters.mortal", str(folder), json.dumps(exporters), mode, str(number)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(application: subprocess.Popen[str], status: int = 0) -> str:
    """Wait for an application's end; return what it printed."""
    out, err = application.communicate(timeout=60)
    assert application.returncode == status, err
    return out


def records_of(folder: Path, name: str) -> list[Call | Span]:
    """Return what the ledger has, of which all must be delivered to the exporter ``name``."""
    with Ledger.open(folder / "ledger.db") as ledger:
        assert ledger.left(name, time.time_ns()).total == 0
        assert ledger.set_aside(name, 10) == []
        calls: list[Call | Span] = [one for _, one in ledger.calls_after(0, 100)]
        return [*calls, *(one for _, one in ledger.spans_after(0, 100))]


def setting(name: str, url: str) -> dict[str, Any]:
    """Return the setting that delivers to ``url``."""
    case = CASES[name]
    return {name: {**case.options, case.address: url, "batch": BATCH}}


@pytest.mark.parametrize("name", CASES)
def test_a_process_killed_between_acceptance_and_note_loses_nothing(tmp_path: Path, name: str) -> None:
    """The next one sends that batch again, and the rest once."""
    case = CASES[name]
    site = Site(case.rule)
    with serve(site) as url:
        finish(start(tmp_path, setting(name, url), "accepted", CALLS), status=-signal.SIGKILL)
        accepted = [request for request in site.accepted if case.is_records(request)]
        assert len(accepted) == 1
        assert finish(start(tmp_path, setting(name, url), "whole", MORE)) == "0\n"
    made = records_of(tmp_path, name)
    assert len(made) == 2 * (CALLS + MORE)
    counts = case.got(site, made)
    assert Counter(counts.values()) == {1: len(made) - BATCH, 2: BATCH}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kept", [True, False])
def test_a_process_killed_in_the_middle_of_a_batch_loses_nothing(tmp_path: Path, name: str, *, kept: bool) -> None:
    """While its second batch is on the way, whether the backend kept that or not."""
    case = CASES[name]
    site = Site(case.rule)
    victim: list[subprocess.Popen[str]] = []
    site.rule = killing(case, victim, kept=kept)
    with serve(site) as url:
        victim.append(start(tmp_path, setting(name, url), "whole", CALLS))
        finish(victim[0], status=-signal.SIGKILL)
        site.rule = case.rule
        assert finish(start(tmp_path, setting(name, url), "whole", MORE)) == "0\n"
    made = records_of(tmp_path, name)
    counts = case.got(site, made)
    assert set(counts) == {record.id for record in made}
    assert min(counts.values()) == 1
    assert sum(count - 1 for count in counts.values()) <= 2 * BATCH, "the batches that nobody had noted yet"


def killing(case: Case, victim: list[subprocess.Popen[str]], *, kept: bool) -> Callable[[Request], Answer]:
    """Return a rule that kills the process which sends the second batch."""
    seen = 0

    def rule(request: Request) -> Answer:
        nonlocal seen
        seen += case.is_records(request)
        if seen < 2 or not case.is_records(request):
            return case.rule(request)
        victim[0].kill()
        victim[0].wait()
        return Answer(SILENT) if kept else Answer(503)

    return rule


@pytest.mark.parametrize("name", CASES)
def test_a_backend_that_is_down_at_the_start_gets_everything_when_it_is_up(tmp_path: Path, name: str) -> None:
    """Also what a process that has ended by then had made."""
    case, port = CASES[name], free_port()
    exporters = setting(name, f"http://127.0.0.1:{port}")
    out = finish(start(tmp_path, exporters, "brief", CALLS))
    assert int(out) == 2 * CALLS
    site = Site(case.rule)
    with serve(site, port):
        with Ledger.open(tmp_path / "ledger.db") as ledger:
            ledger.retry(name)  # else the pause is waited for
        assert finish(start(tmp_path, exporters, "whole", MORE)) == "0\n"
    made = records_of(tmp_path, name)
    assert len(made) == 2 * (CALLS + MORE)
    assert set(case.got(site, made).values()) == {1}


@pytest.mark.parametrize("name", ["jsonl", "parquet"])
def test_a_process_killed_when_a_file_has_its_records_loses_nothing(tmp_path: Path, name: str) -> None:
    """Lines that come twice have one id; a Parquet file has each row once."""
    exporters = {name: {"batch": BATCH}}
    finish(start(tmp_path, exporters, "accepted", CALLS), status=-signal.SIGKILL)
    assert finish(start(tmp_path, exporters, "whole", MORE)) == "0\n"
    made = records_of(tmp_path, name)
    folder = tmp_path / "exporters" / name
    if name == "jsonl":
        ids = Counter(json.loads(line)["id"] for line in (folder / "calls.jsonl").read_text().splitlines())
        assert Counter(ids.values()) == {1: len(made) - BATCH, 2: BATCH}
    else:
        import pyarrow.parquet

        files = sorted((folder / "files").glob("*.parquet"))
        ids = Counter(one for file in files for one in pyarrow.parquet.read_table(file).column("id").to_pylist())
        assert set(ids.values()) == {1}
    assert set(ids) == {record.id for record in made}
