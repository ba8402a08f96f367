"""One program for every backend: tracked functions, streams, errors, async and threads, through the real SDKs."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import openai

import outlay
from outlay.loopback import ModelHost

HELLO: Any = [{"role": "user", "content": "hello there"}]
CALLS = 8
"""Calls that the program makes, one of which fails."""
SPANS = 6
"""Tracked functions and blocks that they happen in."""


def spend(host: ModelHost) -> None:
    """Make all the calls of the program."""
    with outlay.tags(user="u-42", session="s-7", team="search"):
        serve(host)


@outlay.track(feature="serve")
def serve(host: ModelHost) -> None:
    """Answer: plainly, streamed, with an error, in threads, and in an event loop."""
    client = openai.OpenAI(api_key="none", base_url=host.openai_url, max_retries=0)
    claude = anthropic.Anthropic(api_key="none", base_url=host.anthropic_url, max_retries=0)
    with client, claude:
        plain(client)
        claude.messages.create(model="claude-haiku-4-5", max_tokens=50, messages=[{"role": "user", "content": "hi"}])
        for _ in client.chat.completions.create(model="gpt-4o-mini", messages=HELLO, stream=True):
            pass
        host.script("429")
        with contextlib.suppress(openai.RateLimitError), outlay.track("retrying"):
            client.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(outlay.carry(lambda _: plain(client)), range(2)))
    asyncio.run(answer(host))


@outlay.track
def plain(client: openai.OpenAI) -> None:
    """Make a plain call."""
    client.chat.completions.create(model="gpt-4o", messages=HELLO)


@outlay.track("answer")
async def answer(host: ModelHost) -> None:
    """Make two calls at once."""
    async with openai.AsyncOpenAI(api_key="none", base_url=host.openai_url, max_retries=0) as client:
        await asyncio.gather(*(client.chat.completions.create(model="gpt-4o-mini", messages=HELLO) for _ in range(2)))
