"""An answer is noted when it is there, and read later: by the worker, or by who adopts a dead process's journal."""

from __future__ import annotations

import threading

import httpx
import pytest

from outlay import context, integration
from outlay.context import LiveSpan
from outlay.ledger.inflight import BYTES, LONGEST_NOTE, SLOTS, read_open
from outlay.loopback import ModelHost
from outlay.records import Call
from outlay.track import tags
from outlay.wire.exchange import WAITING, settle_waiting
from tests.wire.asked import ASKED, ask, same
from tests.wire.conftest import Later, Metered


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


LARGE = f"text={'x' * 20_000}"


@pytest.mark.parametrize(
    "steps", ["usage=missing", "usage=null", "429", "500", f"{LARGE}+usage=negative", f"{LARGE}+usage=missing"]
)
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


@pytest.mark.parametrize("size", [1, 10_000])
def test_a_model_named_amid_the_body_is_noted_too(
    size: int, host: ModelHost, later: Later, client: httpx.Client
) -> None:
    """Old SDKs write what is optional after it; a note must have it, since prices may go by it."""
    message = {"role": "user", "content": "one " * size, "model": "not-this"}
    body = {"messages": [message], "model": "gpt-4o-mini", "metadata": {"model": "nor-this"}}
    client.post(f"{host.url}/v1/chat/completions", json=body)
    assert later.kept == []
    (adopted,) = later.revived()
    settle_waiting()
    (call,) = later.kept
    assert isinstance(call, Call)
    assert {adopted.request_model, call.request_model} == {"gpt-4o-mini"}


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
