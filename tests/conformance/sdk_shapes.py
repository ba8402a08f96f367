"""Ways of calling the SDKs of Cohere, Mistral, Groq, Together, Ollama and Hugging Face.

Bodies: https://docs.cohere.com/reference/chat, https://docs.mistral.ai/api, https://console.groq.com/docs/api-reference,
https://docs.together.ai/reference, https://github.com/ollama/ollama/blob/main/docs/api.md,
https://huggingface.co/docs/inference-providers/tasks/chat-completion.
"""

from __future__ import annotations

from typing import Any

import cohere
import groq
import huggingface_hub
import ollama
import requests
import together
from mistralai.client import Mistral

from outlay.loopback import ModelHost
from tests.conformance.canned import Canned, events, lines
from tests.conformance.compatible_shapes import ASKED, CLASSES, SIMPLE, TEXT, chat, chat_stream, chunks, completion
from tests.conformance.field import FieldShape, Held, note
from tests.conformance.seen import Seen, each, value
from tests.conformance.shape import LEFT, Kind, failed

HTTPX: dict[Kind, str] = {"sync": "httpx", "async": "httpx"}
HTTPX2: dict[Kind, str] = {"sync": "httpx2", "async": "httpx2"}
SSE = "text/event-stream"


def cohere_client(kind: Kind, host: ModelHost) -> Held:
    """Make Cohere's client of version 2."""
    make: Any = cohere.ClientV2 if kind == "sync" else cohere.AsyncClientV2
    return Held(make(api_key="none", base_url=host.url, max_retries=0))


def cohere_client_1(kind: Kind, host: ModelHost) -> Held:
    """Make Cohere's client of version 1."""
    make: Any = cohere.Client if kind == "sync" else cohere.AsyncClient
    return Held(make(api_key="none", base_url=host.url, max_retries=0))


def mistral_client(kind: Kind, host: ModelHost) -> Held:
    """Make Mistral's client, which is both kinds at once."""
    made: Any = Mistral(api_key="none", server_url=host.url)
    return Held(made, lambda: made.__exit__(None, None, None) if kind == "sync" else made.__aexit__(None, None, None))


def groq_client(kind: Kind, host: ModelHost) -> Held:
    """Make Groq's client."""
    make: Any = groq.Groq if kind == "sync" else groq.AsyncGroq
    made = make(api_key="none", base_url=host.url, max_retries=0)
    return Held(made, made.close)


def together_client(kind: Kind, host: ModelHost) -> Held:
    """Make Together's client."""
    make: Any = together.Together if kind == "sync" else together.AsyncTogether
    made = make(api_key="none", base_url=f"{host.url}/v1", max_retries=0)
    return Held(made, made.close)


def ollama_client(kind: Kind, host: ModelHost) -> Held:
    """Make Ollama's client."""
    make: Any = ollama.Client if kind == "sync" else ollama.AsyncClient
    made = make(host=host.url)
    return Held(made, made._client.close if kind == "sync" else made._client.aclose)  # noqa: SLF001 - it has no close of its own


def hub_client(kind: Kind, host: ModelHost) -> Held:
    """Make Hugging Face's client."""
    make: Any = huggingface_hub.InferenceClient if kind == "sync" else huggingface_hub.AsyncInferenceClient
    made = make(base_url=host.url, api_key="none")
    return Held(made, made.close) if hasattr(made, "close") else Held(made)


def requests_client(kind: Kind, host: ModelHost) -> Held:
    """Make no client at all."""
    del kind
    return Held(host.url)


async def cohere_chat(held: Any, seen: Seen) -> None:
    """Chat with Cohere, version 2."""
    answer = await value(held.sdk.chat(model="command-r", messages=ASKED))
    note(seen, answer)
    seen.read(answer.message.content[0].text)


async def cohere_stream(held: Any, seen: Seen) -> None:
    """Stream from Cohere, version 2."""
    async for event in each(held.sdk.chat_stream(model="command-r", messages=ASKED)):
        note(seen, event)
        seen.read(event.delta.message.content.text if event.type == "content-delta" else "")


