"""What a caller can do with an answer they can do with a metered one, and it gives the same."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import httpx2
import pytest

from outlay.loopback import ModelHost
from tests.wire.clients import CHAT
from tests.wire.conftest import Metered

MODULES = pytest.mark.parametrize("module", [httpx, httpx2], ids=["httpx", "httpx2"])
STREAM = {**CHAT, "stream": True}


def request(module: Any, client: Any, host: ModelHost, **arguments: Any) -> Any:
    """Build a request for a stream, unless the arguments say otherwise."""
    arguments = arguments or {"json": STREAM}
    return client.build_request("POST", f"{host.openai_url}/chat/completions", **arguments)


def make(module: Any, **options: Any) -> Any:
    """Make a client."""
    return module.Client(verify=False, timeout=60, **options)


@MODULES
def test_a_streamed_answer_keeps_its_attributes(module: Any, host: ModelHost, metered: Metered) -> None:
    """Elapsed time, bytes downloaded, closed, consumed; a second reading raises as it does bare."""

    def look() -> tuple[Any, ...]:
        with make(module) as client:
            response = client.send(request(module, client, host), stream=True)
            before = (response.is_closed, response.is_stream_consumed, type(response))
            body = b"".join(response.iter_raw())
            with pytest.raises(module.StreamConsumed):
                next(response.iter_raw())
            after = (response.is_closed, response.is_stream_consumed, response.num_bytes_downloaded == len(body))
            response.close()
            return (*before, *after, response.elapsed.total_seconds() > 0, response.request.content)

    with metered.off():
        bare = look()
    assert look() == bare
    metered.only()


@MODULES
@pytest.mark.parametrize("read", [True, False])
def test_a_response_can_be_pickled_and_copied(module: Any, read: bool, host: ModelHost, metered: Metered) -> None:
    """Nothing of ours is on it."""

    def look() -> tuple[Any, ...]:
        with make(module) as client:
            response = client.send(request(module, client, host), stream=True)
            if read:
                response.read()
            others = pickle.loads(pickle.dumps(response)), copy.copy(response), copy.deepcopy(response)
            response.close()
            return tuple((other.status_code, other.is_closed, other.is_stream_consumed) for other in others)

    with metered.off():
        bare = look()
    assert look() == bare
    metered.only()


@MODULES
def test_every_way_of_sending_is_one_record(module: Any, host: ModelHost, metered: Metered) -> None:
    """Methods, functions, ``request=`` by keyword, ``stream``."""
    url = f"{host.openai_url}/chat/completions"
    with make(module) as client:
        client.post(url, json=CHAT)
        client.request("POST", url, json=CHAT)
        client.send(request=request(module, client, host, json=CHAT))
        client.send(request=request(module, client, host), stream=True).read()
        with client.stream("POST", url, json=STREAM) as response:
            response.read()
    module.post(url, json=CHAT, verify=False)
    with module.stream("POST", url, json=STREAM, verify=False) as response:
        assert b'"usage"' not in response.read()
    assert [(call.outcome, call.usage and call.usage.estimated) for call in metered.calls] == [("ok", False)] * 7


@MODULES
@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_body_that_can_be_read_once_is_left_to_the_client(
    module: Any, asynchronous: bool, host: ModelHost, metered: Metered
) -> None:
    """A generator and an upload arrive whole; the answer's usage is known, the request's model is not."""
    text = b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"one two"}]}'

    def pieces() -> Iterator[bytes]:
        yield text[:20]
        yield text[20:]

    async def async_pieces() -> AsyncIterator[bytes]:
        for piece in pieces():
            yield piece

    async def call(**arguments: Any) -> Any:
        async with module.AsyncClient(verify=False, timeout=60) as client:
            return await client.send(request(module, client, host, **arguments))

    if asynchronous:
        answer = asyncio.run(call(content=async_pieces()))
    else:
        with make(module) as client:
            answer = client.send(request(module, client, host, content=pieces()))
    assert answer.json()["usage"]["prompt_tokens"] == 2
    made = metered.only()
    assert (made.request_model, made.usage and made.usage.input_tokens) == (None, 2)
    with make(module) as client:
        refused = client.send(request(module, client, host, files={"file": b"x"}, data={"model": "whisper-1"}))
    assert refused.status_code == 400
    assert metered.only().outcome == "error"


@MODULES
def test_an_event_hook_may_read_the_answer(module: Any, host: ModelHost, metered: Metered) -> None:
    """All of it, before the caller: it sees what the caller sees but for the event that was asked for."""

    def look() -> bytes:
        with make(module, event_hooks={"response": [lambda response: response.read()]}) as client:
            return bytes(client.send(request(module, client, host), stream=True).read())

    with metered.off():
        bare = look()
    assert look().count(b"\n\n") == bare.count(b"\n\n")
    assert metered.only().outcome == "ok"


@MODULES
def test_an_event_hook_that_uses_up_the_stream_leaves_a_marked_call(
    module: Any, host: ModelHost, metered: Metered
) -> None:
    """Nobody can read it then, and the caller is told as they are bare."""
    hooks = {"response": [lambda response: list(response.iter_raw())]}
    with make(module, event_hooks=hooks) as client:
        response = client.send(request(module, client, host), stream=True)
        with pytest.raises(module.StreamConsumed):
            response.read()
    call = metered.only()
    assert (call.outcome, call.usage and call.usage.estimated) == ("ok", True)
    assert "body_unseen" in call.marks


@MODULES
def test_an_auth_flow_with_requests_of_its_own_is_one_call(module: Any, host: ModelHost, metered: Metered) -> None:
    """One send fetches a token and calls: the record is the call's, with its final answer."""

    class Fetched(module.Auth):  # type: ignore[misc] # the library is a parameter
        requires_response_body = True

        def auth_flow(self, asked: Any) -> Any:
            token = yield module.Request("GET", f"{host.openai_url}/models")
            asked.headers["authorization"] = f"Bearer {token.status_code}"
            answer = yield asked
            assert answer.request.headers["authorization"] == "Bearer 200"

    with make(module, auth=Fetched()) as client:
        response = client.send(request(module, client, host), stream=True)
        assert b"[DONE]" in response.read()
    call = metered.only()
    assert (call.outcome, call.status, call.usage and call.usage.estimated) == ("ok", 200, False)


@MODULES
def test_an_error_that_a_caller_reads_raw_can_be_read_raw(module: Any, host: ModelHost, metered: Metered) -> None:
    """An answer that does not refuse our asking is not touched."""
    with make(module) as client:
        sent = client.build_request(
            "POST", f"{host.openai_url}/chat/completions", json=STREAM, headers={"x-loopback": "429"}
        )
        response = client.send(sent, stream=True)
        assert b"rate_limit" in b"".join(response.iter_raw())
        response.close()
    assert metered.only().outcome == "error"


def test_without_asking_no_byte_of_a_request_changes(metered: Metered) -> None:
    """``ask_usage = false``: what arrives is what was sent."""
    metered.meter._asking = None  # noqa: SLF001 - the setting of this one meter
    with ModelHost() as host, httpx.Client(verify=False) as client:
        sent = request(httpx, client, host)
        response = client.send(sent, stream=True)
        response.read()
        (received,) = host.requests
    assert received.body == sent.content
    assert dict(received.headers)["accept-encoding"] == sent.headers["accept-encoding"]
    call = metered.only()
    assert call.usage is not None
    assert call.usage.estimated
    assert call.marks == ("usage_missing",)
