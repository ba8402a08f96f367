"""Batches as their providers' SDKs submit and fetch them, and what their outputs come to.

Bodies: https://platform.openai.com/docs/api-reference/batch, https://docs.anthropic.com/en/api/creating-message-batches,
https://console.groq.com/docs/batch, https://docs.mistral.ai/api/#tag/batch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import anthropic
import groq
import openai
from mistralai.client import Mistral

from outlay.loopback import ModelHost
from tests.conformance.canned import Canned, FieldHost

CREATED = 1_793_000_000
"""Seconds since the epoch at which batches were submitted: in October 2026."""

SUBMITTED = "2026-10-26T07:33:20Z"
"""The same, by RFC 3339."""

Json = dict[str, Any]


def file(*lines: Any) -> bytes:
    """Write an output file."""
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def line(number: int, body: Json, status: int = 200) -> Json:
    """Write a line of an output file of OpenAI's."""
    answer = {"status_code": status, "request_id": f"req_{number}", "body": body}
    return {"id": f"batch_req_{number}", "custom_id": f"mine-{number}", "response": answer, "error": None}


def usage(read: int, written: int, cached: int = 0) -> Json:
    """Write the usage of a chat completion."""
    details = {"cached_tokens": cached}
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written,
            "prompt_tokens_details": details}  # fmt: skip


def embedded(model: str, read: int) -> Json:
    """Write embeddings, which have neither an id nor a time of their own."""
    data = [{"object": "embedding", "index": 0, "embedding": [0.1]}]
    return {"object": "list", "model": model, "data": data, "usage": {"prompt_tokens": read, "total_tokens": read}}


@dataclass(frozen=True)
class Job:
    """A batch: how it is submitted and fetched, and what its calls are."""

    provider: str
    submit: Callable[[ModelHost], None]
    fetch: Callable[[ModelHost], None]
    answers: tuple[Canned, ...]
    calls: tuple[tuple[str, str, Mapping[str, float], str], ...]
    """(id, model, classes, USD) of each call of the output that is billed."""
    failures: tuple[tuple[str, str, int], ...] = ()
    """(id, error, HTTP status) of each that failed."""

    def host(self) -> FieldHost:
        """Make a host that has this batch."""
        return FieldHost(self.answers)


def _openai(host: ModelHost) -> Any:
    return openai.OpenAI(api_key="none", base_url=host.openai_url, max_retries=0)


def _submit_openai(host: ModelHost) -> None:
    with _openai(host) as client:
        client.batches.create(input_file_id="file-in", endpoint="/v1/chat/completions", completion_window="24h")


def _fetch_openai(host: ModelHost) -> None:
    with _openai(host) as client:
        batch = client.batches.retrieve("batch_1")
        assert client.files.content(str(batch.output_file_id)).read().count(b"\n") == 4
        assert client.files.content(str(batch.error_file_id)).read()


def _groq(host: ModelHost) -> Any:
    return groq.Groq(api_key="none", base_url=host.url, max_retries=0)


def _submit_groq(host: ModelHost) -> None:
    with _groq(host) as client:
        client.batches.create(input_file_id="file-in", endpoint="/v1/chat/completions", completion_window="24h")


def _fetch_groq(host: ModelHost) -> None:
    with _groq(host) as client:
        (batch,) = client.batches.list().data
        client.files.content(batch.output_file_id).read()


def _batches(client: Any) -> Any:
    return getattr(client.messages, "batches", None) or client.beta.messages.batches  # where they began


def _submit_anthropic(host: ModelHost) -> None:
    asked: Any = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": "What?"}]}
    with anthropic.Anthropic(api_key="none", base_url=host.url, max_retries=0) as client:
        _batches(client).create(requests=[{"custom_id": "mine-1", "params": asked}])


def _fetch_anthropic(host: ModelHost) -> None:
    with anthropic.Anthropic(api_key="none", base_url=host.url, max_retries=0) as client:
        results = list(_batches(client).results("msgbatch_1"))
    assert [result.result.type for result in results] == ["succeeded", "succeeded", "errored"]


def _submit_mistral(host: ModelHost) -> None:
    with Mistral(api_key="none", server_url=host.url) as client:
        client.batch.jobs.create(input_files=["file-in"], model="mistral-small-latest", endpoint="/v1/chat/completions")


