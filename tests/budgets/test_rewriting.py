"""What a budget changes in a request: the model or the output limit, nothing else, and only where it can be done."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import aiohttp
import anthropic
import boto3
import httpx
import httpx2
import openai
import pytest
import requests
from botocore.config import Config
from google import genai
from google.genai import types
from hypothesis import given
from hypothesis import strategies as st

from outlay import app
from outlay.budgets.decision import Ask, Decision
from outlay.errors import BudgetExceeded
from outlay.loopback import Behaviour, ModelHost, Received
from outlay.wire.amend import amended
from tests.budgets.double import CountingGate, gated
from tests.conformance.bedrock_shapes import BEDROCK_SHAPES
from tests.conformance.canned import Canned, FieldHost
from tests.conformance.gemini_shapes import GENERATE
from tests.conformance.openai_shapes import CHAT, STREAM

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")  # genai's

DOWN: dict[str, Any] = {"model": "gpt-4.1-nano", "marks": ("budget_downgraded",)}
CAPPED: dict[str, Any] = {"output_limit": 30, "marks": ("budget_capped",)}


@pytest.fixture
def host() -> Iterator[ModelHost]:
    """Answer as OpenAI and Anthropic do."""
    with ModelHost() as running:
        yield running


async def _by_aiohttp(url: str, body: dict[str, Any], **how: Any) -> Any:
    async with aiohttp.ClientSession() as session:
        given = {"data": json.dumps(body)} if how.get("data") else {"json": body}
        async with session.post(url, **given, headers=how.get("headers")) as response:
            return await response.read()


async def _by_async_httpx(url: str, body: dict[str, Any]) -> Any:
    async with httpx2.AsyncClient() as client:
        return (await client.post(url, json=body)).read()


CLIENTS: dict[str, Any] = {
    "requests": lambda url, body: requests.post(url, json=body, timeout=20).content,
    "requests text": lambda url, body: requests.post(url, data=json.dumps(body), timeout=20).content,
    "httpx": lambda url, body: httpx.post(url, json=body).content,
    "httpx2": lambda url, body: httpx2.post(url, json=body).content,
    "httpx2 async": lambda url, body: asyncio.run(_by_async_httpx(url, body)),
    "aiohttp json": lambda url, body: asyncio.run(_by_aiohttp(url, body)),
    "aiohttp data": lambda url, body: asyncio.run(_by_aiohttp(url, body, data=True)),
}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("asked", [CHAT, STREAM], ids=["plain", "stream"])
def test_every_client_sends_what_the_budget_wants(client: str, asked: dict[str, Any], host: ModelHost) -> None:
    """The model and the limit differ, the length fits; a stream is asked for its usage too, and does not show it."""
    gate = CountingGate(**DOWN | CAPPED | {"marks": ("budget_downgraded", "budget_capped")})
    with gated(gate, host) as ledger:
        body = CLIENTS[client](f"{host.openai_url}/chat/completions", asked)
        call = ledger.only
    sent = host.requests[0].json()
    usage = {"stream_options": {"include_usage": True}} if asked is STREAM else {}
    assert sent == {**asked, "model": "gpt-4.1-nano", "max_completion_tokens": 30, **usage}
    assert host.requests[0].header("content-length") == str(len(host.requests[0].body))
    assert (b'"usage"' in body) == (asked is CHAT)
    assert (call.request_model, call.response_model) == ("gpt-4.1-nano", "gpt-4.1-nano-2025-04-14")
    assert {"budget_downgraded", "budget_capped", "asked_for_gpt-4o-mini"} <= set(call.marks)
    assert gate.settled == [call.cost.amount]
    assert call.cost.model == "gpt-4.1-nano"


def test_an_application_does_not_see_that_its_request_was_changed(host: ModelHost) -> None:
    """The answer shows the request that the application made."""
    with gated(CountingGate(**DOWN), host):
        response = httpx2.post(f"{host.openai_url}/chat/completions", json=CHAT)
        other = requests.post(f"{host.openai_url}/chat/completions", json=CHAT, timeout=20)
    assert json.loads(response.request.content) == CHAT
    assert json.loads(other.request.body or b"") == CHAT


def test_a_lower_limit_of_the_callers_stays(host: ModelHost) -> None:
    """A cap only lowers; where the caller wrote the limit it is written."""
    with gated(CountingGate(**CAPPED), host):
        for limits in ({"max_tokens": 10}, {"max_tokens": 100}, {"max_completion_tokens": 100}, {}):
            requests.post(f"{host.openai_url}/chat/completions", json=CHAT | limits, timeout=20)
    sent = [{key: value for key, value in got.json().items() if key.startswith("max")} for got in host.requests]
    assert sent == [
        {"max_tokens": 10},
        {"max_tokens": 30},
        {"max_completion_tokens": 30},
        {"max_completion_tokens": 30},
    ]


def test_other_hosts_have_another_name_for_the_limit(host: ModelHost) -> None:
    """Most that speak OpenAI's format know the older one alone."""
    with gated(CountingGate(**CAPPED), host, "deepseek"):
        requests.post(f"{host.openai_url}/chat/completions", json=CHAT, timeout=20)
    assert host.requests[0].json() == CHAT | {"max_tokens": 30}


