"""In an application that owns a tracer provider calls are spans of its trace; what they cost never depends on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from outlay.export import Backend, Place
from outlay_integrations.exporters.pipeline import OPENTELEMETRY
from tests.delivery.backends import Recorder
from tests.exporters import pipelines


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
        assert span["said"].get("outlay.cost.total_usd", 0) == call["usd"]
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


def test_tracked_functions_are_parents_and_requests_are_children(tmp_path: Path) -> None:
    """By the SDK and the httpx instrumentor: functions, generators, tasks and threads, in the application's trace."""
    pipelines.compare(pipelines.run(tmp_path, "sdk"))


@pytest.mark.parametrize("provider", ["unsampled", "none"])
def test_what_is_not_traced_is_metered(tmp_path: Path, provider: str) -> None:
    """Dropped by the sampler, or with no provider to trace: calls, functions, their tree and cost are there."""
    found = pipelines.run(tmp_path, provider)
    assert found["spans"] == []
    assert (len(found["calls"]), len(found["tracked"])) == (pipelines.CALLS, pipelines.TRACKED)
    tracked = {record["id"]: record for record in found["tracked"]}
    assert all(tracked[call["parent"]]["trace"] == call["trace"] for call in found["calls"])
    assert found["usd"] > 0


def test_the_pipeline_sees_the_tags_that_it_is_allowed_to(tmp_path: Path) -> None:
    """Of calls and of tracked functions; the ledger keeps all."""
    found = pipelines.run(tmp_path, "sdk", SEEN_TAGS="team")
    ours = [span["said"] for span in found["spans"] if span["scope"] == "outlay"]
    assert len(ours) > pipelines.CALLS
    assert all("user.id" not in said and "outlay.tag.user" not in said for said in ours)
    assert {said.get("outlay.tag.team") for said in ours} == {"search"}
    assert found["users"] == ["u-42"]


def test_a_backend_is_one_that_is_delivered_to_or_one_that_follows() -> None:
    """Not both, and not neither; to open one that follows is an error of whoever tries."""
    with pytest.raises(ValueError, match="needs one of the two"):
        Backend(name="x")
    with pytest.raises(ValueError, match="needs one of the two"):
        Backend(name="x", open=lambda _options, _place: Recorder(), live=OPENTELEMETRY.live)
    with pytest.raises(ValueError, match="follows calls where they are made"):
        OPENTELEMETRY.open(OPENTELEMETRY.options(), Place(folder=Path()))
    assert not OPENTELEMETRY.delivers
