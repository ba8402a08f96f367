"""However a call ends, what a budget holds for it is given up once; and what it did cost is what the record says."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Iterator

import aiohttp
import httpx2
import openai
import pytest
import requests
import trio

import outlay
from outlay.budgets.decision import Ask, Decision
from outlay.errors import BudgetExceeded
from outlay.loopback import Behaviour, ModelHost
from outlay.quoting import charged
from outlay.wire.exchange import OPEN, WAITING, settle_waiting
from tests.budgets.double import CountingGate, gated
from tests.conformance.field_shapes import FIELD_SHAPES
from tests.conformance.openai_shapes import CHAT, STREAM
from tests.conformance.shape import KINDS, Kind, Shape
from tests.conformance.shapes import SHAPES

pytestmark = [
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning"),  # google-genai's
    # Cohere's clients can't be closed, and a dropped stream of boto3 leaves its socket, metered or not.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore:connect.. must be used as a context manager:DeprecationWarning"),  # openai's
    # What is withdrawn, or is to be, is still called by somebody.
    pytest.mark.filterwarnings("ignore:The (Assistants API|Sora API|generate_images method|generate_videos method)"),
]

WAYS = [
    pytest.param(shape, kind, id=f"{shape.name} {kind}".replace(" ", "-"))
    for shape in (*SHAPES, *FIELD_SHAPES)
    for kind in KINDS
    if not shape.name.startswith("batch submitted")  # of a batch the lines are calls, when its output is fetched
    and shape.possible(kind)
]


@pytest.fixture
def host() -> Iterator[ModelHost]:
    """Answer as OpenAI does."""
    with ModelHost() as running:
        yield running


@pytest.mark.parametrize("shape, kind", WAYS)
def test_every_way_out_gives_up_what_is_held(shape: Shape, kind: Kind) -> None:
    """Whole, failed, cut, left, dropped, polled: settled once an attempt, at what the record says that it cost."""
    gate = CountingGate()
    with shape.host() as host, gated(gate, host, shape.sdk) as ledger:
        seen = shape.run(kind, host)
        calls = [call for call in ledger.calls if call.outcome != "pending"]
        assert seen.text == shape.text
        assert len(gate.asks) == len(shape.calls)
        assert gate.settled == [charged(call) for call in calls]
    assert gate.held == {}


@pytest.mark.parametrize("shape, kind", WAYS[:8])
def test_what_was_whole_is_settled_before_the_call_returns(shape: Shape, kind: Kind) -> None:
    """Without asking for a sum, and without a worker's turn."""
    gate = CountingGate()
    with shape.host() as host, gated(gate, host, shape.sdk):
        shape.run(kind, host)
        assert gate.held == {}


def _dropped(url: str) -> None:
    stream = requests.post(url, json=STREAM, timeout=20, stream=True)
    next(stream.iter_content(10))


def test_a_dropped_stream_holds_nothing_once_another_call_needs_it(host: ModelHost) -> None:
    """It is settled by the next trip to the store, which is what a call without room takes."""
    gate = CountingGate(trips=True)
    host.script("hang=1", "ok")
    with gated(gate, host):
        _dropped(f"{host.openai_url}/chat/completions")
        gc.collect()
        assert len(gate.held) == 1
        requests.post(f"{host.openai_url}/chat/completions", json=CHAT, timeout=20)
        assert gate.held == {}
        host.release()


def test_closing_gives_up_what_is_open(host: ModelHost) -> None:
    """A stream that nobody reads any more; its cost stays what was held, as nobody knows it."""
    gate = CountingGate()
    host.script("hang=1")
    with gated(gate, host):
        stream = requests.post(f"{host.openai_url}/chat/completions", json=STREAM, timeout=20, stream=True)
        next(stream.iter_content(10))
        assert len(gate.held) == 1
    assert gate.held == {}
    assert gate.settled == [None]
    host.release()
    stream.close()


@pytest.mark.skipif(not hasattr(openai.OpenAI, "responses"), reason="this openai has no responses")
def test_a_call_in_the_background_is_held_until_a_poll_shows_its_end(host: ModelHost) -> None:
    """Then it is settled at what it did cost; polling on changes nothing."""
    gate = CountingGate()
    client = openai.OpenAI(base_url=host.openai_url, api_key="none")
    with gated(gate, host) as ledger:
        begun = client.responses.create(model="gpt-4o-mini", input="What?", background=True)
        assert len(gate.held) == 1
        while client.responses.retrieve(begun.id).status != "completed":
            assert len(gate.held) == 1
        client.responses.retrieve(begun.id)
        assert gate.settled == [ledger.only.cost.amount]
    client.close()
    assert gate.held == {}


