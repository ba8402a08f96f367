"""Bodies of Anthropic's messages: https://docs.anthropic.com/en/api/messages."""

from __future__ import annotations

import json
from collections.abc import Iterator

from outlay.loopback.reply import Json, Tokens, split_words
from outlay.loopback.turn import Answer, Event, Refused, Turn


def answer_message(turn: Turn) -> Answer:
    """Answer ``POST /v1/messages``, plain or as a stream."""
    for key in ("model", "messages", "max_tokens"):
        if key not in turn.body:
            raise Refused(400, f"{key}: Field required")
    usage = message_usage(turn)
    if turn.streamed:
        return _answer(turn, usage, events=tuple(_stream(turn, usage)))
    return _answer(turn, usage, body=_message(turn, _content(turn), _stop_reason(turn)) | turn.told(usage))


def _answer(turn: Turn, usage: Json, body: Json | None = None, events: tuple[Event, ...] = ()) -> Answer:
    tier = usage["service_tier"]
    return Answer(body=body, events=events, usage=usage, model=turn.model, id=turn.id("msg_"), tier=tier)


def count_message_tokens(turn: Turn) -> Answer:
    """Answer ``POST /v1/messages/count_tokens``, which is free: https://docs.anthropic.com/en/api/messages-count-tokens."""
    return Answer(body={"input_tokens": turn.tokens.read})


def message_usage(turn: Turn) -> Json:
    """Build ``usage``, whose classes do not overlap: https://docs.anthropic.com/en/api/messages#response-usage."""
    tokens = turn.tokens
    cached = tokens.cache_read + tokens.cache_write + tokens.cache_write_1h
    usage: Json = {
        "input_tokens": tokens.read - cached,
        "cache_creation_input_tokens": tokens.cache_write + tokens.cache_write_1h,
        "cache_read_input_tokens": tokens.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": tokens.cache_write,
            "ephemeral_1h_input_tokens": tokens.cache_write_1h,
        },
        "output_tokens": tokens.written,
        "service_tier": turn.reply.tier or "standard",
    }
    if tokens.reasoning:
        usage["output_tokens_details"] = {"thinking_tokens": tokens.reasoning}
    return usage | _searches(tokens)


def _searches(tokens: Tokens) -> Json:
    if not tokens.web_searches:
        return {}
    return {"server_tool_use": {"web_search_requests": tokens.web_searches, "web_fetch_requests": 0}}


def _message(turn: Turn, content: list[Json], stop_reason: str | None) -> Json:
    return {
        "model": turn.model,
        "id": turn.id("msg_"),
        "type": "message",
        "role": "assistant",
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
    }


def _content(turn: Turn) -> list[Json]:
    blocks: list[Json] = []
    if turn.reply.thinking is not None:
        blocks.append({"type": "thinking", "thinking": turn.reply.thinking, "signature": "bG9vcGJhY2s="})
    text = turn.reply.refusal or turn.text
    if text or not turn.reply.tool_calls:
        blocks.append({"type": "text", "text": text})
    for index, call in enumerate(turn.reply.tool_calls):
        name = f"{turn.id('toolu_')}_{index}"
        blocks.append({"type": "tool_use", "id": name, "name": call.name, "input": dict(call.arguments)})
    return blocks


def _stop_reason(turn: Turn) -> str:
    if turn.reply.refusal is not None:
        return "refusal"
    if turn.reply.tool_calls:
        return "tool_use"
    return "max_tokens" if turn.truncated else "end_turn"


def _stream(turn: Turn, usage: Json) -> Iterator[Event]:
    """Yield the events: https://docs.anthropic.com/en/api/messages-streaming.

    ``message_start`` has the input and one token of the output; ``message_delta`` says both again, cumulatively.
    """
    for data in _events(turn, usage):
        yield data["type"], data


def _events(turn: Turn, usage: Json) -> Iterator[Json]:
    first = usage | {"output_tokens": min(1, usage["output_tokens"])}
    first = {key: value for key, value in first.items() if key not in ("server_tool_use", "output_tokens_details")}
    if turn.tokens.input_first is not None:
        first["input_tokens"] = turn.tokens.input_first
    yield {"type": "message_start", "message": _message(turn, [], None) | turn.told(first)}
    for index, block in enumerate(_content(turn)):
        yield {"type": "content_block_start", "index": index, "content_block": _empty(block)}
        if index == 0:
            yield {"type": "ping"}
        for delta in _deltas(block):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    said = {key: value for key, value in usage.items() if key not in ("cache_creation", "service_tier")}
    reason = {"stop_reason": _stop_reason(turn), "stop_sequence": None}
    yield {"type": "message_delta", "delta": reason} | turn.told(said)
    yield {"type": "message_stop"}


def _empty(block: Json) -> Json:
    blank = {"text": "", "thinking": "", "signature": "", "input": {}}
    return {key: blank.get(key, value) for key, value in block.items()}


def _deltas(block: Json) -> Iterator[Json]:
    if block["type"] == "text":
        for word in split_words(block["text"]):
            yield {"type": "text_delta", "text": word}
    elif block["type"] == "thinking":
        for word in split_words(block["thinking"]):
            yield {"type": "thinking_delta", "thinking": word}
        yield {"type": "signature_delta", "signature": block["signature"]}
    else:
        yield {"type": "input_json_delta", "partial_json": ""}
        for part in split_words(json.dumps(block["input"], ensure_ascii=False)):
            yield {"type": "input_json_delta", "partial_json": part}
