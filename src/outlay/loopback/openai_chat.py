"""Bodies of OpenAI's chat completions: https://platform.openai.com/docs/api-reference/chat."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from outlay.loopback.reply import Json, Tokens, split_words
from outlay.loopback.turn import Answer, Event, Refused, Turn

FINGERPRINT = "fp_loopback"


def answer_chat(turn: Turn) -> Answer:
    """Answer ``POST /v1/chat/completions``, plain or as a stream."""
    for key in ("model", "messages"):
        if key not in turn.body:
            raise Refused(400, f"you must provide a {key} parameter")
    usage = chat_usage(turn.tokens)
    if turn.streamed:
        return _answer(turn, usage, events=tuple(_stream(turn, usage)))
    return _answer(turn, usage, body=completion(turn, usage))


def _answer(turn: Turn, usage: Json, body: Json | None = None, events: tuple[Event, ...] = ()) -> Answer:
    return Answer(
        body=body, events=events, usage=usage, model=turn.model, id=turn.id("chatcmpl-"), tier=served_tier(turn)
    )


def chat_usage(tokens: Tokens) -> Json:
    """Build ``usage``: https://platform.openai.com/docs/api-reference/chat/object#chat/object-usage.

    ``cache_write_tokens`` is there only where something was written, as only newer models report it.
    """
    prompt = {"cached_tokens": tokens.cache_read, "audio_tokens": tokens.input_audio}
    if written := tokens.cache_write + tokens.cache_write_1h:
        prompt["cache_write_tokens"] = written
    return {
        "prompt_tokens": tokens.read,
        "completion_tokens": tokens.written,
        "total_tokens": tokens.read + tokens.written,
        "prompt_tokens_details": prompt,
        "completion_tokens_details": {
            "reasoning_tokens": tokens.reasoning,
            "audio_tokens": tokens.output_audio,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def served_tier(turn: Turn) -> str:
    """Return the tier that served: the one asked for, where ``auto`` and silence mean ``default``."""
    asked = turn.body.get("service_tier")
    return turn.reply.tier or ("default" if asked in (None, "auto") else str(asked))


def completion(turn: Turn, usage: Json) -> Json:
    """Build the chat completion object: https://platform.openai.com/docs/api-reference/chat/object."""
    return {
        "id": turn.id("chatcmpl-"),
        "object": "chat.completion",
        "created": turn.created,
        "model": turn.model,
        "choices": [
            {"index": index, "message": _message(turn), "logprobs": None, "finish_reason": _finish_reason(turn)}
            for index in range(turn.choices)
        ],
        **turn.told(usage),
        "service_tier": served_tier(turn),
        "system_fingerprint": FINGERPRINT,
    }


def _message(turn: Turn) -> Json:
    message: Json = {
        "role": "assistant",
        "content": turn.text if _speaks(turn) else None,
        "refusal": turn.reply.refusal,
        "annotations": [],
    }
    if turn.reply.tool_calls:
        message["tool_calls"] = _tool_calls(turn)
    return message


def _speaks(turn: Turn) -> bool:
    return bool(turn.text) or (turn.reply.refusal is None and not turn.reply.tool_calls)


def _tool_calls(turn: Turn) -> list[Json]:
    return [
        {
            "id": f"{turn.id('call_')}_{index}",
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(dict(call.arguments), ensure_ascii=False)},
        }
        for index, call in enumerate(turn.reply.tool_calls)
    ]


def _finish_reason(turn: Turn) -> str:
    if turn.reply.tool_calls:
        return "tool_calls"
    return "length" if turn.truncated else "stop"


def _stream(turn: Turn, usage: Json) -> Iterator[Event]:
    """Yield the chunks: https://platform.openai.com/docs/api-reference/chat-streaming.

    Only a request with ``stream_options.include_usage`` hears of usage: null in each chunk, and last a chunk without
    choices that has it.
    """
    options: Any = turn.body.get("stream_options") or {}
    asked = bool(options.get("include_usage"))
    obscured = options.get("include_obfuscation") is not False
    head = {
        "id": turn.id("chatcmpl-"),
        "object": "chat.completion.chunk",
        "created": turn.created,
        "model": turn.model,
        "service_tier": served_tier(turn),
        "system_fingerprint": FINGERPRINT,
    }
    for choice in _choices(turn):
        yield (
            None,
            head | {"choices": [choice]} | ({"usage": None} if asked else {}) | (_padding(choice) if obscured else {}),
        )
    if asked:
        yield None, head | {"choices": []} | turn.told(usage) | (_padding({}) if obscured else {})
    yield None, "[DONE]"


def _padding(choice: Json) -> Json:
    """Build the field that hides a chunk's size from eavesdroppers; its length follows a rule here, not chance."""
    return {"obfuscation": "xx" * (1 + len(str(choice)) % 7)}


def _choices(turn: Turn) -> Iterator[Json]:
    for index in range(turn.choices):
        for delta in _deltas(turn):
            yield {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}
        yield {"index": index, "delta": {}, "logprobs": None, "finish_reason": _finish_reason(turn)}


def _deltas(turn: Turn) -> Iterator[Json]:
    yield {"role": "assistant", "content": "" if _speaks(turn) else None, "refusal": None}
    for word in split_words(turn.text):
        yield {"content": word}
    for word in split_words(turn.reply.refusal or ""):
        yield {"refusal": word}
    for index, call in enumerate(_tool_calls(turn)):
        arguments = call["function"].pop("arguments")
        yield {"tool_calls": [{"index": index, **call, "function": {**call["function"], "arguments": ""}}]}
        for word in split_words(arguments):
            yield {"tool_calls": [{"index": index, "function": {"arguments": word}}]}
