"""A refusal before any output is told from one in the midst of it, in all the ways that Claude's come.

Bodies: https://platform.claude.com/docs/en/build-with-claude/refusals-and-fallback, and for Amazon's
https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-fallback-credit.html
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from outlay.wire.essence import last_words, reduced
from outlay.wire.reader import Reader
from outlay_integrations.apis import anthropic, batches, bedrock

MESSAGES, BATCH, INVOKE = Reader(anthropic.MESSAGES), Reader(batches.ANTHROPIC), Reader(bedrock.INVOKE)
USAGE = {"input_tokens": 106, "output_tokens": 1}
CYBER = {"type": "refusal", "category": "cyber", "explanation": "It could enable cyber harm."}
TEXT = [{"type": "text", "text": "Hello.."}]
UNSHOWN = [{"type": "thinking", "thinking": "", "signature": "c2ln"}]


def message(content: list[Any], details: Any = CYBER, finish: str = "refusal") -> dict[str, Any]:
    """Return an answer."""
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-fable-5", "content": content,
            "stop_reason": finish, "stop_details": details, "usage": USAGE}  # fmt: skip


def events(content: list[Any], details: Any = CYBER) -> list[bytes]:
    """Return the same as the chunks of a stream, an event each; a ping may come at any time."""
    begun = message([], None) | {"stop_reason": None}
    blocks: list[Any] = [{"type": "content_block_start", "index": 0, "content_block": block} for block in content]
    blocks += [{"type": "content_block_stop", "index": 0}] * bool(content) + [{"type": "ping"}] * 3
    end = {"type": "message_delta", "delta": {"stop_reason": "refusal", "stop_details": details}, "usage": USAGE}
    said = [{"type": "message_start", "message": begun}, *blocks, end, {"type": "message_stop"}]
    return [f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in said]


@pytest.mark.parametrize(
    ("content", "details", "category"),
    [
        ([], CYBER, "cyber"),
        ([], {"type": "refusal", "category": None, "explanation": None}, "none"),
        ([], None, "none"),
        (TEXT, CYBER, None),
        (UNSHOWN, CYBER, None),
    ],
)
def test_only_a_refusal_without_output_has_the_term(content: list[Any], details: Any, category: str | None) -> None:
    """Its value is the category; the usage is kept as it was told."""
    body = json.dumps(message(content, details)).encode()
    line = json.dumps({"custom_id": "1", "result": {"type": "succeeded", "message": message(content, details)}})
    stream = b"".join(events(content, details))
    readings = [MESSAGES.plain(body), INVOKE.plain(body), BATCH.plain(line.encode()), MESSAGES.stream(stream)]
    for reading in readings:
        assert reading is not None
        assert (reading.terms.get("refusal"), reading.usage) == (category, {"input": 106, "output": 1})


def test_an_answer_as_usual_has_it_not() -> None:
    """Whatever it holds."""
    reading = MESSAGES.plain(json.dumps(message([], None, "end_turn")).encode())
    assert reading is not None
    assert reading.terms == {}


def test_nothing_of_a_possible_refusal_is_thrown_away_before_it_is_read() -> None:
    """Its head and tail, and what else is read of it, do not say whether there was any output."""
    assert reduced(MESSAGES, json.dumps(message(TEXT)).encode(), for_good=False) is None
    assert last_words(MESSAGES, events(TEXT)) is None
    assert reduced(MESSAGES, json.dumps(message(TEXT, None, "end_turn")).encode(), for_good=False) is not None
