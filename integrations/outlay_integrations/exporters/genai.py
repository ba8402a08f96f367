"""A record as the attributes of a span, by OpenTelemetry's semantic conventions for generative AI.

The names are written out: the conventions' package marks them all deprecated, since they moved to a registry of their
own. ``gen_ai.usage.input_tokens`` includes what was read from and written to caches, ``output_tokens`` the reasoning.
The conventions know no cost: it is ``outlay.cost.*``, in USD, as floats, and by the names of others where that is asked
for. No name is a dotted prefix of another, since some receivers turn dots into objects.
"""

from __future__ import annotations

from collections.abc import Mapping

from outlay.integration import Call, Content, Dollars, Span, Usage, dollars

Value = str | bool | int | float | tuple[str, ...]

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_STREAM = "gen_ai.request.stream"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_ID = "gen_ai.response.id"
FINISH_REASONS = "gen_ai.response.finish_reasons"
FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHE_READ = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE = "gen_ai.usage.cache_write.input_tokens"
CACHE_WRITE_BEFORE = "gen_ai.usage.cache_creation.input_tokens"
"""What ``CACHE_WRITE`` was called until 2026; many receivers read this one alone."""
REASONING = "gen_ai.usage.reasoning.output_tokens"
BY_KIND = {
    "gen_ai.usage.audio.input_tokens": ("input_audio", "cache_read_audio"),
    "gen_ai.usage.audio.output_tokens": ("output_audio",),
    "gen_ai.usage.image.input_tokens": ("input_image", "cache_read_image"),
    "gen_ai.usage.image.output_tokens": ("output_image",),
    "gen_ai.usage.video.input_tokens": ("input_video",),
}
"""Parts of the totals that are not text, by our classes of usage."""
_NO_TEXT = frozenset(one for classes in BY_KIND.values() for one in classes)
CONVERSATION = "gen_ai.conversation.id"
SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions"
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
TOKEN_TYPE = "gen_ai.token.type"  # noqa: S105 - the token of a model
SESSION = "session.id"
USER = "user.id"
ERROR_TYPE = "error.type"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"

CACHE_WRITE_1H = "outlay.usage.cache_write_1h.input_tokens"
ESTIMATED = "outlay.usage.estimated"
COST = "outlay.cost.total_usd"
COST_INPUT = "outlay.cost.input_usd"
COST_OUTPUT = "outlay.cost.output_usd"
COST_STATUS = "outlay.cost.status"
COST_SOURCE = "outlay.cost.source"
UNPRICED = "outlay.cost.unpriced"
FEATURE = "outlay.feature"
TRUNCATED = "outlay.content.truncated"
TAG = "outlay.tag."

DIALECTS: dict[str, tuple[str, str, str]] = {
    "openinference": ("llm.cost.total", "llm.cost.prompt", "llm.cost.completion"),
    "openlit": ("gen_ai.usage.cost", "", ""),
    "logfire": ("operation.cost", "", ""),
}
"""By who else reads a cost: its names for all of it, for the input's and for the output's part."""

OTHERS_SPAN = "others_span"
"""The mark of a call that an SDK or a framework made a span of as well: its tokens stand there, and not here again."""

FAILED = frozenset(("error", "cancelled", "uncertain"))
"""Outcomes of a call whose span has the status ERROR."""


def name(record: Call | Span) -> str:
    """Return what the span is called."""
    if isinstance(record, Span):
        return record.name
    return f"{record.operation} {record.request_model or record.response_model or ''}".rstrip()


def attributes(record: Call | Span, content: Content | None = None, dialects: tuple[str, ...] = ()) -> dict[str, Value]:
    """Return the attributes of the span of ``record``; what is not known is not there. ``dialects``: see there."""
    found: dict[str, Value | None] = {} if isinstance(record, Span) else {**_call(record), **_costs(record, dialects)}
    found |= {
        CONVERSATION: record.tags.get("session"),
        SESSION: record.tags.get("session"),
        USER: record.tags.get("user"),
        ERROR_TYPE: record.error_type,
        "outlay.project": record.project or None,
        FEATURE: record.feature or None,
        "outlay.path": record.path or None,
        "outlay.release": record.release,
        **_tags(record.tags),
    }
    if content is not None:
        found[SYSTEM_INSTRUCTIONS] = content.system_instructions or None
        found[INPUT_MESSAGES] = content.input_messages or None
        found[OUTPUT_MESSAGES] = content.output_messages or None
        found[TRUNCATED] = content.truncated or None
    return {key: value for key, value in found.items() if value is not None}


def has_failed(record: Call | Span) -> bool:
    """Return whether the record's span has the status ERROR."""
    return record.outcome in FAILED if isinstance(record, Call) else record.error_type is not None


def server(host: str) -> tuple[str | None, int | None]:
    """Return (address, port) of a call's host, as the conventions have them apart."""
    address, _, port = host.rpartition(":")
    return (address, int(port)) if address and port.isdigit() else (host or None, None)


def _call(call: Call) -> dict[str, Value | None]:
    address, port = server(call.host)
    return {
        OPERATION: call.operation,
        PROVIDER: call.provider,
        REQUEST_MODEL: call.request_model,
        RESPONSE_MODEL: call.response_model,
        RESPONSE_ID: call.response_id,
        REQUEST_STREAM: call.streamed or None,
        FINISH_REASONS: call.finish_reasons or None,
        FIRST_CHUNK: None if call.first_chunk is None else call.first_chunk / 1e9,
        SERVER_ADDRESS: address,
        SERVER_PORT: port,
        "outlay.outcome": call.outcome,
        "outlay.attempt": call.attempt,
        "outlay.retry_of": call.retry_of,
        "outlay.marks": call.marks or None,
        **_usage(None if OTHERS_SPAN in call.marks else call.usage),
    }


def _usage(usage: Usage | None) -> dict[str, Value | None]:
    if usage is None:
        return {}
    written = usage.cache_write_input_tokens
    return {
        INPUT_TOKENS: usage.input_tokens,
        OUTPUT_TOKENS: usage.output_tokens,
        CACHE_READ: usage.cache_read_input_tokens or None,
        CACHE_WRITE: written or None,
        CACHE_WRITE_BEFORE: written or None,
        CACHE_WRITE_1H: usage.cache_write_1h_input_tokens or None,
        REASONING: usage.reasoning_output_tokens or None,
        **({} if _NO_TEXT.isdisjoint(usage.classes) else _by_kind(usage)),
        ESTIMATED: usage.estimated or None,
    }


def _by_kind(usage: Usage) -> dict[str, Value | None]:
    return {name: sum(int(usage.classes.get(one, 0)) for one in classes) or None for name, classes in BY_KIND.items()}


def _costs(call: Call, dialects: tuple[str, ...]) -> dict[str, Value | None]:
    said: dict[str, Value | None] = {
        COST_STATUS: call.cost.status,
        COST_SOURCE: call.cost.source,
        UNPRICED: call.cost.unpriced or None,
        "outlay.price.id": call.cost.price_id,
        "outlay.price.table": call.cost.table,
    }
    cost = dollars(call)
    if cost is not None:
        for names in ((COST, COST_INPUT, COST_OUTPUT), *(DIALECTS[dialect] for dialect in dialects)):
            said |= _parts(names, cost)
    return said


def _parts(names: tuple[str, str, str], cost: Dollars) -> dict[str, Value | None]:
    return {key: part for key, part in zip(names, (cost.total, cost.input, cost.output), strict=True) if key}


def _tags(tags: Mapping[str, str]) -> dict[str, Value | None]:
    return {TAG + key.replace(".", "_"): value for key, value in tags.items()}
