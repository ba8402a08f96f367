"""Protobuf's messages are read as the JSON that protobuf itself maps them to."""

from __future__ import annotations

import json
from typing import Any

from google.ai import generativelanguage as google
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from xai_sdk.proto import chat_pb2, usage_pb2

from outlay.wire.messages import written

COUNTS = st.integers(0, 2**31 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
PLAIN: Any = st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS


@given(st.builds(usage_pb2.SamplingUsage, prompt_tokens=COUNTS, completion_tokens=COUNTS, total_tokens=COUNTS,
                 server_side_tools_used=st.lists(st.sampled_from([1, 2, 3]))), TEXTS, st.lists(TEXTS))  # fmt: skip
def test_messages_are_what_protobuf_makes_of_them(usage: Any, model: str, texts: list[str]) -> None:
    """Names, enumerations, lists and messages inside of messages."""
    outputs = [{"message": {"content": text}, "finish_reason": "REASON_STOP"} for text in texts]
    message = chat_pb2.GetChatCompletionResponse(model=model, usage=usage, outputs=outputs)
    assert json.loads(written(message, {})) == json_format.MessageToDict(message)


@settings(max_examples=40)
@given(st.dictionaries(TEXTS, st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner))))
def test_json_inside_of_messages_is_what_it_was(document: dict[str, Any]) -> None:
    """Vertex AI's predictions are such, and the arguments of functions."""
    call = google.FunctionCall(name="f", args=document)
    assert json.loads(written(call, {})).get("args", {}) == document


def test_a_number_of_64_bits_stays_a_number() -> None:
    """Protobuf's JSON would have it as a text."""
    usage = usage_pb2.SamplingUsage(cost_in_usd_ticks=2**53 + 1)
    assert json.loads(written(usage, {})) == {"costInUsdTicks": 2**53 + 1}


def test_only_what_is_wanted_is_written() -> None:
    """Content that no table reads is not looked at."""
    outputs = [{"message": {"content": "secret"}, "finish_reason": "REASON_STOP"}]
    message = chat_pb2.GetChatCompletionResponse(model="grok-4", outputs=outputs)
    wanted: dict[str, Any] = {"outputs": {"finishReason": {}}}
    assert json.loads(written(message, wanted)) == {"outputs": [{"finishReason": "REASON_STOP"}]}


def test_an_enumeration_that_grew_is_a_number() -> None:
    """A newer server knows kinds that this client does not."""
    message = usage_pb2.SamplingUsage.FromString(bytes((9 << 3, 99)))
    assert json.loads(written(message, {})) == {"serverSideToolsUsed": [99]}


def test_what_is_no_message_is_nothing() -> None:
    """Bytes that a proxy forwards, for instance."""
    assert written(b"bytes", {}) == b""
