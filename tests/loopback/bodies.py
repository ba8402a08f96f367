"""Requests for the tests of the host, and a reader of event streams that is nobody's SDK."""

from __future__ import annotations

import json
from typing import Any

import httpx

CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "three words here"}]}
STREAM = CHAT | {"stream": True, "stream_options": {"include_usage": True}}
MESSAGE = {"model": "claude-haiku-4-5", "max_tokens": 100, "messages": CHAT["messages"]}


def chat(client: httpx.Client, steps: str = "ok", **more: Any) -> httpx.Response:
    """Post a plain chat completion, with the host told by header what to do."""
    return client.post("/v1/chat/completions", json=CHAT | more, headers={"x-loopback": steps})


def stream(client: httpx.Client, steps: str = "ok", **more: Any) -> list[Any]:
    """Post a streamed chat completion and return the data of its events."""
    return read_events(client.post("/v1/chat/completions", json=STREAM | more, headers={"x-loopback": steps}))


def read_events(response: httpx.Response) -> list[Any]:
    """Return the data of the events of a response, whatever form the stream has."""
    lines = response.content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    data = [line.removeprefix("data:").strip() for line in lines if line.startswith("data:")]
    return [part if part == "[DONE]" else json.loads(part) for part in data]
