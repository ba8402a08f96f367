"""What Anthropic bills beside the tokens of the answer: compactions, advisors, tiers, places.

Bodies: https://platform.claude.com/docs/en/api/beta/messages/create (``BetaUsage``), and of refusals and fallbacks
https://platform.claude.com/docs/en/build-with-claude/refusals-and-fallback
"""

from __future__ import annotations

from typing import Any

import anthropic

from outlay.loopback import ModelHost
from tests.conformance.canned import Canned, events
from tests.conformance.field import FieldShape, Held
from tests.conformance.gemini_shapes import MESSAGE
from tests.conformance.seen import Seen, each, value
from tests.conformance.shape import Kind, both, sends_by

HAIKU, OPUS, FAST, FABLE = "claude-haiku-4-5", "claude-opus-4-6", "claude-opus-4-8", "claude-fable-5"


SDK = both(sends_by(anthropic.DefaultHttpxClient))


def client(kind: Kind, host: ModelHost) -> Held:
    """Make Anthropic's client."""
    make: Any = anthropic.Anthropic if kind == "sync" else anthropic.AsyncAnthropic
    made = make(api_key="none", base_url=host.url, max_retries=0)
    return Held(made, made.close)


def message(model: str, *, stream: bool = False) -> Any:
    """Call the beta resource."""

    async def call(held: Any, seen: Seen) -> None:
        asked: dict[str, Any] = {"max_tokens": 100, "messages": [{"role": "user", "content": "What?"}]}
        made = await value(held.sdk.beta.messages.create(model=model, stream=stream, **asked))
        if not stream:
            seen.add(made)
            return
        async for event in each(made):
            seen.add(event)

    return call


def _tokens(read: int, written: int, **more: Any) -> dict[str, Any]:
    zero = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    return {"input_tokens": read, "output_tokens": written, **zero, **more}


COMPACTED = _tokens(220, 30, iterations=[_tokens(55_000, 400, type="compaction"), _tokens(220, 30, type="message")])
ADVISED = _tokens(
    100,
    20,
    iterations=[
        _tokens(60, 10, type="message"),
        _tokens(2_000, 300, type="advisor_message", model=OPUS),
        _tokens(40, 10, type="message"),
    ],
)


def _refused(category: str | None) -> dict[str, Any]:
    details = {"type": "refusal", "category": category, "explanation": None}
    return {"content": [], "stop_reason": "refusal", "stop_details": details}


def _step(category: str) -> dict[str, Any]:
    trigger = {"type": "refusal", "category": category}
    return {"type": "fallback", "from": {"model": FABLE}, "to": {"model": FAST}, "trigger": trigger}


def _fell_back(written: int) -> dict[str, Any]:
    declined = _tokens(535, written, type="message", model=FABLE)
    return _tokens(412, 264, iterations=[declined, _tokens(412, 264, type="fallback_message", model=FAST)])


def _answer(category: str, written: int) -> dict[str, Any]:
    content = [_step(category), {"type": "text", "text": "Little."}]
    return MESSAGE | {"model": FAST, "content": content, "usage": _fell_back(written)}


def _events(usage: dict[str, Any], *content: dict[str, Any], model: str = HAIKU, **delta: Any) -> tuple[bytes, ...]:
    started = {key: count for key, count in usage.items() if key != "iterations"} | {"output_tokens": 1}
    blocks = [
        {"type": kind, "index": index} | ({"content_block": block} if kind == "content_block_start" else {})
        for index, block in enumerate(content)
        for kind in ("content_block_start", "content_block_stop")
    ]
    ended = {"stop_reason": "end_turn", "stop_sequence": None} | {k: v for k, v in delta.items() if k != "content"}
    return events(
        {"type": "message_start", "message": MESSAGE | {"model": model, "content": [], "usage": started}},
        *blocks,
        {"type": "message_delta", "delta": ended, "usage": usage},
        {"type": "message_stop"},
        names=True,
    )


