"""Ways of asking for an answer that comes later: what was asked for is one call, told once by a poll.

Bodies: https://docs.x.ai/docs/guides/deferred-chat-completions, https://docs.perplexity.ai/api-reference/async-chat,
https://ai.google.dev/api/interactions-api.
"""

from __future__ import annotations

from typing import Any

import requests

from tests.conformance import gemini_shapes
from tests.conformance.canned import Canned, events
from tests.conformance.compatible_shapes import ASKED, CLASSES, SIMPLE, completion
from tests.conformance.field import FieldShape, note
from tests.conformance.hand_shapes import post
from tests.conformance.sdk_shapes import requests_client
from tests.conformance.seen import Seen, each, value
from tests.conformance.shape import Expect


def asked_twice(path: str, body: dict[str, Any], poll: str) -> Any:
    """Post by hand, poll until the answer is there, and once more."""

    async def call(held: Any, seen: Seen) -> None:
        seen.add(post(f"{held.sdk}{path}", body))
        for _ in range(3):
            seen.add(_get(f"{held.sdk}{poll}"))

    return call


def _get(url: str) -> tuple[int, bytes]:
    told = requests.get(url, timeout=20)
    return told.status_code, told.content


def interact(*, polls: int = 0, **more: Any) -> Any:
    """Begin an interaction, and ask so often what has become of it."""

    async def call(held: Any, seen: Seen) -> None:
        answer = await value(held.sdk.interactions.create(input="What does a call cost?", **more))
        if more.get("stream"):
            async for event in each(answer):
                note(seen, event)
            return
        note(seen, answer)
        for _ in range(polls):
            note(seen, await value(held.sdk.interactions.get(id="int_1")))

    return call


def _later(name: str, biller: str, call: Any, *answers: Canned, **more: Any) -> FieldShape:
    given: dict[str, Any] = {"make": requests_client, "kinds": ("sync",), "http": {"sync": "requests"}, "requests": 4}
    return FieldShape(name=name, sdk=biller, call=call, answers=answers, classes=CLASSES, **given | more)


_GROK, _FLASH = "grok-4.6", "gemini-2.5-flash"
_DEFERRED = r"/chat/deferred-completion/f15c114e"
_RESEARCH = {"id": "async_1", "model": "sonar-deep-research", "created_at": 1_760_000_000, "response": None}
_FOUND = completion("sonar", SIMPLE | {"cost": {"total_cost": 0.005025}})
_ASYNC = "/async/chat/completions"


def _interaction(status: str, **more: Any) -> dict[str, Any]:
    return {"id": "int_1", "object": "interaction", "model": _FLASH, "status": status, "role": "model",
            "created": "2025-11-26T12:22:47Z", "updated": "2025-11-26T12:25:15Z", **more}  # fmt: skip


_STEPS = [{"type": "model_output", "content": [{"type": "text", "text": "Little enough."}]}]
_USED = {
    "total_input_tokens": 300,
    "input_tokens_by_modality": [{"modality": "text", "tokens": 200}, {"modality": "audio", "tokens": 100}],
    "total_cached_tokens": 100,
    "cached_tokens_by_modality": [{"modality": "text", "tokens": 70}, {"modality": "audio", "tokens": 30}],
    "total_output_tokens": 20,
    "total_tool_use_tokens": 40,
    "total_thought_tokens": 30,
    "total_tokens": 390,
}
_DONE = _interaction("completed", steps=_STEPS, usage=_USED)
_BEGUN = {"event_type": "interaction.created", "interaction": _interaction("in_progress"), "event_id": "1"}
_DELTA = {"event_type": "step.delta", "index": 0, "event_id": "2", "delta": {"type": "text", "text": "Little"}}
_ENDED = {"event_type": "interaction.completed", "interaction": _interaction("completed", usage=_USED), "event_id": "3"}
_GOOGLE: dict[str, Any] = {
    "make": gemini_shapes.client, "kinds": ("sync", "async"), "http": {"sync": "httpx2", "async": "httpx2"},
    "api": "gemini.interactions", "model": _FLASH, "answered_by": _FLASH, "requests": 1,
}  # fmt: skip
# The same counts as by generateContent, and the same price
_LIKE_BEFORE: dict[str, Any] = {"classes": gemini_shapes.CLASSES, "usd": gemini_shapes.USD, "reasoning": 30}


def _google(name: str, call: Any, *answers: Canned, **more: Any) -> FieldShape:
    given = _GOOGLE | _LIKE_BEFORE | more
    return FieldShape(name=f"gemini interaction{name}", sdk="gcp.gemini", call=call, answers=answers, **given)


LATER_SHAPES: tuple[FieldShape, ...] = (
    # 20 x 2 + 5 x 6, a million
    _later("x_ai deferred chat", "x_ai",
           asked_twice("/v1/chat/completions", {"model": _GROK, "messages": ASKED, "deferred": True},
                       "/v1/chat/deferred-completion/f15c114e"),
           Canned("/chat/completions", {"request_id": "f15c114e"}),
           Canned(_DEFERRED, method="GET", status=202, file=b""),
           Canned(_DEFERRED, completion(_GROK, SIMPLE), method="GET"),
           api="openai.chat", model=_GROK, answered_by=_GROK, usd="0.00007"),
    _later("perplexity async chat", "perplexity",
           asked_twice(_ASYNC, {"request": {"model": "sonar", "messages": ASKED}}, f"{_ASYNC}/async_1"),
           Canned(_ASYNC, _RESEARCH | {"status": "CREATED"}),
           Canned(f"{_ASYNC}/async_1", _RESEARCH | {"status": "IN_PROGRESS"}, method="GET"),
           Canned(f"{_ASYNC}/async_1", _RESEARCH | {"status": "COMPLETED", "response": _FOUND}, method="GET"),
           api="openai.chat", model="sonar", answered_by="sonar", usd="0.005025", source="reported"),
    _later("perplexity async chat that fails", "perplexity",
           asked_twice(_ASYNC, {"request": {"model": "sonar", "messages": ASKED}}, f"{_ASYNC}/async_1"),
           Canned(_ASYNC, _RESEARCH | {"status": "CREATED"}),
           Canned(f"{_ASYNC}/async_1", _RESEARCH | {"status": "FAILED"}, method="GET"),
           api="openai.chat", model="sonar", calls=(Expect("error", "none"),)),
    _google("", interact(model=_FLASH), Canned("/interactions", _DONE)),
    _google(" stream", interact(model=_FLASH, stream=True),
            Canned("/interactions", pieces=events(_BEGUN, _DELTA, _ENDED, end="[DONE]"), kind="text/event-stream"),
            streamed=True),
    _google(" in the background", interact(model=_FLASH, background=True, polls=3),
            Canned("/interactions", _interaction("in_progress")),
            Canned("/interactions/int_1", _interaction("in_progress"), method="GET"),
            Canned("/interactions/int_1", _DONE, method="GET"), requests=4),
)  # fmt: skip
