"""Websockets beyond what the matrix goes through: several calls on one, failures, what is nobody's model call."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import openai
import pytest
from websockets.sync.client import connect

import outlay.testing
from outlay.testing import Ledger
from tests.conformance.field import Held
from tests.conformance.seen import Seen, drive
from tests.conformance.socket_host import GONE, Answers, SocketHost
from tests.conformance.socket_shapes import (
    CREATED,
    DONE,
    FINISHED,
    HEARD,
    MODEL,
    SESSION,
    SPOKEN_USD,
    VOICE,
    _delta,
    _spoken,
    _voice,
    listen,
    replying,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore:connect.. must be used as a context manager:DeprecationWarning"  # openai's
)


@contextmanager
def talking(answers: Answers, *greeting: Any) -> Iterator[tuple[SocketHost, Ledger]]:
    """Run a host and meter what is said to it."""
    with SocketHost(greeting, answers) as host:
        hosts = {f"127.0.0.1:{host.port}": "openai"}
        with outlay.testing.ledger(hosts=hosts) as ledger:
            yield host, ledger


def client(host: SocketHost) -> openai.OpenAI:
    """Make OpenAI's client."""
    return openai.OpenAI(api_key="none", base_url=f"http://127.0.0.1:{host.port}/v1")


@contextmanager
def connected(path: str, answers: Answers, *greeting: Any) -> Iterator[tuple[Any, Ledger]]:
    """Open a websocket, without an SDK."""
    with talking(answers, *greeting) as (host, ledger), connect(f"ws://127.0.0.1:{host.port}{path}") as connection:
        yield connection, ledger


REALTIME = f"/v1/realtime?model={VOICE}"


def ask(model: str = MODEL, **more: Any) -> str:
    """Write the message that asks for a response."""
    return json.dumps({"type": "response.create", "model": model, "input": "What does a call cost?", **more})


def read(connection: Any, until: str) -> None:
    """Read until a type of message."""
    while json.loads(connection.recv())["type"] != until:
        pass


@pytest.mark.skipif(not hasattr(openai.OpenAI, "realtime"), reason="this openai has no realtime")
def test_speech_that_the_server_answers_unasked_is_a_call_and_its_transcription_another() -> None:
    """Each is priced by its own model: the session's, and the one that writes down what was said."""
    answers = replying(HEARD, *_voice(1), _spoken(1), to="input_audio_buffer.append")
    with talking(answers, SESSION) as (host, ledger), client(host) as sdk:
        drive(listen(Held(sdk), Seen()))
    transcription, answer = ledger.calls
    assert (transcription.api, transcription.operation) == ("openai.realtime_transcription", "transcription")
    assert (transcription.request_model, transcription.response_id) == ("gpt-4o-transcribe", "i1")
    assert transcription.usage is not None
    assert transcription.usage.classes == {"input": 5, "input_audio": 35, "output": 8}
    # 5 x 2.50 + 35 x 6 + 8 x 10, a million
    assert str(transcription.cost.usd) == "0.0003025"
    assert (answer.api, answer.request_model, str(answer.cost.usd)) == ("openai.realtime", VOICE, SPOKEN_USD)


def test_a_transcription_by_the_second_is_priced_by_the_second() -> None:
    """Whisper's usage is a duration."""
    session = {"type": "realtime", "audio": {"input": {"transcription": {"model": "whisper-1"}}}}
    heard = {**HEARD, "usage": {"type": "duration", "seconds": 30}}
    with connected(REALTIME, replying(heard, to="input_audio_buffer.append"), {**SESSION, "session": session}) as (
        connection,
        ledger,
    ):
        connection.send('{"type": "input_audio_buffer.append", "audio": ""}')
        read(connection, "conversation.item.input_audio_transcription.completed")
    assert ledger.only.usage is not None
    assert ledger.only.usage.classes == {"audio_seconds": 30}
    assert str(ledger.only.cost.usd) == "0.003"


