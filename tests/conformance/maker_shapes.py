"""Ways of calling that makers and sellers of models have beside the common ones, through their SDKs.

Bodies: https://docs.mistral.ai/api/#tag/beta.conversations, https://docs.together.ai/reference/rerank,
https://openrouter.ai/docs/use-cases/usage-accounting, https://cloud.ibm.com/apidocs/watsonx-ai#deployments-text-chat,
https://docs.databricks.com/api/workspace/servingendpoints/query,
https://platform.openai.com/docs/api-reference/responses/compact, and for what was tuned on Vertex AI
https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.endpoints/generateContent.
"""

from __future__ import annotations

from typing import Any

from outlay.loopback import ModelHost
from tests.conformance import anthropic_extras, gemini_shapes
from tests.conformance.anthropic_extras import message
from tests.conformance.canned import Canned, events
from tests.conformance.compatible_shapes import (
    ASKED,
    CLASSES,
    SDK,
    SIMPLE,
    TEXT,
    chat,
    chat_stream,
    chunks,
    client,
    completion,
)
from tests.conformance.field import FieldShape, Held, note
from tests.conformance.gemini_shapes import MESSAGE, USED, claude_client
from tests.conformance.hand_shapes import posting
from tests.conformance.media_shapes import SEARCHED, SOUND, search
from tests.conformance.sdk_shapes import HTTPX, HTTPX2, SSE, mistral_client, requests_client, together_client
from tests.conformance.seen import Seen, each, value
from tests.conformance.shape import Kind


def converse(method: str, **more: Any) -> Any:
    """Speak with Mistral's conversations, which it keeps."""

    async def call(held: Any, seen: Seen) -> None:
        answer = await value(getattr(held.sdk.beta.conversations, method)(inputs="What does a call cost?", **more))
        if not method.endswith("stream"):
            note(seen, answer)
            return
        async for event in each(answer):
            note(seen, event)

    return call


async def ask_agent(held: Any, seen: Seen) -> None:
    """Ask an agent of Mistral's."""
    note(seen, await value(held.sdk.agents.complete(agent_id="ag_1", messages=ASKED)))


async def fill_in(held: Any, seen: Seen) -> None:
    """Have Mistral fill in the middle."""
    note(seen, await value(held.sdk.fim.complete(model="codestral-2508", prompt="def cost(")))


async def listen(held: Any, seen: Seen) -> None:
    """Ask Mistral's chat about a sound."""
    asked: Any = [{"role": "user", "content": [{"type": "input_audio", "input_audio": "UklGRg=="}]}]
    note(seen, await value(held.sdk.chat.complete(model="voxtral-small-latest", messages=asked)))


def transcribe(name: str) -> Any:
    """Have Mistral transcribe, at once or as it goes."""

    async def call(held: Any, seen: Seen) -> None:
        file = {"file_name": "call.wav", "content": b"RIFF"}
        answer = getattr(held.sdk.audio.transcriptions, name)(model="voxtral-mini-latest", file=file)
        if name == "complete":
            note(seen, answer)
            return
        for event in answer:
            note(seen, event)

    return call


async def rerank(held: Any, seen: Seen) -> None:
    """Have Together put documents in order."""
    asked: dict[str, Any] = {"model": "Salesforce/Llama-Rank-V1", "query": "What?", "documents": ["a call"]}
    note(seen, await value(held.sdk.rerank.create(**asked)))


async def compact(held: Any, seen: Seen) -> None:
    """Have a conversation summed up."""
    seen.add(await value(held.sdk.responses.compact(model="gpt-5", input="What does a call cost?")))


async def transcribe_long(held: Any, seen: Seen) -> None:
    """Transcribe, and ask for all that is known of the sound."""
    asked: dict[str, Any] = {"model": "whisper-1", "file": SOUND, "response_format": "verbose_json"}
    seen.add(await value(held.sdk.audio.transcriptions.create(**asked)))


async def tuned(held: Any, seen: Seen) -> None:
    """Call a model of one's own on Vertex AI."""
    model = "projects/p/locations/us-central1/endpoints/4711"
    answer = await value(held.sdk.models.generate_content(model=model, contents="What does a call cost?"))
    note(seen, answer)
    seen.read(answer.text)


