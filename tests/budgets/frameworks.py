"""Frameworks on top of the SDKs under a budget that is used up: nothing is sent, whatever they retry or fall back to.

Their versions exclude each other, so each is run in an environment of its own: ``nox -s frameworks``, or by hand
``python -m tests.budgets.frameworks litellm langchain``.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import outlay
import outlay.testing
from outlay.loopback import ModelHost

MODEL = "gpt-4o-mini"
ASKED: list[Any] = [{"role": "user", "content": "What does a call cost?"}]
Call = Callable[[], Awaitable[object]]
SOON = 5.0
"""Seconds: none may wait and try again for long. Loaded machines are slow."""


def sync(call: Callable[[], object]) -> Call:
    """Return a call as if it were asynchronous."""

    async def run() -> object:
        return call()

    return run


def litellm(host: ModelHost) -> dict[str, Call]:
    """Call by LiteLLM and by its router, which would try other deployments."""
    import litellm as library

    given = {"model": f"openai/{MODEL}", "messages": ASKED, "api_base": host.openai_url, "api_key": "none"}
    claude = given | {"model": "anthropic/claude-haiku-4-5", "api_base": host.url}
    deployments: list[Any] = [
        {"model_name": name, "litellm_params": {key: given[key] for key in ("model", "api_base", "api_key")}}
        for name in ("first", "first", "second")
    ]

    def router() -> Any:  # a new one each time: it leaves a deployment alone for a while whose call has failed
        return library.Router(model_list=deployments, num_retries=2, fallbacks=[{"first": ["second"]}])

    async def stream() -> None:
        async for _ in await library.acompletion(**given, stream=True):
            pass

    return {
        "completion": sync(lambda: library.completion(**given)),
        "completion with retries": sync(lambda: library.completion(**given, num_retries=2)),
        "completion streamed": sync(lambda: list(library.completion(**given, stream=True))),
        "acompletion": lambda: library.acompletion(**given),
        "acompletion streamed": stream,
        "acompletion of Claude": lambda: library.acompletion(**claude),
        "Router": sync(lambda: router().completion(model="first", messages=ASKED)),
        "Router, async": lambda: router().acompletion(model="first", messages=ASKED),
    }


def langchain(host: ModelHost) -> dict[str, Call]:
    """Invoke, stream and batch by LangChain, with its own retries and fallbacks too."""
    from langchain_openai import ChatOpenAI

    chat = ChatOpenAI(model=MODEL, base_url=host.openai_url, api_key="none")
    other = ChatOpenAI(model="gpt-4.1-nano", base_url=host.openai_url, api_key="none")
    backed = chat.with_fallbacks([other], exceptions_to_handle=(ValueError,))
    again = chat.with_retry(retry_if_exception_type=(ValueError,))

    async def stream() -> None:
        async for _ in chat.astream("What?"):
            pass

    return {
        "invoke": sync(lambda: chat.invoke("What?")),
        "stream": sync(lambda: list(chat.stream("What?"))),
        "batch": sync(lambda: chat.batch(["one", "two"])),
        "ainvoke": lambda: chat.ainvoke("What?"),
        "astream": stream,
        "with_fallbacks": sync(lambda: backed.invoke("What?")),
        "with_fallbacks of all": sync(lambda: chat.with_fallbacks([other]).invoke("What?")),
        "with_retry": sync(lambda: again.invoke("What?")),
    }


def openai_agents(host: ModelHost) -> dict[str, Call]:
    """Run an agent over Responses and over chats, plain and streamed."""
    import openai
    from agents import Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, set_tracing_disabled

    set_tracing_disabled(disabled=True)

    def agent(kind: Any) -> Any:
        client = openai.AsyncOpenAI(base_url=host.openai_url, api_key="none")
        return Agent(name="a", model=kind(model=MODEL, openai_client=client))

    async def stream() -> None:
        running = Runner.run_streamed(agent(OpenAIResponsesModel), "What?")
        async for _ in running.stream_events():
            pass

    return {
        "run": lambda: Runner.run(agent(OpenAIResponsesModel), "What?"),
        "run over chats": lambda: Runner.run(agent(OpenAIChatCompletionsModel), "What?"),
        "run_streamed": stream,
    }


FRAMEWORKS: Mapping[str, Callable[[ModelHost], dict[str, Call]]] = {
    "litellm": litellm,
    "langchain": langchain,
    "openai_agents": openai_agents,
}


def check(call: Call, host: ModelHost) -> str:
    """Run one call under a budget that is used up; return what came of it, with ``!`` where that is wrong."""
    budget = outlay.Budget("used up", limit="0.000001", per="total", block=True)
    named = {f"127.0.0.1:{host.port}": "openai"}
    began, raised = time.monotonic(), None
    with outlay.testing.ledger(hosts=named, budgets=(budget,), budget_store="memory") as ledger:
        try:
            asyncio.run(_run(call))
        except Exception as error:  # noqa: BLE001 - what a framework makes of it is the question
            raised = error
        tries = len(ledger.calls)
    took = time.monotonic() - began
    sent = [request for request in host.requests if request.method == "POST"]
    kind = type(raised).__qualname__
    if sent or outlay.refusal(raised) is None or took > SOON:
        return f"! {kind}, {tries} tries, {len(sent)} sent, {took:.1f} s"
    return f"{kind}, {'typed' if isinstance(raised, outlay.BudgetExceeded) else 'in the chain'}, {tries} tries, 0 sent"


async def _run(call: Call) -> object:
    return await call()


def main() -> int:
    """Run the frameworks that are named; return 1 if any sends, or loses the refusal."""
    os.environ |= {"OUTLAY_STRICT": "1", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}  # nothing leaves this machine
    wrong = 0
    for name in sys.argv[1:]:
        with ModelHost() as host:
            for way, call in FRAMEWORKS[name](host).items():
                found = check(call, host)
                wrong += found.startswith("!")
                print(f"{name} {way}: {found}")  # noqa: T201 - its output
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
