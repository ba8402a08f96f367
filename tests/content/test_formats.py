"""What was said is read of every wire format that has words, as the real SDKs send it and as they read the answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import outlay
from outlay.content.messages import FORMATS
from outlay.export import Batch, Content
from outlay.records import Call
from tests.conformance.field_shapes import FIELD_SHAPES
from tests.conformance.openai_other_shapes import OTHER_SHAPES
from tests.conformance.runs import address
from tests.conformance.shape import KINDS, OK, Kind, Shape
from tests.conformance.shapes import way_id
from tests.conformance.test_field import pytestmark as field_marks
from tests.content.test_messages import said

pytestmark = field_marks

ANSWERING = frozenset(
    ("openai.chat", "openai.responses", "openai.completions", "anthropic.messages", "gemini.generate_content",
     "bedrock.converse", "cohere.chat", "ollama.chat", "openai.images", "openai.speech", "openai.transcriptions")
)  # fmt: skip
"""Formats whose answers say or show something; of embeddings and ranking nothing is kept but what was asked."""
BY_RPC = "by grpc"
"""In the names of ways whose bodies are protobuf's, of which no content is read."""


def kind_of(shape: Shape) -> Kind | None:
    """Return a kind of client that a way can be tried with."""
    return next((kind for kind in KINDS if shape.possible(kind)), None)


SHARED = frozenset(("openai.chat", "anthropic.messages"))
"""Formats that most of the field's SDKs speak alike: OpenAI's and Anthropic's own are tried."""
EMPTY = ("x_ai responses", "responses with 12-hour", "messages compaction", "responses.compact")
"""Beginnings of the names of ways whose canned answers say nothing."""
WAYS = [
    shape
    for shape in (*OTHER_SHAPES, *(one for one in FIELD_SHAPES if one.api not in SHARED))
    if kind_of(shape) and all(call == OK for call in shape.calls) and BY_RPC not in shape.name
]


def run(folder: Path, shape: Shape) -> list[tuple[Call, Content | None]]:
    """Call this way with content captured; return the calls and what was said in them."""
    batches: list[Batch] = []
    kind = kind_of(shape)
    assert kind is not None
    with shape.host() as host:
        outlay.init(
            data=folder,
            hosts={address(host): shape.sdk},
            content=["*"],
            exporters={"keep": {"kind": "callable", "function": batches.append}},
        )
        try:
            shape.run(kind, host)
            assert outlay.flush(30) == 0
        finally:
            outlay.uninstrument()
    return [(call, batch.content.get(call.id)) for batch in batches for call in batch.calls]


@pytest.mark.parametrize("shape", WAYS, ids=way_id)
def test_every_format_says_what_the_sdk_sent_and_read(tmp_path: Path, shape: Shape) -> None:
    """The caller's text is the answer's; what was asked is there; a picture and a sound are there by their kind."""
    for call, content in run(tmp_path, shape):
        if call.api not in FORMATS:
            continue
        assert content is not None
        asked, told = (json.loads(text or "[]") for text in (content.input_messages, content.output_messages))
        assert [part for message in asked for part in message["parts"]], "something was asked"
        assert all(message["role"] == "assistant" for message in told)
        parts = [part for message in told for part in message["parts"]]
        if call.api in ANSWERING and not shape.name.startswith(EMPTY):
            assert parts
        read = "".join(part["content"] for part in parts if part["type"] == "text")
        if shape.text and call.api in ANSWERING:
            assert read == shape.text
        assert all("content" in part or set(part) == {"type"} for part in parts if part["type"] != "tool_call")


def messages(text: str) -> Any:
    """Return messages of their JSON text."""
    return json.loads(text or "[]")


LOOKING = {"type": "tool_call", "id": "c1", "name": "look", "arguments": '{"at": "x"}'}
CAT = {"type": "text", "content": "a cat"}
HM = {"type": "reasoning", "content": "hm"}