def _fetch_mistral(host: ModelHost) -> None:
    with Mistral(api_key="none", server_url=host.url) as client:
        job = client.batch.jobs.get(job_id="job_1")
        assert b"mine-1" in client.files.download(file_id=str(job.output_file)).read()


def _fetch_mistral_inline(host: ModelHost) -> None:
    with Mistral(api_key="none", server_url=host.url) as client:
        assert len(client.batch.jobs.get(job_id="job_1", inline=True).outputs or ()) == 1


def _batch(**more: Any) -> Json:
    return {"id": "batch_1", "object": "batch", "endpoint": "/v1/chat/completions", "errors": None,
            "input_file_id": "file-in", "completion_window": "24h", "status": "validating", "created_at": CREATED,
            "output_file_id": None, "error_file_id": None, **more}  # fmt: skip


_DONE = {"status": "completed", "output_file_id": "file-out", "error_file_id": "file-err"}
_MINI, _EMBEDDER, _LLAMA = "gpt-4o-mini-2024-07-18", "text-embedding-3-small", "llama-3.1-8b-instant"
_CHAT = {"object": "chat.completion", "created": CREATED, "choices": []}
_RESPONSE = {"id": "resp_2", "object": "response", "created_at": CREATED, "model": _MINI, "output": [],
             "usage": {"input_tokens": 500, "output_tokens": 100, "total_tokens": 600}}  # fmt: skip

OPENAI = Job(
    "openai", _submit_openai, _fetch_openai,
    (
        Canned("/batches", _batch()),
        Canned("/batches/batch_1", _batch(**_DONE), method="GET"),
        Canned("/files/file-out/content", method="GET", kind="application/octet-stream", file=file(
            line(1, {**_CHAT, "id": "chatcmpl-1", "model": _MINI, "usage": usage(1000, 200)}),
            line(2, _RESPONSE),
            line(3, embedded(_EMBEDDER, 1000)),
            line(4, {"error": {"message": "no", "code": "invalid"}}, status=400),
        )),
        Canned("/files/file-err/content", method="GET", kind="application/octet-stream", file=file(
            {"id": "batch_req_5", "custom_id": "mine-5", "response": None, "error": {"code": "batch_expired"}},
        )),
    ),
    (
        # 1,000 x 0.15 + 200 x 0.60, a million, and half of it; the second is half as long
        ("chatcmpl-1", _MINI, {"input": 1000, "output": 200}, "0.000135"),
        ("resp_2", _MINI, {"input": 500, "output": 100}, "0.0000675"),
        # Half of 1,000 x 0.02, a million
        ("batch_req_3", _EMBEDDER, {"input": 1000}, "0.00001"),
    ),
    (("batch_req_4", "invalid", 400), ("batch_req_5", "batch_expired", 200)),
)  # fmt: skip

GROQ = Job(
    "groq", _submit_groq, _fetch_groq,
    (
        Canned("/openai/v1/batches", _batch()),
        Canned("/openai/v1/batches", {"object": "list", "data": [_batch(**_DONE)]}, method="GET"),
        Canned("/files/file-out/content", method="GET", file=file(
            line(1, {**_CHAT, "id": "chatcmpl-9", "model": _LLAMA, "usage": usage(2000, 500)}))),
    ),
    # Half of 2,000 x 0.05 + 500 x 0.08, a million
    (("chatcmpl-9", _LLAMA, {"input": 2000, "output": 500}, "0.00007"),),
)  # fmt: skip


def _message(number: int, **counts: Any) -> Json:
    told = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "service_tier": "batch", **counts}
    message = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": "claude-haiku-4-5-20251001",
               "content": [{"type": "text", "text": "Little."}], "stop_reason": "end_turn", "stop_sequence": None,
               "usage": told}  # fmt: skip
    return {"custom_id": f"mine-{number}", "result": {"type": "succeeded", "message": message}}


def _message_batch(host_url: str | None, **more: Any) -> Json:
    counts = {"processing": 0, "succeeded": 2, "errored": 1, "canceled": 0, "expired": 0}
    return {"id": "msgbatch_1", "type": "message_batch", "processing_status": "in_progress", "request_counts": counts,
            "created_at": SUBMITTED, "expires_at": "2026-10-27T06:13:20Z", "ended_at": None, "archived_at": None,
            "cancel_initiated_at": None, "results_url": host_url, **more}  # fmt: skip