async def claude(held: Any, seen: Seen) -> None:
    """Call Claude on Vertex AI."""
    body: dict[str, Any] = {"max_tokens": 100, "messages": [{"role": "user", "content": "What does a call cost?"}]}
    seen.add(await value(held.sdk.messages.create(model="claude-haiku-4-5@20251001", **body)))


async def count_claude(held: Any, seen: Seen) -> None:
    """Count tokens on Vertex AI, which is free."""
    body: dict[str, Any] = {"messages": [{"role": "user", "content": "What does a call cost?"}]}
    seen.add(await value(held.sdk.messages.count_tokens(model="claude-haiku-4-5@20251001", **body)))


async def thread(held: Any, seen: Seen) -> None:
    """Add a message to a thread, which is free."""
    seen.add(await value(held.sdk.beta.threads.messages.create("thread_1", role="user", content="What does it cost?")))


def everywhere(kind: Kind, host: ModelHost) -> Held:
    """Make Anthropic's client for Vertex AI's global endpoint."""
    return claude_client(kind, host, "global")


_MEDIUM = "mistral-medium-2508"
_SPOKEN = {
    "type": "message.output", "object": "entry", "role": "assistant", "id": "msg_1", "model": _MEDIUM, "content": TEXT,
    "created_at": "2025-10-01T00:00:00Z",
}  # fmt: skip
_CONNECTED = SIMPLE | {"total_tokens": 65, "connector_tokens": 40, "connectors": {"web_search": 2}}
_CONVERSATION = {
    "object": "conversation.response", "conversation_id": "conv_1", "outputs": [_SPOKEN], "usage": _CONNECTED,
}  # fmt: skip
_CONVERSED = events(
    {"type": "conversation.response.started", "conversation_id": "conv_1", "created_at": "2025-10-01T00:00:00Z"},
    {"type": "message.output.delta", "id": "msg_1", "content": TEXT, "model": _MEDIUM, "output_index": 0},
    {"type": "conversation.response.done", "usage": SIMPLE, "created_at": "2025-10-01T00:00:01Z"},
    names=True,
)
_MISTRAL: dict[str, Any] = {"sdk": "mistral_ai", "make": mistral_client, "kinds": ("sync",), "http": HTTPX2}
_CONVERSATIONS: dict[str, Any] = _MISTRAL | {"api": "mistral.conversations"}
_SMALL, _MINI = "voxtral-small-2507", "voxtral-mini-2602"
_HEARD = SIMPLE | {"prompt_audio_seconds": 12, "total_tokens": 400,
                   "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 375}}  # fmt: skip
_WRITTEN: dict[str, Any] = {"model": _MINI, "text": TEXT, "language": None, "segments": [], "usage": {
    "prompt_audio_seconds": 203, "prompt_tokens": 4, "total_tokens": 3264, "completion_tokens": 635}}  # fmt: skip
_WRITING = events(
    {"type": "transcription.language", "audio_language": "en"},
    {"type": "transcription.text.delta", "text": TEXT},
    {"type": "transcription.done"} | _WRITTEN,
    names=True,
)
# 203 seconds at 0.18 an hour; its tokens cost nothing
_TRANSCRIBED: dict[str, Any] = _MISTRAL | {
    "api": "openai.transcriptions", "model": "voxtral-mini-latest", "answered_by": _MINI,
    "classes": {"audio_seconds": 203}, "usd": "0.01015",
}  # fmt: skip
_RANKED = {"id": "r-1", "object": "rerank", "model": "Salesforce/Llama-Rank-V1",
           "results": [{"index": 0, "relevance_score": 0.9}],
           "usage": {"prompt_tokens": 20, "completion_tokens": 0, "total_tokens": 20}}  # fmt: skip
_OWN_KEY = SIMPLE | {"cost": 0.0000003, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.000006}}
_ROUTER: dict[str, Any] = {
    "sdk": "openrouter", "make": client, "api": "openai.chat", "http": SDK, "model": "openai/gpt-4o-mini",
    "answered_by": "openai/gpt-4o-mini", "text": TEXT, "source": "reported", "usd": "0.0000063",
}  # fmt: skip
_CHARGED = MESSAGE | {"model": "anthropic/claude-haiku-4.5", "usage": {**USED, "cost": 0.0001}}
_COMPACTED = {"id": "resp_1", "object": "response.compaction", "created_at": 1, "output": [],
              "usage": SEARCHED["usage"]}  # fmt: skip
