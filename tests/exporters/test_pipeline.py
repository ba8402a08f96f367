"""In an application that owns a tracer provider calls are spans of its trace; what they cost never depends on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def run(folder: Path, ratio: str) -> dict[str, Any]:
    """Run the application; return its spans and calls."""
    command = [sys.executable, "-m", "tests.exporters.pipelined", str(folder), ratio]
    done = subprocess.run(command, env=os.environ, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_calls_are_spans_in_the_applications_trace(tmp_path: Path) -> None:
    """With the ids, tokens and costs of the ledger; the request's own span is the child of its call's."""
    found = run(tmp_path, "1.0")
    spans = {span["id"]: span for span in found["spans"]}
    (request,) = [span for span in spans.values() if span["name"] == "request"]
    calls = {call["id"]: call for call in found["calls"]}
    assert len(calls) == 5
    for number, call in calls.items():
        span = spans[number]
        assert (span["trace"], span["parent"]) == (call["trace"], call["parent"])
        assert (span["usd"] or 0) == call["usd"]
    inside = [spans[number] for number, call in calls.items() if call["parent"] == request["id"]]
    assert sorted(span["status"] for span in inside) == ["ERROR", "UNSET", "UNSET"]
    assert {span["name"] for span in inside} == {"chat gpt-4o"}
    assert all(span["trace"] == request["trace"] for span in inside)
    assert found["after"] == request["id"], "after a call the application's span is the current one again"
    posts = [span for span in spans.values() if span["name"] == "POST"]
    assert sorted(span["parent"] for span in posts) == sorted(span["id"] for span in inside)


def test_sampling_decides_about_spans_and_never_about_money(tmp_path: Path) -> None:
    """A sampler that drops everything leaves the calls, their cost and the trace that they were in."""
    found = run(tmp_path, "0.0")
    assert found["spans"] == []
    assert len(found["calls"]) == 5
    assert sum(call["usd"] for call in found["calls"]) > 0


def test_without_a_provider_nothing_is_made(tmp_path: Path) -> None:
    """The calls are metered as ever."""
    found = run(tmp_path, "-")
    assert found["spans"] == []
    assert len(found["calls"]) == 5
