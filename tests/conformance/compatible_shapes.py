"""Providers that speak OpenAI's formats, each with ways of its own, through the OpenAI SDK or their own.

Bodies: the API reference of each, named in integrations/outlay_integrations/apis/dialects.py, and
https://openrouter.ai/docs/api-reference, https://docs.together.ai/reference, https://docs.fireworks.ai/api-reference,
https://inference-docs.cerebras.ai/api-reference, https://docs.litellm.ai/docs/proxy/response_headers,
https://huggingface.co/docs/inference-providers, https://learn.microsoft.com/azure/ai-foundry/openai/reference.
"""

from __future__ import annotations

from typing import Any

import openai

from outlay.loopback import ModelHost
from tests.conformance.canned import Canned, events
from tests.conformance.field import FieldShape, Held, note
from tests.conformance.seen import Seen, each, value
from tests.conformance.shape import Kind, both, sends_by

TEXT = "Little enough."
SDK = both(sends_by(openai.DefaultHttpxClient))
ASKED: list[Any] = [{"role": "user", "content": "What does a call cost?"}]


def client(kind: Kind, host: ModelHost) -> Held:
    """Make OpenAI's client."""
    make: Any = openai.OpenAI if kind == "sync" else openai.AsyncOpenAI
    made = make(api_key="none", base_url=f"{host.url}/v1", max_retries=0)
    return Held(made, made.close)


def azure(kind: Kind, host: ModelHost) -> Held:
    """Make OpenAI's client for Azure."""
    make: Any = openai.AzureOpenAI if kind == "sync" else openai.AsyncAzureOpenAI
    made = make(api_key="none", azure_endpoint=host.url, api_version="2024-10-21", max_retries=0)
    return Held(made, made.close)


def vertex(kind: Kind, host: ModelHost) -> Held:
    """Make OpenAI's client for Vertex AI's endpoint of that dialect."""
    make: Any = openai.OpenAI if kind == "sync" else openai.AsyncOpenAI
    place = "projects/p/locations/us-central1/endpoints/openapi"
    made = make(api_key="none", base_url=f"{host.url}/v1beta1/{place}", max_retries=0)
    return Held(made, made.close)


def chat(model: str) -> Any:
    """Call and wait for the whole answer."""

    async def call(held: Any, seen: Seen) -> None:
        answer = await value(held.sdk.chat.completions.create(model=model, messages=ASKED))
        note(seen, answer)
        seen.read(answer.choices[0].message.content)

    return call


def chat_stream(model: str, *, told: bool = True) -> Any:
    """Stream, and ask for usage where the provider needs to be asked."""

    async def call(held: Any, seen: Seen) -> None:
        options = {"stream_options": {"include_usage": True}} if told else {}
        stream = await value(held.sdk.chat.completions.create(model=model, messages=ASKED, stream=True, **options))
        async for chunk in each(stream):
            note(seen, chunk)
            seen.read("".join(choice.delta.content or "" for choice in chunk.choices))

    return call


def embed(model: str) -> Any:
    """Embed a text."""

    async def call(held: Any, seen: Seen) -> None:
        answer = held.sdk.embeddings.create(model=model, input="one call", encoding_format="float")
        note(seen, await value(answer))

    return call


def respond(model: str) -> Any:
    """Call Responses."""

    async def call(held: Any, seen: Seen) -> None:
        note(seen, await value(held.sdk.responses.create(model=model, input="What does a call cost?")))

    return call


def completion(model: str, usage: Any, **more: Any) -> dict[str, Any]:
    """Write a chat completion."""
    message = {"role": "assistant", "content": TEXT}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    head = {"id": "c-1", "object": "chat.completion", "created": 1, "model": model}
    return {**head, "choices": [choice], "usage": usage, **more}


