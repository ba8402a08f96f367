"""Gemini's batches: their output stands in their own object, or in a file.

Bodies: https://ai.google.dev/api/batch-api.
"""

from __future__ import annotations

from typing import Any

from google import genai

from outlay.loopback import ModelHost
from tests.conformance.batch_shapes import SUBMITTED, Job, Json, file
from tests.conformance.canned import Canned


def _gemini(host: ModelHost) -> Any:
    return genai.Client(api_key="none", http_options={"base_url": host.url})


def _submit_gemini(host: ModelHost) -> None:
    with _gemini(host) as client:
        client.batches.create(model="gemini-2.5-flash", src=[{"contents": [{"parts": [{"text": "What?"}]}]}])


def _fetch_gemini(host: ModelHost) -> None:
    with _gemini(host) as client:
        job = client.batches.get(name="batches/b1")
        assert len(job.dest.inlined_responses) == 3


def _fetch_gemini_file(host: ModelHost) -> None:
    with _gemini(host) as client:
        job = client.batches.get(name="batches/b1")
        assert client.files.download(file=job.dest.file_name).count(b"\n") == 3


def _submit_gemini_embeddings(host: ModelHost) -> None:
    with _gemini(host) as client:
        asked = {"inlined_requests": {"contents": [{"parts": [{"text": "one call"}]}]}}
        client.batches.create_embeddings(model="gemini-embedding-001", src=asked)


def _fetch_gemini_embeddings(host: ModelHost) -> None:
    with _gemini(host) as client:
        assert len(client.batches.get(name="batches/b1").dest.inlined_embed_content_responses) == 1


def _operation(**more: Any) -> Json:
    metadata = {"@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
                "model": "models/gemini-2.5-flash", "name": "batches/b1", "createTime": SUBMITTED,
                "state": "BATCH_STATE_SUCCEEDED" if more else "BATCH_STATE_PENDING"}  # fmt: skip
    output = {"output": more["response"]} if "response" in more else {}
    return {"name": "batches/b1", "metadata": metadata | output | more.pop("metadata", {}), **more}


def _generated(number: int, read: int, written: int, thought: int = 0) -> Json:
    counts = {"promptTokenCount": read, "candidatesTokenCount": written, "thoughtsTokenCount": thought,
              "totalTokenCount": read + written + thought}  # fmt: skip
    candidate = {"content": {"parts": [{"text": "Little."}], "role": "model"}, "finishReason": "STOP", "index": 0}
    return {"candidates": [candidate], "usageMetadata": counts, "modelVersion": "gemini-2.5-flash",
            "responseId": f"r{number}"}  # fmt: skip


_FLASH = "gemini-2.5-flash"
_ANSWERS = [
    {"response": _generated(1, 1000, 100, 100)},
    {"response": _generated(2, 10, 1)},
    {"error": {"code": 8, "message": "exhausted", "status": "RESOURCE_EXHAUSTED"}},
]
_GEMINI_CALLS = (
    # Half of 1,000 x 0.30 + 200 x 2.50, and of 10 x 0.30 + 1 x 2.50, a million
    ("r1", _FLASH, {"input": 1000, "output": 200}, "0.0004"),
    ("r2", _FLASH, {"input": 10, "output": 1}, "0.00000275"),
)
_CREATE = Canned(r"/models/gemini-2.5-flash:batchGenerateContent", _operation())

GEMINI = Job(
    "gcp.gemini", _submit_gemini, _fetch_gemini,
    (_CREATE, Canned("/batches/b1", method="GET", body=_operation(done=True, response={
        "inlinedResponses": {"inlinedResponses": _ANSWERS}}))),
    _GEMINI_CALLS,
    (("b1#2", "RESOURCE_EXHAUSTED", 200),),
)  # fmt: skip

GEMINI_FILE = Job(
    "gcp.gemini", _submit_gemini, _fetch_gemini_file,
    (
        _CREATE,
        Canned("/batches/b1", _operation(done=True, response={"responsesFile": "files/batch-b1"}), method="GET"),
        Canned("/files/batch-b1:download", method="GET", kind="application/octet-stream", file=file(
            *({"key": f"mine-{number}", **answer} for number, answer in enumerate(_ANSWERS)))),
    ),
    _GEMINI_CALLS,
    (("batch-b1#2", "RESOURCE_EXHAUSTED", 200),),
)  # fmt: skip

_VECTOR = {"response": {"embedding": {"values": [0.1]}, "tokenCount": "1000"}}
_EMBEDDING = {"model": "models/gemini-embedding-001"}

GEMINI_EMBEDDINGS = Job(
    "gcp.gemini", _submit_gemini_embeddings, _fetch_gemini_embeddings,
    (
        Canned("/models/gemini-embedding-001:asyncBatchEmbedContent", _operation(metadata=_EMBEDDING)),
        Canned("/batches/b1", method="GET", body=_operation(done=True, metadata=_EMBEDDING, response={
            "inlinedResponses": {"inlinedResponses": [_VECTOR]}})),
    ),
    # Half of 1,000 x 0.15, a million
    (("b1#0", "gemini-embedding-001", {"input": 1000}, "0.000075"),),
)  # fmt: skip

GEMINI_JOBS = {"gemini": GEMINI, "gemini file": GEMINI_FILE, "gemini embeddings": GEMINI_EMBEDDINGS}