def test_answers_that_come_at_the_same_time_are_told_apart() -> None:
    """By the lane that each was asked on."""
    events = [CREATED, _delta("Little", 1), DONE]

    def answers(asked: dict[str, Any]) -> list[Any]:
        if asked["stream_id"] == "a":
            return [{**CREATED, "stream_id": "a"}]
        others = [{**event, "stream_id": "b"} for event in events]
        return [*others, *({**event, "stream_id": "a"} for event in events[1:])]

    with connected("/v1/responses", answers) as (connection, ledger):
        connection.send(ask("gpt-4o-mini", stream_id="a"))
        connection.send(ask("gpt-4o", stream_id="b"))
        read(connection, "response.completed")
        assert [call.request_model for call in ledger.calls] == ["gpt-4o"]
        read(connection, "response.completed")
        assert [call.request_model for call in ledger.calls] == ["gpt-4o", "gpt-4o-mini"]
    assert [call.outcome for call in ledger.calls] == ["ok", "ok"]


@pytest.mark.parametrize("named,outcomes", [("e1", ["error"]), ("e2", ["ok"])], ids=["this message", "another"])
def test_a_failure_settles_the_message_that_it_names(named: str, outcomes: list[str]) -> None:
    """A realtime session goes on after an error, and so does an answer that the error is not about."""
    error = {
        "type": "error",
        "event_id": "x",
        "error": {"type": "invalid_request_error", "code": "bad", "event_id": named},
    }
    rest = () if named == "e1" else (*_voice(1), _spoken(1))
    with connected(REALTIME, replying(error, *rest), SESSION) as (connection, ledger):
        connection.send('{"type": "response.create", "event_id": "e1"}')
        read(connection, "error" if named == "e1" else "response.done")
        assert [call.outcome for call in ledger.calls] == outcomes
    assert ledger.only.cost.status == ("free" if named == "e1" else "priced")
    assert ledger.only.error_type == ("bad" if named == "e1" else None)


def test_what_was_asked_and_never_answered_is_uncertain() -> None:
    """The application left before a word came: perhaps it was billed, perhaps not."""
    with connected("/v1/responses", replying()) as (connection, ledger):
        connection.send(ask(max_output_tokens=100))
    call = ledger.only
    assert (call.outcome, call.status) == ("abandoned", None)
    assert call.usage is not None
    assert (call.usage.estimated, call.usage.lower) == (True, {})


def test_a_message_that_could_not_be_sent_costs_nothing() -> None:
    """The websocket was closed before: its error is the application's."""
    with connected("/v1/responses", replying()) as (connection, ledger):
        connection.close()
        with pytest.raises(Exception, match="1000"):
            connection.send(ask())
    assert (ledger.only.outcome, ledger.only.error_type) == ("error", "ConnectionClosedOK")
    assert (ledger.only.cost.status, ledger.only.cost.amount) == ("free", 0)


def test_an_answer_after_one_that_was_not_sent_is_its_own() -> None:
    """What failed to go out is not waited for."""
    with connected("/v1/responses", replying(CREATED, DONE)) as (connection, ledger):
        with pytest.raises(TypeError):
            connection.send(ask("gpt-4o"), nonsense=True)
        connection.send(ask())
        read(connection, "response.completed")
        failed, answered = ledger.calls
    assert (failed.outcome, failed.request_model) == ("error", "gpt-4o")
    assert (answered.outcome, answered.request_model) == ("ok", MODEL)


def test_waiting_with_a_timeout_leaves_a_call_open() -> None:
    """An answer that is slower than its reader's patience is the same call."""

    def answers(_: Any) -> Iterator[Any]:
        yield CREATED
        time.sleep(0.3)
        yield DONE

    with connected("/v1/responses", answers) as (connection, ledger):
        connection.send(ask())
        connection.recv()
        with pytest.raises(TimeoutError):
            connection.recv(timeout=0.01)
        assert ledger.calls == []
        read(connection, "response.completed")
    assert ledger.only.outcome == "ok"