def chunks(model: str, *last: dict[str, Any]) -> tuple[bytes, ...]:
    """Write a stream of chunks; ``last`` are added to the last ones, one each."""
    head = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": model}

    def chunk(text: str | None, reason: str | None, **more: Any) -> dict[str, Any]:
        delta = {} if text is None else {"content": text}
        return head | {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]} | more

    ended = [{"choices": [], **part} if "usage" in part else part for part in last]
    return events(chunk("Little", None), chunk(" enough.", "stop"), *(head | part for part in ended), end="[DONE]")


SIMPLE = {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25}
CLASSES = {"input": 20, "output": 5}


def _chat(biller: str, served: str, usage: Any, usd: str | None, **more: Any) -> FieldShape:
    headers, body = more.pop("headers", {}), more.pop("body", {})
    answer = Canned("/chat/completions", completion(served, usage, **body), headers=headers)
    given: dict[str, Any] = {
        "name": f"{biller} chat", "sdk": biller, "make": client, "call": chat(served), "api": "openai.chat",
        "model": served, "answered_by": served, "classes": CLASSES, "usd": usd, "http": SDK, "kinds": ("sync",),
        "text": TEXT, "answers": (answer,),
    }  # fmt: skip
    return FieldShape(**given | more)


def _stream(biller: str, served: str, usage: Any, usd: str | None, **more: Any) -> FieldShape:
    pieces = more.pop("pieces", None) or chunks(served, {"usage": usage})
    answer = Canned("/chat/completions", pieces=pieces, kind="text/event-stream")
    given = {"name": f"{biller} stream", "call": chat_stream(served), "answers": (answer,), "streamed": True}
    return _chat(biller, served, usage, usd, **given | more)


_XAI = SIMPLE | {"total_tokens": 125, "completion_tokens_details": {"reasoning_tokens": 100}}
_DEEPSEEK = SIMPLE | {"prompt_cache_hit_tokens": 12, "prompt_cache_miss_tokens": 8}
_SONAR = SIMPLE | {
    "search_context_size": "low",
    "cost": {
        "input_tokens_cost": 0.00002,
        "output_tokens_cost": 0.000005,
        "request_cost": 0.005,
        "total_cost": 0.005025,
    },
}
_ROUTED = SIMPLE | {"cost": 0.00123, "cost_details": {"upstream_inference_cost": 0.001}}
_GROQ = chunks("llama-3.1-8b-instant", {"choices": [], "x_groq": {"id": "req_1", "usage": SIMPLE}})
_VOYAGE = {
    "object": "list",
    "data": [{"object": "embedding", "embedding": [0.1], "index": 0}],
    "model": "voyage-3-large",
    "usage": {"total_tokens": 20},
}
_TUNED = "ft:gpt-4o-mini-2024-07-18:acme::abc123"
_LLAMA_70B = "meta-llama/Llama-3.3-70B-Instruct"
_GROK_USAGE: dict[str, Any] = {
    "input_tokens": 20,
    "input_tokens_details": {"cached_tokens": 8},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 3},
    "total_tokens": 25,
    "num_sources_used": 0,
}
_GROK_TOOLS = {"server_side_tool_usage_details": {"web_search_calls": 2, "x_search_calls": 1}}


def _grok(name: str, usage: Any, usd: str, **more: Any) -> FieldShape:
    answer = {"id": "r-1", "object": "response", "created_at": 1, "model": "grok-4.6", "status": "completed",
              "output": [], "usage": usage}  # fmt: skip
    given: dict[str, Any] = {
        "call": respond("grok-4.6"), "needs": "responses",
        "api": "openai.responses", "text": "", "reasoning": 3, "name": name,
        "answers": (Canned("/responses", answer),), "classes": {"input": 12, "cache_read": 8, "output": 5},
    }  # fmt: skip
    return _chat("x_ai", "grok-4.6", None, usd, **given | more)


_DEEPSEEK_V3 = "deepseek-ai/DeepSeek-V3"

