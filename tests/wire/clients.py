"""The four clients of httpx and httpx2, called alike; and what a caller can see of an answer."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx
import httpx2

from outlay.loopback import ModelHost

KINDS = ("httpx", "httpx async", "httpx2", "httpx2 async")
CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "one two three"}]}

MODULES: dict[str, Any] = {"httpx": httpx, "httpx2": httpx2}
_PLAIN = {"verify": False, "trust_env": False, "timeout": 60}  # making a TLS context takes 20 ms, and none is needed


def ask(
    kind: str,
    steps: str,
    *,
    stream: bool = False,
    path: str = "/v1/chat/completions",
    body: dict[str, Any] | None = None,
    **options: Any,
) -> tuple[Any, ...]:
    """Call a host of its own, whose ids and counts start anew, and return what the caller sees of the answer.

    ``stream``: ask for a stream, and read its bytes as they come. ``options`` are the client's.
    """
    module, _, asynchronous = kind.partition(" ")
    payload = {**CHAT, **({"stream": True} if stream else {}), **(body or {})}
    with ModelHost(keep=False) as host:
        arguments = (MODULES[module], f"{host.url}{path}", payload, {"x-loopback": steps}, stream, options)
        seen = asyncio.run(_ask_async(*arguments)) if asynchronous else _ask(*arguments)
    return tuple(_timeless(part, host.port) for part in seen)


_COUNTED = re.compile(rb'loopback\d{6}|"created":\d+|:keep-alive\n\n')
"""What counts the requests of a host, and the comments that it sends between its events."""


def _timeless(part: Any, port: int) -> Any:
    if isinstance(part, bytes):
        return _COUNTED.sub(b"", part)
    text = str(part).replace(f":{port}", "").encode()
    return _COUNTED.sub(b"", text)


def _ask(
    module: Any, url: str, payload: Any, headers: dict[str, str], stream: bool, options: dict[str, Any]
) -> tuple[Any, ...]:
    with module.Client(**_PLAIN, **options) as client:
        request = client.build_request("POST", url, json=payload, headers=headers)
        chunks: list[bytes] = []
        try:
            response = client.send(request, stream=stream)
            if stream:
                chunks.extend(response.iter_bytes())
                response.close()
            return _seen(response, b"".join(chunks) if stream else response.content)
        except (module.HTTPError, module.StreamError) as error:
            return (type(error).__name__, b"".join(chunks))


async def _ask_async(
    module: Any, url: str, payload: Any, headers: dict[str, str], stream: bool, options: dict[str, Any]
) -> tuple[Any, ...]:
    async with module.AsyncClient(**_PLAIN, **options) as client:
        request = client.build_request("POST", url, json=payload, headers=headers)
        chunks: list[bytes] = []
        try:
            response = await client.send(request, stream=stream)
            if stream:
                chunks.extend([chunk async for chunk in response.aiter_bytes()])
                await response.aclose()
            return _seen(response, b"".join(chunks) if stream else response.content)
        except (module.HTTPError, module.StreamError) as error:
            return (type(error).__name__, b"".join(chunks))


def _seen(response: Any, content: bytes) -> tuple[Any, ...]:
    request = response.request
    sent = getattr(request, "_content", None)
    return (
        response.status_code,
        dict(response.headers),
        content,
        str(request.url),
        sent,
        dict(request.headers),
        len(response.history),
    )
