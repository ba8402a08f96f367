"""Bodies of OpenAI's Responses: https://platform.openai.com/docs/api-reference/responses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from outlay.loopback.openai_chat import served_tier
from outlay.loopback.reply import Json, Tokens, split_words
from outlay.loopback.turn import Answer, Event, Refused, Turn

ECHOED: Json = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""Parameters that a response repeats, with what it says where the request does not set them."""


def answer_response(turn: Turn) -> Answer:
    """Answer ``POST /v1/responses``: plain, as a stream, or in the background."""
    if "model" not in turn.body:
        raise Refused(400, "Missing required parameter: 'model'.")
    usage = response_usage(turn.tokens)
    answer = Answer(usage=usage, model=turn.model, id=turn.id("resp_"), tier=served_tier(turn))
    if turn.streamed:
        return replace(answer, events=stream_response(turn))
    return replace(answer, body=queued(turn, "queued") if turn.body.get("background") else completed(turn))


def count_response_tokens(turn: Turn) -> Answer:
    """Answer ``POST /v1/responses/input_tokens``, which is free.

    https://platform.openai.com/docs/api-reference/responses/input-tokens
    """
    return Answer(body={"object": "response.input_tokens", "input_tokens": turn.tokens.read})


def response_usage(tokens: Tokens) -> Json:
    """Build ``usage``: https://platform.openai.com/docs/api-reference/responses/object#responses/object-usage."""
    read: Json = {"cached_tokens": tokens.cache_read}
    if written := tokens.cache_write + tokens.cache_write_1h:
        read["cache_write_tokens"] = written
    return {
        "input_tokens": tokens.read,
        "input_tokens_details": read,
        "output_tokens": tokens.written,
        "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
        "total_tokens": tokens.read + tokens.written,
    }


def queued(turn: Turn, status: str) -> Json:
    """Build the response object while it is ``queued`` or ``in_progress``: without output, its usage null."""
    return _response(turn, status, [], {"usage": None})


def completed(turn: Turn) -> Json:
    """Build the finished response object: https://platform.openai.com/docs/api-reference/responses/object."""
    status = "incomplete" if turn.truncated else "completed"
    return _response(turn, status, _output(turn), turn.told(response_usage(turn.tokens)))


def _response(turn: Turn, status: str, output: list[Json], usage: Json) -> Json:
    """``service_tier`` repeats what was asked for until the response is done, and then names who served."""
    done = status in ("completed", "incomplete")
    return {
        "id": turn.id("resp_"),
        "object": "response",
        "created_at": turn.created,
        "status": status,
        "background": bool(turn.body.get("background")),
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "model": turn.model,
        "output": output,
        "reasoning": {"effort": None, "summary": None} | (turn.body.get("reasoning") or {}),
        "service_tier": served_tier(turn) if done else turn.body.get("service_tier") or "auto",
        **{key: turn.body.get(key, default) for key, default in ECHOED.items()},
        **usage,
    }


def _output(turn: Turn) -> list[Json]:
    items: list[Json] = []
    if turn.reply.thinking is not None:
        summary = [{"type": "summary_text", "text": turn.reply.thinking}]
        items.append({"id": turn.id("rs_"), "type": "reasoning", "summary": summary})
    for index, call in enumerate(turn.reply.tool_calls):
        items.append(
            {
                "id": f"{turn.id('fc_')}_{index}",
                "type": "function_call",
                "status": "completed",
                "arguments": json.dumps(dict(call.arguments), ensure_ascii=False),
                "call_id": f"{turn.id('call_')}_{index}",
                "name": call.name,
            }
        )
    if turn.text or not turn.reply.tool_calls:
        status = "incomplete" if turn.truncated else "completed"
        message = {"id": turn.id("msg_"), "type": "message", "status": status, "role": "assistant"}
        items.append(message | {"content": [_part(turn)]})
    return items


def _part(turn: Turn) -> Json:
    if turn.reply.refusal is not None:
        return {"type": "refusal", "refusal": turn.reply.refusal}
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": turn.text}


def stream_response(turn: Turn) -> tuple[Event, ...]:
    """Make the events: https://platform.openai.com/docs/api-reference/responses-streaming; there is no ``[DONE]``."""
    return tuple(
        (data["type"], {"type": data["type"], "sequence_number": number, **data})
        for number, data in enumerate(_events(turn))
    )


def _events(turn: Turn) -> Iterator[Json]:
    background = turn.body.get("background")
    yield {"type": "response.created", "response": queued(turn, "queued" if background else "in_progress")}
    if background:
        yield {"type": "response.queued", "response": queued(turn, "queued")}
    yield {"type": "response.in_progress", "response": queued(turn, "in_progress")}
    for index, item in enumerate(_output(turn)):
        place = {"item_id": item["id"], "output_index": index}
        yield {"type": "response.output_item.added", "output_index": index, "item": _started(item)}
        if item["type"] == "message":
            yield from _message_events(item["content"][0], place | {"content_index": 0})
        elif item["type"] == "function_call":
            yield from _call_events(item, place)
        else:
            yield from _thinking_events(item["summary"][0], place | {"summary_index": 0})
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    last = completed(turn)
    yield {"type": f"response.{last['status']}", "response": last}


def _started(item: Json) -> Json:
    blank: Json = {"content": [], "arguments": "", "summary": [], "status": "in_progress"}
    return {key: blank.get(key, value) for key, value in item.items()}


def _message_events(part: Json, place: Json) -> Iterator[Json]:
    kind = "refusal" if part["type"] == "refusal" else "text"
    name = "response.refusal" if kind == "refusal" else "response.output_text"
    logprobs: Json = {"logprobs": []} if kind == "text" else {}
    yield {"type": "response.content_part.added", **place, "part": part | {kind: ""}}
    for word in split_words(part[kind]):
        yield {"type": f"{name}.delta", **place, "delta": word, **logprobs}
    yield {"type": f"{name}.done", **place, kind: part[kind], **logprobs}
    yield {"type": "response.content_part.done", **place, "part": part}


def _call_events(item: Json, place: Json) -> Iterator[Json]:
    for word in split_words(item["arguments"]):
        yield {"type": "response.function_call_arguments.delta", **place, "delta": word}
    yield {
        "type": "response.function_call_arguments.done",
        **place,
        "name": item["name"],
        "arguments": item["arguments"],
    }


def _thinking_events(part: Json, place: Json) -> Iterator[Json]:
    yield {"type": "response.reasoning_summary_part.added", **place, "part": part | {"text": ""}}
    for word in split_words(part["text"]):
        yield {"type": "response.reasoning_summary_text.delta", **place, "delta": word}
    yield {"type": "response.reasoning_summary_text.done", **place, "text": part["text"]}
    yield {"type": "response.reasoning_summary_part.done", **place, "part": part}