COMPATIBLE_SHAPES: tuple[FieldShape, ...] = (
    _chat("azure.ai.openai", "gpt-4o-mini-2024-07-18", SIMPLE, "0.000006", make=azure, call=chat("our-deployment"),
          model="our-deployment", kinds=("sync", "async")),
    _chat("openrouter", "openai/gpt-4o-mini", _ROUTED, "0.00123", source="reported"),
    _stream("openrouter", "openai/gpt-4o-mini", _ROUTED, "0.00123", source="reported"),
    # 8 x 0.14 + 12 x 0.0028 + 5 x 0.28, a million
    _chat("deepseek", "deepseek-chat", _DEEPSEEK, "0.0000025536", classes={"input": 8, "cache_read": 12, "output": 5}),
    _chat("groq", "llama-3.1-8b-instant", SIMPLE, "0.0000014", body={"x_groq": {"id": "req_1"}}),
    _stream("groq", "llama-3.1-8b-instant", SIMPLE, "0.0000014", pieces=_GROQ),
    # 20 x 0.30 + 105 x 0.50, a million
    _chat("x_ai", "grok-3-mini", _XAI, "0.0000585", classes={"input": 20, "output": 105}, reasoning=100),
    _chat("x_ai", "grok-3-mini", _XAI | {"cost_in_usd_ticks": 650000}, "0.000065", source="reported",
          name="x_ai chat with its cost", classes={"input": 20, "output": 105}, reasoning=100),
    _chat("perplexity", "sonar", _SONAR, "0.005025", source="reported"),
    _chat("perplexity", "sonar", SIMPLE | {"search_context_size": "high"}, "0.012025",
          name="perplexity fee by context"),
    _chat("moonshotai", "kimi-k2-0905-preview", SIMPLE | {"cached_tokens": 10}, "0.00002",
          classes={"input": 10, "cache_read": 10, "output": 5}),
    _chat("together", "allenai/OLMo-7B", SIMPLE, "0.000005"),
    _chat("fireworks", "accounts/fireworks/models/deepseek-v3-0324", SIMPLE, "0.0000225"),
    _chat("cerebras", "llama3.1-8b", SIMPLE | {"prompt_tokens_details": {"cached_tokens": 0}}, "0.0000025",
          body={"time_info": {"total_time": 0.01}}),
    _stream("novita", "baidu/ernie-4.5-21b-a3b", SIMPLE, "0.0000028"),
    _chat("huggingface", _DEEPSEEK_V3, SIMPLE, "0.00003125", headers={"x-inference-provider": "together"},
          provider="huggingface.together"),
    _chat("openai", _TUNED, SIMPLE, "0.000012", name="fine-tuned chat"),
    _chat("gcp.vertex_ai", "meta/llama-3.3-70b-instruct-maas", SIMPLE, "0.000018", name="gemini vertex meta",
          make=vertex),
    # 12 x 2 + 8 x 0.50 + 5 x 6, a million
    _grok("x_ai responses", _GROK_USAGE, "0.000058"),
    _grok("x_ai responses with its cost", _GROK_USAGE | _GROK_TOOLS | {"cost_in_usd_ticks": 150_580_000},
          "0.015058", source="reported",
          classes={"input": 12, "cache_read": 8, "output": 5, "web_search": 2, "social_search": 1}),
    _chat("nebius", _LLAMA_70B, SIMPLE, "0.0000046"),
    _chat("bentoml", "our-model", SIMPLE, None),
    _chat("lm_studio", "qwen2.5-7b-instruct", SIMPLE, None, body={"stats": {}, "system_fingerprint": "lmstudio"}),
    _chat("nscale", "meta-llama/Llama-3.1-8B-Instruct", SIMPLE, "0.0000015"),
    _chat("vllm", "our-model", SIMPLE | {"prompt_tokens_details": None}, None),
    _chat("litellm", "gpt-4o-mini", SIMPLE, "0.0000077", headers={"x-litellm-response-cost": "7.7e-06"},
          source="reported"),
    _chat("voyageai", "voyage-3-large", None, "0.0000036", name="voyage embeddings", call=embed("voyage-3-large"),
          api="openai.embeddings", classes={"input": 20}, text="", answers=(Canned("/embeddings", _VOYAGE),)),
)  # fmt: skip
