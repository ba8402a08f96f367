"""Ways of calling Gemini and Vertex AI.

Bodies: https://ai.google.dev/api/generate-content, https://ai.google.dev/api/embeddings, and for what Vertex AI serves
of others https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/use-claude.
"""

from __future__ import annotations

from typing import Any

import anthropic
import httpx
import openai
from google import genai
from google.genai import types

from outlay.loopback import ModelHost
from tests.conformance.canned import Canned, events
from tests.conformance.field import FieldShape, Held, note
from tests.conformance.seen import Seen, each, value
from tests.conformance.shape import LEFT, Kind, both, failed, sends_by

MODEL = "gemini-2.5-flash"
ASK: dict[str, Any] = {"model": MODEL, "contents": "What does a call cost?"}

USAGE = {
    "promptTokenCount": 300,
    "cachedContentTokenCount": 100,
    "candidatesTokenCount": 20,
    "thoughtsTokenCount": 30,
    "toolUsePromptTokenCount": 40,
    "totalTokenCount": 390,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 200}, {"modality": "AUDIO", "tokenCount": 100}],
    "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 70}, {"modality": "AUDIO", "tokenCount": 30}],
    "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 20}],
}
CLASSES = {
    "input": 130,
    "input_audio": 70,
    "cache_read": 70,
    "cache_read_audio": 30,
    "tool_use_input": 40,
    "output": 50,
}
# (130 + 40) x 0.30 + 70 x 1.00 + 70 x 0.03 + 30 x 0.10 + 50 x 2.50, a million
USD = "0.0002511"


