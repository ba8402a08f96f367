"""Frameworks on top of the SDKs: one record for each request that they make, with what was billed.

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


WAYS: Mapping[str, tuple[Way, ...]] = {
    "litellm": (litellm_sync, litellm_async, litellm_anthropic),
    "langchain": (langchain,),
    "pydantic_ai": (pydantic_ai,),
    "openai_agents": (openai_agents,),
    "instructor": (instructor,),
}


def check(way: Way) -> str:
    """Run one way; return what is wrong with its records, or nothing."""
    with ModelHost() as host:
        hosts = {f"127.0.0.1:{host.port}": "anthropic" if way is litellm_anthropic else "openai"}
        with outlay.testing.ledger(ask_usage=True, hosts=hosts) as ledger:
            asyncio.run(_run(way, host))
            calls = ledger.calls
    billed, posts = len(host.billed), sum(request.method == "POST" for request in host.requests)
    if len(calls) != posts:
        return f"{posts} requests, {len(calls)} records"
    tokens = sum(call.usage.total_tokens for call in calls if call.usage is not None)
    if tokens != sum(_tokens(bill.usage) for bill in host.billed):
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
