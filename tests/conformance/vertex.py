"""Vertex AI's prediction client, which Google generates: one record an RPC, in the format of the REST request it is.

It is large, and wants another google-genai than the suite has: ``nox -s vertex``, or by hand
``python -m tests.conformance.vertex``. Messages:
https://cloud.google.com/vertex-ai/docs/reference/rpc/google.cloud.aiplatform.v1
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

import grpc
from google.cloud import aiplatform_v1 as vertex
from google.protobuf import json_format, struct_pb2

import outlay.testing
from outlay.records import Call
from tests.conformance.rpc_host import RpcHost
from tests.conformance.seen import drive, each, value

PUBLISHER = "projects/p/locations/us-central1/publishers/google/models"
MODEL, EMBEDDING = "gemini-2.5-flash", "text-embedding-005"
USAGE = {
    "prompt_token_count": 300,
    "cached_content_token_count": 100,
    "candidates_token_count": 20,
    "thoughts_token_count": 30,
    "total_token_count": 350,
    "prompt_tokens_details": [{"modality": "TEXT", "token_count": 200}, {"modality": "AUDIO", "token_count": 100}],
    "traffic_type": "ON_DEMAND",
}
CLASSES = {"input": 100, "input_audio": 100, "cache_read": 100, "output": 50}
# 100 x 0.30 + 100 x 1.00 + 100 x 0.03 + 50 x 2.50, a million
USD = "0.000258"
TERMS = {"region": "us-central1", "tier": "standard"}


def _content(text: str, usage: dict[str, Any]) -> Any:
    content = vertex.Content(role="model", parts=[vertex.Part(text=text)])
    candidate = vertex.Candidate(content=content, finish_reason="STOP")
    return vertex.GenerateContentResponse(
        candidates=[candidate], usage_metadata=usage, model_version=MODEL, response_id="r-1"
    )


EMBEDDED = {"embeddings": {"values": [0.1], "statistics": {"token_count": 6, "truncated": False}}}
SERVICE = "/google.cloud.aiplatform.v1.PredictionService"
MESSAGES = {
    f"{SERVICE}/GenerateContent": (_content("Little enough.", USAGE),),
    f"{SERVICE}/StreamGenerateContent": (_content("Little", {"prompt_token_count": 300}), _content(" enough.", USAGE)),
    f"{SERVICE}/Predict": (vertex.PredictResponse.from_json(json.dumps({"predictions": [EMBEDDED]})),),
}


def _client(kind: str, host: RpcHost) -> tuple[Any, Any]:
    if kind == "sync":
        channel: Any = grpc.insecure_channel(host.target)
        transport: Any = vertex.PredictionServiceClient.get_transport_class("grpc")(channel=channel)
        return vertex.PredictionServiceClient(transport=transport), channel
    channel = grpc.aio.insecure_channel(host.target)
    transport = vertex.PredictionServiceAsyncClient.get_transport_class("grpc_asyncio")(channel=channel)
    return vertex.PredictionServiceAsyncClient(transport=transport), channel


async def call(kind: str, host: RpcHost) -> None:
    """Call, stream, embed, and predict by a model of one's own, which is no language model."""
    client, channel = _client(kind, host)
    asked = {"model": f"{PUBLISHER}/{MODEL}", "contents": [vertex.Content(role="user", parts=[vertex.Part(text="?")])]}
    answer = await value(client.generate_content(request=vertex.GenerateContentRequest(asked)))
    assert answer.candidates[0].content.parts[0].text == "Little enough."
    chunks = await value(client.stream_generate_content(request=vertex.GenerateContentRequest(asked)))
    assert "".join([chunk.candidates[0].content.parts[0].text async for chunk in each(chunks)]) == "Little enough."
    instance = json_format.ParseDict({"content": "one call"}, struct_pb2.Value())
    await value(client.predict(endpoint=f"{PUBLISHER}/{EMBEDDING}", instances=[instance]))
    await value(client.predict(endpoint="projects/p/locations/us-central1/endpoints/1", instances=[instance]))
    await value(channel.close())


def check(kind: str, calls: list[Call], requests: int) -> None:
    """Hold the records to what was billed."""
    assert requests == 4
    generated, streamed, embedded = calls
    for made in (generated, streamed):
        assert made.usage is not None
        assert (made.api, made.request_model, made.usage.classes) == ("gemini.generate_content", MODEL, CLASSES)
        assert (made.terms, made.response_id, str(made.cost.usd)) == (TERMS, "r-1", USD), made
    assert (generated.streamed, streamed.streamed) == (False, True)
    assert embedded.usage is not None
    assert (embedded.api, embedded.request_model, embedded.usage.classes) == ("gemini.predict", EMBEDDING, {"input": 6})
    assert {made.transport for made in calls} == {"grpc"}, kind


def main() -> int:
    """Go through both kinds of the client; an assertion says what is wrong."""
    os.environ["OUTLAY_STRICT"] = "1"
    for kind in ("sync", "async"):
        with RpcHost(MESSAGES) as host, outlay.testing.ledger(hosts={host.target: "gcp.vertex_ai"}) as ledger:
            if kind == "sync":
                drive(call(kind, host))
            else:
                asyncio.run(call(kind, host))
            check(kind, ledger.calls, len(host.requests))
        print(f"PredictionServiceClient, {kind}: as billed")  # noqa: T201 - its output
    return 0


if __name__ == "__main__":
    sys.exit(main())
