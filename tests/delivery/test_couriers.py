"""Deliveries in whole applications: which threads there are, who delivers, and what an end leaves behind."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import outlay
from outlay.delivery.asked import asked
from outlay.delivery.lease import Lease, first_asked, note_asked
from outlay.errors import ConfigError, MissingExtra
from outlay.export import Backend, Batch
from outlay.ledger.ledger import Ledger
from tests.delivery.backends import Recorder


def start(mode: str, folder: Path) -> subprocess.Popen[str]:
    """Start an application beside the tests."""
    command = [sys.executable, "-m", "tests.delivery.application", mode, str(folder)]
    environment = {name: value for name, value in os.environ.items() if name != "OUTLAY_STRICT"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(application: subprocess.Popen[str], status: int = 0) -> tuple[str, str]:
    """Wait for an application's end; return what it printed."""
    out, err = application.communicate(timeout=60)
    assert application.returncode == status, err
    return out, err


def delivered(folder: Path) -> Counter[str]:
    """Return how often each record stands in the file of the exporter ``jsonl``."""
    file = folder / "exporters" / "jsonl" / "calls.jsonl"
    return Counter(json.loads(line)["id"] for line in file.read_text().splitlines()) if file.exists() else Counter()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder; what a test starts there ends with it."""
    yield tmp_path / "data"
    outlay.uninstrument()


def test_a_short_program_delivers_before_it_ends(tmp_path: Path) -> None:
    """Its one call and its span, though it lived for less than the worker's first look."""
    out, err = finish(start("short", tmp_path))
    assert (out, err) == ("", "")
    assert list(delivered(tmp_path).values()) == [1, 1]


def test_there_is_no_thread_for_an_exporter_that_nobody_asked_for(tmp_path: Path) -> None:
    """Nor a module."""
    out, _ = finish(start("threads", tmp_path))
    assert out.splitlines() == ["['outlay'] False", "['outlay', 'outlay-jsonl'] True"]


def test_processes_on_one_ledger_send_nothing_twice(tmp_path: Path) -> None:
    """Three at once, of which one delivers at a time; nothing is missing either."""
    for application in [start("many", tmp_path) for _ in range(3)]:
        finish(application)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        kept = {call.id for _, call in ledger.calls_after(0, 10_000)} | {
            one.id for _, one in ledger.spans_after(0, 10_000)
        }
    found = delivered(tmp_path)
    assert len(kept) == 3 * 20 * 6
    assert set(found) == kept
    assert set(found.values()) == {1}


def test_a_backend_that_hangs_holds_nobody_up(tmp_path: Path) -> None:
    """``flush`` returns in time with what is left, the program ends, and says what waits."""
    began = time.monotonic()
    out, err = finish(start("hanging", tmp_path))
    assert out == "2 True\n"
    assert "outlay has 2 records for never that are not delivered yet" in err
    assert time.monotonic() - began < 20


def test_a_process_that_is_killed_between_acceptance_and_place_loses_nothing(tmp_path: Path) -> None:
    """What it had sent comes again with the same ids, and all the rest once."""
    finish(start("killed", tmp_path), status=9)
    finish(start("killed", tmp_path))
    accepted = Counter((tmp_path / "accepted").read_text().split())
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        kept = {call.id for _, call in ledger.calls_after(0, 100)} | {one.id for _, one in ledger.spans_after(0, 100)}
        assert ledger.left("mine", time.time_ns()).total == 0
    assert set(accepted) == kept
    assert len(kept) == 9
    assert sorted(accepted.values(), reverse=True)[:4] == [2, 2, 2, 1], "the first batch of three came twice"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_delivers_too(tmp_path: Path) -> None:
    """It has no lease of its parent's, and waits until its parent has sent its calls, or sends them itself."""
    out, _ = finish(start("forks", tmp_path))
    assert out == "0 0\n"
    assert set(delivered(tmp_path).values()) == {1}
    assert len(delivered(tmp_path)) == 6


def test_a_function_is_an_exporter(running: Path) -> None:
    """It is called on another thread, with a batch of frozen records."""
    got: list[Batch] = []

    def send(batch: Batch) -> None:
        got.append(batch)

    outlay.init(data=running, exporters=["jsonl", send])
    outlay.record(provider="openai", model="gpt-4o-mini", input_tokens=11, tags={"user": "u-1"})
    assert outlay.flush() == 0
    assert [call.request_model for batch in got for call in batch.calls] == ["gpt-4o-mini"]
    assert len(delivered(running)) == 1


def test_a_function_that_freezes_delivers_before_it_returns(running: Path) -> None:
    """Plain or async; what it returns and raises is its own."""
    outlay.init(data=running, exporters=["jsonl"])

    @outlay.flush_before_return
    def handler(event: int) -> int:
        outlay.record(provider="openai", model="gpt-4o-mini", input_tokens=event)
        return event

    @outlay.flush_before_return(timeout=5.0)
    async def serve() -> None:
        outlay.record(provider="openai", model="gpt-4o-mini", input_tokens=1)
        raise KeyError

    assert handler(3) == 3
    assert len(delivered(running)) == 1
    with pytest.raises(KeyError):
        asyncio.run(serve())
    assert len(delivered(running)) == 2
    with pytest.raises(TypeError, match="for functions that return"):

        @outlay.flush_before_return
        def stream() -> Iterator[int]:
            yield 1


