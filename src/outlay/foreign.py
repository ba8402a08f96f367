"""Spans that others make of calls to models: which calls have one, and what one says."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from outlay.otel import AGENTS, foreign_trace, others_span

OTHERS_SPAN = "others_span"
"""The mark of a call that an SDK or a framework has made a span of as well: usage stands there."""
SEEN = 10_000
"""Spans of others that are remembered, until they end."""

_seen: deque[str] = deque(maxlen=SEEN)


def is_seen(span: str) -> bool:
    """Return whether the call that a span of others tells of was metered itself; ``span`` is its id in hex."""
    return span in _seen


class _Exchange(Protocol):
    """What is noted at a call that begins."""

    trace: tuple[str, str | None] | None
    marks: tuple[str, ...]


def note_others(exchange: _Exchange, *, outside: bool) -> None:
    """Note in which trace a call begins, if it is ``outside`` of all our spans, and whether others made a span of it.

    Such a span is not one to be priced when it ends.
    """
    if outside:
        exchange.trace = foreign_trace()
    span = others_span()
    if span is not None:
        _seen.append(span)
        exchange.marks = (*exchange.marks, OTHERS_SPAN)


class Figures(msgspec.Struct, frozen=True):
    """What a span says of a call."""

    provider: str
    model: str
    operation: str
    input_tokens: int
    output_tokens: int
    cache_read_input_tokens: int
    cache_write_input_tokens: int
    reasoning_output_tokens: int


_GENAI = {
    "provider": ("gen_ai.provider.name", "gen_ai.system"),
    "model": ("gen_ai.response.model", "gen_ai.request.model"),
    "operation": ("gen_ai.operation.name",),
    "input_tokens": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
    "output_tokens": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
    "cache_read_input_tokens": ("gen_ai.usage.cache_read.input_tokens",),
    "cache_write_input_tokens": (
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.cache_creation.input_tokens",
    ),
    "reasoning_output_tokens": ("gen_ai.usage.reasoning.output_tokens",),
}
_OPENINFERENCE = {
    "provider": ("llm.provider", "llm.system"),
    "model": ("llm.model_name", "embedding.model_name"),
    "operation": (),
    "input_tokens": ("llm.token_count.prompt",),
    "output_tokens": ("llm.token_count.completion",),
    "cache_read_input_tokens": ("llm.token_count.prompt_details.cache_read",),
    "cache_write_input_tokens": ("llm.token_count.prompt_details.cache_write",),
    "reasoning_output_tokens": ("llm.token_count.completion_details.reasoning",),
}
"""By what it is here, the attributes that say it, of which the first that is there counts."""


def figures(said: Mapping[str, Any]) -> Figures | None:
    """Return what the attributes of a span say of a call; None where it is none, or tells no tokens.

    Spans of agents and tools are none: their usage is that of the calls inside.
    """
    if said.get("gen_ai.operation.name") in AGENTS or said.get("openinference.span.kind") not in _KINDS:
        return None
    for names in (_GENAI, _OPENINFERENCE):
        found = {field: next((said[name] for name in own if name in said), None) for field, own in names.items()}
        if found["model"] and (found["input_tokens"] is not None or found["output_tokens"] is not None):
            counts = _inclusive({field: int(value or 0) for field, value in found.items() if field.endswith("_tokens")})
            return Figures(
                str(found["provider"] or "unknown"), str(found["model"]), str(found["operation"] or "chat"), **counts
            )
    return None


def _inclusive(counts: dict[str, int]) -> dict[str, int]:
    """Add what caches had to an input that can't have it in itself: some count it apart, against the conventions."""
    cached = counts["cache_read_input_tokens"] + counts["cache_write_input_tokens"]
    if cached > counts["input_tokens"]:
        counts["input_tokens"] += cached
    return counts


_KINDS = (None, "LLM", "EMBEDDING")
