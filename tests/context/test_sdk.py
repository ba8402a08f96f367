"""The real OpenAI SDK under spans and tags: streams, threads and tasks, against a model host on this machine."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

import outlay
from outlay import context
from outlay.loopback import ModelHost
from tests.context.kept import Kept

ASK: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello there"}]}


@pytest.fixture
def host(tmp_path: Path) -> Iterator[ModelHost]:
    """Yield a model host whose calls are metered."""
    outlay.init(project="tests", data=str(tmp_path / "data"), hosts={"127.0.0.1": "openai"})
    with ModelHost() as host:
        yield host
    outlay.uninstrument()


@pytest.fixture
def seen(host: ModelHost) -> Kept:
    """Return what is kept."""
    assert context.home is not None
    records = Kept(context.home.keep)
    context.home.keep, context.home.keep_all = records.keep, None
    return records


def test_spans_own_plain_and_streamed_calls_of_threads(host: ModelHost, seen: Kept) -> None:
    """Cost and usage are right as soon as each has returned; a stream belongs to where it was begun."""

    @outlay.track(feature="stream")
    def words() -> Iterator[str]:
        for chunk in client.chat.completions.create(**ASK, stream=True):
            yield from (choice.delta.content or "" for choice in chunk.choices)

    with openai.OpenAI(api_key="k", base_url=host.openai_url) as client:
        with outlay.tags(user="u"), outlay.track("view") as span:
            answer = client.chat.completions.create(**ASK)
            assert answer.usage is not None
            assert (span.calls, span.usage.total_tokens) == (1, answer.usage.total_tokens)
            made = words()
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                list(pool.map(outlay.carry(lambda _: client.chat.completions.create(**ASK)), range(4)))
            assert span.calls == 5
        assert "".join(made)
    assert span.calls == len(host.billed) == 6
    assert sum((one.cost.usd or 0) for one in seen.calls) == span.cost > 0
    assert sorted(seen.paths) == ["view"] * 5 + ["view/stream"]
    assert seen.tags == [{"user": "u"}] * 6


def test_spans_own_the_calls_of_their_tasks(host: ModelHost, seen: Kept) -> None:
    """Each user's calls are the user's, side by side on one client."""

    @outlay.track(feature="answer")
    async def answer(client: openai.AsyncOpenAI) -> AsyncIterator[str]:
        stream = await client.chat.completions.create(**ASK, stream=True)
        async for chunk in stream:
            for choice in chunk.choices:
                yield choice.delta.content or ""

    async def chat(client: openai.AsyncOpenAI, user: str) -> None:
        with outlay.tags(user=user), outlay.track(user) as span:
            await asyncio.gather(*(client.chat.completions.create(**ASK) for _ in range(2)))
            assert [word async for word in answer(client)]
            assert span.calls == 3

    async def main() -> None:
        async with openai.AsyncOpenAI(api_key="k", base_url=host.openai_url) as client, asyncio.TaskGroup() as group:
            for number in range(4):
                group.create_task(chat(client, f"u-{number}"))

    asyncio.run(main())
    assert len(seen.calls) == 12
    assert all(one.path.split("/")[0] == one.tags["user"] for one in seen.calls)
    assert sorted(one.feature for one in seen.calls).count("answer") == 4
