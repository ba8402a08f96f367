"""A forked child lives on in the spans of its parent, which alone keeps them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from outlay.records import Call, Span

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

SCRIPT = """
import os, threading
held, forked = threading.Event(), threading.Event()

def hold_locks():
    with context._identifying, tally._folding:
        held.set()
        forked.wait(10)

# Of these the first runs last: another thread holds our locks at the very moment of the fork.
os.register_at_fork(before=lambda: (threading.Timer(0, hold_locks).start(), held.wait(10)))

import msgspec, sys, outlay
from outlay import context, tally

def call():
    outlay.record(provider="openai", model="gpt-4o-mini", input_tokens=1000, output_tokens=200)

@outlay.track(feature="stream")
def stream():
    call()
    yield
    yield

outlay.init(project="tests", instrument=False)
written = os.open("records", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
context.home.keep = lambda record: os.write(written, msgspec.json.encode(record) + b"\\n")
suspended = stream()
next(suspended)
with outlay.track("around", feature="f") as span, outlay.tags(user="u"):
    for _ in range(before):
        call()
    child = os.fork()
    if child == 0:
        call()
        assert span.calls == before + 1
        with outlay.track("inner"):
            call()
        suspended.close()  # as a garbage collection would
        exec(leave)
    forked.set()
    if child:
        assert os.waitpid(child, 0)[1] == status
suspended.close()
"""


@pytest.mark.parametrize(
    "leave,status", [("sys.exit(0)", 0), ("pass", 0), ("raise SystemError", 256), ("os._exit(0)", 0)]
)
@pytest.mark.parametrize("before", [0, 1])
def test_a_span_that_is_open_over_a_fork_is_kept_once(before: int, leave: str, status: int, tmp_path: Path) -> None:
    """However the child leaves the block. Its own calls are below that span, whatever locks were held at the fork."""
    given = {"before": before, "leave": leave, "status": status}
    script = f"globals().update({given})\n{SCRIPT}"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "records").read_bytes().splitlines()
    records = [msgspec.json.decode(line, type=Call | Span) for line in lines]
    calls = [one for one in records if isinstance(one, Call) and one.feature != "stream"]
    spans = {one.name: one for one in records if isinstance(one, Span)}
    assert sorted(one.name for one in records if isinstance(one, Span)) == ["around", "inner", "stream"]
    assert len(calls) == 2 + before
    assert {one.tags["user"] for one in calls} == {"u"}
    assert {one.trace_id for one in calls} == {spans["around"].trace_id}
    assert {one.path for one in calls} == {"f", "f/inner"}
    assert spans["inner"].parent_id == spans["around"].id
