"""Clients stacked on clients, redirects, bodies that can't be changed: one record a request of the application's."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import aiohttp
import boto3
import httpx_aiohttp
import openai
import pytest
import requests
from botocore.config import Config

import outlay.testing
from outlay.loopback import ModelHost
from outlay.testing import Ledger
from tests.conformance import bill
from tests.conformance.openai_shapes import CHAT, STREAM
from tests.conformance.runs import address


@pytest.fixture
def host() -> Iterator[ModelHost]:
    """Answer as OpenAI does."""
    with ModelHost() as running:
        yield running


@pytest.fixture
def ledger(host: ModelHost) -> Iterator[Ledger]:
    """Meter as in production: streams are asked for their usage."""
    with outlay.testing.ledger(ask_usage=True, hosts={address(host): "openai"}) as recorded:
        yield recorded


def url(host: ModelHost) -> str:
    """Return where to post a chat."""
    return f"{host.openai_url}/chat/completions"


def test_a_redirect_inside_requests_is_one_call(host: ModelHost, ledger: Ledger) -> None:
    """``Session.send`` calls itself for it: the answer that counts is the last one."""
    host.script("307")
    assert len(requests.post(url(host), json=CHAT, timeout=20).history) == 1
    assert len(host.requests) == 2
    assert (ledger.only.status, ledger.only.cost.amount) == (200, bill.amount(host.billed[0]))


def test_a_redirect_inside_aiohttp_is_one_call(host: ModelHost, ledger: Ledger) -> None:
    """It follows inside one request."""

    async def call() -> int:
        async with aiohttp.ClientSession() as session, session.post(url(host), json=CHAT) as response:
            await response.read()
            return len(response.history)

    host.script("307")
    assert asyncio.run(call()) == 1
    assert len(host.requests) == 2
    assert (ledger.only.status, ledger.only.cost.amount) == (200, bill.amount(host.billed[0]))


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "stream"])
def test_httpx_over_aiohttp_is_one_call(streamed: bool, host: ModelHost, ledger: Ledger) -> None:
    """The outer client's: aiohttp sees the same request, and lets it by."""

    async def call() -> None:
        transport = httpx_aiohttp.HttpxAiohttpClient()
        async with openai.AsyncOpenAI(base_url=host.openai_url, api_key="none", http_client=_fit(transport)) as client:
            answer = await client.chat.completions.create(**(STREAM if streamed else CHAT))
            if streamed:
                async for _ in answer:
                    pass

    asyncio.run(call())
    assert len(host.requests) == 1
    assert ledger.only.transport.startswith("httpx")
    assert ledger.only.cost.amount == bill.amount(host.billed[0])


def _fit(transport: Any) -> Any:
    """Return a client that the installed SDK takes: newer ones want httpx2's, which have a door of their own."""
    made: Any = openai.DefaultAioHttpClient() if hasattr(openai, "DefaultAioHttpClient") else transport
    return made


def test_a_task_born_inside_a_send_is_metered(host: ModelHost, ledger: Ledger) -> None:
    """It inherits the mark of the send that it was born in for ever: a dead send marks nothing."""

    async def call() -> None:
        async with aiohttp.ClientSession() as session:
            later: list[asyncio.Task[None]] = []

            async def post() -> None:
                async with session.post(url(host), json=CHAT) as response:
                    await response.read()

            async def born(*_: Any) -> None:
                later.append(asyncio.create_task(_after(sent, post)))

            sent = asyncio.Event()
            tracing = aiohttp.TraceConfig()
            tracing.on_request_start.append(born)
            tracing.freeze()
            async with aiohttp.ClientSession(trace_configs=[tracing]) as traced:
                async with traced.post(url(host), json=CHAT) as response:
                    await response.read()
                sent.set()
                await asyncio.gather(*later)

    asyncio.run(call())
    assert len(ledger.calls) == 2


async def _after(sent: asyncio.Event, post: Any) -> None:
    await sent.wait()
    await post()


def test_a_stream_that_requests_reads_at_once_is_filtered(host: ModelHost, ledger: Ledger) -> None:
    """Without ``stream=True``: the caller sees their own request and no event of usage; the record has it."""
    response = requests.post(url(host), json=STREAM, timeout=20)
    assert response.request.body == json.dumps(STREAM).encode()
    assert b"usage" not in response.content
    assert (ledger.only.streamed, ledger.only.cost.amount) == (True, bill.amount(host.billed[0]))


@pytest.mark.parametrize("signature", ["Authorization", "Digest"])
def test_a_body_that_is_signed_is_sent_as_it_is(signature: str, host: ModelHost, ledger: Ledger) -> None:
    """A change would break the signature: the usage is an estimate instead."""
    text = json.dumps(STREAM)
    value = {"Authorization": "AWS4-HMAC-SHA256 Credential=x", "Digest": hashlib.sha256(text.encode()).hexdigest()}
    requests.post(url(host), data=text, headers={signature: value[signature]}, timeout=20)
    assert host.requests[0].body == text.encode()
    assert ledger.only.usage is not None
    assert ledger.only.usage.estimated


@pytest.mark.parametrize("how", ["requests", "aiohttp"])
def test_a_host_that_refuses_to_be_asked_gets_the_request_as_it_was(how: str, host: ModelHost, ledger: Ledger) -> None:
    """Within the same send; the caller sees the answer and no refusal."""
    host.script("refuse")

    async def call() -> int:
        async with aiohttp.ClientSession() as session, session.post(url(host), json=STREAM) as response:
            await response.read()
            return response.status

    status = requests.post(url(host), json=STREAM, timeout=20).status_code if how == "requests" else asyncio.run(call())
    assert status == 200
    assert host.requests[1].body == json.dumps(STREAM).encode()
    assert ledger.only.marks == ("usage_requested", "usage_refused", "usage_missing")


def test_a_request_that_no_host_got_costs_nothing(ledger: Ledger) -> None:
    """Nothing listens there: requests, aiohttp and botocore say so in their own words, unchanged."""
    nowhere = "http://127.0.0.1:9/v1/chat/completions"

    async def call() -> None:
        async with aiohttp.ClientSession() as session:
            await session.post(nowhere, json=CHAT)

    with pytest.raises(requests.ConnectionError):
        requests.post(nowhere, json=CHAT, timeout=20)
    with pytest.raises(aiohttp.ClientConnectorError):
        asyncio.run(call())
    for made in ledger.calls:
        assert (made.outcome, made.cost.status, made.cost.amount) == ("error", "free", 0)
    assert [made.transport for made in ledger.calls] == ["requests", "aiohttp"]


def test_what_is_no_model_call_passes_botocore(host: ModelHost, ledger: Ledger) -> None:
    """A bucket's list is nobody's model."""
    client = boto3.client(
        "s3", endpoint_url=host.url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x",
        config=Config(retries={"max_attempts": 0}),
    )  # fmt: skip
    with pytest.raises(client.exceptions.ClientError):
        client.list_buckets()
    assert ledger.calls == []
