"""Other people's test tools work over a metered client, whoever patched first; what they answer is one call."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import anthropic
import httpx
import httpx2
import openai
import pytest
import requests
import responses
import respx
import vcr
from pytest_httpx import HTTPXMock

from outlay.loopback import ModelHost
from outlay.testing import Ledger, ledger
from tests.testing.conftest import HOSTS, MESSAGES

ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_700_000_000,
    "model": "gpt-4o-mini-2024-07-18",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "mocked"}}],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
}
COST = "0.00021"
URL = "https://api.openai.com/v1/chat/completions"
BODY = {"model": "gpt-4o-mini", "messages": MESSAGES}

either_order = pytest.mark.parametrize("first", ["outlay", "mock"])


@contextmanager
def both(first: str, mock: AbstractContextManager[Any], **options: Any) -> Iterator[Ledger]:
    """Enter a ledger and a mock, either of them first."""
    with ExitStack() as stack:
        if first == "mock":
            stack.enter_context(mock)
        seen = stack.enter_context(ledger(hosts=HOSTS, **options))
        if first == "outlay":
            stack.enter_context(mock)
        yield seen


def ask_openai(http: Any) -> str | None:
    """Make a call through the OpenAI SDK over the HTTP client given."""
    with openai.OpenAI(api_key="none", http_client=http, max_retries=0) as client:
        return client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES).choices[0].message.content


@either_order
@respx.mock
def test_respx(first: str) -> None:
    """Mocks below httpx; the request that it sees is the application's own."""
    with both(first, respx.mock) as seen:
        route = respx.post(URL).respond(json=ANSWER)
        assert httpx.post(URL, json=BODY).json() == ANSWER
        with httpx.Client() as http, http.stream("POST", URL, json=BODY) as response:
            assert response.read()
    assert route.call_count == len(seen.calls) == 2
    assert [str(call.cost.usd) for call in seen.calls] == [COST, COST]
    assert {call.request.content for call in route.calls} == {httpx.Request("POST", URL, json=BODY).content}


@either_order
@pytest.mark.asyncio
async def test_respx_async(first: str) -> None:
    """The same for an async client."""
    with both(first, respx.mock) as seen:
        respx.post(URL).respond(json=ANSWER)
        async with httpx.AsyncClient() as http:
            assert (await http.post(URL, json=BODY)).json() == ANSWER
    assert str(seen.only.cost.usd) == COST


def test_pytest_httpx_before_outlay(httpx_mock: HTTPXMock) -> None:
    """Its fixture patches the transport when a test begins."""
    httpx_mock.add_response(json=ANSWER)
    with ledger() as seen:
        assert httpx.post(URL, json=BODY).json() == ANSWER
    assert str(seen.only.cost.usd) == COST
    (request,) = httpx_mock.get_requests()
    assert request.content == httpx.Request("POST", URL, json=BODY).content


def test_pytest_httpx_after_outlay(outlay_ledger: Ledger, httpx_mock: HTTPXMock) -> None:
    """Fixtures are set up in the order in which they are asked for."""
    httpx_mock.add_response(json=ANSWER)
    assert httpx.post(URL, json=BODY).json() == ANSWER
    assert str(outlay_ledger.only.cost.usd) == COST


@either_order
@pytest.mark.parametrize("library", [httpx, httpx2], ids=lambda library: str(library.__name__))
def test_vcrpy(host: ModelHost, tmp_path: Path, library: Any, first: str) -> None:
    """A cassette recorded and replayed under outlay is the one recorded without it; each call is counted once."""
    with vcr.use_cassette(str(tmp_path / "bare.yaml")):
        bare = talk(library, host)
    for _ in range(2):
        with both(first, vcr.use_cassette(str(tmp_path / "metered.yaml"))) as seen:
            assert talk(library, host) == bare
        assert len(seen.calls) == len(bare)
        assert [call.outcome for call in seen.calls] == ["ok", "ok", "error"]
    assert len(host.requests) == 2 * len(bare)
    assert requests_of(tmp_path / "metered.yaml") == requests_of(tmp_path / "bare.yaml")


