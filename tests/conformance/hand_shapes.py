"""Ways of calling by hand: formats whose SDKs are not installed with the others, or that have none.

Bodies: https://cloud.ibm.com/apidocs/watsonx-ai, https://docs.voyageai.com/reference/reranker-api,
https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/mistral.
"""

from __future__ import annotations

from typing import Any

import requests

from tests.conformance.canned import Canned
from tests.conformance.compatible_shapes import ASKED, CLASSES, SIMPLE, TEXT, chunks, completion
from tests.conformance.field import FieldShape
from tests.conformance.sdk_shapes import SSE, requests_client
from tests.conformance.seen import Seen


def post(url: str, asked: dict[str, Any]) -> bytes:
    """Post by hand."""
    return requests.post(url, json=asked, timeout=20).content


def posting(path: str, asked: dict[str, Any]) -> Any:
    """Return a way of calling that posts by hand."""

    async def call(held: Any, seen: Seen) -> None:
        seen.add(post(f"{held.sdk}{path}", asked))

    return call


def _shape(name: str, biller: str, path: str, asked: dict[str, Any], answer: Canned, **more: Any) -> FieldShape:
    given: dict[str, Any] = {
        "make": requests_client, "kinds": ("sync",), "http": {"sync": "requests"}, "classes": CLASSES,
    }  # fmt: skip
    return FieldShape(name=name, sdk=biller, call=posting(path, asked), answers=(answer,), **given | more)


_VERSION = "?version=2025-02-11"
_GRANITE, _SLATE = "ibm/granite-3-3-8b-instruct", "ibm/slate-125m-english-rtrvr-v2"
_RESULT = {"generated_text": TEXT, "generated_token_count": 5, "input_token_count": 20, "stop_reason": "eos_token"}
_HEAD = {"model_id": _GRANITE, "created_at": "2025-10-01T00:00:00Z"}
_VECTORS = {"model_id": _SLATE, "results": [{"embedding": [0.1]}], "input_token_count": 20}
_RANKED = {
    "object": "list",
    "data": [{"relevance_score": 0.4, "index": 0}],
    "model": "rerank-2.5",
    "usage": {"total_tokens": 26},
}
_IBM: dict[str, Any] = {"model": _GRANITE, "answered_by": _GRANITE, "usd": "0.000005"}
_SMALL = "mistral-small-2503"
_RAW = f"/v1/projects/p/locations/us-central1/publishers/mistralai/models/{_SMALL}"
# 20 x 0.10 + 5 x 0.30, a million
_VERTEX: dict[str, Any] = {"api": "openai.chat", "model": _SMALL, "answered_by": _SMALL, "usd": "0.0000035"}
_ASKED = {"model": _SMALL, "messages": ASKED}

HAND_SHAPES: tuple[FieldShape, ...] = (
    _shape("watsonx generation", "ibm.watsonx.ai", f"/ml/v1/text/generation{_VERSION}",
           {"model_id": _GRANITE, "input": "What?", "project_id": "p"},
           Canned("/text/generation", _HEAD | {"results": [_RESULT]}), api="watsonx.generation", **_IBM),
    _shape("watsonx chat", "ibm.watsonx.ai", f"/ml/v1/text/chat{_VERSION}", {"model_id": _GRANITE, "messages": ASKED},
           Canned("/text/chat", completion(_GRANITE, SIMPLE, model_id=_GRANITE)), api="openai.chat", **_IBM),
    _shape("watsonx chat stream", "ibm.watsonx.ai", f"/ml/v1/text/chat_stream{_VERSION}",
           {"model_id": _GRANITE, "messages": ASKED},
           Canned("/text/chat_stream", pieces=chunks(_GRANITE, {"usage": SIMPLE}), kind=SSE), api="openai.chat",
           streamed=True, **_IBM),
    _shape("watsonx embeddings", "ibm.watsonx.ai", f"/ml/v1/text/embeddings{_VERSION}",
           {"model_id": _SLATE, "inputs": ["one call"], "project_id": "p"}, Canned("/text/embeddings", _VECTORS),
           api="watsonx.embeddings", model=_SLATE, answered_by=_SLATE, classes={"input": 20}),
    _shape("voyage rerank", "voyageai", "/v1/rerank", {"model": "rerank-2.5", "query": "What?", "documents": ["a"]},
           Canned("/v1/rerank", _RANKED), api="voyage.rerank", model="rerank-2.5", answered_by="rerank-2.5",
           classes={"input": 26}, usd="0.0000013"),
    _shape("gemini vertex mistral", "gcp.vertex_ai", f"{_RAW}:rawPredict", _ASKED,
           Canned(f"{_SMALL}:rawPredict", completion(_SMALL, SIMPLE)), **_VERTEX),
    _shape("gemini vertex mistral stream", "gcp.vertex_ai", f"{_RAW}:streamRawPredict", _ASKED | {"stream": True},
           Canned(f"{_SMALL}:streamRawPredict", pieces=chunks(_SMALL, {"usage": SIMPLE}), kind=SSE), streamed=True,
           **_VERTEX),
)  # fmt: skip
