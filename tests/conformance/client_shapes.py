"""Ways of calling a model host without an SDK, through the HTTP clients that are no httpx: requests and aiohttp."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import requests

from outlay.loopback import ModelHost
from outlay.loopback.reply import DEFAULT_TEXT
from tests.conformance.openai_shapes import CHAT, STREAM
from tests.conformance.seen import Seen
from tests.conformance.shape import BROKEN, LEFT, Expect, Kind, Shape, failed


@dataclass(frozen=True, kw_only=True)
class ClientShape(Shape):
    """A way of posting a chat by an HTTP client's own means."""

    http: str

    def client(self, kind: Kind, host: ModelHost) -> Any:
        """Make a client that knows where to post to."""
        del kind
        url = f"{host.openai_url}/chat/completions"
        return Requests(url) if self.http == "requests" else Aiohttp(url, self.options)

    def library(self, kind: Kind) -> str:
        """Return the client's name."""
        del kind
        return self.http

    def possible(self, kind: Kind) -> bool:
        """Return whether there is this kind of the client."""
        return kind in self.kinds


class Requests:
    """A session, and where it posts to."""

    def __init__(self, url: str) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.url = url

    def post(self, body: Mapping[str, Any], **more: Any) -> requests.Response:
        """Post a chat."""
        return self.session.post(self.url, json=body, timeout=20, **more)

    def close(self) -> None:
        """Close the session."""
        self.session.close()


class Aiohttp:
    """A session, made when the loop runs, and where it posts to."""

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        self.session = aiohttp.ClientSession(**options)
        self.url = url

    def post(self, body: Mapping[str, Any], **more: Any) -> Any:
        """Post a chat."""
        return self.session.post(self.url, json=body, **more)

    async def close(self) -> None:
        """Close the session."""
        await self.session.close()


def _note(response: Any, seen: Seen, body: bytes) -> None:
    status = response.status_code if isinstance(response, requests.Response) else response.status
    seen.add((type(response).__name__, status, dict(response.headers), len(response.history)))
    seen.add(body)
    if response.headers["content-type"].startswith("application/json") and status == 200:
        seen.read(json.loads(body)["choices"][0]["message"]["content"])
    for line in body.splitlines():
        if line.startswith(b"data: {"):
            seen.read("".join(choice["delta"].get("content") or "" for choice in json.loads(line[6:])["choices"]))


async def post(client: Any, seen: Seen) -> None:
    """Post and wait for the whole answer, streamed or not."""
    response = client.post(CHAT)
    _note(response, seen, response.content)


async def post_data(client: Any, seen: Seen) -> None:
    """Post a text that is JSON already."""
    response = client.session.post(client.url, data=json.dumps(CHAT), timeout=20)
    _note(response, seen, response.content)


async def iter_lines(client: Any, seen: Seen) -> None:
    """Stream lines."""
    with client.post(STREAM, stream=True) as response:
        _note(response, seen, b"\n".join(response.iter_lines()))


async def iter_content(client: Any, seen: Seen) -> None:
    """Stream pieces of a size."""
    with client.post(STREAM, stream=True) as response:
        _note(response, seen, b"".join(response.iter_content(10)))


async def raw_read(client: Any, seen: Seen) -> None:
    """Read the bytes of urllib3's response by hand."""
    with client.post(STREAM, stream=True) as response:
        pieces = [response.raw.read(100)]
        seen.add(type(response.raw).__name__)
        while pieces[-1]:
            assert len(pieces[-1]) <= 100
            pieces.append(response.raw.read(100))
        _note(response, seen, b"".join(pieces))


async def raw_read_plain(client: Any, seen: Seen) -> None:
    """Read a plain answer off urllib3's response."""
    with client.post(CHAT, stream=True) as response:
        _note(response, seen, response.raw.read())


async def stop(client: Any, seen: Seen) -> None:
    """Leave a stream after its first line, and close it."""
    with client.post(STREAM, stream=True) as response:
        for line in response.iter_lines(chunk_size=1):
            seen.add(line)
            break


async def forget(client: Any, seen: Seen) -> None:
    """Read a little of a stream and forget it."""
    seen.add(next(client.post(STREAM, stream=True).iter_lines(chunk_size=1)))


async def a_post(client: Any, seen: Seen) -> None:
    """Post and wait for the whole answer."""
    async with client.post(CHAT) as response:
        _note(response, seen, await response.read())


