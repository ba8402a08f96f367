"""Answer as OpenAI does, without a network or a wait, so that only the clients cost."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import httpx2

CHUNKS = 100
"""Events with content in a streamed answer."""

_USAGE = {
    "prompt_tokens": 512,
    "completion_tokens": 200,
    "total_tokens": 712,
    "prompt_tokens_details": {"cached_tokens": 128, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 64, "audio_tokens": 0, "accepted_prediction_tokens": 0},
}
_HEAD = {"id": "chatcmpl-BenchMark0123456789abcdefghi", "created": 1_760_000_000, "model": "gpt-4o-mini-2024-07-18"}
_TEXT = "The quick brown fox jumps over the lazy dog, and the dog goes on sleeping. "


def _plain() -> dict[str, Any]:
    message: dict[str, object] = {"role": "assistant", "content": _TEXT * 12, "refusal": None, "annotations": []}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return {**_HEAD, "object": "chat.completion", "choices": [choice], "usage": _USAGE, "service_tier": "default"}


def _event(delta: dict[str, str], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {**_HEAD, "object": "chat.completion.chunk", "service_tier": "default", "choices": [choice]}


def _embedding() -> dict[str, Any]:
    vector = [index / 1536 for index in range(256)]
    data = [{"object": "embedding", "index": 0, "embedding": vector}]
    usage = {"prompt_tokens": 8, "total_tokens": 8}
    return {"object": "list", "data": data, "model": "text-embedding-3-small", "usage": usage}


def _sse(document: dict[str, Any]) -> bytes:
    return b"data: %s\n\n" % json.dumps(document, separators=(",", ":")).encode()


_DELTAS = [_event({"role": "assistant"}), *(_event({"content": "word "}) for _ in range(CHUNKS)), _event({}, "stop")]
_STREAM = [_sse(event) for event in _DELTAS]
# Asked for usage, the provider says `null` in every event but one of its own.
_STREAM_WITH_USAGE = [
    *(_sse({**event, "usage": None}) for event in _DELTAS),
    _sse({**_event({}), "choices": [], "usage": _USAGE}),
]
_ANSWER = [json.dumps(_plain(), indent=2).encode()]
_EMBEDDING = [json.dumps(_embedding()).encode()]
_DONE = b"data: [DONE]\n\n"
_EDGE = 200


class Body(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """An answer's body, chunk by chunk, without waiting."""

    def __init__(self, chunks: Sequence[bytes]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._chunks)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk


class Provider(httpx2.BaseTransport, httpx2.AsyncBaseTransport):
    """Answer every request at once."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a request of a synchronous client."""
        kind, chunks = _chosen(request)
        headers = {"content-type": kind, "x-request-id": "req_0123456789abcdef", "openai-processing-ms": "1"}
        return httpx2.Response(200, headers=headers, stream=Body(chunks))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a request of an asynchronous client."""
        return self.handle_request(request)


def _chosen(request: httpx2.Request) -> tuple[str, Sequence[bytes]]:
    path = request.url.path
    if path.endswith("/embeddings"):
        return "application/json", _EMBEDDING
    if not path.endswith("/chat/completions"):
        return "application/json", (b"{}",)
    body = request.content
    if b'"stream":true' not in body[:_EDGE]:  # options stand around the messages: a prompt of 5 MB is not searched
        return "application/json", _ANSWER
    asked = b'"include_usage":true' in body[-_EDGE:]
    return "text/event-stream; charset=utf-8", [*(_STREAM_WITH_USAGE if asked else _STREAM), _DONE]
