"""A refused call through every way of calling there is: nothing is sent or tried again, one exception of outlay's."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import aiohttp
import anthropic
import boto3
import cohere
import groq
import httpx
import httpx2
import ollama
import openai
import pytest
import requests
import together
from botocore.config import Config
from google import genai
from google.genai import types
from mistralai.client import Mistral

from outlay.errors import BudgetExceeded, OutlayError, refusal
from outlay.loopback import ModelHost
from tests.budgets.double import CountingGate, gated
from tests.conformance.field_shapes import FIELD_SHAPES
from tests.conformance.openai_shapes import CHAT, STREAM
from tests.conformance.runs import address
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
    and shape.calls
    and not shape.script
    and shape.possible(kind)
]
"""How the host would misbehave makes no difference: it is sent nothing."""
ASKED: list[Any] = [{"role": "user", "content": "What does a call cost?"}]


@pytest.fixture
def host() -> Iterator[ModelHost]:
    """Answer as OpenAI and Anthropic do."""
    with ModelHost() as running:
        yield running


@pytest.mark.parametrize("shape, kind", WAYS)
def test_every_way_of_calling_gets_the_refusal_and_sends_nothing(shape: Shape, kind: Kind) -> None:
    """Plain, streamed, raw, through helpers; one question to the budget, one record, free."""
    gate = CountingGate(limit=-1)
    with shape.host() as host, gated(gate, host, shape.sdk) as ledger:
        seen = shape.run(kind, host)
    assert (seen.raised, seen.text) == ("BudgetExceeded", "")
    assert seen.items[-1][1][0] == str(gate.refusal())
    assert [request for request in host.requests if request.method == "POST"] == []
    call = ledger.only
    assert (call.outcome, call.error_type, call.status) == ("error", "budget_exceeded", None)
    assert (call.cost.status, call.cost.amount, call.usage) == ("free", 0, None)
    assert len({ask.id for ask in gate.asks}) == 1
    assert gate.held == {}


def _openai(host: ModelHost) -> Iterator[Any]:
    client = openai.OpenAI(base_url=host.openai_url, api_key="none")
    yield lambda: client.chat.completions.create(**CHAT)
    yield lambda: list(client.chat.completions.create(**STREAM))
    yield lambda: client.chat.completions.with_raw_response.create(**CHAT)
    if hasattr(client, "responses"):  # the oldest has none
        yield lambda: client.responses.create(model="gpt-4o", input="What?")
    client.close()


def _anthropic(host: ModelHost) -> Iterator[Any]:
    client = anthropic.Anthropic(base_url=host.anthropic_url, api_key="none")
    asked: dict[str, Any] = {"model": "claude-haiku-4-5", "max_tokens": 10, "messages": ASKED}
    yield lambda: client.messages.create(**asked)
    yield lambda: list(client.messages.create(**asked, stream=True))
    client.close()


def _groq(host: ModelHost) -> Iterator[Any]:
    client = groq.Groq(base_url=host.url, api_key="none")
    yield lambda: client.chat.completions.create(model="llama-3.1-8b-instant", messages=ASKED)
    yield lambda: list(client.chat.completions.create(model="llama-3.1-8b-instant", messages=ASKED, stream=True))
    yield lambda: client.chat.completions.with_raw_response.create(model="llama-3.1-8b-instant", messages=ASKED)
    client.close()


def _together(host: ModelHost) -> Iterator[Any]:
    client = together.Together(base_url=host.openai_url, api_key="none")
    yield lambda: client.chat.completions.create(model="allenai/OLMo-7B", messages=ASKED)
    client.close()


def _mistral(host: ModelHost) -> Iterator[Any]:
    with Mistral(api_key="none", server_url=host.url) as client:
        yield lambda: client.chat.complete(model="mistral-small-latest", messages=ASKED)
        yield lambda: client.chat.stream(model="mistral-small-latest", messages=ASKED)


def _cohere(host: ModelHost) -> Iterator[Any]:
    client = cohere.ClientV2(api_key="none", base_url=f"http://localhost:{host.port}")
    yield lambda: client.chat(model="command-r", messages=ASKED)
    yield lambda: list(client.chat_stream(model="command-r", messages=ASKED))


def _genai(host: ModelHost) -> Iterator[Any]:
    retries = types.HttpRetryOptions(attempts=3, initial_delay=1)
    client = genai.Client(api_key="none", http_options=types.HttpOptions(base_url=host.url, retry_options=retries))
    yield lambda: client.models.generate_content(model="gemini-2.5-flash", contents="What?")
    yield lambda: list(client.models.generate_content_stream(model="gemini-2.5-flash", contents="What?"))
    client.close()


def _boto3(host: ModelHost) -> Iterator[Any]:
    asked: dict[str, Any] = {"modelId": "amazon.nova-lite-v1:0"}
    said = [{"role": "user", "content": [{"text": "What?"}]}]
    for mode in ("legacy", "standard", "adaptive"):
        client = boto3.client(
            "bedrock-runtime", endpoint_url=host.url, region_name="us-east-1", aws_access_key_id="x",
            aws_secret_access_key="x", config=Config(retries={"max_attempts": 3, "mode": mode}),
        )  # fmt: skip
        yield partial(client.converse, **asked, messages=said)
        yield partial(client.converse_stream, **asked, messages=said)
        yield partial(client.invoke_model, **asked, body=b'{"max_tokens": 5}')
        client.close()


def _bare(host: ModelHost) -> Iterator[Any]:
    url = f"{host.openai_url}/chat/completions"
    yield lambda: requests.post(url, json=CHAT, timeout=20)
    yield lambda: requests.post(url, json=STREAM, timeout=20, stream=True)
    yield lambda: httpx.post(url, json=CHAT)
    yield lambda: httpx2.post(url, json=CHAT)
    with httpx.Client() as client:
        yield lambda: client.stream("POST", url, json=STREAM).__enter__()
    local = ollama.Client(host=host.url)
    yield lambda: local.chat(model="llama3.2", messages=ASKED)
    local._client.close()  # noqa: SLF001 - it has no close of its own


@pytest.mark.parametrize(
    "calls",
    [_openai, _anthropic, _groq, _together, _mistral, _cohere, _genai, _boto3, _bare],
    ids=lambda way: way.__name__,
)
def test_a_refusal_is_caught_as_what_it_is_with_the_retries_that_an_sdk_has(calls: Any, host: ModelHost) -> None:
    """With their retries as they come out of the box: one try each, and ``except outlay.BudgetExceeded`` catches it."""
    gate = CountingGate(limit=-1)
    number = 0
    with gated(gate, host, hosts={f"localhost:{host.port}": "cohere"}):
        for call in calls(host):
            with pytest.raises(BudgetExceeded) as caught:
                call()
            number += 1
            assert len(gate.asks) == number
            assert refusal(caught.value) is caught.value
            assert caught.value.budget == "month"
    assert host.requests == []


async def _async_calls(host: ModelHost) -> AsyncIterator[Any]:
    sdk = openai.AsyncOpenAI(base_url=host.openai_url, api_key="none")
    claude = anthropic.AsyncAnthropic(base_url=host.anthropic_url, api_key="none")
    fast = groq.AsyncGroq(base_url=host.url, api_key="none")
    flat = together.AsyncTogether(base_url=host.openai_url, api_key="none")
    north = cohere.AsyncClientV2(api_key="none", base_url=f"http://localhost:{host.port}")
    mistral = Mistral(api_key="none", server_url=host.url)
    gemini = genai.Client(api_key="none", http_options=types.HttpOptions(base_url=host.url)).aio

    async def over_aiohttp() -> None:
        async with aiohttp.ClientSession() as session:
            await session.post(f"{host.openai_url}/chat/completions", json=CHAT)

    chat: dict[str, Any] = {"model": "m", "messages": ASKED}
    for call in (
        lambda: sdk.chat.completions.create(**CHAT),
        lambda: sdk.chat.completions.create(**STREAM),
        lambda: sdk.chat.completions.with_raw_response.create(**CHAT),
        lambda: claude.messages.create(model="claude-haiku-4-5", max_tokens=10, messages=ASKED),
        lambda: fast.chat.completions.create(**chat),
        lambda: flat.chat.completions.create(**chat),
        lambda: north.chat(**chat),
        lambda: mistral.chat.complete_async(**chat),
        lambda: gemini.models.generate_content(model="gemini-2.5-flash", contents="What?"),
        over_aiohttp,
    ):
        yield call
    for client in (sdk, claude, fast, flat):
        await client.close()
    await gemini.aclose()


@pytest.mark.parametrize("trips", [False, True], ids=["known here", "by a trip"])
def test_a_refusal_is_caught_as_what_it_is_by_asynchronous_code(trips: bool, host: ModelHost) -> None:
    """Whether the process knows or a store has to be asked."""
    gate = CountingGate(limit=-1, trips=trips)

    async def run() -> None:
        number = 0
        async for call in _async_calls(host):
            with pytest.raises(BudgetExceeded):
                await call()
            number += 1
            assert len(gate.asks) == number

    with gated(gate, host, hosts={f"localhost:{host.port}": "cohere"}):
        asyncio.run(run())
    assert host.requests == []


def test_a_refusal_is_an_exception_of_the_sdks_too(host: ModelHost) -> None:
    """Code that catches an SDK's errors catches it; code that catches outlay's does as well."""
    gate = CountingGate(limit=-1)
    with gated(gate, host), pytest.raises(openai.OpenAIError) as caught:
        requests.post(f"{host.openai_url}/chat/completions", json=CHAT, timeout=20)
    assert isinstance(caught.value, anthropic.AnthropicError)
    assert isinstance(caught.value, OutlayError)
    assert type(caught.value).__name__ == "BudgetExceeded"


REFUSAL = BudgetExceeded(
    budget="tenant", scope={"tenant": "acme"}, limit=Decimal(5), spent=Decimal("4.98"), held=Decimal("0.01"),
    resets=datetime(2026, 12, 1, tzinfo=UTC),
)  # fmt: skip


def test_a_refusal_says_everything_in_one_sentence() -> None:
    """Which budget, whose, how much of it is spent and held, and when there is more."""
    assert str(REFUSAL) == (
        "Budget tenant (tenant=acme): 4.98 of 5 USD are spent and 0.01 held by calls in flight; it resets at "
        "2026-12-01 00:00 UTC."
    )


def test_a_refusal_can_be_pickled(host: ModelHost) -> None:
    """As it was raised, too: another process may have no SDK to derive it from."""
    gate = CountingGate(limit=-1)
    with gated(gate, host), pytest.raises(BudgetExceeded) as caught:
        requests.post(f"{host.openai_url}/chat/completions", json=CHAT, timeout=20)
    for error in (REFUSAL, caught.value):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is BudgetExceeded
        assert (again.facts, str(again)) == (error.facts, str(error))


def test_a_refusal_is_found_in_what_a_framework_made_of_it() -> None:
    """By cause, by context, in groups; nothing is found where there is none."""
    try:
        try:
            raise REFUSAL
        except BudgetExceeded as error:
            raise ValueError("mapped") from error
    except ValueError as error:
        mapped = error
    try:
        try:
            raise mapped
        except ValueError:
            raise KeyError("while handling it")  # noqa: B904 - as careless frameworks do
    except KeyError as error:
        wrapped = error
    assert refusal(wrapped) is REFUSAL
    assert refusal(ExceptionGroup("several", [TypeError(), wrapped])) is REFUSAL
    loop = ValueError()
    loop.__context__ = KeyError()
    loop.__context__.__context__ = loop
    assert refusal(loop) is None
    assert refusal(None) is None


def test_a_retry_of_the_users_own_is_refused_each_time(host: ModelHost) -> None:
    """It costs time and no money: nothing is sent."""
    gate = CountingGate(limit=-1)
    client = openai.OpenAI(base_url=host.openai_url, api_key="none")
    with gated(gate, host) as ledger:
        for _ in range(3):
            with pytest.raises(BudgetExceeded):
                client.chat.completions.create(**CHAT)
        attempts = [call.attempt for call in ledger.calls]
    client.close()
    assert (attempts, host.requests) == ([1, 2, 3], [])


def test_a_refused_host_is_named_as_any_other(host: ModelHost) -> None:
    """The record says whose call it was, so that a report shows what was refused."""
    gate = CountingGate(limit=-1)
    with gated(gate, host) as ledger, pytest.raises(BudgetExceeded):
        httpx2.post(f"{host.openai_url}/chat/completions", json=CHAT)
    call = ledger.only
    assert (call.provider, call.host, call.request_model) == ("openai", address(host), "gpt-4o-mini")
