"""Budgets hold for gRPC and websockets too: refused before a byte leaves, and told what was spent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from websockets.sync.client import connect
from xai_sdk.proto import chat_pb2_grpc

from outlay.errors import BudgetExceeded
from outlay.testing import Ledger
from tests.budgets.double import PLENTY, CountingGate, gated
from tests.conformance.rpc_host import RpcHost
from tests.conformance.socket_host import SocketHost
from tests.conformance.socket_shapes import CREATED, DONE, SESSION, SPOKEN_USD, VOICE, _spoken, _voice, replying
from tests.conformance.test_rpcs import ASKED, MESSAGES
from tests.conformance.test_sockets import ask, read

WAYS = {
    "plain": lambda stub: stub.GetCompletion(ASKED),
    "with_call": lambda stub: stub.GetCompletion.with_call(ASKED),
    "future": lambda stub: stub.GetCompletion.future(ASKED),
    "stream": lambda stub: stub.GetCompletionChunk(ASKED),
}


async def plain(stub: Any) -> None:
    """Ask, and wait."""
    await stub.GetCompletion(ASKED)


async def stream(stub: Any) -> None:
    """Stream."""
    async for _ in stub.GetCompletionChunk(ASKED):
        pass


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_an_rpc_is_refused_before_it_is_sent(way: Any) -> None:
    """Typed, at once; the host hears nothing."""
    gate = CountingGate(limit=-1)
    with RpcHost(MESSAGES) as host, gated(gate, host, "x_ai") as ledger:
        with grpc.insecure_channel(host.target) as channel, pytest.raises(BudgetExceeded):
            way(chat_pb2_grpc.ChatStub(channel))
        assert (len(host.requests), len(gate.asks)) == (0, 1)
        assert (ledger.only.outcome, ledger.only.error_type, ledger.only.cost.amount) == ("error", "budget_exceeded", 0)


@pytest.mark.parametrize("way", [plain, stream], ids=["plain", "stream"])
@pytest.mark.parametrize("limit", [-1, PLENTY], ids=["refused", "passed"])
def test_an_rpc_of_asyncios_asks_off_its_loop(way: Any, limit: int) -> None:
    """In the task that sends: whoever awaits the call gets the refusal, and the loop goes on meanwhile."""
    gate, caught = CountingGate(limit=limit, trips=True), []

    async def call(target: str) -> None:
        async with grpc.aio.insecure_channel(target) as channel:
            try:
                await way(chat_pb2_grpc.ChatStub(channel))
            except BudgetExceeded as error:
                caught.append(error)

    with RpcHost(MESSAGES) as host, gated(gate, host, "x_ai") as ledger:
        asyncio.run(call(host.target))
        refused = limit < 0
        assert (len(host.requests), len(caught)) == ((0, 1) if refused else (1, 0))
        assert ledger.only.outcome == ("error" if refused else "ok")
    assert gate.held == {}
    assert gate.spent == (0 if refused else ledger.only.cost.amount)


def test_a_message_that_asks_is_refused_before_it_is_sent() -> None:
    """The websocket goes on, and what it is asked next is answered to that."""
    gate = CountingGate(limit=-1)
    with SocketHost((), replying(CREATED, DONE)) as host, gated(gate, host) as ledger:
        with connect(f"ws://127.0.0.1:{host.port}/v1/responses") as connection:
            with pytest.raises(BudgetExceeded):
                connection.send(ask("gpt-4o"))
            gate.limit = PLENTY
            connection.send(ask())
            read(connection, "response.completed")
            refused, answered = ledger.calls
        assert len(host.requests) == 2
    assert (refused.outcome, refused.error_type) == ("error", "budget_exceeded")
    assert (answered.outcome, answered.request_model) == ("ok", "gpt-4o-mini")
    assert (gate.held, gate.spent) == ({}, answered.cost.amount)


def test_a_message_is_sent_as_the_budget_has_it() -> None:
    """Another model, and a limit: the rest as it was."""
    gate = CountingGate(model="gpt-4o-mini", output_limit=50)
    with SocketHost((), replying(CREATED, DONE)) as host, gated(gate, host) as ledger:
        with connect(f"ws://127.0.0.1:{host.port}/v1/responses") as connection:
            connection.send(ask("gpt-4o"))
            read(connection, "response.completed")
        assert json.loads(host.requests[1].body) == {**json.loads(ask()), "max_output_tokens": 50}
        assert ledger.only.marks[0] == "asked_for_gpt-4o"


def test_an_answer_that_nobody_asked_for_is_counted() -> None:
    """It can't be refused, for it is there; what it took is spent."""
    gate = CountingGate(trips=True)
    answers = replying(*_voice(1), _spoken(1), to="input_audio_buffer.append")
    with SocketHost((SESSION,), answers) as host, gated(gate, host) as ledger:
        with connect(f"ws://127.0.0.1:{host.port}/v1/realtime?model={VOICE}") as connection:
            connection.send('{"type": "input_audio_buffer.append", "audio": ""}')
            read(connection, "response.done")
        assert str(ledger.only.cost.usd) == SPOKEN_USD
    assert (gate.held, gate.spent) == ({}, ledger.only.cost.amount)