def _chunk(text: str, usage: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
    if reason is not None:
        candidate["finishReason"] = reason
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": MODEL, "responseId": "r-1"}


FIRST = _chunk("Little", {"promptTokenCount": 300, "totalTokenCount": 300})
LAST = _chunk(" enough.", USAGE, "STOP")
# Seen on the wire: the last chunk leaves out what an earlier one told.
SPARSE = {key: count for key, count in USAGE.items() if key not in ("candidatesTokenCount", "candidatesTokensDetails")}
EARLY = _chunk("Little", {"promptTokenCount": 300, "candidatesTokenCount": 20, "totalTokenCount": 320})

GENERATE = Canned(f"{MODEL}:generateContent", _chunk("Little enough.", USAGE, "STOP"))
STREAM = Canned(f"{MODEL}:streamGenerateContent", pieces=events(FIRST, LAST), kind="text/event-stream")
EMBED = Canned(
    "gemini-embedding-001:batchEmbedContents",
    {"embeddings": [{"values": [0.1, 0.2]}], "usageMetadata": {"promptTokenCount": 6}},
)


PREDICT = Canned(
    "publishers/google/models/text-embedding-005:predict",
    {"predictions": [{"embeddings": {"values": [0.1], "statistics": {"truncated": False, "token_count": 6}}}]},
)


def client(kind: Kind, host: ModelHost, **more: Any) -> Held:
    """Make Google's client."""
    made = genai.Client(api_key="none", http_options=types.HttpOptions(base_url=host.url, timeout=20_000), **more)
    return Held(made, made.close) if kind == "sync" else Held(made.aio, made.aio.aclose)


def vertex(kind: Kind, host: ModelHost) -> Held:
    """Make Google's client for Vertex AI."""
    return client(kind, host, vertexai=True)


async def generate(held: Any, seen: Seen) -> None:
    """Call and wait for the whole answer."""
    answer = await value(held.sdk.models.generate_content(**ASK))
    note(seen, answer)
    seen.read(answer.text)


async def generate_stream(held: Any, seen: Seen) -> None:
    """Stream."""
    async for chunk in each(await value(held.sdk.models.generate_content_stream(**ASK))):
        note(seen, chunk)
        seen.read(chunk.text)


async def generate_stop(held: Any, seen: Seen) -> None:
    """Leave a stream after its first chunk."""
    stream = await value(held.sdk.models.generate_content_stream(**ASK))
    async for chunk in each(stream):
        seen.read(chunk.text)
        break
    await value(stream.aclose() if hasattr(stream, "aclose") else stream.close())


async def generate_drop(held: Any, seen: Seen) -> None:
    """Read the first chunk of a stream and forget the rest."""
    async for chunk in each(await value(held.sdk.models.generate_content_stream(**ASK))):
        seen.read(chunk.text)
        break


async def embed(held: Any, seen: Seen) -> None:
    """Embed a text."""
    note(seen, await value(held.sdk.models.embed_content(model="gemini-embedding-001", contents="one call")))


async def embed_old(held: Any, seen: Seen) -> None:
    """Embed a text with a model of Vertex AI's own."""
    note(seen, await value(held.sdk.models.embed_content(model="text-embedding-005", contents="one call")))


def search(model: str) -> Any:
    """Let a model search."""

    async def call(held: Any, seen: Seen) -> None:
        tools = types.GenerateContentConfig(tools=[types.Tool(google_search=types.GoogleSearch())])
        note(seen, await value(held.sdk.models.generate_content(model=model, contents="What?", config=tools)))

    return call


async def array(held: Any, seen: Seen) -> None:
    """Stream without asking for events: what comes is an array of JSON."""
    body = {"contents": [{"parts": [{"text": "What does a call cost?"}]}]}
    with held.sdk.stream("POST", f"/v1beta/models/{MODEL}:streamGenerateContent", json=body) as response:
        seen.add(b"".join(response.iter_bytes()))


async def claude(held: Any, seen: Seen) -> None:
    """Call Claude."""
    body: dict[str, Any] = {"max_tokens": 100, "messages": [{"role": "user", "content": "What does a call cost?"}]}
    seen.add(await value(held.sdk.messages.create(model="claude-haiku-4-5@20251001", **body)))


async def claude_stream(held: Any, seen: Seen) -> None:
    """Stream from Claude."""
    body: dict[str, Any] = {"max_tokens": 100, "messages": [{"role": "user", "content": "What does a call cost?"}]}
    async for event in each(
        await value(held.sdk.messages.create(model="claude-haiku-4-5@20251001", stream=True, **body))
    ):
        seen.add(event)


def claude_client(kind: Kind, host: ModelHost, region: str = "us-east5") -> Held:
    """Make Anthropic's client for Vertex AI."""
    make: Any = anthropic.AnthropicVertex if kind == "sync" else anthropic.AsyncAnthropicVertex
    made = make(region=region, project_id="p", access_token="none", base_url=f"{host.url}/v1", max_retries=0)
    return Held(made, made.close)


async def chat(held: Any, seen: Seen) -> None:
    """Call through the OpenAI SDK."""
    body: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": "What does a call cost?"}]}
    seen.add(await value(held.sdk.chat.completions.create(**body)))


def openai_client(kind: Kind, host: ModelHost) -> Held:
    """Make OpenAI's client for Gemini's dialect."""
    make: Any = openai.OpenAI if kind == "sync" else openai.AsyncOpenAI
    made = make(api_key="none", base_url=f"{host.url}/v1beta/openai", max_retries=0)
    return Held(made, made.close)


def plain_client(kind: Kind, host: ModelHost) -> Held:
    """Make an HTTP client."""
    del kind
    made = httpx.Client(base_url=host.url, verify=False)
    return Held(made, made.close)


USED = {"input_tokens": 20, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 10, "output_tokens": 5}
MESSAGE = {
    "id": "msg_vrtx_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-4-5-20251001",
    "content": [{"type": "text", "text": "Little enough."}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": USED,
}
MESSAGE_EVENTS = events(
    {"type": "message_start", "message": MESSAGE | {"content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Little enough."}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 5},
    },
    {"type": "message_stop"},
    names=True,
)
_CLAUDE = "publishers/anthropic/models/claude-haiku-4-5@20251001"
DIALECT = {
    "id": "c-1",
    "object": "chat.completion",
    "created": 1,
    "model": MODEL,
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Little enough."}}],
    # Thinking shows in the grand total alone.
    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 45},
}
ANTHROPIC = both(sends_by(anthropic.DefaultHttpxClient))
OPENAI = both(sends_by(openai.DefaultHttpxClient))
GENAI: dict[Kind, str] = {"sync": "httpx2", "async": "aiohttp"}


def _gemini(name: str, call: Any, answer: Canned, **more: Any) -> FieldShape:
    given: dict[str, Any] = {
        "sdk": "gcp.gemini", "make": client, "api": "gemini.generate_content", "model": MODEL, "answered_by": MODEL,
        "classes": CLASSES, "reasoning": 30, "usd": USD, "http": GENAI,
    }  # fmt: skip
    return FieldShape(name=f"gemini {name}", call=call, answers=(answer,), **given | more)


