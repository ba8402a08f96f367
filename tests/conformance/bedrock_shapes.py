"""Ways of calling Amazon Bedrock.

Bodies: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html and, for each maker's own,
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import anthropic
import boto3
from botocore.config import Config

from outlay.loopback import ModelHost
from tests.conformance.canned import Canned, amazon
from tests.conformance.field import FieldShape, Held
from tests.conformance.gemini_shapes import ANTHROPIC, MESSAGE
from tests.conformance.seen import Seen, each, value
from tests.conformance.shape import BROKEN, LEFT, Expect, Kind, failed

NOVA = "amazon.nova-lite-v1:0"
SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
ARN = f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/{SONNET}"
TEXT = "Little enough."
STREAM_KIND = "application/vnd.amazon.eventstream"

USAGE = {
    "inputTokens": 20,
    "outputTokens": 5,
    "totalTokens": 1125,
    "cacheReadInputTokens": 1000,
    "cacheWriteInputTokens": 100,
    "cacheDetails": [{"ttl": "1h", "inputTokens": 40}, {"ttl": "5m", "inputTokens": 60}],
}
SIMPLE = {"inputTokens": 20, "outputTokens": 5, "totalTokens": 25}


def _answer(usage: Any) -> Any:
    message = {"role": "assistant", "content": [{"text": TEXT}]}
    return {"output": {"message": message}, "stopReason": "end_turn", "usage": usage, "metrics": {"latencyMs": 3}}


def _stream(usage: Any) -> tuple[bytes, ...]:
    return amazon(
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", {"delta": {"text": "Little"}, "contentBlockIndex": 0}),
        ("contentBlockDelta", {"delta": {"text": " enough."}, "contentBlockIndex": 0}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "end_turn"}),
        ("metadata", {"usage": usage, "metrics": {"latencyMs": 3}}),
    )


def _chunks(*documents: Any) -> tuple[bytes, ...]:
    return amazon(
        *(("chunk", {"bytes": base64.b64encode(json.dumps(part).encode()).decode(), "p": "ab"}) for part in documents)
    )


def client(kind: Kind, host: ModelHost) -> Held:
    """Make boto3's client, with made-up keys."""
    del kind
    made = boto3.client(
        "bedrock-runtime",
        endpoint_url=host.url,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"max_attempts": 0}),
    )
    return Held(made, made.close)


def converse(model: str) -> Any:
    """Converse with a model."""

    async def call(held: Any, seen: Seen) -> None:
        answer = held.sdk.converse(modelId=model, messages=[{"role": "user", "content": [{"text": "What?"}]}])
        seen.add(answer)
        seen.read(answer["output"]["message"]["content"][0]["text"])

    return call


def _events(held: Any, model: str) -> Any:
    asked = [{"role": "user", "content": [{"text": "What?"}]}]
    return held.sdk.converse_stream(modelId=model, messages=asked)["stream"]


async def converse_stream(held: Any, seen: Seen) -> None:
    """Stream a conversation."""
    for event in _events(held, NOVA):
        seen.add(event)
        seen.read(event.get("contentBlockDelta", {}).get("delta", {}).get("text"))


async def converse_stop(held: Any, seen: Seen) -> None:
    """Leave a stream after its second event, and close it."""
    stream = _events(held, NOVA)
    for event in stream:
        seen.read(event.get("contentBlockDelta", {}).get("delta", {}).get("text"))
        if seen.text:
            break
    stream.close()


async def converse_drop(held: Any, seen: Seen) -> None:
    """Read two events of a stream and forget the rest."""
    for event in _events(held, NOVA):
        seen.read(event.get("contentBlockDelta", {}).get("delta", {}).get("text"))
        if seen.text:
            break


def invoke(model: str) -> Any:
    """Invoke a model by its maker's own body."""

    async def call(held: Any, seen: Seen) -> None:
        answer = held.sdk.invoke_model(modelId=model, body=json.dumps({"prompt": "What?"}))
        seen.add(answer["ResponseMetadata"])
        seen.add(answer["body"].read())

    return call


def invoke_stream(model: str) -> Any:
    """Stream a model's own answer."""

    async def call(held: Any, seen: Seen) -> None:
        answer = held.sdk.invoke_model_with_response_stream(modelId=model, body=json.dumps({"prompt": "What?"}))
        seen.add([event["chunk"]["bytes"] for event in answer["body"]])

    return call