@pytest.mark.skipif(not hasattr(openai.OpenAI, "responses"), reason="this openai has no responses")
def test_a_call_in_the_background_that_nobody_polls_stays_spent(host: ModelHost) -> None:
    """Nobody in this process will see its end."""
    gate = CountingGate()
    client = openai.OpenAI(base_url=host.openai_url, api_key="none")
    with gated(gate, host):
        client.responses.create(model="gpt-4o-mini", input="What?", background=True)
    client.close()
    assert (gate.held, gate.settled) == ({}, [None])


def test_each_retry_of_an_sdk_is_asked_for_and_settled_by_itself(host: ModelHost) -> None:
    """Two that failed cost nothing; the third what it says."""
    gate = CountingGate()
    host.script("429", "500", "ok")
    client = openai.OpenAI(base_url=host.openai_url, api_key="none", max_retries=2)
    with gated(gate, host) as ledger:
        client.chat.completions.create(**CHAT)
        assert gate.settled == [0, 0, ledger.calls[-1].cost.amount]
    client.close()
    assert len({ask.id for ask in gate.asks}) == 3


def test_a_host_that_refuses_to_be_asked_for_usage_is_one_question(host: ModelHost) -> None:
    """The request goes again as it was within the same send, for the same reservation."""
    gate = CountingGate()
    host.script(Behaviour(refuse=frozenset(("stream_options",))))
    with gated(gate, host):
        requests.post(f"{host.openai_url}/chat/completions", json=STREAM, timeout=20)
        settle_waiting()
    assert (len(host.requests), len(gate.asks), gate.held) == (2, 1, {})


def test_a_child_of_fork_holds_nothing(host: ModelHost) -> None:
    """What is in flight is the parent's: the child settles none of it, whatever it does."""
    gate = CountingGate()
    host.script("hang=1")
    with gated(gate, host):
        stream = requests.post(f"{host.openai_url}/chat/completions", json=STREAM, timeout=20, stream=True)
        next(stream.iter_content(10))
        child = os.fork()
        if child == 0:
            stream.close()
            settle_waiting()
            os._exit(len(gate.settled))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        stream.close()
        assert gate.settled == [None]
    host.release()


def test_a_path_like_a_models_on_a_host_that_is_none_costs_nothing(host: ModelHost) -> None:
    """It is found out by the answer."""
    gate = CountingGate()
    host.script(Behaviour(body=lambda _: b'{"sent": true}'))
    with gated(gate, host, hosts={}) as ledger:
        requests.post(f"http://localhost:{host.port}/v1/chat/completions", json={"text": "hello"}, timeout=20)
        assert ledger.calls == []
    assert (gate.settled, gate.held) == ([0], {})