def _searched(model: str) -> Canned:
    usage = {"promptTokenCount": 20, "candidatesTokenCount": 5, "totalTokenCount": 25}
    body = _chunk("Little enough.", usage, "STOP") | {"modelVersion": model}
    queries = ["cost of a call", "", "price of a call", "cost of a call"]  # equal and empty ones are not billed
    body["candidates"][0]["groundingMetadata"] = {"webSearchQueries": queries}
    return Canned(f"{model}:generateContent", body)


TEXT = "Little enough."
_HAIKU: dict[str, Any] = {
    "sdk": "gcp.vertex_ai", "api": "anthropic.messages", "model": "claude-haiku-4-5@20251001", "make": claude_client,
    "answered_by": "claude-haiku-4-5-20251001", "classes": {"input": 20, "cache_read": 10, "output": 5},
    # 20 x 1 + 10 x 0.10 + 5 x 5, a million, and a tenth more for the region
    "reasoning": 0, "usd": "0.0000506", "http": ANTHROPIC,
}  # fmt: skip

GEMINI_SHAPES: tuple[FieldShape, ...] = (
    _gemini("generate_content", generate, GENERATE, text=TEXT),
    _gemini("generate_content stream", generate_stream, STREAM, text=TEXT, streamed=True),
    _gemini(
        "stream with a sparse last chunk",
        generate_stream,
        Canned(STREAM.path, pieces=events(EARLY, _chunk(" enough.", SPARSE, "STOP")), kind=STREAM.kind),
        text=TEXT,
        streamed=True,
    ),
    _gemini("stream closed", generate_stop, STREAM, text="Little", script=("hang=1",), streamed=True, calls=(LEFT,)),
    _gemini("stream dropped", generate_drop, STREAM, text="Little", script=("hang=1",), streamed=True, calls=(LEFT,)),
    _gemini("400", generate, GENERATE, script=("400",), raises=("ClientError",), calls=(failed(400),)),
    _gemini("array", array, Canned(STREAM.path, body=[FIRST, LAST]), make=plain_client, kinds=("sync",), streamed=True,
            http={"sync": "httpx"}),
    # 20 x 0.30 + 5 x 2.50, a million, and 0.035 for an answer that searched, however often
    _gemini("grounded answer", search(MODEL), _searched(MODEL), classes={"input": 20, "output": 5, "web_search": 2},
            reasoning=0, usd="0.0350185"),
    # 20 x 1.50 + 5 x 9, a million, and 0.014 for each of two searches
    _gemini("grounded answer by searches", search("gemini-3.5-flash"), _searched("gemini-3.5-flash"),
            model="gemini-3.5-flash", answered_by="gemini-3.5-flash", reasoning=0, usd="0.028075",
            classes={"input": 20, "output": 5, "web_search": 2}),
    _gemini("embed_content", embed, EMBED, api="gemini.embed_content", model="gemini-embedding-001", answered_by=None,
            classes={"input": 6}, reasoning=0, usd="0.0000009"),
    _gemini("vertex embed_content by predict", embed_old, PREDICT, api="gemini.predict", model="text-embedding-005",
            answered_by=None, classes={"input": 6}, reasoning=0, usd=None, sdk="gcp.vertex_ai", make=vertex),
    _gemini("vertex generate_content", generate, GENERATE, text=TEXT, sdk="gcp.vertex_ai", make=vertex),
    _gemini("vertex claude", claude, Canned(f"{_CLAUDE}:rawPredict", MESSAGE), **_HAIKU),
    _gemini("vertex claude stream", claude_stream,
            Canned(f"{_CLAUDE}:streamRawPredict", pieces=MESSAGE_EVENTS, kind="text/event-stream"),
            streamed=True, **_HAIKU),
    # 10 x 0.30 + 35 x 2.50, a million
    _gemini("openai dialect", chat, Canned("v1beta/openai/chat/completions", DIALECT), make=openai_client, http=OPENAI,
            api="openai.chat", classes={"input": 10, "output": 35}, reasoning=30, usd="0.0000905"),
)  # fmt: skip