def test_a_cap_does_not_go_below_a_thinking_budget(host: ModelHost) -> None:
    """Anthropic would refuse the request: the gate is asked for its next action instead, and holds one amount."""
    gate = CountingGate(**CAPPED)
    client = anthropic.Anthropic(base_url=host.anthropic_url, api_key="none")
    with gated(gate, host, "anthropic"):
        client.messages.create(
            model="claude-haiku-4-5", max_tokens=4096, messages=[{"role": "user", "content": "What?"}],
            extra_body={"thinking": {"type": "enabled", "budget_tokens": 1024}},  # older than its argument
        )  # fmt: skip
    client.close()
    assert host.requests[0].json()["max_tokens"] == 4096
    assert [ask.can_limit for ask in gate.asks] == [True, False]
    assert gate.held == {}


@pytest.mark.parametrize(
    "headers", [{"Authorization": "AWS4-HMAC-SHA256 Credential=x"}, {"Digest": "sha-256=x"}], ids=["sigv4", "digest"]
)
def test_a_signed_request_is_refused_or_sent_as_it_is(headers: dict[str, str], host: ModelHost) -> None:
    """The gate is told before it decides."""
    gate = CountingGate(**DOWN)
    with gated(gate, host):
        requests.post(f"{host.openai_url}/chat/completions", json=CHAT, headers=headers, timeout=20)
    assert host.requests[0].json() == CHAT
    assert (gate.only.can_downgrade, gate.only.can_limit) == (False, False)


def test_a_form_and_a_generator_can_not_be_changed(host: ModelHost) -> None:
    """Nor do they say what they cost."""
    gate = CountingGate(**DOWN | CAPPED)
    url = f"{host.openai_url}/chat/completions"
    with gated(gate, host):
        requests.post(url, data=iter([json.dumps(CHAT).encode()]), timeout=20)
        httpx2.post(f"{host.openai_url}/audio/transcriptions", data={"model": "whisper-1"}, files={"file": b"x"})
    assert [(ask.can_downgrade, ask.can_limit, ask.quote()) for ask in gate.asks] == [(False, False, None)] * 2
    assert [ask.unbounded for ask in gate.asks] == ["its body can't be read", "nothing in its format bounds it"]


GEMINI_PATH = "/v1beta/models/gemini-2.5-flash:generateContent?alt=json&key=none"


async def _moved_by_aiohttp(base: str | None, url: str) -> Any:
    async with aiohttp.ClientSession(base) as session, session.post(url, json=ASKED) as response:
        return await response.read()