async def cohere_chat_1(held: Any, seen: Seen) -> None:
    """Chat with Cohere, version 1."""
    answer = await value(held.sdk.chat(model="command-r", message="What?"))
    note(seen, answer)
    seen.read(answer.text)


async def cohere_stream_1(held: Any, seen: Seen) -> None:
    """Stream from Cohere, version 1."""
    async for event in each(held.sdk.chat_stream(model="command-r", message="What?")):
        note(seen, event)
        seen.read(event.text if event.event_type == "text-generation" else "")


async def cohere_embed(held: Any, seen: Seen) -> None:
    """Embed a text."""
    asked: dict[str, Any] = {"texts": ["one call"], "input_type": "search_query", "embedding_types": ["float"]}
    note(seen, await value(held.sdk.embed(model="embed-v4.0", **asked)))


async def cohere_rerank(held: Any, seen: Seen) -> None:
    """Rank documents."""
    note(seen, await value(held.sdk.rerank(model="rerank-v3.5", query="What?", documents=["a call", "a cost"])))


def mistral(name: str) -> Any:
    """Call a method of Mistral's, by its sync or async name."""

    async def call(held: Any, seen: Seen, *, asynchronous: bool = False) -> None:
        method = getattr(held.sdk.chat, f"{name}_async" if asynchronous else name)
        answer = await value(method(model="mistral-small-latest", messages=ASKED))
        if name == "complete":
            note(seen, answer)
            seen.read(answer.choices[0].message.content)
            return
        async for event in each(answer):
            note(seen, event)
            seen.read(event.data.choices[0].delta.content if event.data.choices else "")

    return call


def _async(call: Any) -> Any:
    async def asynchronous(held: Any, seen: Seen) -> None:
        await call(held, seen, asynchronous=True)

    return asynchronous


def ollama_call(method: str, **more: Any) -> Any:
    """Call a method of Ollama's."""

    async def call(held: Any, seen: Seen) -> None:
        bodies: dict[str, dict[str, Any]] = {
            "chat": {"messages": ASKED},
            "generate": {"prompt": "What?"},
            "embed": {"input": "one call"},
        }
        asked = bodies[method]
        answer = await value(getattr(held.sdk, method)(model="llama3.2", **asked, **more))
        if not more:
            note(seen, answer)
            return
        async for part in each(answer):
            note(seen, part)
            seen.read(part.message.content)

    return call


async def ollama_stop(held: Any, seen: Seen) -> None:
    """Leave a stream after its first part."""
    stream = await value(held.sdk.chat(model="llama3.2", messages=ASKED, stream=True))
    async for part in each(stream):
        seen.read(part.message.content)
        break
    await value(stream.aclose() if hasattr(stream, "aclose") else stream.close())


def _post(url: str, body: dict[str, Any]) -> bytes:
    return requests.post(url, json=body, timeout=20).content


async def ollama_at_once(held: Any, seen: Seen) -> None:
    """Post by hand, and read the stream that Ollama sends unasked at once."""
    seen.add(_post(f"{held.sdk}/api/chat", {"model": "llama3.2", "messages": ASKED}))


