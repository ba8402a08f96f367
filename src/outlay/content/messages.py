"""Requests and answers as messages by OpenTelemetry's GenAI schema: a role and parts, of which texts are kept.

https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/: a part is a ``text``, a ``reasoning``, a ``tool_call``
or a ``tool_call_response``. Of pictures, sounds and files only the kind is kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from outlay.content.anthropic import answer_of_messages, request_of_messages
from outlay.content.keyed import CONVERSE, GEMINI, answer_of_converse
from outlay.content.openai import answer_of_chat, answer_of_responses, request_of_chat, request_of_responses
from outlay.content.others import (
    answer_of_cohere,
    answer_of_completions,
    answer_of_invoke,
    answer_of_ollama,
    request_of_cohere,
    request_of_completions,
    request_of_invoke,
    request_of_ollama,
)
from outlay.content.parts import Said, Trim
from outlay.content.texts import TEXTS
from outlay.export import Content
from outlay.wire.framing import documents

Request = Callable[[dict[str, Any], Trim], Said]
Answer = Callable[[list[dict[str, Any]], bool, Trim], list[Any]]

FORMATS: dict[str, tuple[Request, Answer]] = {
    "openai.chat": (request_of_chat, answer_of_chat),
    "openai.responses": (request_of_responses, answer_of_responses),
    "openai.completions": (request_of_completions, answer_of_completions),
    "anthropic.messages": (request_of_messages, answer_of_messages),
    "gemini.generate_content": (GEMINI.request, GEMINI.answered),
    "bedrock.converse": (CONVERSE.request, answer_of_converse),
    "bedrock.invoke_model": (request_of_invoke, answer_of_invoke),
    "cohere.chat": (request_of_cohere, answer_of_cohere),
    "ollama.chat": (request_of_ollama, answer_of_ollama),
    **{api: (texts.request, texts.answer) for api, texts in TEXTS.items()},
}
"""Wire format → what reads its request and its answer."""


def content_of(api: str, request: bytes | None, answer: bytes | None, *, streamed: bool, trim: Trim) -> Content | None:
    """Return what was said in a call; None where its format is not one that content is read of."""
    if api not in FORMATS:
        return None
    read_request, read_answer = FORMATS[api]
    asked = next(_objects([request or b""]), {})
    answers = list(_objects(documents(answer) if streamed else [answer])) if answer else []
    said = read_request(asked, trim)
    says_something = bool(answers) or (bool(answer) and api in TEXTS)  # a file says that there is one
    output = read_answer(answers, streamed, trim) if says_something else []
    return Content(
        system_instructions=_text(said.system),
        input_messages=_text(said.messages),
        output_messages=_text(output),
        truncated=trim.truncated,
    )


def _objects(texts: Any) -> Iterator[dict[str, Any]]:
    for text in texts:
        try:
            found = json.loads(text)
        except ValueError:
            continue
        if isinstance(found, dict):
            yield found


def _text(value: list[Any]) -> str:
    return json.dumps(value, ensure_ascii=False) if value else ""