async def a_post_stream(client: Any, seen: Seen) -> None:
    """Have a stream read at once."""
    async with client.post(STREAM) as response:
        _note(response, seen, await response.read())


async def a_lines(client: Any, seen: Seen) -> None:
    """Stream lines."""
    async with client.post(STREAM) as response:
        _note(response, seen, b"".join([line async for line in response.content]))


async def a_chunks(client: Any, seen: Seen) -> None:
    """Stream what comes."""
    async with client.post(STREAM) as response:
        _note(response, seen, b"".join([chunk async for chunk, _ in response.content.iter_chunks()]))


async def a_any(client: Any, seen: Seen) -> None:
    """Stream what is there."""
    async with client.post(STREAM) as response:
        _note(response, seen, b"".join([chunk async for chunk in response.content.iter_any()]))


async def a_sized(client: Any, seen: Seen) -> None:
    """Stream pieces of a size."""
    async with client.post(STREAM) as response:
        _note(response, seen, b"".join([chunk async for chunk in response.content.iter_chunked(10)]))


async def a_stop(client: Any, seen: Seen) -> None:
    """Leave a stream after its first line, and close it."""
    async with client.post(STREAM) as response:
        seen.add(await response.content.readline())


async def a_forget(client: Any, seen: Seen) -> None:
    """Read nothing of a stream and forget it."""
    seen.add((await client.post(STREAM)).status)


def _requests(name: str, call: Any, text: str = DEFAULT_TEXT, **more: Any) -> Shape:
    return ClientShape(
        name=f"requests {name}", sdk="openai", call=call, text=text, http="requests", kinds=("sync",), **more
    )


def _aiohttp(name: str, call: Any, text: str = DEFAULT_TEXT, **more: Any) -> Shape:
    return ClientShape(
        name=f"aiohttp {name}", sdk="openai", call=call, text=text, http="aiohttp", kinds=("async",), **more
    )


LOST = Expect("error", "uncertain", None)
HELD = "hang=3"
"""The host holds its stream back, so that it has not arrived whole when it is left."""

CLIENT_SHAPES: tuple[Shape, ...] = (
    _requests("post", post),
    _requests("post data", post_data),
    _requests("iter_lines", iter_lines, streamed=True),
    _requests("iter_content", iter_content, streamed=True),
    _requests("iter_content gzip", iter_content, streamed=True, script=("gzip",)),
    _requests("raw.read", raw_read, streamed=True),
    _requests("raw.read plain", raw_read_plain),
    _requests("stream closed", stop, "", streamed=True, script=(HELD,), calls=(LEFT,)),
    _requests("stream dropped", forget, "", streamed=True, script=(HELD,), calls=(LEFT,)),
    _requests("429", post, "", script=("429",), calls=(failed(429),)),
    _requests("connection lost", post, "", script=("drop",), raises=("ConnectionError",), calls=(LOST,)),
    _requests(
        "stream torn", iter_content, "", script=("cut=4",), raises=("ChunkedEncodingError",), calls=(BROKEN,)
    ),
    _aiohttp("post", a_post),
    _aiohttp("post stream read at once", a_post_stream, streamed=True),
    _aiohttp("lines", a_lines, streamed=True),
    _aiohttp("iter_chunks", a_chunks, streamed=True),
    _aiohttp("iter_any", a_any, streamed=True),
    _aiohttp("iter_any gzip", a_any, streamed=True, script=("gzip",)),
    _aiohttp("iter_chunked", a_sized, streamed=True),
    _aiohttp("stream closed", a_stop, "", streamed=True, script=(HELD,), calls=(LEFT,)),
    _aiohttp("stream dropped", a_forget, "", streamed=True, script=(HELD,), calls=(LEFT,)),
    _aiohttp("429", a_post, "", script=("429",), calls=(failed(429),)),
    _aiohttp(
        "429 raised", a_post, "", script=("429",), raises=("ClientResponseError",), calls=(failed(429),),
        options={"raise_for_status": True},
    ),
    _aiohttp("connection lost", a_post, "", script=("drop",), raises=("ServerDisconnectedError",), calls=(LOST,)),
    _aiohttp("stream torn", a_any, "", script=("cut=4",), raises=("ClientPayloadError",), calls=(BROKEN,)),
)  # fmt: skip