APPEND = '{"type": "input_audio_buffer.append", "audio": ""}'
SPEECH = f"/v1/realtime?model={VOICE}"


@contextmanager
def listening(gate: CountingGate, greeting: Any, answers: Any) -> Iterator[tuple[Any, Ledger]]:
    """Hold a realtime session under a gate."""
    with (
        SocketHost(greeting, answers) as host,
        gated(gate, host) as ledger,
        connect(f"ws://127.0.0.1:{host.port}{SPEECH}") as connection,
    ):
        yield connection, ledger


def test_speech_that_the_server_may_answer_is_refused_before_it_is_sent() -> None:
    """Nothing bounds what a realtime session costs: under a budget that denies, no sound leaves."""
    gate = CountingGate(limit=-1)
    with SocketHost((SESSION,), replying()) as host, gated(gate, host) as ledger:
        with connect(f"ws://127.0.0.1:{host.port}{SPEECH}") as connection, pytest.raises(BudgetExceeded):
            connection.send(APPEND)
        assert len(host.requests) == 1
        assert (ledger.only.error_type, ledger.only.cost.amount) == ("budget_exceeded", 0)
    assert gate.only.unbounded
    assert gate.held == {}


def test_money_is_held_for_an_answer_from_the_first_sound_on() -> None:
    """One reservation for each answer that may come, however many sounds; a session without one leaves no trace."""
    gate = CountingGate()
    with listening(gate, (SESSION,), replying(*_voice(1), _spoken(1), to="input_audio_buffer.commit")) as (
        connection,
        ledger,
    ):
        for _ in range(3):
            connection.send(APPEND)
        assert (len(gate.asks), len(gate.held)) == (1, 1)
        connection.send('{"type": "input_audio_buffer.commit"}')
        read(connection, "response.done")
        assert (gate.held, gate.settled) == ({}, [ledger.only.cost.amount])
        connection.send(APPEND)
        assert len(gate.held) == 1
        connection.close()
        assert (gate.held, gate.settled[1:]) == ({}, [0])
        assert len(ledger.calls) == 1


def test_an_answer_that_is_asked_for_after_all_is_held_for_once() -> None:
    """Sounds first, then the message that asks: the one takes the other's place."""
    gate = CountingGate()
    with listening(gate, (SESSION,), replying(*_voice(1), _spoken(1))) as (connection, ledger):
        connection.send(APPEND)
        connection.send('{"type": "response.create"}')
        assert len(gate.held) == 1
        read(connection, "response.done")
        assert (gate.held, gate.settled) == ({}, [0, ledger.only.cost.amount])


def test_an_answer_that_nobody_foresaw_is_counted_though_it_would_be_refused() -> None:
    """What is spent is spent: the next message feels it."""
    gate = CountingGate(limit=-1)
    with listening(gate, (SESSION,), replying(*_voice(1), _spoken(1), to="session.update")) as (connection, ledger):
        connection.send('{"type": "session.update", "session": {}}')
        read(connection, "response.done")
        assert gate.counted == ledger.only.cost.amount
    assert gate.counted


def test_an_interrupted_answer_is_settled_at_what_it_did_cost() -> None:
    """Its user has spoken into it: the server says what it had said by then."""
    gate, cut = CountingGate(), _spoken(1)
    cut["response"] |= {"status": "cancelled", "status_details": {"type": "cancelled", "reason": "turn_detected"}}
    with listening(gate, (SESSION,), replying(*_voice(1), cut, to="input_audio_buffer.append")) as (connection, ledger):
        connection.send(APPEND)
        read(connection, "response.done")
        assert str(ledger.only.cost.usd) == SPOKEN_USD
        assert (gate.held, gate.settled) == ({}, [ledger.only.cost.amount])