def test_a_dropped_websocket_still_becomes_a_record() -> None:
    """Nobody closed it: when its loop has ended and it is collected, its open call is settled."""

    async def ask_and_forget(port: int) -> None:
        import websockets.asyncio.client

        connection = await websockets.asyncio.client.connect(f"ws://127.0.0.1:{port}/v1/responses")
        await connection.send(ask())
        await connection.recv()
        connection.transport.abort()
        await asyncio.sleep(0.05)

    with talking(replying(CREATED, _delta("Little", 1))) as (host, ledger):
        asyncio.run(ask_and_forget(host.port))
        gc.collect()
        assert (ledger.only.outcome, ledger.only.usage is not None) == ("abandoned", True)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_owns_no_call_of_its_parents() -> None:
    """It leaves, and the parent's answer is still one record."""
    with connected("/v1/responses", replying(CREATED, DONE)) as (connection, ledger):
        connection.send(ask())
        connection.recv()
        child = os.fork()
        if not child:
            del connection
            gc.collect()
            os._exit(len(ledger.calls))
        assert os.waitpid(child, 0)[1] == 0
        read(connection, "response.completed")
        assert ledger.only.outcome == "ok"


def test_a_live_session_is_billed_by_its_duration() -> None:
    """Its figures add up as it goes; the last ones count, and without those of the end they are a lower bound."""
    started = {"type": "session.started", "session": {"id": "live_1", "model": "gpt-live-1"}}
    heard = {"type": "session.usage.updated", "usage": {"seconds": 20}}
    closed = {
        "type": "session.closed",
        "reason": "close_requested",
        "usage": {"seconds": 36},
        "session": started["session"],
    }
    with connected("/v1/live/sessions", replying(heard, closed, to="session.close"), started) as (connection, ledger):
        connection.send('{"type": "session.close"}')
        read(connection, "session.closed")
    assert (ledger.only.response_model, str(ledger.only.cost.usd)) == ("gpt-live-1", "0.03")
    with connected("/v1/live/sessions", replying(heard, GONE, to="session.close"), started) as (connection, ledger):
        connection.send('{"type": "session.close"}')
        read(connection, "session.usage.updated")
        with pytest.raises(Exception, match="no close frame"):
            connection.recv()
    assert ledger.only.usage is not None
    assert (ledger.only.outcome, ledger.only.usage.estimated) == ("error", True)
    assert ledger.only.usage.lower == {"audio_seconds": 20}


def test_a_websocket_that_is_nobodys_model_passes() -> None:
    """Not a message of it is looked at; on a host that is a model's, it is named as not metered."""
    with connected("/v1/realtime/translations", replying({"type": "response.completed"})) as (connection, ledger):
        connection.send(ask())
        connection.recv()
        connection.send(b"\x00")
        assert ledger.calls == []
        instance = outlay.testing.stage.STAGE.current()
        assert instance is not None
        (missed,) = instance.recogniser.coverage(0)
    assert (missed.method, missed.path) == ("WEBSOCKET", "/v1/realtime/translations")
    assert (missed.requests, missed.metered, missed.free) == (1, 0, 0)


def test_a_session_whose_instructions_are_long_is_priced_by_its_model() -> None:
    """The message that names the model may be of any length, before and after much sound."""
    setup = {"setup": {"model": "models/gemini-live-2.5-flash", "systemInstruction": "Be brief. " * 1000}}
    path = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
    with connected(path, lambda asked: (FINISHED,) if "setup" in asked else ()) as (connection, ledger):
        connection.send(json.dumps({"realtimeInput": {"audio": {"data": "A" * 10_000}}}))
        connection.send(json.dumps(setup))
        connection.recv()
    assert ledger.only.request_model == "models/gemini-live-2.5-flash"
    assert ledger.only.usage is not None
    assert ledger.only.usage.input_tokens == 522


def test_messages_that_are_no_json_pass() -> None:
    """On a path where a format is spoken as well."""
    with connected("/v1/responses", lambda _: ()) as (connection, ledger):
        connection.send('["no", "object"]')
        connection.send(["{", "}"])
        connection.send(b"\xff" * 10_000)
    assert ledger.calls == []
