"""The output of a batch is metered line by line, once, at the batch price.

Bodies: https://platform.openai.com/docs/api-reference/batch/request-output
"""

from __future__ import annotations

import json
from typing import Any

import httpx
import openai

import outlay.testing
from outlay.loopback import Behaviour, ModelHost
from outlay.loopback.connection import Received
from outlay.loopback.delivery import Delivery, deliver_bytes
from tests.conformance.runs import address

CREATED = 1_793_000_000
"""Seconds since the epoch at which the answers were made: in October 2026."""


def line(number: int, body: dict[str, Any], status: int = 200) -> dict[str, Any]:
    """Write a line of an output file."""
    answer = {"status_code": status, "request_id": f"req_{number}", "body": body}
    return {"id": f"batch_req_{number}", "custom_id": f"mine-{number}", "response": answer, "error": None}


def usage(read: int, written: int, cached: int = 0) -> dict[str, Any]:
    """Write the usage of a chat completion."""
    details = {"cached_tokens": cached}
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written,
            "prompt_tokens_details": details}  # fmt: skip


CHAT = {"object": "chat.completion", "created": CREATED, "model": "gpt-4o-mini-2024-07-18"}
FILE = [
    line(1, CHAT | {"id": "chatcmpl-1", "choices": [], "usage": usage(1000, 200)}),
    line(2, {
        "id": "resp_2", "object": "response", "created_at": CREATED, "model": "gpt-4o-mini-2024-07-18",
        "usage": {"input_tokens": 500, "output_tokens": 100, "total_tokens": 600},
    }),
    line(3, {"error": {"message": "no", "code": "invalid"}}, status=400),
]  # fmt: skip


class Files(ModelHost):
    """A host that has one file."""

    def _get(self, request: Received, behaviour: Behaviour, headers: dict[str, str]) -> Delivery:
        if not request.path.endswith("/content"):
            return super()._get(request, behaviour, headers)
        text = "\n".join(map(json.dumps, FILE)) + "\n"
        return deliver_bytes(text.encode(), behaviour, headers | {"content-type": "application/octet-stream"}, 200)


def test_each_line_of_an_output_is_a_call_and_is_one_however_often_it_is_downloaded() -> None:
    """By the SDK at once, by the SDK as a stream and by hand; half the price; at the time of each answer."""
    with Files() as host, outlay.testing.ledger(hosts={address(host): "openai"}) as ledger:
        with openai.OpenAI(base_url=host.openai_url, api_key="none") as client:
            first = client.files.content("file-1").read()
            with client.files.with_streaming_response.content("file-1") as stream:
                assert b"".join(stream.iter_bytes()) == first
        assert httpx.get(f"{host.openai_url}/files/file-1/content").content == first
        chat, response = sorted(ledger.calls, key=lambda call: str(call.response_id))
    assert [call.response_id for call in (chat, response)] == ["chatcmpl-1", "resp_2"]
    for call in (chat, response):
        assert (call.api, call.start, call.end) == ("openai.batch", CREATED * 10**9, CREATED * 10**9)
        assert (call.terms, call.cost.status) == ({"tier": "batch"}, "priced")
    # 1,000 x 0.15 + 200 x 0.60, a million, and half of it; the second is half as long
    assert (chat.cost.amount, response.cost.amount) == (135_000_000, 67_500_000)


def test_a_file_that_is_no_output_makes_no_call() -> None:
    """Whatever else is in it: a picture, an input of a batch, lines that tell no time."""
    lines = [{"custom_id": "a", "method": "POST", "body": {"model": "gpt-4o"}}, {"id": "x"}, [1]]
    before = FILE[:]
    FILE[:] = lines  # type: ignore[assignment] # what a file of another kind may hold
    try:
        with Files() as host, outlay.testing.ledger(hosts={address(host): "openai"}) as ledger:
            httpx.get(f"{host.openai_url}/files/file-1/content")
            assert ledger.calls == []
    finally:
        FILE[:] = before