async def _cancelled(host: ModelHost, gate: CountingGate) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        asked.set()
        go_on.wait(10)

    gate.on_trip = wait
    async with aiohttp.ClientSession() as session:
        task = asyncio.create_task(_post(session, host))
        await asyncio.to_thread(asked.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()
        for _ in range(1000):
            if gate.settled:
                break
            await asyncio.sleep(0.01)


async def _post(session: aiohttp.ClientSession, host: ModelHost) -> None:
    async with session.post(f"{host.openai_url}/chat/completions", json=CHAT) as response:
        await response.read()


def test_a_call_that_is_cancelled_while_the_store_is_asked_gives_back_what_it_gets(host: ModelHost) -> None:
    """The trip goes on in its thread, and finds nobody who waits for it."""
    gate = CountingGate(trips=True)
    with gated(gate, host) as ledger:
        asyncio.run(_cancelled(host, gate))
        assert (gate.held, gate.settled) == ({}, [0])
        assert (ledger.only.outcome, ledger.only.cost.amount) == ("cancelled", 0)
    assert host.requests == []


def test_a_call_that_is_interrupted_while_the_store_is_asked_leaves_nothing_open(host: ModelHost) -> None:
    """Ctrl-C, a signal's handler, a green thread that is killed: in whatever client."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    gate = CountingGate(trips=True)
    gate.on_trip = interrupt
    with gated(gate, host) as ledger:
        for post in (requests.post, httpx2.post):
            with pytest.raises(KeyboardInterrupt):
                post(f"{host.openai_url}/chat/completions", json=CHAT)
        assert OPEN == {}
        assert [(call.outcome, call.cost.amount) for call in ledger.calls] == [("cancelled", 0)] * 2
    assert (host.requests, gate.held) == ([], {})


def test_the_event_loop_goes_on_while_the_store_is_asked(host: ModelHost) -> None:
    """A trip of asynchronous code is made in a thread, by asyncio's and by trio's clients."""
    gate = CountingGate(trips=True)
    turns = 0

    async def call() -> None:
        nonlocal turns
        loop_is_free = asyncio.Event()
        loop = asyncio.get_running_loop()
        gate.on_trip = lambda: asyncio.run_coroutine_threadsafe(_set(loop_is_free), loop).result(10)
        async with httpx2.AsyncClient() as client:
            await client.post(f"{host.openai_url}/chat/completions", json=CHAT)
        turns += loop_is_free.is_set()

    async def call_by_trio() -> None:
        nonlocal turns
        gate.on_trip = lambda: trio.from_thread.run(trio.lowlevel.checkpoint)
        async with httpx2.AsyncClient() as client:
            await client.post(f"{host.openai_url}/chat/completions", json=CHAT)
        turns += 1

    with gated(gate, host):
        asyncio.run(call())
        trio.run(call_by_trio)
    assert (turns, gate.held, threading.get_ident() in gate.threads) == (2, {}, False)


async def _set(event: asyncio.Event) -> None:
    event.set()


class BrokenGate(CountingGate):
    """Fail at one of its steps."""

    def __init__(self, step: str) -> None:
        super().__init__()
        self.step = step

    def decide(self, ask: Ask, *, wait: bool = True) -> Decision | None:
        """Decide, or fail."""
        if self.step == "decide":
            raise ZeroDivisionError
        return super().decide(ask, wait=wait)


def test_an_error_of_our_own_lets_the_call_pass(host: ModelHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is counted, and nothing is left behind: a bug of outlay's stops nobody's work."""
    monkeypatch.setenv("OUTLAY_STRICT", "0")
    with gated(BrokenGate("decide"), host) as ledger:
        assert requests.post(f"{host.openai_url}/chat/completions", json=CHAT, timeout=20).ok
        assert ledger.only.outcome == "ok"
    assert OPEN == {}
    assert WAITING.empty()


def test_an_error_while_an_answer_is_read_leaves_nothing_held(host: ModelHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it did cost is not known, so what was held stays spent."""
    monkeypatch.setenv("OUTLAY_STRICT", "0")
    gate = CountingGate()
    with gated(gate, host):
        monkeypatch.setattr("outlay.meter.read", lambda _: 1 / 0)
        assert requests.post(f"{host.openai_url}/chat/completions", json=CHAT, timeout=20).ok
    assert (gate.held, gate.settled) == ({}, [None])


def test_the_budgets_are_told_whose_call_it_is(host: ModelHost) -> None:
    """Tags, feature, the spans around it and the run that it is part of."""
    gate = CountingGate()
    with gated(gate, host, tags={"service": "shop"}), outlay.tags(tenant="acme"), outlay.track("job") as job:
        with outlay.track("step"):
            requests.post(f"{host.openai_url}/chat/completions", json={**CHAT, "max_tokens": 30}, timeout=20)
        expected = gate.only
    assert (expected.provider, expected.model, expected.feature, expected.path) == (
        "openai", "gpt-4o-mini", "step", "job/step",
    )  # fmt: skip
    assert expected.tags == {"service": "shop", "tenant": "acme"}
    assert (expected.run, set(expected.spans)) == (job.trace_id, {"job", "step"})
    assert (expected.output_limit, expected.unbounded, expected.can_limit, expected.can_downgrade) == (
        30, None, True, True,
    )  # fmt: skip
    most = expected.quote()
    assert most is not None
    assert most > 0


def test_a_refusal_is_raised_where_the_call_is_made(host: ModelHost) -> None:
    """Within the span, which has the record; and the next call is asked about again."""
    gate = CountingGate(limit=-1)
    with gated(gate, host) as ledger, outlay.track("job") as job:
        with pytest.raises(BudgetExceeded):
            requests.post(f"{host.openai_url}/chat/completions", json=CHAT, timeout=20)
        gate.limit = 10**12
        requests.post(f"{host.openai_url}/chat/completions", json=CHAT, timeout=20)
        assert job.calls == 2
    refused, sent = ledger.calls
    assert (refused.error_type, sent.outcome) == ("budget_exceeded", "ok")
    assert sent.attempt == 2


BATCHES = [
    pytest.param(shape, kind, id=f"{shape.name} {kind}".replace(" ", "-"))
    for shape in FIELD_SHAPES
    for kind in KINDS
    if shape.name.startswith("batch submitted") and shape.possible(kind)
]


@pytest.mark.parametrize("shape, kind", BATCHES)
def test_the_lines_of_a_batch_are_counted_when_they_are_fetched(shape: Shape, kind: Kind) -> None:
    """Nobody is asked about them: what they cost is spent."""
    gate = CountingGate()
    with shape.host() as host, gated(gate, host, shape.sdk) as ledger:
        shape.run(kind, host)
        assert ledger.calls
        assert gate.counted == sum(charged(call) or 0 for call in ledger.calls)
