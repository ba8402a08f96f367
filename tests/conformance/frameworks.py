"""Frameworks on top of the SDKs, and SDKs that don't go with the others: a record a request, with what was billed.

Their versions exclude each other, so each is run in an environment of its own: ``nox -s frameworks``, or by hand
``python -m tests.conformance.frameworks litellm langchain``.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import outlay.testing
from outlay.loopback import ModelHost
from tests.conformance.canned import Canned, FieldHost, amazon, events

MODEL = "gpt-4o-mini"
ASKED: list[Any] = [{"role": "user", "content": "What does a call cost?"}]
Way = Callable[[ModelHost], Awaitable[None]]


async def litellm_sync(host: ModelHost) -> None:
    """Call and stream by LiteLLM."""
    import litellm

    given = {"model": f"openai/{MODEL}", "messages": ASKED, "api_base": host.openai_url, "api_key": "none"}
    litellm.completion(**given)
    for _ in litellm.completion(**given, stream=True):
        pass


async def litellm_async(host: ModelHost) -> None:
    """Call and stream by LiteLLM's other half, which sends by aiohttp under httpx unless told otherwise."""
    import litellm

    given = {"model": f"openai/{MODEL}", "messages": ASKED, "api_base": host.openai_url, "api_key": "none"}
    await litellm.acompletion(**given)
    async for _ in await litellm.acompletion(**given, stream=True):
        pass


async def litellm_anthropic(host: ModelHost) -> None:
    """Call Anthropic's format by LiteLLM, without its SDK."""
    import litellm

    given = {"model": "anthropic/claude-haiku-4-5", "messages": ASKED, "api_base": host.url, "api_key": "none"}
    await litellm.acompletion(**given)
    async for _ in await litellm.acompletion(**given, stream=True):
        pass


async def langchain(host: ModelHost) -> None:
    """Invoke, stream and batch by LangChain, in both halves."""
    from langchain_openai import ChatOpenAI

    chat = ChatOpenAI(model=MODEL, base_url=host.openai_url, api_key="none")
    chat.invoke("What does a call cost?")
    for _ in chat.stream("What does a call cost?"):
        pass
    await chat.ainvoke("What does a call cost?")
    async for _ in chat.astream("What does a call cost?"):
        pass
    await chat.abatch(["one", "two"])


async def pydantic_ai(host: ModelHost) -> None:
    """Run an agent, plain and as a stream."""
    from pydantic_ai import Agent
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    agent = Agent(OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=host.openai_url, api_key="none")))
    await agent.run("What does a call cost?")
    async with agent.run_stream("What does a call cost?") as running:
        await running.get_output()


async def openai_agents(host: ModelHost) -> None:
    """Run an agent over Responses, plain and as a stream."""
    import openai
    from agents import Agent, OpenAIResponsesModel, Runner, set_tracing_disabled

    set_tracing_disabled(disabled=True)
    async with openai.AsyncOpenAI(base_url=host.openai_url, api_key="none") as client:
        agent = Agent(name="a", model=OpenAIResponsesModel(model=MODEL, openai_client=client))
        await Runner.run(agent, "What does a call cost?")
        running = Runner.run_streamed(agent, "What does a call cost?")
        async for _ in running.stream_events():
            pass


async def instructor(host: ModelHost) -> None:
    """Have an answer parsed by Instructor."""
    import instructor as library
    import openai
    from pydantic import BaseModel

    class Verdict(BaseModel):
        good: bool

    with openai.OpenAI(base_url=host.openai_url, api_key="none") as client:
        asking = library.from_openai(client, mode=library.Mode.JSON_SCHEMA)
        asking.chat.completions.create(model=MODEL, messages=ASKED, response_model=Verdict)


GRANITE, NOVA = "ibm/granite-3-3-8b-instruct", "us.amazon.nova-micro-v1:0"
TOLD = {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25}
_SAID = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Little."}, "finish_reason": "stop"}]}
_DELTA = {"choices": [{"index": 0, "delta": {"content": "Little."}, "finish_reason": "stop"}]}
_HEAD = {"id": "c-1", "object": "chat.completion", "created": 1, "model": GRANITE, "model_id": GRANITE}
_RESULT = {"generated_text": "Little.", "generated_token_count": 5, "input_token_count": 20, "stop_reason": "eos_token"}
# https://cloud.ibm.com/apidocs/watsonx-ai
WATSONX = (
    Canned("/ml/v1/text/generation", {"model_id": GRANITE, "results": [_RESULT]}),
    Canned("/ml/v1/text/chat", {**_HEAD, **_SAID, "usage": TOLD}),
    Canned("/ml/v1/text/chat_stream", kind="text/event-stream",
           pieces=events({**_HEAD, **_DELTA}, {**_HEAD, "choices": [], "usage": TOLD})),
    Canned("/ml/v1/text/embeddings", {
        "model_id": GRANITE, "results": [{"embedding": [0.1]}], "input_token_count": 25}),
    Canned("/foundation_model_specs", {"resources": [{"model_id": GRANITE}]}, method="GET"),
    Canned("/v2/projects/p", {"metadata": {"guid": "p"}, "entity": {"storage": {"type": "x"}, "compute": [
        {"type": "machine_learning", "guid": "g", "crn": "crn:v1:bluemix:public:pm-20:us-south:a/a:g::"}]}},
        method="GET"),
)  # fmt: skip
_COUNTED = {"inputTokens": 20, "outputTokens": 5, "totalTokens": 25}
_MESSAGE = {"role": "assistant", "content": [{"text": "Little."}]}
# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
BEDROCK = (
    Canned("/converse", {
        "output": {"message": _MESSAGE}, "stopReason": "end_turn", "usage": _COUNTED, "metrics": {"latencyMs": 1}}),
    Canned("/converse-stream", kind="application/vnd.amazon.eventstream", pieces=amazon(
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Little."}}),
        ("messageStop", {"stopReason": "end_turn"}),
        ("metadata", {"usage": _COUNTED, "metrics": {"latencyMs": 1}}))),
    Canned("/invoke", {"output": {"message": _MESSAGE}, "stopReason": "end_turn", "usage": _COUNTED}),
)  # fmt: skip


