"""A plain answer is noted when it comes, and read later: by the worker, or by who adopts a dead process's journal."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from outlay import context, integration
from outlay.context import LiveSpan
from outlay.ledger.inflight import BYTES, LONGEST_NOTE, SLOTS, Journal, read_open
from outlay.loopback import ModelHost
from outlay.meter import Meter
from outlay.records import Call
from outlay.track import tags
from outlay.wire.exchange import WAITING, settle_waiting
from tests.wire.clients import CHAT
from tests.wire.conftest import PRICES, Metered

ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", CHAT),
    "completion": ("/v1/completions", {"model": "gpt-3.5-turbo-instruct", "prompt": "one two three"}),
    "response": ("/v1/responses", {"model": "gpt-4o-mini", "input": "one two three"}),
    "embeddings": ("/v1/embeddings", {"model": "text-embedding-3-small", "input": "one two three"}),
    "message": ("/v1/messages", {"model": "claude-sonnet-4-5", "max_tokens": 99, "messages": CHAT["messages"]}),
}


class Worker:
    """A worker that only counts how often it was woken."""

    due = 0
    woken = 0

    def wake(self) -> None:
        """Count."""
        self.due = 2**63
        self.woken += 1


class Later:
    """A meter that notes plain answers, its journal and what it keeps."""

    def __init__(self, metered: Metered, folder: Path) -> None:
        self.journal = Journal(folder, 1)
        self.in_use: Journal | None = self.journal
        self.worker = Worker()
        self.home = metered.home
        self.kept = metered.kept
        self.meter = Meter(metered.recogniser, lambda: PRICES, self.home, self, worker=self.worker)

    def revived(self) -> list[Call]:
        """Return what another process would make of the journal, were this one killed now."""
        return list(read_open(self.written(), 2, self.meter.revive))

    def written(self) -> bytes:
        """Return the journal's bytes."""
        return self.journal.path.read_bytes()


@pytest.fixture
def later(metered: Metered, tmp_path: Path) -> Iterator[Later]:
    """Note what the patched clients get, in place of reading it at once."""
    made = Later(metered, tmp_path)
    integration.meter.put(made.meter)
    try:
        yield made
        settle_waiting()
    finally:
        integration.meter.put(metered.meter)
        made.journal.close()


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """Give a client without TLS: making that takes 20 ms."""
    with httpx.Client(verify=False, trust_env=False, timeout=60) as made:
        yield made


def ask(client: httpx.Client, host: ModelHost, asked: str, steps: str = "ok") -> None:
    """Call once."""
    path, body = ASKED[asked]
    client.post(host.url + path, json=body, headers={"x-loopback": steps})


def same(call: Call) -> dict[str, Any]:
    """Return what two records of the same exchange have in common, whoever reads it and when."""
    fields = msgspec.structs.asdict(call)
    for name in ("id", "trace_id", "start", "end", "response_id", "request_id"):
        fields.pop(name)
    return fields | {"raw_usage": bytes(call.raw_usage)}


@pytest.mark.parametrize("steps", ["ok", "cache_read=100+reasoning=7", "text=Hello there"])
@pytest.mark.parametrize("asked", sorted(ASKED))
def test_an_answer_makes_one_record_whoever_reads_it(
    asked: str, steps: str, host: ModelHost, metered: Metered, later: Later, client: httpx.Client
) -> None:
    """At once, by the worker, or by who adopts the journal."""
    integration.meter.put(metered.meter)
    with tags(user="u-42"):
        ask(client, host, asked, steps)
        (at_once,) = metered.calls
        metered.kept.clear()
        integration.meter.put(later.meter)
        ask(client, host, asked, steps)
    assert later.kept == []
    (adopted,) = later.revived()
    settle_waiting()
    (by_the_worker,) = later.kept
    assert isinstance(by_the_worker, Call)
    assert same(by_the_worker) == same(at_once)
    assert (adopted.id, adopted.start, adopted.end) == (by_the_worker.id, by_the_worker.start, by_the_worker.end)
    assert same(adopted) == same(at_once)
    assert later.revived() == []


def test_a_note_has_the_span_that_the_call_was_made_in(host: ModelHost, later: Later, client: httpx.Client) -> None:
    """The tree survives a kill too: ids, feature and path are decided when the answer comes."""
    with LiveSpan("outer", "outer", None), LiveSpan("inner", "inner", "app.py:1") as span:
        ask(client, host, "chat")
    (adopted,) = later.revived()
    assert (adopted.trace_id, adopted.parent_id, adopted.path, adopted.site) == (
        span.trace_id, span.id, "outer/inner", "app.py:1",
    )  # fmt: skip


