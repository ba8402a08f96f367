"""The output of a batch is metered line by line, once, at the batch price, in the name of who submitted it."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import httpx
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

import outlay
import outlay.testing
from outlay.ledger.ledger import Ledger
from outlay.ledger.submissions import KEPT, Submissions
from outlay.loopback import Behaviour, ModelHost
from outlay.records import Call
from outlay.wire import batches
from tests.conformance import batch_shapes
from tests.conformance.batch_shapes import CREATED, Job
from tests.conformance.canned import Canned, FieldHost
from tests.conformance.gemini_batches import GEMINI_JOBS
from tests.conformance.runs import address

JOBS = batch_shapes.JOBS | GEMINI_JOBS

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # google-genai leaves a client to the collector
    pytest.mark.filterwarnings("ignore:batches.create_embeddings"),
]

KEEP = {"OUTLAY_RETENTION_DAYS": "0"}
"""The host's answers claim to be made long ago, whatever the clock says: no call of theirs is too old to keep."""

PROGRAM = """if True:
    import sys, outlay
    from tests.conformance.batch_shapes import JOBS
    from types import SimpleNamespace
    what, name, url = sys.argv[1:]
    job = JOBS[name]
    outlay.init(what, hosts={"127.0.0.1": job.provider})
    host = SimpleNamespace(url=url, openai_url=url + "/v1")
    if what == "submit":
        with outlay.tags(customer="acme"), outlay.track("nightly"):
            job.submit(host)
    else:
        with outlay.tags(customer="nobody"), outlay.track("fetching"):
            job.fetch(host)
    assert outlay.flush() == 0
"""