async def watsonx(host: ModelHost) -> None:
    """Generate, chat, stream and embed by IBM's SDK, sync and async; a token of its own making lets it in."""
    import httpx
    from ibm_watsonx_ai import APIClient, Credentials
    from ibm_watsonx_ai.foundation_models import Embeddings, ModelInference

    def reroute(request: httpx.Request) -> httpx.Request:  # the SDK wants https and a host of IBM's
        url = request.url.copy_with(scheme="http", host="127.0.0.1", port=host.port)
        return httpx.Request(request.method, url, headers=request.headers, content=request.read())

    class Sync(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            return super().handle_request(reroute(request))

    class Async(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return await super().handle_async_request(reroute(request))

    client = APIClient(
        Credentials(url="https://us-south.ml.cloud.ibm.com", token="none"),
        project_id="p",
        httpx_client=httpx.Client(transport=Sync()),
        async_httpx_client=httpx.AsyncClient(transport=Async()),
    )
    model = ModelInference(model_id=GRANITE, api_client=client, project_id="p", validate=False)
    assert model.generate_text("What?") == "Little."
    model.chat(messages=ASKED)
    assert list(model.chat_stream(messages=ASKED))
    await model.achat(messages=ASKED)
    assert [chunk async for chunk in await model.achat_stream(messages=ASKED)]
    await model.agenerate("What?")
    Embeddings(model_id=GRANITE, api_client=client, project_id="p").embed_query("one call")


async def aiobotocore(host: ModelHost) -> None:
    """Converse, stream and invoke by the async half of boto3, which sends by aiohttp."""
    from aiobotocore.session import get_session

    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
    asked = [{"role": "user", "content": [{"text": "What?"}]}]
    async with get_session().create_client("bedrock-runtime", endpoint_url=host.url, **keys) as client:
        await client.converse(modelId=NOVA, messages=asked)
        streamed = await client.converse_stream(modelId=NOVA, messages=asked)
        assert [event async for event in streamed["stream"]]
        answer = await client.invoke_model(modelId=NOVA, body=b'{"messages": []}')
        assert await answer["body"].read()


CANNED: Mapping[Way, tuple[str, tuple[Canned, ...]]] = {
    watsonx: ("ibm.watsonx.ai", WATSONX),
    aiobotocore: ("aws.bedrock", BEDROCK),
}
"""Who bills, and what the host answers, 25 tokens a call."""

WAYS: Mapping[str, tuple[Way, ...]] = {
    "litellm": (litellm_sync, litellm_async, litellm_anthropic),
    "langchain": (langchain,),
    "pydantic_ai": (pydantic_ai,),
    "openai_agents": (openai_agents,),
    "instructor": (instructor,),
    "watsonx": (watsonx,),
    "aiobotocore": (aiobotocore,),
}


def check(way: Way) -> str:
    """Run one way; return what is wrong with its records, or nothing."""
    biller, canned = CANNED.get(way, ("anthropic" if way is litellm_anthropic else "openai", ()))
    with FieldHost(canned) if canned else ModelHost() as host:
        hosts = {f"127.0.0.1:{host.port}": biller}
        with outlay.testing.ledger(ask_usage=True, hosts=hosts) as ledger:
            asyncio.run(_run(way, host))
            calls = ledger.calls
    billed, posts = len(host.billed), sum(request.method == "POST" for request in host.requests)
    if len(calls) != posts:
        return f"{posts} requests, {len(calls)} records"
    tokens = sum(call.usage.total_tokens for call in calls if call.usage is not None)
    if tokens != (25 * billed if canned else sum(_tokens(bill.usage) for bill in host.billed)):
        return f"{tokens} tokens in {billed} records are not what was billed"
    vague = [call for call in calls if call.outcome != "ok" or call.cost.status != "priced" or call.usage is None]
    return f"{len(vague)} of {billed} records are not whole: {vague[0]}" if vague else ""


def _tokens(usage: Mapping[str, Any]) -> int:
    cached = usage.get("cache_creation_input_tokens", 0) + usage.get("cache_read_input_tokens", 0)
    told = usage.get("total_tokens")
    return int(told if told is not None else usage["input_tokens"] + usage["output_tokens"] + cached)


async def _run(way: Way, host: ModelHost) -> None:
    await way(host)
    await asyncio.sleep(0)


def main() -> int:
    """Run the frameworks that are named; return 1 if any of their ways is not metered as it must be."""
    os.environ |= {"OUTLAY_STRICT": "1", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}  # nothing leaves this machine
    wrong = 0
    for name in sys.argv[1:]:
        for way in WAYS[name]:
            found = check(way)
            wrong += bool(found)
            print(f"{way.__name__}: {found or 'as billed'}")  # noqa: T201 - its output
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
