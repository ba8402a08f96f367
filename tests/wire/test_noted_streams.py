"""A stream, a large request and a large answer are noted when they are there, and nothing else of them is held."""

from __future__ import annotations

import contextlib
from typing import Any

import httpx
import pytest

from outlay import integration
from outlay.loopback import ModelHost
from outlay.records import Call
from outlay.wire.exchange import WAITING, settle_waiting
from outlay.wire.request import SMALL
from tests.wire.asked import ASKED, same
from tests.wire.clients import CHAT
from tests.wire.conftest import Later, Metered


@pytest.mark.parametrize("asked", [asked for asked in sorted(ASKED) if asked != "embeddings"])
@pytest.mark.parametrize("steps", ["ok", "cache_read=100+reasoning=7", f"text={'Hello there ' * 40}you"])
def test_a_stream_makes_one_record_whoever_reads_it(
    asked: str, steps: str, host: ModelHost, metered: Metered, later: Later, client: httpx.Client
) -> None:
    """At once, by the worker, or by who adopts the journal: read to its end, or at once by its client."""
    path, body = ASKED[asked]

    def stream() -> None:
        options: dict[str, Any] = {"json": {**body, "stream": True}, "headers": {"x-loopback": steps}}
        with client.stream("POST", host.url + path, **options) as response:
            response.read()

    integration.meter.put(metered.meter)
    stream()
    (at_once,) = metered.calls
    metered.kept.clear()
    integration.meter.put(later.meter)
    stream()
    assert (later.kept, WAITING.qsize()) == ([], 1)
    (adopted,) = later.revived()
    settle_waiting()
    (by_the_worker,) = later.kept
    assert isinstance(by_the_worker, Call)
    assert at_once.streamed
    for call in (by_the_worker, adopted):
        assert same(call) | {"first_chunk": 0} == same(at_once) | {"first_chunk": 0}
    assert by_the_worker.first_chunk is not None
    assert adopted.first_chunk == by_the_worker.first_chunk
    assert later.revived() == []


@pytest.mark.parametrize("split", [1, 100, 1 << 20])
def test_a_note_of_a_stream_holds_no_content(split: int, host: ModelHost, later: Later, client: httpx.Client) -> None:
    """Nor does memory: of what it said only that is kept that makes the record."""
    options: dict[str, Any] = {"headers": {"x-loopback": f"text=PlantedAnswer+split={split}"}}
    with client.stream("POST", f"{host.url}/v1/chat/completions", json={**CHAT, "stream": True}, **options) as response:
        response.read()
    assert [word for word in (b"one two three", b"PlantedAnswer") if word in later.written()] == []
    if WAITING.qsize():
        exchange = WAITING.get()
        assert (exchange.chunks, exchange.answer) == ([], None)
        WAITING.put(exchange)


def test_a_stream_that_only_a_collection_saw_the_end_of_is_settled_in_one_round(
    host: ModelHost, later: Later, client: httpx.Client
) -> None:
    """Whoever asks what was spent reads it then: to note it for a next round would leave it out."""
    with client.stream("POST", f"{host.url}/v1/chat/completions", json={**CHAT, "stream": True}) as response:
        pieces = response.iter_raw()
        while b"[DONE]" not in next(pieces):
            pass
        del pieces
        settle_waiting()
        (call,) = later.calls
    assert (call.outcome, call.cost.status) == ("ok", "priced")


@pytest.mark.parametrize("steps", ["ok", f"text={'x' * 20_000}"])
@pytest.mark.parametrize("words", [1, 20_000])
def test_a_large_request_or_answer_is_not_held(
    words: int, steps: str, host: ModelHost, later: Later, client: httpx.Client
) -> None:
    """What is needed of either is noted; a small request is held, since it may ask for a tier."""
    body = {"messages": [{"role": "user", "content": "word " * words}], "model": "gpt-4o-mini"}
    client.post(f"{host.url}/v1/chat/completions", json=body, headers={"x-loopback": steps})
    (adopted,) = later.revived()
    exchange = WAITING.get()
    assert len(exchange.answer or b"") < SMALL
    assert (exchange.body is None) == (words == 20_000)
    WAITING.put(exchange)
    settle_waiting()
    (call,) = later.calls
    assert (call.request_model, call.cost.status) == ("gpt-4o-mini", "priced")
    assert same(adopted) == same(call)


@pytest.mark.parametrize("steps", ["usage=missing", "usage=negative", "cut=3"])
def test_an_unusual_stream_is_read_at_once(steps: str, host: ModelHost, later: Later, client: httpx.Client) -> None:
    """Its text is what its usage is estimated by."""
    options: dict[str, Any] = {"json": {**CHAT, "stream": True}, "headers": {"x-loopback": steps}}
    with (
        contextlib.suppress(httpx.RemoteProtocolError),
        client.stream("POST", f"{host.url}/v1/chat/completions", **options) as response,
    ):
        response.read()
    (call,) = later.calls
    assert call.usage is not None
    assert call.usage.estimated
