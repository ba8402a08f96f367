"""Requests and answers become messages of one form, every text redacted and cut, whatever their format."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outlay.content.messages import FORMATS, content_of
from outlay.content.parts import REDACTED, Trim
from outlay.export import Content


def said(api: str, request: Any, answer: Any, *, streamed: bool = False, trim: Trim | None = None) -> Content:
    """Return the content of a call whose bodies are given as values."""
    body = sse(answer) if streamed else json.dumps(answer).encode()
    found = content_of(api, json.dumps(request).encode(), body, streamed=streamed, trim=trim or Trim(1_000))
    assert found is not None
    return found


def sse(events: list[Any]) -> bytes:
    """Return a stream of events."""
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


def delta(**pieces: Any) -> dict[str, Any]:
    """Return an event of a streamed chat."""
    return {"choices": [{"index": 0, "delta": pieces}]}


CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at": "x"}'}}
CHAT = {
    "messages": [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "what is it?"}, {"type": "image_url", "image_url": {}}]},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "a cat"},
    ]
}
ASSISTANT = {"role": "assistant", "parts": [{"type": "text", "content": "a cat"}]}
LOOKING = {"type": "tool_call", "id": "c1", "name": "look", "arguments": '{"at": "x"}'}


def test_a_chat_with_a_picture_and_a_tool() -> None:
    """Of the picture the kind is kept."""
    found = said("openai.chat", CHAT, {"choices": [{"message": {"content": "a cat"}, "finish_reason": "stop"}]})
    assert json.loads(found.input_messages) == [
        {"role": "system", "parts": [{"type": "text", "content": "be brief"}]},
        {"role": "user", "parts": [{"type": "text", "content": "what is it?"}, {"type": "image_url"}]},
        {"role": "assistant", "parts": [LOOKING]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "a cat"}]},
    ]
    assert json.loads(found.output_messages) == [{**ASSISTANT, "finish_reason": "stop"}]
    assert (found.system_instructions, found.truncated) == ("", False)


def test_a_streamed_chat_is_put_together() -> None:
    """Texts and the arguments of tools come in pieces."""
    events = [
        delta(role="assistant", content="a "),
        delta(content="cat"),
        delta(tool_calls=[{"index": 0, "id": "c1", "function": {"name": "look", "arguments": ""}}]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": '{"at": "x"}'}}]),
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
    ]
    found = said("openai.chat", CHAT, events, streamed=True)
    assert json.loads(found.output_messages) == [
        {"role": "assistant", "parts": [ASSISTANT["parts"][0], LOOKING], "finish_reason": "tool_calls"}
    ]


MESSAGES = {
    "system": [{"type": "text", "text": "be brief"}],
    "messages": [
        {"role": "user", "content": "what is it?"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "look", "input": {"at": "x"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "a cat"}]},
    ],
}


def test_anthropics_messages() -> None:
    """The system prompt stands apart."""
    answer = {
        "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a cat"}],
        "stop_reason": "end_turn",
    }
    found = said("anthropic.messages", MESSAGES, answer)
    assert json.loads(found.system_instructions) == [{"type": "text", "content": "be brief"}]
    assert json.loads(found.input_messages)[1] == {"role": "assistant", "parts": [LOOKING]}
    parts = [{"type": "reasoning", "content": "hm"}, *ASSISTANT["parts"]]
    assert json.loads(found.output_messages) == [{"role": "assistant", "parts": parts, "finish_reason": "end_turn"}]


def test_a_stream_of_anthropics_is_put_together() -> None:
    """Block by block."""
    tool = {"type": "tool_use", "id": "c1", "name": "look", "input": {}}
    events = [
        {"type": "message_start", "message": {"content": []}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a "}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "cat"}},
        {"type": "content_block_start", "index": 1, "content_block": tool},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"at": '}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '"x"}'}},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
    ]
    found = said("anthropic.messages", MESSAGES, events, streamed=True)
    assert json.loads(found.output_messages) == [
        {"role": "assistant", "parts": [ASSISTANT["parts"][0], LOOKING], "finish_reason": "tool_use"}
    ]


def test_a_response_plain_and_streamed() -> None:
    """A stream's last event has it whole; of one that was cut the pieces count."""
    output = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a cat"}]}]
    asked = {"instructions": "be brief", "input": "what is it?"}
    plain = said("openai.responses", asked, {"output": output})
    events = [
        {"type": "response.output_text.delta", "delta": "a "},
        {"type": "response.output_text.delta", "delta": "cat"},
    ]
    whole = [*events, {"type": "response.completed", "response": {"output": output}}]
    assert json.loads(plain.input_messages) == [{"role": "user", "parts": [{"type": "text", "content": "what is it?"}]}]
    for found in (
        plain,
        said("openai.responses", asked, events, streamed=True),
        said("openai.responses", asked, whole, streamed=True),
    ):
        assert json.loads(found.output_messages) == [ASSISTANT]
        assert json.loads(found.system_instructions) == [{"type": "text", "content": "be brief"}]


def test_every_text_is_redacted_and_cut() -> None:
    """Also those of tools; what is cut is said. A redaction that fails keeps nothing of the text."""
    hidden = said("openai.chat", CHAT, {"choices": []}, trim=Trim(1_000, lambda text: text.replace("cat", "***")))
    assert "cat" not in hidden.input_messages
    assert "***" in hidden.input_messages
    cut = said("openai.chat", CHAT, {"choices": []}, trim=Trim(4))
    assert cut.truncated
    assert "what" in cut.input_messages
    assert "what is" not in cut.input_messages

    def fail(text: str) -> str:
        raise ValueError(text)

    broken = said("openai.chat", CHAT, {"choices": [{"message": {"content": "a cat"}}]}, trim=Trim(1_000, fail))
    assert "cat" not in broken.input_messages + broken.output_messages
    assert REDACTED in broken.output_messages


def test_a_call_has_a_size_of_its_own() -> None:
    """Many short texts are as much as one long."""
    many = {"messages": [{"role": "user", "content": "q" * 10} for _ in range(100)]}
    found = said("openai.chat", many, {"choices": []}, trim=Trim(10))
    assert found.truncated
    assert found.input_messages.count("q") == 80


WORDS = (
    "messages content role type text choices delta message tool_calls function output input system thinking images "
    "contents parts candidates thought functionCall functionResponse toolUse toolResult contentBlockStart start "
    "contentBlockDelta contentBlockIndex messageStop stopReason reasoningContent reasoningText systemInstruction "
    "response chat_history prompt results outputText texts data b64_json instances predictions anthropic_version"
)
KEYS = WORDS.split()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda one: st.lists(one) | st.dictionaries(st.sampled_from(KEYS), one),
)


@pytest.mark.parametrize("api", FORMATS)
@settings(max_examples=25)  # for each of some thirty formats
@given(request=JSON, answer=JSON, streamed=st.booleans())
def test_no_body_is_too_odd(api: str, request: Any, answer: Any, *, streamed: bool) -> None:
    """What is not of its format says nothing, and harms nothing."""
    body = sse([answer]) if streamed else json.dumps(answer).encode()
    found = content_of(api, json.dumps(request).encode(), body, streamed=streamed, trim=Trim(100))
    assert found is not None
    for text in (found.system_instructions, found.input_messages, found.output_messages):
        assert not text or isinstance(json.loads(text), list)