def talk(library: Any, host: ModelHost) -> list[str]:
    """Make a plain call, a stream and one that fails; return the texts of the answers, but for what counts up."""
    url = f"{host.openai_url}/chat/completions"
    with library.Client() as http:
        plain = http.post(url, json=BODY)
        with http.stream("POST", url, json=BODY | {"stream": True}) as response:
            events = b"".join(response.iter_bytes())
        missing = http.post(url, json=BODY, headers={"x-loopback": "401"})
    return [plain.json()["choices"][0]["message"]["content"], str(events.count(b"data:")), missing.text]


def requests_of(cassette: Path) -> list[str]:
    """Return the requests of a cassette as its file has them."""
    parts = cassette.read_text().split("- request:")
    return [part.partition("  response:")[0] for part in parts[1:]]


@either_order
def test_vcrpy_under_requests(host: ModelHost, tmp_path: Path, first: str) -> None:
    """It records below urllib3, where requests can't tell; replayed calls are counted as well."""
    url = f"{host.openai_url}/chat/completions"
    for _ in range(2):
        with both(first, vcr.use_cassette(str(tmp_path / "requests.yaml"))) as seen:
            assert requests.post(url, json=BODY, timeout=20).json()["choices"]
            streamed = requests.post(url, json=BODY | {"stream": True}, stream=True, timeout=20)
            assert b"".join(streamed.iter_lines())
        assert [(call.outcome, call.transport) for call in seen.calls] == [("ok", "requests")] * 2
    assert len(host.requests) == 2


@either_order
def test_responses(first: str) -> None:
    """It takes the place of requests' adapter: the call is counted, and the mock sees the application's request."""
    mock = responses.RequestsMock()
    with both(first, mock) as seen:
        mock.post(URL, json=ANSWER)
        assert requests.post(URL, json=BODY, timeout=20).json() == ANSWER
        assert json.loads(mock.calls[0].request.body or b"") == BODY
    assert str(seen.only.cost.usd) == COST


@either_order
def test_mocks_of_the_clients_own(first: str) -> None:
    """MockTransport, below either SDK."""
    answers: dict[str, Any] = {
        "/v1/chat/completions": ANSWER,
        "/v1/messages": {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-haiku-4-5",
            "stop_reason": "end_turn",
            "stop_sequence": None, "content": [{"type": "text", "text": "mocked"}],
            "usage": {"input_tokens": 1000, "output_tokens": 100},
        },
    }  # fmt: skip
    module: Any = httpx2 if issubclass(openai.DefaultHttpxClient, httpx2.Client) else httpx
    transport = module.MockTransport(lambda request: module.Response(200, json=answers[request.url.path]))
    with both(first, module.Client(transport=transport)) as seen:
        assert ask_openai(module.Client(transport=transport)) == "mocked"
        with anthropic.Anthropic(api_key="none", http_client=module.Client(transport=transport)) as client:
            client.messages.create(model="claude-haiku-4-5", max_tokens=5, messages=[{"role": "user", "content": "hi"}])
    assert [str(call.cost.usd) for call in seen.calls] == [COST, "0.0015"]


@either_order
def test_mocked_calls_can_be_left_out(host: ModelHost, tmp_path: Path, first: str) -> None:
    """Every tool alike: what it answered itself is no call then, what it let through is one."""
    cassette = str(tmp_path / "cassette.yaml")
    for expected in (2, 0):  # recorded, replayed
        with both(first, vcr.use_cassette(cassette), mocked=False) as seen:
            httpx.post(f"{host.openai_url}/chat/completions", json=BODY)
            httpx2.post(f"{host.openai_url}/chat/completions", json=BODY)
        assert len(seen.calls) == expected
    with both(first, respx.mock, mocked=False) as seen:
        respx.post(URL).respond(json=ANSWER)
        httpx.post(URL, json=BODY)
        respx.route(host="127.0.0.1").pass_through()
        httpx.post(f"{host.openai_url}/chat/completions", json=BODY)
    assert seen.only.host.startswith("127.0.0.1")
    assert "mocked" not in seen.only.marks