def claude_client(kind: Kind, host: ModelHost) -> Held:
    """Make Anthropic's client for Bedrock, which signs its requests before it sends them."""
    make: Any = anthropic.AnthropicBedrock if kind == "sync" else anthropic.AsyncAnthropicBedrock
    keys = {"aws_access_key": "x", "aws_secret_key": "x", "aws_region": "us-east-1"}
    made = make(base_url=host.url, max_retries=0, **keys)
    return Held(made, made.close)


async def claude(held: Any, seen: Seen) -> None:
    """Call Claude."""
    asked: dict[str, Any] = {"max_tokens": 100, "messages": [{"role": "user", "content": "What?"}]}
    seen.add(await value(held.sdk.messages.create(model=SONNET, **asked)))


async def claude_stream(held: Any, seen: Seen) -> None:
    """Stream from Claude."""
    asked: dict[str, Any] = {"max_tokens": 100, "messages": [{"role": "user", "content": "What?"}]}
    async for event in each(await value(held.sdk.messages.create(model=SONNET, stream=True, **asked))):
        seen.add(event)


COUNTED = {"x-amzn-bedrock-input-token-count": "20", "x-amzn-bedrock-output-token-count": "5"}
METRICS = {"inputTokenCount": 20, "outputTokenCount": 5, "invocationLatency": 3, "firstByteLatency": 1}
METERED = {"amazon-bedrock-invocationMetrics": METRICS}
CLASSES = {"input": 20, "output": 5}
COMPACTED = {
    "input_tokens": 20,
    "output_tokens": 5,
    "iterations": [
        {"type": "compaction", "input_tokens": 1_000, "output_tokens": 100},
        {"type": "message", "input_tokens": 20, "output_tokens": 5},
    ],
}
CLAUDE_CLASSES = {"input": 20, "cache_read": 10, "output": 5}


def _bedrock(name: str, call: Any, answer: Canned, **more: Any) -> FieldShape:
    given: dict[str, Any] = {
        "sdk": "aws.bedrock", "make": client, "api": "bedrock.converse", "model": NOVA, "kinds": ("sync",),
        "classes": CLASSES, "usd": "0.0000024", "http": {"sync": "botocore"},
    }  # fmt: skip
    return FieldShape(name=f"bedrock {name}", call=call, answers=(answer,), **given | more)


def _invoke(name: str, model: str, body: Any, usd: str | None, **more: Any) -> FieldShape:
    answer = Canned("/invoke", body, headers=more.pop("headers", COUNTED))
    given = {"api": "bedrock.invoke_model", "model": model, "usd": usd}
    return _bedrock(f"invoke_model {name}", answer=answer, **{"call": invoke(model)} | given | more)


def _invoked_stream(name: str, model: str, documents: tuple[Any, ...], usd: str, **more: Any) -> FieldShape:
    answer = Canned("/invoke-with-response-stream", pieces=_chunks(*documents), kind=STREAM_KIND)
    given = {"api": "bedrock.invoke_model", "model": model, "usd": usd, "streamed": True}
    return _bedrock(f"invoke_model stream {name}", answer=answer, **{"call": invoke_stream(model)} | given | more)


_CONVERSE = Canned("/converse", _answer(SIMPLE))
_STREAM = Canned("/converse-stream", pieces=_stream(SIMPLE), kind=STREAM_KIND)
_BROKEN = amazon(("messageStart", {"role": "assistant"}), ("modelStreamErrorException", {"message": "no"}))
_STARTED = {"type": "message_start", "message": MESSAGE | {"content": [], "stop_reason": None, "model": "claude-s"}}
_CLAUDE_EVENTS = (
    _STARTED,
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": TEXT}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}},
    {"type": "message_stop", "amazon-bedrock-invocationMetrics": METRICS | {"cacheReadInputTokenCount": 10}},
)
_SDK: dict[str, Any] = {
    "make": claude_client, "kinds": ("sync", "async"), "http": ANTHROPIC,
    "classes": CLAUDE_CLASSES,
}  # fmt: skip
_NOVA_EVENTS = (
    {"messageStart": {"role": "assistant"}},
    {"contentBlockDelta": {"delta": {"text": TEXT}, "contentBlockIndex": 0}},
    {"messageStop": {"stopReason": "end_turn"}},
    {"metadata": {"usage": SIMPLE}, **METERED},
)
# 20 x 3.30 + 1000 x 0.33 + 60 x 4.125 + 40 x 6.60 + 5 x 16.50, a million: a profile of a region costs a tenth more
SONNET_USD = "0.00099"
# 20 x 3.30 + 10 x 0.33 + 5 x 16.50, a million
CLAUDE_USD = "0.0001518"