def test_a_note_holds_no_content(host: ModelHost, later: Later, client: httpx.Client) -> None:
    """Neither of the question nor of the answer: the journal is a file."""
    for asked in ASKED:
        ask(client, host, asked, "text=PlantedAnswer")
    written = later.written()
    assert len(later.revived()) == len(ASKED)
    assert [word for word in (b"one two three", b"PlantedAnswer", b'"embedding"') if word in written] == []


def test_a_note_is_wiped_when_its_call_is_kept(host: ModelHost, later: Later, client: httpx.Client) -> None:
    """Whoever is forgotten must not live on in a slot that is free."""
    with tags(user="u-42"):
        ask(client, host, "chat")
    assert b"u-42" in later.written()
    settle_waiting()
    assert b"u-42" not in later.written()


@pytest.mark.parametrize("steps", ["usage=missing", "usage=null", "429", "500", f"text={'x' * 20_000}"])
def test_an_unusual_answer_is_read_at_once(steps: str, host: ModelHost, later: Later, client: httpx.Client) -> None:
    """What is not as it usually is needs its content to be judged, or the caller's context; a long one needs memory."""
    ask(client, host, "chat", steps)
    assert (len(later.kept), WAITING.qsize()) == (1, 0)


def test_a_usage_that_is_none_is_marked_by_who_reads_it(host: ModelHost, later: Later, client: httpx.Client) -> None:
    """Only counting finds out."""
    ask(client, host, "chat", "usage=negative")
    (adopted,) = later.revived()
    assert "usage_invalid" in adopted.marks


def test_sums_are_right_when_they_are_read(host: ModelHost, later: Later, client: httpx.Client) -> None:
    """Whoever reads the sum of a span waits for what is being priced, in whatever thread."""
    with LiveSpan("nightly", "nightly", None) as span:
        for number in range(1, 4):
            ask(client, host, "chat")
            assert WAITING.qsize() == 1
            assert (span.calls, span.cost > 0, span.usage.input_tokens > 0) == (number, True, True)
        seen: list[int] = []
        for _ in range(20):
            ask(client, host, "chat")
        readers = [threading.Thread(target=lambda: seen.append(span.calls)) for _ in range(8)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
    assert seen == [23] * 8


def test_a_full_journal_makes_calls_be_read_at_once(host: ModelHost, later: Later, client: httpx.Client) -> None:
    """With more calls in flight than it has room for, and with facts that are too long for it."""
    taken = [later.journal.begin(f"{n:016x}", 1, "p", "a", "h", "f", None, "") for n in range(SLOTS)]
    ask(client, host, "chat")
    assert (len(later.kept), WAITING.qsize()) == (1, 0)
    for slot in taken:
        assert slot is not None
        later.journal.end(slot)
    with tags(**{f"long{number}": "x" * 200 for number in range(LONGEST_NOTE // 200)}):
        ask(client, host, "chat")
    assert (len(later.kept), WAITING.qsize()) == (2, 0)
    assert later.revived() == []
    assert len(later.written()) == BYTES


def test_a_tag_that_no_file_can_hold_costs_no_call(host: ModelHost, later: Later, client: httpx.Client) -> None:
    """Half a surrogate pair: the call is kept at once, by the line's own repair."""
    with tags(user="half \ud83d"):
        ask(client, host, "chat")
    assert len(later.kept) + WAITING.qsize() == 1


def test_a_model_named_amid_the_body_is_read_at_once(host: ModelHost, later: Later, client: httpx.Client) -> None:
    """A note must have it, since prices may go by it; to find it there takes more than a look at the ends."""
    body = {"messages": CHAT["messages"], "model": "gpt-4o-mini", "metadata": {"a": "b"}}
    client.post(f"{host.url}/v1/chat/completions", json=body)
    (call,) = later.kept
    assert isinstance(call, Call)
    assert call.request_model == "gpt-4o-mini"


def test_the_worker_is_woken_by_the_first_and_by_many(host: ModelHost, later: Later, client: httpx.Client) -> None:
    """Then it looks by itself, once a second."""
    for _ in range(3):
        ask(client, host, "chat")
    assert later.worker.woken == 1


def test_what_nobody_here_can_read_is_uncertain(host: ModelHost, later: Later, client: httpx.Client) -> None:
    """A plug-in's format that this process does not have, or a note of another version."""
    ask(client, host, "chat")
    (unread,) = read_open(later.written(), 2, lambda _: None)
    assert (unread.outcome, unread.cost.status, unread.api) == ("uncertain", "unknown", "openai.chat")
    assert later.meter.revive(b"[1,2]") is None
    assert later.meter.revive(b'["a",1,2,"no.such","openai","httpx","h",200,"p",null,{}]') is None


def test_scopes_are_left_as_they_were(host: ModelHost, later: Later, client: httpx.Client) -> None:
    """A note takes nothing from the context and leaves nothing in it."""
    before = context.scope()
    ask(client, host, "chat")
    assert context.scope() is before
