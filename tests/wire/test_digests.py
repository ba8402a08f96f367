"""The tool calls in an answer, by each format's table: the same whether it came at once or in pieces."""

from __future__ import annotations

import json
from typing import Any

import pytest

from outlay import plugins
from outlay.wire.api import API
from outlay.wire.digests import ToolsReader

FORMATS: dict[str, API] = {}
for format_ in plugins.apis():
    FORMATS.setdefault(format_.name, format_)

GEMINI = {"candidates": [{"content": {"parts": [{"functionCall": {"name": "look_up", "args": {"city": "Paris"}}}]}}]}
XAI = {"toolCalls": [{"id": "1", "function": {"name": "look_up", "arguments": '{"city":"Paris"}'}}]}
COHERE = {"tool_calls": [{"id": "1", "function": {"name": "look_up", "arguments": '{"city":"Paris"}'}}]}
TOOL_USE = {"toolUse": {"toolUseId": "1", "name": "look_up", "input": {"city": "Paris"}}}


def delta(**function: str) -> dict[str, Any]:
    """Return a piece of a tool call as Cohere streams it."""
    return {"type": "tool-call-delta", "delta": {"message": {"tool_calls": {"function": function}}}}


ANSWERS: dict[str, tuple[Any, list[Any]]] = {
    "gemini.generate_content": (GEMINI, [{"candidates": [{"content": {"parts": [{"text": "Well"}]}}]}, GEMINI]),
    "bedrock.converse": (
        {"output": {"message": {"content": [{"text": "Well"}, TOOL_USE]}}, "stopReason": "tool_use"},
        [
            {"contentBlockStart": {"start": {"toolUse": {"toolUseId": "2", "name": "look_up"}}}},
            {"contentBlockDelta": {"delta": {"toolUse": {"input": '{"city":'}}}},
            {"contentBlockDelta": {"delta": {"toolUse": {"input": '"Paris"}'}}}},
        ],
    ),
    "cohere.chat": (
        {"message": {"content": None, **COHERE}, "finish_reason": "TOOL_CALL"},
        [delta(name="look_up", arguments=""), delta(arguments='{"city":'), delta(arguments='"Paris"}')],
    ),
    "ollama.chat": (
        {"message": {"tool_calls": [{"function": {"name": "look_up", "arguments": {"city": "Paris"}}}]}},
        [{"message": {"tool_calls": [{"function": {"name": "look_up", "arguments": {"city": "Paris"}}}]}}],
    ),
    "x_ai.chat": (
        {"outputs": [{"message": XAI}]},
        [{"outputs": [{"delta": {"content": "W"}}]}, {"outputs": [{"delta": XAI}]}],
    ),
}
"""An answer, and the documents of a stream that says the same."""


@pytest.mark.parametrize("name", ANSWERS)
def test_a_tool_call_is_its_name_and_arguments(name: str) -> None:
    """Without its id, which is another each time, and however its arguments were cut."""
    plain, documents = ANSWERS[name]
    reader = ToolsReader(FORMATS[name].answer)
    lines = b"".join(json.dumps(document).encode() + b"\n" for document in documents)
    for called in (
        reader.called(json.dumps(plain).encode(), streamed=False),
        reader.called(lines, streamed=True),
    ):
        assert called.startswith(b"look_up")
        assert json.loads(called.removeprefix(b"look_up")) == {"city": "Paris"}


@pytest.mark.parametrize("name", [name for name, api in FORMATS.items() if api.answer.tools])
@pytest.mark.parametrize(
    "answer", [b"", b"null", b"[]", b"{", b'{"choices": null}', b'"tool_calls"', b"\0\0\0", b"\xff"]
)
def test_an_answer_that_is_none_calls_no_tool(name: str, answer: bytes) -> None:
    """Whatever came."""
    words = " ".join(FORMATS[name].answer.tools).encode()
    reader = ToolsReader(FORMATS[name].answer)
    for body in (
        answer,
        answer + words,
        b'{"choices": [{"message": {"tool_calls": null}}]}',
        b'{"content": [{"name": 5}]}',
    ):
        assert b"look_up" not in reader.called(body, streamed=False)
        assert b"look_up" not in reader.called(body, streamed=True)