def test_gemini_with_a_picture_a_thought_and_a_tool() -> None:
    """Roles by the conventions' names; pieces of a stream joined, thoughts apart from texts."""
    asked = {
        "systemInstruction": {"parts": [{"text": "be brief"}]},
        "contents": [
            {
                "role": "user",
                "parts": [{"text": "what is it?"}, {"inlineData": {"mimeType": "image/png", "data": "A"}}],
            },
            {"role": "model", "parts": [{"functionCall": {"id": "c1", "name": "look", "args": {"at": "x"}}}]},
            {"role": "user", "parts": [{"functionResponse": {"id": "c1", "response": {"seen": "a cat"}}}]},
        ],
    }
    pieces = [{"text": "h", "thought": True}, {"text": "m", "thought": True}, {"text": "a "}, {"text": "cat"}]
    events: list[Any] = [{"candidates": [{"content": {"role": "model", "parts": [piece]}}]} for piece in pieces]
    events[-1]["candidates"][0]["finishReason"] = "STOP"
    found = said("gemini.generate_content", asked, events, streamed=True)
    assert messages(found.system_instructions) == [{"type": "text", "content": "be brief"}]
    assert messages(found.input_messages) == [
        {"role": "user", "parts": [{"type": "text", "content": "what is it?"}, {"type": "inlineData"}]},
        {"role": "assistant", "parts": [LOOKING]},
        {"role": "user", "parts": [{"type": "tool_call_response", "id": "c1", "response": '{"seen": "a cat"}'}]},
    ]
    assert messages(found.output_messages) == [{"role": "assistant", "parts": [HM, CAT], "finish_reason": "STOP"}]


CONVERSING = {
    "system": [{"text": "be brief"}],
    "messages": [
        {"role": "user", "content": [{"text": "what is it?"}, {"image": {"format": "png", "source": {"bytes": "A"}}}]},
        {"role": "assistant", "content": [{"toolUse": {"toolUseId": "c1", "name": "look", "input": {"at": "x"}}}]},
        {"role": "user", "content": [{"toolResult": {"toolUseId": "c1", "content": [{"text": "a cat"}]}}]},
    ],
}


def test_converse_plain_and_streamed() -> None:
    """A tool's arguments and a thought come in pieces, block by block."""
    reasoning = {"reasoningContent": {"reasoningText": {"text": "hm"}}}
    tool = {"toolUse": {"toolUseId": "c1", "name": "look", "input": {"at": "x"}}}
    plain = {
        "output": {"message": {"role": "assistant", "content": [reasoning, {"text": "a cat"}, tool]}},
        "stopReason": "tool_use",
    }
    begun = {"toolUse": {"toolUseId": "c1", "name": "look"}}
    events: list[Any] = [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "hm"}}}},
        {"contentBlockDelta": {"contentBlockIndex": 1, "delta": {"text": "a "}}},
        {"contentBlockDelta": {"contentBlockIndex": 1, "delta": {"text": "cat"}}},
        {"contentBlockStart": {"contentBlockIndex": 2, "start": begun}},
        {"contentBlockDelta": {"contentBlockIndex": 2, "delta": {"toolUse": {"input": '{"at": '}}}},
        {"contentBlockDelta": {"contentBlockIndex": 2, "delta": {"toolUse": {"input": '"x"}'}}}},
        {"messageStop": {"stopReason": "tool_use"}},
    ]
    for found in (
        said("bedrock.converse", CONVERSING, plain),
        said("bedrock.converse", CONVERSING, events, streamed=True),
        said("bedrock.invoke_model", CONVERSING, plain),
    ):
        assert messages(found.system_instructions) == [{"type": "text", "content": "be brief"}]
        assert messages(found.input_messages) == [
            {"role": "user", "parts": [{"type": "text", "content": "what is it?"}, {"type": "image"}]},
            {"role": "assistant", "parts": [LOOKING]},
            {"role": "user", "parts": [{"type": "tool_call_response", "id": "c1", "response": '["a cat"]'}]},
        ]
        assert messages(found.output_messages) == [
            {"role": "assistant", "parts": [HM, CAT, LOOKING], "finish_reason": "tool_use"}
        ]


