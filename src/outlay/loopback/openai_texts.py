"""Bodies of OpenAI's legacy completions, embeddings and models: https://platform.openai.com/docs/api-reference."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from typing import Any

from outlay.loopback.openai_chat import chat_usage
from outlay.loopback.reply import Json, split_words
from outlay.loopback.turn import EPOCH, SNAPSHOTS, Answer, Event, Refused, Turn

DIMENSIONS = 1536
"""Length of an embedding where the request names none: that of text-embedding-3-small."""


def answer_completion(turn: Turn) -> Answer:
    """Answer ``POST /v1/completions``: https://platform.openai.com/docs/api-reference/completions."""
    if "model" not in turn.body:
        raise Refused(400, "you must provide a model parameter")
    usage = chat_usage(turn.tokens)
    if not turn.tokens.cache_read and not turn.tokens.reasoning:
        usage = {key: value for key, value in usage.items() if not key.endswith("_details")}
    if turn.streamed:
        events = tuple(_completion_stream(turn, usage))
        return Answer(events=events, usage=usage, model=turn.model, id=turn.id("cmpl-"))
    choices = [_choice(index, turn.text, _finish_reason(turn)) for index in range(turn.choices)]
    body = _completion(turn, choices) | turn.told(usage)
    return Answer(body=body, usage=usage, model=turn.model, id=turn.id("cmpl-"))


def _completion(turn: Turn, choices: list[Json]) -> Json:
    return {
        "id": turn.id("cmpl-"),
        "object": "text_completion",
        "created": turn.created,
        "model": turn.model,
        "choices": choices,
    }


def _choice(index: int, text: str, finish_reason: str | None) -> Json:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish_reason}


def _finish_reason(turn: Turn) -> str:
    return "length" if turn.truncated else "stop"


def _completion_stream(turn: Turn, usage: Json) -> Iterator[Event]:
    asked = bool((turn.body.get("stream_options") or {}).get("include_usage"))
    silent = {"usage": None} if asked else {}
    for index in range(turn.choices):
        for word in split_words(turn.text):
            yield None, _completion(turn, [_choice(index, word, None)]) | silent
        yield None, _completion(turn, [_choice(index, "", _finish_reason(turn))]) | silent
    if asked:
        yield None, _completion(turn, []) | turn.told(usage)
    yield None, "[DONE]"


def answer_embeddings(turn: Turn) -> Answer:
    """Answer ``POST /v1/embeddings``: https://platform.openai.com/docs/api-reference/embeddings."""
    for key in ("model", "input"):
        if key not in turn.body:
            raise Refused(400, f"you must provide a {key} parameter")
    usage = {"prompt_tokens": turn.tokens.read, "total_tokens": turn.tokens.read}
    data = [
        {"object": "embedding", "index": index, "embedding": _vector(turn, text)}
        for index, text in enumerate(_inputs(turn.body["input"]))
    ]
    body = {"object": "list", "data": data, "model": turn.model} | turn.told(usage)
    return Answer(body=body, usage=usage, model=turn.model)


def _inputs(given: Any) -> list[Any]:
    if isinstance(given, str) or (given and isinstance(given[0], int)):
        return [given]
    return list(given)


def _vector(turn: Turn, text: object) -> list[float] | str:
    """Make numbers that depend on the text alone; as base64 of 32-bit floats where the request asks for that."""
    size = int(turn.body.get("dimensions") or DIMENSIONS)
    weight = sum(str(text).encode()) % 997 + 1
    vector = [(weight * (place + 1) % 997) / 1024 for place in range(size)]
    if turn.body.get("encoding_format") == "base64":
        return base64.b64encode(struct.pack(f"<{size}f", *vector)).decode()
    return vector


def list_models() -> Json:
    """Build the answer to ``GET /v1/models``: https://platform.openai.com/docs/api-reference/models/list."""
    return {
        "object": "list",
        "data": [
            {"id": name, "object": "model", "created": EPOCH, "owned_by": "loopback"} for name in SNAPSHOTS.values()
        ],
    }
