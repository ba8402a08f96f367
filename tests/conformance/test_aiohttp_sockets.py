"""Websockets that aiohttp opens, as voice agents do: the same calls as by any other library."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

import outlay.testing
from outlay.errors import BudgetExceeded
from tests.conformance.socket_host import GONE, Answers, SocketHost
from tests.conformance.socket_shapes import SESSION, SPOKEN, SPOKEN_USD, VOICE, _spoken, _voice, replying

ASK = {"type": "response.create", "response": {"instructions": "What does a call cost?"}}


def talk(answers: Answers, until: str | None, *, send: str = "send_json", path: str = "/v1/realtime") -> Any:
    """Ask for an answer, read until a type of message or, without one, to the end; return what was metered."""

    async def run(url: str) -> None:
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
            given: Any = ASK if send == "send_json" else json.dumps(ASK)
            await getattr(socket, send)(given.encode() if send == "send_bytes" else given)
            async for message in socket:
                if json.loads(message.data)["type"] == until:
                    return

    with SocketHost((SESSION,), answers) as host:
        hosts = {f"127.0.0.1:{host.port}": "openai"}
        with outlay.testing.ledger(hosts=hosts) as ledger:
            asyncio.run(run(f"http://127.0.0.1:{host.port}{path}?model={VOICE}"))
            instance = outlay.testing.stage.STAGE.current()
            assert instance is not None
            coverage = instance.recogniser.coverage(0)
            return ledger.calls, coverage, host.requests


@pytest.mark.parametrize("send", ["send_json", "send_str", "send_bytes"])
def test_an_answer_is_a_call_with_what_was_billed(send: str) -> None:
    """However it was asked for; the opening of the websocket is nothing of its own."""
    (call,), coverage, _ = talk(replying(*_voice(1), _spoken(1)), "response.done", send=send)
    assert (call.api, call.transport, call.request_model) == ("openai.realtime", "aiohttp", VOICE)
    assert (call.usage.classes, str(call.cost.usd), call.outcome) == (SPOKEN, SPOKEN_USD, "ok")
    assert [(row.method, row.requests, row.metered) for row in coverage] == [("WEBSOCKET", 1, 1)]


def test_an_answer_that_is_left_is_estimated() -> None:
    """As one of any other websocket."""
    (call,), _, _ = talk(replying(*_voice(1)), "response.output_audio_transcript.delta")
    assert (call.outcome, call.usage.estimated) == ("abandoned", True)


def test_an_answer_that_breaks_off_is_an_error() -> None:
    """Nothing is raised: aiohttp says that the websocket has ended."""
    (call,), _, _ = talk(replying(*_voice(1), GONE), None)
    assert (call.outcome, call.usage.estimated) == ("error", True)


def test_a_websocket_that_is_nobodys_model_passes_and_is_named() -> None:
    """On a host that is a model's."""
    calls, (missed,), _ = talk(replying({"type": "response.completed"}), "response.completed", path="/v1/rooms")
    assert calls == []
    assert (missed.method, missed.path, missed.metered) == ("WEBSOCKET", "/v1/rooms", 0)


def test_a_budget_that_is_used_up_refuses_before_anything_is_asked() -> None:
    """The message is not sent."""
    with SocketHost((SESSION,), replying(*_voice(1), _spoken(1))) as host:
        hosts = {f"127.0.0.1:{host.port}": "openai"}
        budget = outlay.Budget("tight", limit=0.000001, per="day", block=True)
        with outlay.testing.ledger(hosts=hosts, budgets=[budget]) as ledger:

            async def run() -> None:
                url = f"http://127.0.0.1:{host.port}/v1/realtime?model={VOICE}"
                async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
                    await socket.send_json(ASK)

            with pytest.raises(BudgetExceeded):
                asyncio.run(run())
            assert [call.error_type for call in ledger.calls] == ["budget_exceeded"]
        assert [request.method for request in host.requests] == ["GET"]
