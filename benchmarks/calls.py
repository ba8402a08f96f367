"""The ways of calling a model that are measured, each as a function without arguments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import openai
from openai.types.chat import ChatCompletionMessageParam

Call = Callable[[], object]
AsyncCall = Callable[[], Awaitable[object]]

MODEL = "gpt-4o-mini"
ASKED: dict[str, Any] = {"stream_options": {"include_usage": True}}
"""Options of a stream whose caller asks for usage; of another one outlay asks."""


def prompt(size: int = 2048) -> list[ChatCompletionMessageParam]:
    """Return messages of about ``size`` bytes."""
    return [{"role": "user", "content": "Why is it so? " * (size // 14)}]


def plain(client: openai.OpenAI, size: int = 2048) -> Call:
    """Make one plain call with a prompt of ``size`` bytes."""
    messages = prompt(size)
    return lambda: client.chat.completions.create(model=MODEL, messages=messages)


def plain_async(client: openai.AsyncOpenAI) -> AsyncCall:
    """Make one plain call in a task."""
    messages = prompt()
    return lambda: client.chat.completions.create(model=MODEL, messages=messages)


def stream(client: openai.OpenAI, **options: Any) -> Call:
    """Read one stream to its end."""
    messages = prompt()

    def call() -> None:
        for _ in client.chat.completions.create(model=MODEL, messages=messages, stream=True, **options):
            pass

    return call


def first_chunk(client: openai.OpenAI) -> Call:
    """Wait for a stream's first event; the stream is returned with it, so that its closing can be left out."""
    messages = prompt()

    def call() -> object:
        stream = client.chat.completions.create(model=MODEL, messages=messages, stream=True)
        return stream, next(iter(stream))

    return call


def embeddings(client: openai.OpenAI) -> Call:
    """Embed one sentence."""
    return lambda: client.embeddings.create(model="text-embedding-3-small", input="Why is it so?")


def other_request(client: httpx2.Client) -> Call:
    """Make one request that is no model call."""
    return lambda: client.get("http://app.example/api/users/42")