def _shape(name: str, model: str, usage: Any, classes: dict[str, float], usd: str, **more: Any) -> FieldShape:
    given: dict[str, Any] = {
        "sdk": "anthropic", "make": client, "call": message(model), "api": "anthropic.messages", "model": model,
        "answered_by": model, "classes": classes, "usd": usd, "http": SDK,
        "kinds": ("sync",), "answers": (Canned("/messages", MESSAGE | {"model": model, "usage": usage}),),
    }  # fmt: skip
    return FieldShape(name=f"messages {name}", **given | more)


ANTHROPIC_EXTRAS: tuple[FieldShape, ...] = (
    # 55,220 x 1 + 430 x 5, a million
    _shape("compaction", HAIKU, COMPACTED, {"input": 55_220, "output": 430}, "0.05737", kinds=("sync", "async")),
    _shape("compaction stream", HAIKU, COMPACTED, {"input": 55_220, "output": 430}, "0.05737",
           call=message(HAIKU, stream=True), streamed=True,
           answers=(Canned("/messages", pieces=_events(COMPACTED), kind="text/event-stream"),)),
    # 100 x 1 + 20 x 5 for the caller's model, 2,000 x 5 + 300 x 25 for the advisor's, a million
    _shape("advisor", HAIKU, ADVISED, {"input": 100, "output": 20}, "0.0177"),
    # 20 x 5 + 5 x 25, a million, and a tenth more for the place
    _shape("inference_geo", OPUS, _tokens(20, 5, inference_geo="us"), {"input": 20, "output": 5}, "0.0002475"),
    # Twice 20 x 5 + 5 x 25, a million, for the speed
    _shape("speed", FAST, _tokens(20, 5, speed="fast"), {"input": 20, "output": 5}, "0.00045"),
    # 20 x 5 + 5 x 25, a million
    _shape("speed as usual", FAST, _tokens(20, 5, speed="standard", inference_geo="global"),
           {"input": 20, "output": 5}, "0.000225"),
    # Nothing, but for three categories
    _shape("refusal", FAST, None, {"input": 20, "output": 1}, "0",
           answers=(Canned("/messages", MESSAGE | _refused("cyber") | {"model": FAST, "usage": _tokens(20, 1)}),)),
    _shape("refusal billed", FAST, None, {"input": 20, "output": 1}, "0.000125",
           answers=(Canned("/messages", MESSAGE | _refused("bio") | {"model": FAST, "usage": _tokens(20, 1)}),)),
    _shape("refusal stream", FAST, None, {"input": 20, "output": 1}, "0",
           call=message(FAST, stream=True), streamed=True,
           answers=(Canned("/messages", kind="text/event-stream",
                           pieces=_events(_tokens(20, 1), model=FAST, **_refused(None))),)),
    # 412 x 5 + 264 x 25 for the one that answered, a million
    _shape("fallback", FABLE, None, {"input": 412, "output": 264}, "0.00866", answered_by=FAST,
           answers=(Canned("/messages", _answer("cyber", 0)),)),
    # and 535 x 10 for the one that declined, which is billed for this category
    _shape("fallback billed", FABLE, None, {"input": 412, "output": 264}, "0.01401", answered_by=FAST,
           answers=(Canned("/messages", _answer("frontier_llm", 0)),)),
    # and 535 x 10 + 30 x 50 for what it had written
    _shape("fallback stream", FABLE, None, {"input": 412, "output": 264}, "0.01551", answered_by=FAST,
           call=message(FABLE, stream=True), streamed=True,
           answers=(Canned("/messages", kind="text/event-stream", pieces=_events(
               _fell_back(30), {"type": "text", "text": "L"}, _step("cyber"), model=FABLE)),)),
    # Half of 20 x 5 + 5 x 25, a million
    _shape("batch tier", OPUS, _tokens(20, 5, service_tier="batch"), {"input": 20, "output": 5}, "0.0001125"),
)  # fmt: skip