BILLED = {"billed_units": {"input_tokens": 20, "output_tokens": 5}, "tokens": {"input_tokens": 96, "output_tokens": 7}}
_COHERE = {
    "id": "c-1",
    "finish_reason": "COMPLETE",
    "message": {"role": "assistant", "content": [{"type": "text", "text": TEXT}]},
    "usage": BILLED,
}
_DELTA = {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": TEXT}}}}
_COHERE_EVENTS = events(
    {"type": "message-start", "id": "c-1", "delta": {"message": {"role": "assistant"}}},
    _DELTA,
    {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": BILLED}},
    names=True,
)
_COHERE_1 = {"text": TEXT, "generation_id": "g-1", "response_id": "r-1", "finish_reason": "COMPLETE", "meta": BILLED}
_COHERE_LINES = lines(
    {"is_finished": False, "event_type": "stream-start", "generation_id": "g-1"},
    {"is_finished": False, "event_type": "text-generation", "text": TEXT},
    {"is_finished": True, "event_type": "stream-end", "finish_reason": "COMPLETE", "response": _COHERE_1},
)
_EMBEDDED = {
    "id": "e-1",
    "embeddings": {"float": [[0.1]]},
    "texts": ["one call"],
    "response_type": "embeddings_by_type",
    "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 20}},
}
_RANKED = {
    "id": "r-1",
    "results": [{"index": 0, "relevance_score": 0.9}],
    "meta": {"billed_units": {"search_units": 1}},
}
_MISTRAL = "mistral-small-latest"
_LLAMA = "llama-3.1-8b-instant"
_WHOLE = {
    "model": "llama3.2",
    "created_at": "2025-10-01T00:00:00Z",
    "done": True,
    "done_reason": "stop",
    "prompt_eval_count": 20,
    "eval_count": 5,
    "total_duration": 9,
}
_SAID = {"message": {"role": "assistant", "content": "Little"}}
_OLLAMA_LINES = lines(
    {"model": "llama3.2", "created_at": "2025-10-01T00:00:00Z", "done": False, **_SAID},
    {**_WHOLE, "message": {"role": "assistant", "content": " enough."}},
)


def _sdk(name: str, call: Any, answer: Canned, **more: Any) -> FieldShape:
    given: dict[str, Any] = {"kinds": ("sync", "async"), "answers": (answer,), "classes": CLASSES, "http": HTTPX}
    return FieldShape(name=name, call=call, **given | more)


_CO: dict[str, Any] = {"sdk": "cohere", "make": cohere_client, "api": "cohere.chat", "model": "command-r",
                       "usd": "0.000006"}  # fmt: skip
_MI: dict[str, Any] = {"sdk": "mistral_ai", "make": mistral_client, "api": "openai.chat", "model": _MISTRAL,
                       "answered_by": _MISTRAL, "usd": "0.000006", "http": HTTPX2, "text": TEXT}  # fmt: skip
_GR: dict[str, Any] = {"sdk": "groq", "make": groq_client, "api": "openai.chat", "model": _LLAMA, "answered_by": _LLAMA,
                       "usd": "0.0000014", "text": TEXT}  # fmt: skip
_OL: dict[str, Any] = {"sdk": "ollama", "make": ollama_client, "api": "ollama.chat", "model": "llama3.2",
                       "answered_by": "llama3.2"}  # fmt: skip
_TO: dict[str, Any] = {"sdk": "together", "make": together_client, "api": "openai.chat", "model": "allenai/OLMo-7B",
                       "answered_by": "allenai/OLMo-7B", "usd": "0.000005", "text": TEXT}  # fmt: skip
_HF: dict[str, Any] = {"sdk": "huggingface", "make": hub_client, "api": "openai.chat", "http": HTTPX2,
                       "model": "deepseek-ai/DeepSeek-V3", "answered_by": "deepseek-ai/DeepSeek-V3",
                       "usd": "0.00003125", "text": TEXT, "provider": "huggingface.together"}  # fmt: skip
_CHAT = "/chat/completions"
_FROM = {"x-inference-provider": "together"}
_OLLAMA_STREAM = Canned("/api/chat", pieces=_OLLAMA_LINES, kind="application/x-ndjson")

SDK_SHAPES: tuple[FieldShape, ...] = (
    _sdk("cohere v2 chat", cohere_chat, Canned("/v2/chat", _COHERE), text=TEXT, **_CO),
    _sdk("cohere v2 chat_stream", cohere_stream, Canned("/v2/chat", pieces=_COHERE_EVENTS, kind=SSE), text=TEXT,
         streamed=True, **_CO),
    _sdk("cohere v1 chat", cohere_chat_1, Canned("/v1/chat", _COHERE_1), text=TEXT, **_CO | {"make": cohere_client_1}),
    _sdk("cohere v1 chat_stream", cohere_stream_1,
         Canned("/v1/chat", pieces=_COHERE_LINES, kind="application/stream+json"), text=TEXT,
         streamed=True, **_CO | {"make": cohere_client_1}),
    _sdk("cohere embed", cohere_embed, Canned("/v2/embed", _EMBEDDED), **_CO
         | {"api": "cohere.embed", "model": "embed-v4.0", "classes": {"input": 20}, "usd": "0.0000024"}),
    _sdk("cohere rerank", cohere_rerank, Canned("/v2/rerank", _RANKED), **_CO
         | {"api": "cohere.rerank", "model": "rerank-v3.5", "classes": {"rerank": 1}, "usd": "0.002"}),
    _sdk("cohere 429", cohere_chat, Canned("/v2/chat", _COHERE), script=("429",), raises=("TooManyRequestsError",),
         calls=(failed(429),), **_CO),
    _sdk("mistral complete", mistral("complete"), Canned(_CHAT, completion(_MISTRAL, SIMPLE)), **_MI
         | {"kinds": ("sync",)}),
    _sdk("mistral complete_async", _async(mistral("complete")), Canned(_CHAT, completion(_MISTRAL, SIMPLE)), **_MI
         | {"kinds": ("async",)}),
    _sdk("mistral stream", mistral("stream"), Canned(_CHAT, pieces=chunks(_MISTRAL, {"usage": SIMPLE}), kind=SSE),
         streamed=True, **_MI | {"kinds": ("sync",)}),
    _sdk("mistral stream_async", _async(mistral("stream")), Canned(_CHAT, kind=SSE, pieces=chunks(
        _MISTRAL, {"usage": SIMPLE})), streamed=True, **_MI | {"kinds": ("async",)}),
    _sdk("groq sdk", chat(_LLAMA), Canned(_CHAT, completion(_LLAMA, SIMPLE)), **_GR),
    _sdk("groq sdk stream", chat_stream(_LLAMA, told=False), Canned(_CHAT, kind=SSE, pieces=chunks(
        _LLAMA, {"choices": [], "x_groq": {"id": "req_1", "usage": SIMPLE}})), streamed=True, **_GR),
    _sdk("together sdk", chat("allenai/OLMo-7B"), Canned(_CHAT, completion("allenai/OLMo-7B", SIMPLE)), **_TO),
    _sdk("ollama chat", ollama_call("chat"), Canned("/api/chat", {**_WHOLE, **_SAID}), **_OL),
    _sdk("ollama chat stream", ollama_call("chat", stream=True), _OLLAMA_STREAM, text=TEXT, streamed=True, **_OL),
    _sdk("ollama chat stream closed", ollama_stop, _OLLAMA_STREAM, text="Little", script=("hang=1",), streamed=True,
         calls=(LEFT,), **_OL),
    _sdk("ollama generate", ollama_call("generate"), Canned("/api/generate", {**_WHOLE, "response": TEXT}), **_OL),
    _sdk("ollama embed", ollama_call("embed"), Canned("/api/embed", {
        "model": "llama3.2", "embeddings": [[0.1]], "prompt_eval_count": 20}), **_OL
        | {"api": "ollama.embed", "classes": {"input": 20}}),
    _sdk("ollama stream read at once", ollama_at_once, _OLLAMA_STREAM, streamed=True, **_OL
         | {"make": requests_client, "kinds": ("sync",), "http": {"sync": "requests"}}),
    _sdk("huggingface_hub chat", chat("deepseek-ai/DeepSeek-V3"), Canned(
        _CHAT, completion("deepseek-ai/DeepSeek-V3", SIMPLE), headers=_FROM), **_HF),
    _sdk("huggingface_hub chat stream", chat_stream("deepseek-ai/DeepSeek-V3"), Canned(
        _CHAT, pieces=chunks("deepseek-ai/DeepSeek-V3", {"usage": SIMPLE}), kind=SSE, headers=_FROM), streamed=True,
        **_HF),
)  # fmt: skip