def run(what: str, name: str, host: ModelHost, folder: Path) -> None:
    """Submit or fetch in a process of its own, on the ledger in ``folder``."""
    command = [sys.executable, "-c", PROGRAM, what, name, host.url]
    done = subprocess.run(
        command, env=os.environ | KEEP | {"OUTLAY_DATA": str(folder), "OUTLAY_STRICT": "1", "PYTHONPATH": "."},
        check=False, capture_output=True, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def check(job: Job, calls: list[Call]) -> None:
    """Hold the calls to what the output comes to."""
    told = {
        (call.response_id, call.response_model or call.request_model, call.cost.usd): call.usage.classes
        for call in calls
        if call.usage is not None
    }
    assert told == {(identity, model, Decimal(usd)): dict(classes) for identity, model, classes, usd in job.calls}
    failed = [call for call in calls if call.usage is None]
    assert {(call.response_id, call.error_type, call.status) for call in failed} == set(job.failures)
    assert len(calls) == len(job.calls) + len(job.failures)
    for call in calls:
        billed = ("ok", "priced") if call.usage is not None else ("error", "free")
        assert (call.provider, call.terms["tier"]) == (job.provider, "batch")
        assert (call.outcome, call.cost.status) == billed
        assert (call.start, call.end) == (CREATED * 10**9, CREATED * 10**9)


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_a_batch_is_metered_once_at_the_batch_price_in_the_name_of_who_submitted_it(job: Job) -> None:
    """Fetched twice, in another span and with other tags; submitting costs nothing."""
    with job.host() as host, outlay.testing.ledger(hosts={address(host): job.provider}) as ledger:
        with outlay.tags(customer="acme"), outlay.track("nightly") as nightly:
            job.submit(host)
        assert ledger.calls == []
        with outlay.tags(customer="nobody"), outlay.track("fetching") as fetching:
            job.fetch(host)
            first = ledger.calls
            job.fetch(host)
        assert ledger.calls == first
    check(job, first)
    assert {(call.feature, call.path, call.tags["customer"]) for call in first} == {("nightly", "nightly", "acme")}
    assert {call.parent_id for call in first} == {nightly.id}
    assert nightly.cost == sum((call.cost.usd or Decimal(0) for call in first), Decimal(0))
    assert fetching.cost == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_processes_that_fetch_it_write_the_same_calls_in_the_name_of_the_one_that_submitted(
    name: str, tmp_path: Path
) -> None:
    """The submission is remembered beside the ledger: two others fetch the output, and there is one call a line."""
    job = JOBS[name]
    with job.host() as host:
        for what in ("submit", "fetch", "fetch"):
            run(what, name, host, tmp_path)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        calls = [call for _, call in ledger.calls_after(0)]
        total = ledger.report().total
    check(job, calls)
    assert {(call.project, call.feature, call.tags["customer"]) for call in calls} == {("submit", "nightly", "acme")}
    assert (total.attempts, total.unpriced_calls) == (len(calls), 0)


def test_the_output_of_a_batch_that_nobody_saw_submitted_goes_to_who_fetches_it() -> None:
    """By the SDK at once, by the SDK as a stream and by hand: still one call a line, at the time of the batch."""
    job = JOBS["openai"]
    with job.host() as host, outlay.testing.ledger(hosts={address(host): "openai"}) as ledger:
        with outlay.track("fetching"):
            job.fetch(host)
        with openai.OpenAI(base_url=host.openai_url, api_key="none") as client:
            first = client.files.content("file-out").read()
            with client.files.with_streaming_response.content("file-out") as stream:
                assert b"".join(stream.iter_bytes()) == first
        assert httpx.get(f"{host.openai_url}/files/file-out/content").content == first
        calls = ledger.calls
    check(job, calls)
    assert {call.feature for call in calls} == {"fetching"}


@given(st.lists(st.binary(max_size=5) | st.just(b"\n") | st.just(b"{}\n{")))
def test_lines_are_the_same_in_whatever_pieces_they_come(pieces: list[bytes]) -> None:
    """A piece is forgotten once it is read: a large output is never held twice."""
    whole = b"".join(pieces)
    assert list(batches._lines(pieces)) == whole.split(b"\n")  # noqa: SLF001 - a law of its own
    assert pieces == []


def test_a_large_output_is_metered_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Piece by piece, with lines cut anywhere."""
    monkeypatch.setattr(batches, "LARGE", 100)
    job = JOBS["openai"]
    with job.host() as host, outlay.testing.ledger(hosts={address(host): "openai"}) as ledger:
        host.script(*[Behaviour(split=37)] * 3)
        httpx.get(f"{host.openai_url}/batches/batch_1")
        for name in ("out", "err"):
            with httpx.stream("GET", f"{host.openai_url}/files/file-{name}/content") as answer:
                assert b"".join(answer.iter_raw())
        check(job, ledger.calls)


def test_an_output_whose_batch_was_never_asked_for_has_the_time_of_its_first_download(tmp_path: Path) -> None:
    """Of lines that tell none themselves: the same time in every process, so that they are the same calls."""
    with JOBS["openai"].host() as host:
        for _ in range(2):
            with_outlay = {"OUTLAY_DATA": str(tmp_path), "OUTLAY_STRICT": "1"} | KEEP
            program = (
                "import httpx, outlay; outlay.init(hosts={'127.0.0.1': 'openai'});"
                f"httpx.get('{host.openai_url}/files/file-out/content'); assert outlay.flush() == 0"
            )
            subprocess.run([sys.executable, "-c", program], env=os.environ | with_outlay, check=True, cwd=tmp_path)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        calls = {call.response_id: call for _, call in ledger.calls_after(0)}
        assert ledger.report().total.attempts == 4
    assert calls["batch_req_3"].start > CREATED * 10**9
    assert calls["chatcmpl-1"].start == CREATED * 10**9


@pytest.mark.parametrize(
    "file", [b'{"custom_id": "a", "body": {"model": "gpt-4o"}}\n{"id": "x"}\n[1]\n', b"\x89PNG", b"", b"{}\n{"]
)
def test_a_file_that_is_no_output_makes_no_call(file: bytes) -> None:
    """Whatever else is in it: a picture, the input of a batch, something cut."""
    answer = Canned("/files/file-1/content", method="GET", file=file)
    with FieldHost([answer]) as host, outlay.testing.ledger(hosts={address(host): "openai"}) as ledger:
        assert httpx.get(f"{host.openai_url}/files/file-1/content").content == file
        assert ledger.calls == []


def test_the_first_note_of_a_batch_stays_and_an_old_one_goes(tmp_path: Path) -> None:
    """Notes are private, and kept for as long as providers keep outputs."""
    notes = Submissions(tmp_path / "batches")
    notes.setdefault("a", b"first")
    notes.setdefault("a", b"second")
    assert (notes.get("a"), notes.get("b")) == (b"first", None)
    file = tmp_path / "batches" / "a"
    assert file.stat().st_mode & 0o077 == 0
    old = file.stat().st_mtime - KEPT - 1
    os.utime(file, (old, old))
    Submissions(tmp_path / "batches").setdefault("b", b"note")
    assert [kept.name for kept in (tmp_path / "batches").iterdir()] == ["b"]


def test_without_a_disk_for_notes_fetching_goes_on(tmp_path: Path) -> None:
    """A note that can't be written is done without."""
    (tmp_path / "batches").write_text("in the way", encoding="utf-8")
    notes = Submissions(tmp_path / "batches")
    notes.setdefault("a", b"note")
    assert notes.get("a") is None


def test_a_person_is_forgotten_in_notes_too(tmp_path: Path) -> None:
    """``outlay forget`` takes away the notes of batches that had all of the tags; others stay, unreadable ones too."""
    notes = Submissions(tmp_path)
    notes.setdefault("a", b'[null,1,["p",null,{"user":"u-42","team":"x"},null,null,"","",null]]')
    notes.setdefault("b", b'[null,1,["p",null,{"user":"u-99"},null,null,"","",null]]')
    notes.setdefault("c", b"u-42, no note")
    notes.forget({"user": "u-42", "team": "y"})
    assert notes.get("a") is not None
    notes.forget({"user": "u-42", "team": "x"})
    assert [key for key in "abc" if notes.get(key)] == ["b", "c"]