def test_a_function_that_freezes_says_what_is_left(running: Path, caplog: pytest.LogCaptureFixture) -> None:
    """When its time is over, and no later; what is left goes with the next one."""
    open_again = threading.Event()

    def slow(_: Batch) -> None:
        open_again.wait(20)

    outlay.init(data=running, exporters=["jsonl", slow])

    @outlay.flush_before_return(timeout=0.3)
    def handler() -> None:
        outlay.record(provider="openai", model="gpt-4o-mini", input_tokens=1)

    began = time.monotonic()
    handler()
    assert time.monotonic() - began < 5
    (said,) = [record.getMessage() for record in caplog.records if record.name == "outlay"]
    assert said == "outlay could not deliver everything in 0.3 s: 1 left when the function returned."
    assert len(delivered(running)) == 1, "one that hangs holds up no other"
    open_again.set()


def test_one_lease_is_held_by_one(tmp_path: Path) -> None:
    """Until it is given back; and the file remembers when the exporter was asked for first."""
    path = tmp_path / "exporters" / "x.lock"
    note_asked(path, 7)
    note_asked(path, 8)
    first, second = Lease(path), Lease(path)
    assert first.take()
    assert first.take()
    assert not second.take()
    first.release()
    assert second.take()
    assert first_asked(path, 9) == 7
    second.release()


def known(name: str, modules: tuple[str, ...] = ()) -> Backend:
    """Return a backend that needs ``modules``."""
    return Backend(name=name, open=lambda _options, _place: Recorder(), modules=modules, install="outlay[x]")


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"jsnol": {}}, "there is no exporter 'jsnol'; did you mean 'jsonl'?"),
        ({"jsonl": {"pth": "x"}}, "exporters.jsonl: Object contains unknown field `pth`; its options are path, kind"),
        ({"jsonl": {"tags": "user"}}, "exporters.jsonl: Expected `array | null`, got `str` - at `$.tags`"),
        (
            {"jsonl": {"tags": 3}},
            "got `int` - at `$.tags`; its options are path, kind, tags, content, batch.",
        ),
        ({"jsonl": {"kind": 3}}, "there is no exporter 3; there are"),
        ({"jsonl": {"batch": -1}}, "batch = -1 is no number of records: write 1 or more."),
        ({"jsonl": {"batch": 0}}, "batch = 0 is no number of records: write 1 or more."),
        ({"a b": {"kind": "jsonl"}}, "is no name"),
        ({"otlp": {"endpoint": "collector:4318"}}, "'collector:4318' is no server's address: write it as http://"),
        (
            {"mlflow": {"tracking_uri": "sqlite:///m.db"}},
            "is no server's address: run `mlflow server --backend-store-uri",
        ),
        ({"langsmith": {"endpoint": "eu.example"}}, "is no server's address: write it as https://api.smith"),
        ({"weave": {}}, "exporters.weave: set WANDB_PROJECT, or project, to the project that calls go to"),
        ({"callable": {"function": "shop.send"}}, "function = 'shop.send' is none: give a function, or 'package.mod"),
        ({"callable": {"function": 3}}, "function = 3 is none"),
        ({"parquet": {"rows": 0}}, "Expected `int` >= 1 - at `$.rows`"),
        ({"prometheus": {"port": 70_000}}, "Expected `int` <= 65535 - at `$.port`"),
    ],
)
def test_an_exporter_that_can_not_be_used_is_said_at_the_start(
    running: Path, options: dict[str, dict[str, object]], sentence: str
) -> None:
    """One sentence, before any call is made."""
    with pytest.raises(ConfigError) as caught:
        outlay.init(data=running, exporters=options)
    assert sentence in str(caught.value)


def test_a_missing_package_is_said_with_the_line_to_type() -> None:
    """Nothing of it is imported to find that out."""
    with pytest.raises(
        MissingExtra, match=r'needs no\.such\.module, which is not installed: pip install "outlay\[x\]"'
    ):
        asked({"x": {}}, ["x"], lambda name: known(name, ("json", "no.such.module")))


def test_one_backend_can_be_two_exporters() -> None:
    """By names of their own, each with its own options and place."""
    found = asked({"a": {"kind": "x"}, "b": {"kind": "x", "batch": 3}}, ["x"], known)
    assert [(one.name, one.backend.name, one.batch) for one in found] == [("a", "x", 200), ("b", "x", 3)]


def test_a_list_of_a_stronger_source_decides_which_exporters_there_are(
    running: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file's options hold for those that the environment lists."""
    (tmp_path / "outlay.toml").write_text('[exporters.jsonl]\npath = "mine.jsonl"\n[exporters.otlp]\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OUTLAY_EXPORTERS", "jsonl")
    outlay.init(data=running)
    outlay.record(provider="openai", model="gpt-4o-mini", input_tokens=1)
    assert outlay.flush() == 0
    assert len((tmp_path / "mine.jsonl").read_text().splitlines()) == 1
