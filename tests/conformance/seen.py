"""What a caller sees of an SDK, in a form that can be compared; and verbs that mean the same to both kinds of client.

A way of calling is written once, as a coroutine over these verbs. With a sync client nothing in it ever waits, so
``drive`` runs it without an event loop, on the thread and in the context of its caller.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import re
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel

T = TypeVar("T")

_PORT = re.compile(r"(?<=127\.0\.0\.1):\d+")
"""Of the host, which differs from run to run; aiohttp's errors tell it."""


@dataclass
class Seen:
    """Everything that a caller could tell apart: objects with their types, texts, errors."""

    items: list[Any] = field(default_factory=list)
    text: str = ""
    raised: str | None = None

    def add(self, item: Any) -> None:
        """Note an object that the SDK gave to its caller."""
        self.items.append((name_of(item), _content(item)))

    def read(self, text: str | None) -> None:
        """Note a piece of the model's text."""
        self.text += text or ""

    def response(self, raw: Any) -> None:
        """Note an HTTP response: status, headers, and the request that it says it answers."""
        request = raw.http_request
        self.add(dict(raw.headers))
        self.add((raw.status_code, request.method, request.url.path, request.content))


def name_of(item: object) -> str:
    """Return the full name of an object's type."""
    return f"{type(item).__module__}.{type(item).__qualname__}"


def _content(item: Any) -> Any:
    if isinstance(item, BaseModel):
        return item.model_dump(warnings=False)  # a parsed type is not the declared one
    if isinstance(item, Exception):
        return _PORT.sub("", str(item)), getattr(item, "status_code", None), getattr(item, "body", None)
    return item


def drive(running: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits."""
    try:
        running.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    running.close()
    raise RuntimeError("a sync client was waited for")


async def value(given: Any) -> Any:
    """Return what a call gives, awaited where it must be."""
    return await given if inspect.isawaitable(given) else given


async def each(stream: Any) -> AsyncIterator[Any]:
    """Iterate over either kind of stream."""
    if hasattr(stream, "__aiter__"):
        async for item in stream:
            yield item
    else:
        for item in stream:
            yield item


async def first(stream: Any) -> Any:
    """Return the first item of either kind of stream, and go no further."""
    if hasattr(stream, "__anext__"):
        return await stream.__anext__()
    return stream.__next__()


@asynccontextmanager
async def entered(manager: Any) -> AsyncIterator[Any]:
    """Enter either kind of context manager."""
    if hasattr(manager, "__aenter__"):
        async with manager as inside:
            yield inside
    else:
        with manager as inside:
            yield inside


async def leave(client: Any) -> None:
    """Close a client after all that was dropped before is collected, and asyncio has finished its generators."""
    await collect()
    await value(client.close())
    await collect()


async def collect() -> None:
    """Let the garbage collector, and after it the event loop if there is one, end what nobody holds."""
    gc.collect()
    if _in_loop():
        for _ in range(5):
            await asyncio.sleep(0)


def _in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