_HAIKU = "claude-haiku-4-5-20251001"
_REFUSED = {"type": "error", "error": {"type": "invalid_request_error", "message": "no"}, "request_id": "req_1"}

ANTHROPIC = Job(
    "anthropic", _submit_anthropic, _fetch_anthropic,
    (
        Canned("/v1/messages/batches", _message_batch(None)),
        Canned("/v1/messages/batches/msgbatch_1", method="GET", body=_message_batch(
            "/v1/messages/batches/msgbatch_1/results", processing_status="ended", ended_at="2026-10-26T07:00:00Z")),
        Canned("/v1/messages/batches/msgbatch_1/results", method="GET", kind="application/x-jsonl", file=file(
            _message(1, input_tokens=1000, output_tokens=200),
            _message(2, input_tokens=20, output_tokens=5, cache_read_input_tokens=100),
            {"custom_id": "mine-3", "result": {"type": "errored", "error": _REFUSED}},
        )),
    ),
    (
        # Half of 1,000 x 1 + 200 x 5, and of 20 x 1 + 100 x 0.10 + 5 x 5, a million
        ("msg_1", _HAIKU, {"input": 1000, "output": 200}, "0.001"),
        ("msg_2", _HAIKU, {"input": 20, "cache_read": 100, "output": 5}, "0.0000275"),
    ),
    (("msgbatch_1#2", "invalid_request_error", 200),),
)  # fmt: skip


def _mistral_job(**more: Any) -> Json:
    return {"id": "job_1", "object": "batch", "input_files": ["file-in"], "endpoint": "/v1/chat/completions",
            "model": "mistral-small-latest", "errors": [], "status": "QUEUED", "created_at": CREATED,
            "total_requests": 1, "completed_requests": 0, "succeeded_requests": 0, "failed_requests": 0,
            **more}  # fmt: skip


_SMALL = "mistral-small-latest"

MISTRAL = Job(
    "mistral_ai", _submit_mistral, _fetch_mistral,
    (
        Canned("/v1/batch/jobs", _mistral_job()),
        Canned("/v1/batch/jobs/job_1", _mistral_job(status="SUCCESS", output_file="file-out"), method="GET"),
        Canned("/v1/files/file-out/content", method="GET", kind="application/octet-stream", file=file(
            line(1, {**_CHAT, "id": "cmpl-1", "model": _SMALL, "usage": usage(1000, 200)}),
        )),
    ),
    # Half of 1,000 x 0.15 + 200 x 0.60, a million
    (("cmpl-1", _SMALL, {"input": 1000, "output": 200}, "0.000135"),),
)  # fmt: skip


_HEARD = {"prompt_audio_seconds": 3600, "prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 112_530,
          "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 112_500}}  # fmt: skip
MISTRAL_SOUND = replace(
    MISTRAL,
    answers=(*MISTRAL.answers[:2], Canned("/v1/files/file-out/content", method="GET", kind="application/octet-stream",
        file=file(line(1, {**_CHAT, "id": "cmpl-2", "model": "voxtral-small-2507", "usage": _HEARD})))),
    # Half of 10 x 0.10 + 20 x 0.40, a million, and an hour for 0.24: of sound no other price is known in batches
    calls=(("cmpl-2", "voxtral-small-2507", {"input": 10, "output": 20, "audio_seconds": 3600}, "0.2400045"),),
)  # fmt: skip


MISTRAL_INLINE = replace(
    MISTRAL,
    fetch=_fetch_mistral_inline,
    answers=(
        MISTRAL.answers[0],
        Canned("/v1/batch/jobs/job_1", _mistral_job(status="SUCCESS", outputs=[
            line(1, {**_CHAT, "id": "cmpl-1", "model": _SMALL, "usage": usage(1000, 200)})]), method="GET"),
    ),
)  # fmt: skip

JOBS = {
    "openai": OPENAI,
    "anthropic": ANTHROPIC,
    "groq": GROQ,
    "mistral": MISTRAL,
    "mistral inline": MISTRAL_INLINE,
    "mistral sound": MISTRAL_SOUND,
}