def test_cohere_of_both_versions_with_tools() -> None:
    """The first has a history and a preamble; the second's stream brings a tool in pieces."""
    history = [{"role": "USER", "message": "hi"}, {"role": "CHATBOT", "message": "hello"}]
    first = said(
        "cohere.chat",
        {"preamble": "be brief", "chat_history": history, "message": "what is it?"},
        {"text": "a cat", "tool_calls": [{"name": "look", "parameters": {"at": "x"}}], "finish_reason": "COMPLETE"},
    )
    assert messages(first.system_instructions) == [{"type": "text", "content": "be brief"}]
    assert [message["role"] for message in messages(first.input_messages)] == ["user", "assistant", "user"]
    parts = [CAT, {**LOOKING, "id": None}]
    assert messages(first.output_messages) == [{"role": "assistant", "parts": parts, "finish_reason": "COMPLETE"}]
    tool = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": ""}}
    deltas: list[Any] = [
        {"type": "content-start", "delta": {"message": {"content": {"type": "thinking", "thinking": "hm"}}}},
        {"type": "content-delta", "delta": {"message": {"content": {"text": "a cat"}}}},
        {"type": "tool-call-start", "delta": {"message": {"tool_calls": tool}}},
        {"type": "tool-call-delta", "delta": {"message": {"tool_calls": {"function": {"arguments": '{"at": "x"}'}}}}},
        {"type": "message-end", "delta": {"finish_reason": "TOOL_CALL"}},
    ]
    second = said("cohere.chat", {"messages": [{"role": "user", "content": "what?"}]}, deltas, streamed=True)
    assert messages(second.output_messages) == [
        {"role": "assistant", "parts": [HM, CAT, LOOKING], "finish_reason": "TOOL_CALL"}
    ]


def test_ollama_with_a_picture_and_a_thought() -> None:
    """Pictures stand beside the text there; arguments of tools are objects."""
    call = {"function": {"name": "look", "arguments": {"at": "x"}}}
    answer = {"message": {"role": "assistant", "content": "a cat", "thinking": "hm", "tool_calls": [call]}}
    found = said(
        "ollama.chat",
        {"messages": [{"role": "user", "content": "what?", "images": ["AAAA"]}]},
        {**answer, "done_reason": "stop"},
    )
    parts = [{"type": "text", "content": "what?"}, {"type": "image"}]
    assert messages(found.input_messages) == [{"role": "user", "parts": parts}]
    assert "AAAA" not in found.input_messages
    assert messages(found.output_messages) == [
        {"role": "assistant", "parts": [HM, CAT, {**LOOKING, "id": None}], "finish_reason": "stop"}
    ]


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_thoughts_beside_a_chats_answer(name: str) -> None:
    """By the names that hosts of OpenAI's format give them, plain and in pieces."""
    asked = {"messages": [{"role": "user", "content": "what?"}]}
    plain = said("openai.chat", asked, {"choices": [{"message": {"content": "a cat", name: "hm"}}]})
    pieces = [{name: "h"}, {name: "m"}, {"content": "a cat"}]
    streamed = [{"choices": [{"index": 0, "delta": piece}]} for piece in pieces]
    for found in (plain, said("openai.chat", asked, streamed, streamed=True)):
        assert messages(found.output_messages)[0]["parts"] == [HM, CAT]


def test_texts_to_be_embedded_are_kept_as_far_as_a_call_may_have_them() -> None:
    """Tokens are no text; a hundred thousand texts are no hundred thousand parts."""
    from outlay.content.parts import Trim

    found = said("openai.embeddings", {"input": ["q" * 10] * 100_000}, {"data": []}, trim=Trim(10))
    assert len(messages(found.input_messages)[0]["parts"]) == 8
    assert messages(said("openai.embeddings", {"input": [1, 2, 3]}, {"data": []}).input_messages) == []