async def _moved_by_httpx2(host: FieldHost) -> Any:
    async with httpx2.AsyncClient() as client:
        return await client.post(host.url + GEMINI_PATH, json=ASKED)


def _moved_by_genai(host: FieldHost) -> None:
    client = genai.Client(api_key="none", http_options=types.HttpOptions(base_url=host.url))
    client.models.generate_content(model="gemini-2.5-flash", contents="What?")
    client.close()


ASKED = {"contents": [{"parts": [{"text": "What?"}], "role": "user"}]}
MOVERS: dict[str, Any] = {
    "google-genai": _moved_by_genai,
    "requests": lambda host: requests.post(host.url + GEMINI_PATH, json=ASKED, timeout=20),
    "httpx": lambda host: httpx.post(host.url + GEMINI_PATH, json=ASKED),
    "httpx2 async": lambda host: asyncio.run(_moved_by_httpx2(host)),
    "aiohttp": lambda host: asyncio.run(_moved_by_aiohttp(None, host.url + GEMINI_PATH)),
    "aiohttp base": lambda host: asyncio.run(_moved_by_aiohttp(host.url, GEMINI_PATH)),
}


@pytest.mark.parametrize("way", MOVERS)
def test_a_model_in_the_path_is_changed_there(way: str) -> None:
    """Gemini's, by every client: what is asked for beside it stays, and one call is one record."""
    gate = CountingGate(**DOWN | {"model": "gemini-2.5-flash-lite", "output_limit": 30})
    with FieldHost((GENERATE,)) as host, gated(gate, host, "gcp.gemini") as ledger:
        answer = MOVERS[way](host)
        call = ledger.only
    sent = host.requests[0]
    assert sent.path.endswith("/models/gemini-2.5-flash-lite:generateContent")
    assert sent.query == ("" if way == "google-genai" else GEMINI_PATH.partition("?")[2])
    assert sent.json()["generationConfig"]["maxOutputTokens"] == 30
    assert call.request_model == "gemini-2.5-flash-lite"
    assert "asked_for_gemini-2.5-flash" in call.marks
    assert (gate.held, len(gate.settled)) == ({}, 1)
    if way in ("requests", "httpx", "httpx2 async"):
        assert "gemini-2.5-flash:" in str(answer.request.url)