_UNTOLD = SEARCHED | {"output": [
    {"id": f"ws_{number}", "type": "web_search_call", "status": "completed"} for number in range(2)]}  # fmt: skip
_FIND = "gpt-4o-search-preview"
_TUNED = gemini_shapes.GENERATE.body
_GRANITE, _LLAMA = "ibm/granite-3-3-8b-instruct", "databricks-meta-llama-3-3-70b-instruct"
_CLAUDE = "publishers/anthropic/models/claude-haiku-4-5@20251001:rawPredict"
_VERTEX: dict[str, Any] = {
    "sdk": "gcp.vertex_ai", "make": everywhere, "http": anthropic_extras.SDK, "api": "anthropic.messages",
    "model": "claude-haiku-4-5@20251001",
}  # fmt: skip
_OPENAI: dict[str, Any] = {"sdk": "openai", "make": client, "http": SDK, "kinds": ("sync", "async")}
_BY_HAND: dict[str, Any] = {"make": requests_client, "kinds": ("sync",), "http": {"sync": "requests"}}


def _shape(name: str, call: Any, answer: Canned, **given: Any) -> FieldShape:
    return FieldShape(name=name, call=call, answers=(answer,), **{"classes": CLASSES} | given)


MAKER_SHAPES: tuple[FieldShape, ...] = (
    # (20 + 40) x 0.40 + 5 x 2, a million; nobody knows what a search costs
    _shape("mistral conversation", converse("start", model="mistral-medium-2508"),
           Canned("/v1/conversations", _CONVERSATION), model=_MEDIUM, answered_by=_MEDIUM, usd="0.000034",
           classes={"input": 20, "tool_use_input": 40, "output": 5, "web_search": 2}, unpriced=("web_search",),
           **_CONVERSATIONS),
    # 20 x 0.40 + 5 x 2, a million
    _shape("mistral conversation goes on", converse("append_stream", conversation_id="conv_1"),
           Canned("/v1/conversations/conv_1", pieces=_CONVERSED, kind=SSE), model=None, answered_by=_MEDIUM,
           streamed=True, usd="0.000018", **_CONVERSATIONS),
    # 20 x 0.15 + 5 x 0.60, a million
    _shape("mistral agent", ask_agent, Canned("/agents/completions", completion("mistral-small-latest", SIMPLE)),
           api="openai.chat", model=None, answered_by="mistral-small-latest", usd="0.000006", **_MISTRAL),
    # 20 x 0.30 + 5 x 0.90, a million
    _shape("mistral fill in the middle", fill_in, Canned("/fim/completions", completion("codestral-2508", SIMPLE)),
           api="openai.chat", model="codestral-2508", answered_by="codestral-2508", usd="0.0000105", **_MISTRAL),
    # 20 x 0.10 + 5 x 0.40, a million, and 12 seconds at 0.24 an hour
    _shape("mistral chat about a sound", listen, Canned("/chat/completions", completion(_SMALL, _HEARD)),
           api="openai.chat", model="voxtral-small-latest", answered_by=_SMALL, usd="0.000804",
           classes=CLASSES | {"audio_seconds": 12}, **_MISTRAL),
    # No price by the second is known of this model.
    _shape("mistral agent that hears", ask_agent,
           Canned("/agents/completions", completion("mistral-small-latest", _HEARD)), api="openai.chat",
           model=None, answered_by="mistral-small-latest", usd="0.000006",
           classes=CLASSES | {"audio_seconds": 12}, unpriced=("audio_seconds",), **_MISTRAL),
    _shape("mistral transcription", transcribe("complete"), Canned("/audio/transcriptions", _WRITTEN), **_TRANSCRIBED),
    _shape("mistral transcription stream", transcribe("stream"),
           Canned("/audio/transcriptions", pieces=_WRITING, kind=SSE), streamed=True, **_TRANSCRIBED),
    _shape("together rerank", rerank, Canned("/rerank", _RANKED), sdk="together", make=together_client, http=HTTPX,
           api="voyage.rerank", model=_RANKED["model"], answered_by=_RANKED["model"], classes={"input": 20}),
    # The router's fee, and what the maker charges for the key
    _shape("openrouter with a key of one's own", chat("openai/gpt-4o-mini"),
           Canned("/chat/completions", completion("openai/gpt-4o-mini", _OWN_KEY)), **_ROUTER),
    _shape("openrouter stream with a key of one's own", chat_stream("openai/gpt-4o-mini"),
           Canned("/chat/completions", pieces=chunks("openai/gpt-4o-mini", {"usage": _OWN_KEY}), kind=SSE),
           streamed=True, **_ROUTER),
    _shape("openrouter messages", message("anthropic/claude-haiku-4.5"), Canned("/messages", _CHARGED),
           sdk="openrouter", make=anthropic_extras.client, http=anthropic_extras.SDK, api="anthropic.messages",
           model="anthropic/claude-haiku-4.5", answered_by="anthropic/claude-haiku-4.5", usd="0.0001",
           source="reported", classes={"input": 20, "cache_read": 10, "output": 5}),
    # 20 x 1.25 + 5 x 10, a million
    _shape("responses.compact", compact, Canned("/responses/compact", _COMPACTED), api="openai.responses",
           model="gpt-5", needs="responses.compact", usd="0.000075", **_OPENAI),
    # And two searches at 0.01
    _shape("responses with searches of no action", search, Canned("/responses", _UNTOLD), api="openai.responses",
           model="gpt-5", answered_by="gpt-5", needs="responses", classes=CLASSES | {"web_search": 2},
           usd="0.020075", **_OPENAI),
    # 20 x 2.50 + 5 x 10, a million, and 0.025 for the search that every answer begins with
    _shape("search model", chat(_FIND), Canned("/chat/completions", completion(_FIND, SIMPLE)), api="openai.chat",
           model=_FIND, answered_by=_FIND, text=TEXT, usd="0.0251", **_OPENAI),
    # 12.5 seconds at 0.36 an hour
    _shape("audio.transcriptions by their length", transcribe_long,
           Canned("/audio/transcriptions", {"text": TEXT, "duration": 12.5, "language": "en", "segments": []}),
           api="openai.transcriptions", model="whisper-1", classes={"audio_seconds": 12.5}, usd="0.00125", **_OPENAI),
    _shape("threads.messages", thread, Canned("/threads/thread_1/messages", {"id": "msg_1", "content": []}),
           api="", model=None, calls=(), **_OPENAI),
    _shape("gemini vertex tuned", tuned, Canned("endpoints/4711:generateContent", _TUNED), sdk="gcp.vertex_ai",
           make=gemini_shapes.vertex, api="gemini.generate_content", model=None, answered_by="gemini-2.5-flash",
           http={"sync": "httpx2", "async": "aiohttp"}, classes=gemini_shapes.CLASSES, usd=gemini_shapes.USD,
           reasoning=30, text=TEXT),
    # 20 x 1 + 10 x 0.10 + 5 x 5, a million
    _shape("gemini vertex claude everywhere", claude, Canned(_CLAUDE, MESSAGE), usd="0.000046",
           answered_by="claude-haiku-4-5-20251001", classes={"input": 20, "cache_read": 10, "output": 5}, **_VERTEX),
    _shape("gemini vertex claude count_tokens", count_claude,
           Canned("models/count-tokens:rawPredict", {"input_tokens": 14}), calls=(),
           needs="anthropic:messages.count_tokens", **_VERTEX),
    # 20 x 0.20 + 5 x 0.20, a million
    _shape("watsonx deployment", posting("/ml/v1/deployments/our-own/text/chat?version=1", {"messages": ASKED}),
           Canned("/text/chat", completion(_GRANITE, SIMPLE, model_id=_GRANITE)), sdk="ibm.watsonx.ai",
           api="openai.chat", model=None, answered_by=_GRANITE, usd="0.000005", **_BY_HAND),
    # 20 x 0.50 + 5 x 1.50, a million
    _shape("databricks serving endpoint", posting(f"/serving-endpoints/{_LLAMA}/invocations", {"messages": ASKED}),
           Canned("/invocations", completion(_LLAMA, SIMPLE)), sdk="databricks", api="openai.chat", model=_LLAMA,
           answered_by=_LLAMA, usd="0.0000175", **_BY_HAND),
)  # fmt: skip