BEDROCK_SHAPES: tuple[FieldShape, ...] = (
    _bedrock("converse", converse(NOVA), _CONVERSE, text=TEXT),
    _bedrock("converse classes by ARN", converse(ARN), Canned("/converse", _answer(USAGE)), text=TEXT, model=ARN,
             classes={"input": 20, "cache_read": 1000, "cache_write_5m": 60, "cache_write_1h": 40, "output": 5},
             usd=SONNET_USD),
    _bedrock("converse_stream", converse_stream, _STREAM, text=TEXT, streamed=True),
    _bedrock("stream closed", converse_stop, _STREAM, text="Little", script=("hang=3",), streamed=True, calls=(LEFT,)),
    _bedrock("stream dropped", converse_drop, _STREAM, text="Little", script=("hang=3",), streamed=True, calls=(LEFT,)),
    _bedrock("stream failed", converse_stream, Canned("/converse-stream", pieces=_BROKEN, kind=STREAM_KIND),
             raises=("EventStreamError",), calls=(BROKEN,), streamed=True),
    _bedrock("429", converse(NOVA), _CONVERSE, script=("429",), raises=("ClientError", "ThrottlingException"),
             calls=(failed(429),)),
    _bedrock("connection lost", converse(NOVA), _CONVERSE, script=("drop",), raises=("ConnectionClosedError",),
             calls=(Expect("error", "uncertain", None),)),
    _invoke("claude", SONNET, MESSAGE, CLAUDE_USD, classes=CLAUDE_CLASSES, answered_by="claude-haiku-4-5-20251001"),
    # A compaction is in no total: https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-compaction.html
    # 1,020 x 3.30 + 105 x 16.50, a million
    _invoke("claude compaction", SONNET, {**MESSAGE, "usage": COMPACTED}, "0.0050985",
            classes={"input": 1_020, "output": 105}, answered_by="claude-haiku-4-5-20251001"),
    _invoke("titan", "amazon.titan-text-express-v1",
            {"inputTextTokenCount": 20, "results": [{"tokenCount": 5, "outputText": TEXT}]}, "0.000007"),
    _invoke("nova", NOVA, _answer(SIMPLE), "0.0000024"),
    _invoke("llama", "meta.llama3-8b-instruct-v1:0",
            {"generation": TEXT, "prompt_token_count": 20, "generation_token_count": 5, "stop_reason": "stop"},
            "0.000009"),
    _invoke("mistral", "mistral.mistral-7b-instruct-v0:2", {"outputs": [{"text": TEXT, "stop_reason": "stop"}]},
            "0.000004"),
    # 20 x 0.50 + 5 x 1.50, a million
    _invoke("cohere", "cohere.command-r-v1:0", {"text": TEXT, "finish_reason": "COMPLETE"}, "0.0000175"),
    _invoke("titan embeddings", "amazon.titan-embed-text-v2:0", {"embedding": [0.1], "inputTextTokenCount": 20},
            "0.0000004", classes={"input": 20}, headers={"x-amzn-bedrock-input-token-count": "20"}),
    _invoked_stream("claude", SONNET, _CLAUDE_EVENTS, CLAUDE_USD, classes=CLAUDE_CLASSES, answered_by="claude-s"),
    _invoked_stream("titan", "amazon.titan-text-express-v1",
                    ({"outputText": TEXT, "completionReason": "FINISH", **METERED},), "0.000007"),
    _invoked_stream("llama", "meta.llama3-8b-instruct-v1:0",
                    ({"generation": TEXT}, {"generation": "", "stop_reason": "stop", **METERED}), "0.000009"),
    _invoked_stream("nova", NOVA, _NOVA_EVENTS, "0.0000024"),
    _invoke("AnthropicBedrock", SONNET, MESSAGE, CLAUDE_USD, call=claude,
            answered_by="claude-haiku-4-5-20251001", **_SDK),
    _invoked_stream("AnthropicBedrock", SONNET, _CLAUDE_EVENTS, CLAUDE_USD, call=claude_stream, answered_by="claude-s",
                    **_SDK),
)  # fmt: skip