def test_an_answer_of_another_model_is_priced_by_its_own_rule() -> None:
    """Up to Gemini 2.5 searches are billed once an answer, and the coverage figure has the path that was sent to."""
    gate = CountingGate(model="gemini-2.5-flash")
    searched = {"candidates": [{"groundingMetadata": {"webSearchQueries": ["a", "b"]}}]}
    answer = {**searched, "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 6}}
    with FieldHost((Canned("/models/.*", answer),)) as host, gated(gate, host, "gcp.gemini") as ledger:
        requests.post(f"{host.url}/v1beta/models/gemini-3-pro-preview:generateContent", json=ASKED, timeout=20)
        cost = ledger.only.cost
        seen = {line.path: (line.requests, line.metered) for line in app.current().recogniser.coverage(0)}  # type: ignore[union-attr] # it is there
    assert cost is not None
    assert cost.by_class["web_search"] == 35_000_000_000
    assert seen == {"/v1beta/models/*:generateContent": (1, 1)}


def test_an_azure_deployment_gives_way_to_another_of_the_users_own(host: ModelHost) -> None:
    """Its name is the one that the budget has, in the path and in the body."""
    gate = CountingGate(**DOWN | CAPPED)
    with gated(gate, host, "azure.ai.openai") as ledger:
        azure = openai.AzureOpenAI(api_key="none", azure_endpoint=host.url, api_version="2024-10-21", max_retries=0)
        azure.chat.completions.create(**CHAT)
        azure.close()
        call = ledger.only
    sent = host.requests[0]
    assert (sent.path, sent.query) == ("/openai/deployments/gpt-4.1-nano/chat/completions", "api-version=2024-10-21")
    assert (sent.json()["model"], sent.json()["max_completion_tokens"]) == ("gpt-4.1-nano", 30)
    assert call.request_model == "gpt-4.1-nano"


NOVA_MICRO: dict[str, Any] = {"model": "amazon.nova-micro-v1:0", "marks": ("budget_downgraded",)}


def test_bedrock_is_changed_before_it_is_signed() -> None:
    """So the signature fits what is sent, at each of boto3's attempts."""
    gate = CountingGate(**NOVA_MICRO | {"output_limit": 30})
    shape = next(shape for shape in BEDROCK_SHAPES if shape.name == "bedrock converse")
    with shape.host() as host, gated(gate, host, "aws.bedrock") as ledger:
        client = _bedrock(host.url)
        host.script("429", "ok")
        said: Any = [{"role": "user", "content": [{"text": "What?"}]}]
        client.converse(modelId="amazon.nova-lite-v1:0", messages=said, inferenceConfig={"maxTokens": 500})
        client.close()
        models = [call.request_model for call in ledger.calls]
    assert [request.path for request in host.requests] == ["/model/amazon.nova-micro-v1%3A0/converse"] * 2
    assert [request.json()["inferenceConfig"] for request in host.requests] == [{"maxTokens": 30}] * 2
    assert [request.json()["messages"] for request in host.requests] == [said] * 2
    assert all(_signs(request) for request in host.requests)
    assert models == ["amazon.nova-micro-v1:0"] * 2
    assert len(gate.settled) == 2


def test_a_body_of_one_maker_is_sent_to_no_other_makers_model() -> None:
    """Bedrock's InvokeModel: the gate is told, and asked for its next action."""
    haiku = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
    body = json.dumps({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": []})
    with FieldHost((Canned("/model/.*/invoke", {"usage": {"input_tokens": 1, "output_tokens": 1}}),)) as host:
        for wanted, sent_to in (("amazon.nova-micro-v1:0", "sonnet"), (haiku, "haiku")):
            gate = CountingGate(model=wanted)
            with gated(gate, host, "aws.bedrock"):
                client = _bedrock(host.url)
                client.invoke_model(modelId="eu.anthropic.claude-sonnet-4-5-20250929-v1:0", body=body)
                client.close()
            assert sent_to in host.requests[-1].path
            assert [ask.can_downgrade for ask in gate.asks] == ([True, False] if sent_to == "sonnet" else [True])
            assert gate.held == {}


def _bedrock(url: str) -> Any:
    return boto3.client(
        "bedrock-runtime", endpoint_url=url, region_name="us-east-1", aws_access_key_id="x",
        aws_secret_access_key="x", config=Config(retries={"max_attempts": 2, "mode": "standard"}),
    )  # fmt: skip


def _signs(request: Received) -> bool:
    """Return whether the signature is the one of this body: botocore makes it anew from what was sent."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    names = str(request.header("authorization")).partition("SignedHeaders=")[2].partition(",")[0].split(";")
    url = f"http://{request.header('host')}{request.path}"
    again = AWSRequest(request.method, url, {name: request.header(name) for name in names}, request.body)
    again.context["timestamp"] = request.header("x-amz-date")
    signer = SigV4Auth(Credentials("x", "x"), "bedrock", "us-east-1")
    text = signer.string_to_sign(again, signer.canonical_request(again))
    return signer.signature(text, again) in str(request.header("authorization"))


def test_a_request_that_boto3_never_sends_costs_nothing() -> None:
    """As when a test's stub answers in its place."""
    gate = CountingGate()
    client = boto3.client(
        "bedrock-runtime", endpoint_url="http://127.0.0.1:9", region_name="us-east-1", aws_access_key_id="x",
        aws_secret_access_key="x",
    )  # fmt: skip
    from botocore.awsrequest import AWSResponse

    class Raw:
        def read(self, *_: Any) -> bytes:
            return b""

        def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
            yield b"{}"

    client.meta.events.register(
        "before-send.bedrock-runtime", lambda request, **_: AWSResponse(request.url, 200, {}, Raw())
    )
    with ModelHost() as host, gated(gate, host, hosts={"127.0.0.1:9": "aws.bedrock"}) as ledger:
        client.converse(modelId="amazon.nova-lite-v1:0", messages=[{"role": "user", "content": [{"text": "What?"}]}])
        ledger.settle()
        assert (gate.settled, gate.held) == ([0], {})
        assert ledger.only.cost.amount == 0
    client.close()


def test_a_host_that_refuses_the_question_for_usage_gets_what_the_budget_wants(host: ModelHost) -> None:
    """The second time without the question, and still with the cheaper model."""
    gate = CountingGate(**DOWN)
    for post in (
        lambda url: requests.post(url, json=STREAM, timeout=20),
        lambda url: httpx2.post(url, json=STREAM),
        lambda url: asyncio.run(_by_aiohttp(url, STREAM)),
        lambda url: asyncio.run(_by_async_httpx(url, STREAM)),
    ):
        host.script(Behaviour(refuse=frozenset(("stream_options",))))
        with gated(gate, host):
            post(f"{host.openai_url}/chat/completions")
    for asked, again in zip(host.requests[::2], host.requests[1::2], strict=True):
        assert asked.json() == STREAM | {"model": "gpt-4.1-nano", "stream_options": {"include_usage": True}}
        assert again.json() == STREAM | {"model": "gpt-4.1-nano"}
    assert len(host.requests) == 8


class Insistent(CountingGate):
    """Want a change whatever is said of it, until it has turned out to be impossible."""

    def decide(self, ask: Ask, *, wait: bool = True) -> Decision | None:
        """Change what can't be changed; refuse when that is seen."""
        if self.asks:
            self.limit = -1
        self.decided = {} if self.asks else {"model": "gpt-4.1-nano"}
        return super().decide(ask, wait=wait)


def test_a_change_that_turns_out_impossible_gives_way_to_the_next_action(
    host: ModelHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was reserved for it is given back before the gate is asked again."""
    monkeypatch.setattr("outlay.policy.amended", lambda *_: None)
    gate = Insistent()
    with gated(gate, host), pytest.raises(BudgetExceeded):
        requests.post(f"{host.openai_url}/chat/completions", json=CHAT, timeout=20)
    assert (gate.settled, gate.held, host.requests) == ([0], {}, [])
    assert [(ask.can_downgrade, ask.can_limit) for ask in gate.asks] == [(True, True), (False, False)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(), inner, max_size=3)
)  # fmt: skip


@given(st.dictionaries(st.text(), JSON), st.sampled_from(["model", "a.b", "a.b.c"]), st.booleans())
def test_a_change_leaves_everything_else_as_it_is(document: dict[str, Any], path: str, indented: bool) -> None:
    """Every other member with its value, in its order; an odd document is left alone."""
    body = json.dumps(document, indent=2 if indented else None).encode()
    made = amended(body, path, 7)
    inner: Any = document
    for name in path.split(".")[:-1]:
        inner = inner.get(name, {}) if isinstance(inner, dict) else None
        inner = {} if inner is None else inner
    if not isinstance(inner, dict) or _blocked(document, path):
        assert made is None
        return
    assert made is not None
    wanted = json.loads(body)
    at = wanted
    for name in path.split(".")[:-1]:
        at[name] = at.get(name) or {}
        at = at[name]
    at[path.rpartition(".")[2]] = 7
    assert json.loads(made) == wanted
    assert [*json.loads(made)] == [*wanted]


def _blocked(document: Any, path: str) -> bool:
    """Return whether something other than an object stands on the way."""
    for name in path.split(".")[:-1]:
        document = document.get(name)
        if document is None:
            return False
        if not isinstance(document, dict):
            return True
    return False
