"""What is asked of a model host in the tests of notes, and what its records have in common."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec

from outlay.loopback import ModelHost
from outlay.records import Call
from tests.wire.clients import CHAT

ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", CHAT),
    "completion": ("/v1/completions", {"model": "gpt-3.5-turbo-instruct", "prompt": "one two three"}),
    "response": ("/v1/responses", {"model": "gpt-4o-mini", "input": "one two three"}),
    "embeddings": ("/v1/embeddings", {"model": "text-embedding-3-small", "input": "one two three"}),
    "message": ("/v1/messages", {"model": "claude-sonnet-4-5", "max_tokens": 99, "messages": CHAT["messages"]}),
}


def ask(client: httpx.Client, host: ModelHost, asked: str, steps: str = "ok") -> None:
    """Call once."""
    path, body = ASKED[asked]
    client.post(host.url + path, json=body, headers={"x-loopback": steps})


def same(call: Call) -> dict[str, Any]:
    """Return what two records of the same exchange have in common, whoever reads it and when."""
    fields = msgspec.structs.asdict(call)
    for name in ("id", "trace_id", "start", "end", "response_id", "request_id"):
        fields.pop(name)
    return fields | {"raw_usage": bytes(call.raw_usage)}
