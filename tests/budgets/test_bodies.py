"""What of a request bounds its cost, format by format, and what says that nothing does."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlay.wire.attachments import attached
from outlay.wire.bounds import AROUND, AROUND_TOOLS, Asked, BoundsReader
from outlay_integrations.apis import anthropic, bedrock, gemini, mistral, openai, openai_media

SAID = [{"role": "user", "content": "What does a call cost?"}]
DATA = base64.b64encode(bytes(6000)).decode()
PICTURE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DATA}"}}


def read(api: Any, **body: Any) -> Asked:
    """Read a request of a format."""
    return BoundsReader(api.request).read(json.dumps(body).encode())


def chat(**body: Any) -> Asked:
    """Read a chat of OpenAI's."""
    return read(openai.CHAT, model="gpt-4o", messages=SAID, **body)


def parts(*content: Any) -> Any:
    """Return messages with these parts."""
    return [{"role": "user", "content": [{"type": "text", "text": "See."}, *content]}]


LIMITS = [
    (openai.CHAT, {"max_tokens": 7}, 7, 1),
    (openai.CHAT, {"max_completion_tokens": 9, "max_tokens": 7, "n": 3}, 9, 3),
    (openai.CHAT, {"n": 2}, None, 2),
    (openai.COMPLETIONS, {"prompt": ["a", "b"], "max_tokens": 5, "n": 1, "best_of": 4}, 5, 8),
    (openai.COMPLETIONS, {"prompt": [1, 2, 3], "max_tokens": 5}, 5, 1),
    (openai.COMPLETIONS, {"prompt": "a", "max_tokens": 5}, 5, 1),
    (openai.RESPONSES, {"max_output_tokens": 11}, 11, 1),
    (anthropic.MESSAGES, {"max_tokens": 12, "thinking": {"type": "enabled", "budget_tokens": 8}}, 12, 1),
    (gemini.GENERATE, {"generationConfig": {"maxOutputTokens": 3, "candidateCount": 2}}, 3, 2),
    (gemini.GENERATE, {"generation_config": {"max_output_tokens": 4}}, 4, 1),
    (bedrock.CONVERSE, {"inferenceConfig": {"maxTokens": 5}}, 5, 1),
    (bedrock.INVOKE, {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 6}, 6, 1),
    (openai.CHAT, {"max_tokens": None}, None, 1),
    (openai.CHAT, {"max_tokens": -1, "n": "two"}, None, 1),
]


@pytest.mark.parametrize("api, body, limit, answers", LIMITS, ids=str)
def test_the_output_limit_stands_where_the_format_has_it(api: Any, body: Any, limit: int | None, answers: int) -> None:
    """The highest of several binds; each answer may be as long."""
    asked = read(api, **body)
    assert (asked.limit, asked.answers) == (limit, answers)


UNBOUNDED = [
    (openai.CHAT, {"messages": SAID, "web_search_options": {}}, None),
    (openai.CHAT, {"messages": SAID, "web_search_options": {"search_context_size": "low"}}, "search the web"),
    (openai.CHAT, {"messages": SAID, "tools": [{"type": "web_search"}]}, "web_search"),
    (openai.CHAT, {"messages": SAID, "prediction": {"type": "content", "content": "x"}}, "predicted"),
    (openai.CHAT, {"messages": parts({"type": "file", "file": {"file_id": "file-1"}})}, "file"),
    (openai.RESPONSES, {"input": "x", "previous_response_id": "resp_1"}, "previous_response_id"),
    (openai.RESPONSES, {"input": "x", "conversation": "conv_1"}, "conversation"),
    (openai.RESPONSES, {"input": "x", "prompt": {"id": "pmpt_1"}}, "prompt"),
    (openai.RESPONSES, {"input": "x", "background": True}, "background"),
    (openai.RESPONSES, {"input": "x", "background": False}, None),
    (openai.RESPONSES, {"input": [{"type": "item_reference", "id": "msg_1"}]}, "file"),
    (openai.RESPONSES, {"input": "x", "tools": [{"type": "function", "name": "f"}]}, None),
    (openai.RESPONSES, {"input": "x", "tools": [{"type": "function", "name": "f"}, {"type": "mcp"}]}, "mcp"),
    (openai.RESPONSES, {"input": "x", "tools": [{"type": "code_interpreter", "container": "c"}]}, "code_interpreter"),
    (anthropic.MESSAGES, {"messages": SAID, "tools": [{"name": "f", "input_schema": {}}]}, None),
    (anthropic.MESSAGES, {"messages": SAID, "tools": [{"type": "bash_20250124", "name": "bash"}]}, None),
    (anthropic.MESSAGES, {"messages": SAID, "tools": [{"type": "web_search_20250305", "name": "w"}]}, "web_search"),
    (anthropic.MESSAGES, {"messages": SAID, "mcp_servers": [{"type": "url", "url": "u"}]}, "more than the model"),
    (anthropic.MESSAGES, {"messages": SAID, "container": "container_1"}, "more than the model"),
    (anthropic.MESSAGES, {"messages": parts({"type": "document", "source": {"type": "url", "url": "u"}})}, "file"),
    (anthropic.MESSAGES, {"messages": parts({"type": "document", "source": {"type": "text", "data": "t"}})}, None),
    (anthropic.MESSAGES, {"messages": parts({"type": "tool_use", "input": {"type": "file", "path": "p"}})}, None),
    (gemini.GENERATE, {"contents": [], "tools": [{"googleSearch": {}}]}, "googleSearch"),
    (gemini.GENERATE, {"contents": [], "tools": [{"functionDeclarations": [{"name": "f"}]}]}, None),
    (gemini.GENERATE, {"contents": [], "cachedContent": "cachedContents/1"}, "cachedContent"),
    (gemini.GENERATE, {"contents": [{"parts": [{"fileData": {"fileUri": "u", "mimeType": "video/mp4"}}]}]}, "file"),
    (bedrock.CONVERSE, {"messages": [{"content": [{"document": {"source": {"bytes": DATA}}}]}]}, "file"),
    (bedrock.CONVERSE, {"toolConfig": {"tools": [{"systemTool": {"name": "nova_grounding"}}]}}, "systemTool"),
    (openai_media.IMAGES, {"prompt": "A cat"}, "format"),
    (mistral.MISTRAL, {"messages": parts({"type": "input_audio", "input_audio": DATA})}, "by the second"),
    (mistral.MISTRAL, {"messages": parts(PICTURE)}, None),
    (mistral.MISTRAL, {"messages": SAID}, None),
]  # fmt: skip


@pytest.mark.parametrize("api, body, why", UNBOUNDED, ids=str)
def test_a_request_says_when_nothing_in_it_bounds_the_cost(api: Any, body: Any, why: str | None) -> None:
    """What the provider keeps, fetches or runs costs what it likes."""
    unbounded = read(api, model="m", **body).unbounded
    assert (unbounded is None) == (why is None)
    assert why is None or why in str(unbounded)


def test_a_body_that_can_not_be_read_bounds_nothing() -> None:
    """No JSON, or none in memory."""
    reader = BoundsReader(openai.CHAT.request)
    for body in (None, b"", b"\x1f\x8b\x08", b"[1]", b'{"model": '):
        assert reader.read(body).unbounded


@given(st.text())
def test_text_has_no_more_tokens_than_bytes(text: str) -> None:
    """However it is escaped, the body is at least as long as the text in UTF-8."""
    written = text.encode("utf-8", "surrogatepass")
    for ascii_only in (True, False):
        body = json.dumps({"messages": [{"content": text}]}, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
        asked = BoundsReader(openai.CHAT.request).read(body)
        assert asked.unbounded or asked.text >= len(written)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_no_request_is_too_odd_to_be_read(document: Any) -> None:
    """Whatever an application sends: an answer, and no exception."""
    body = json.dumps({"tools": document, "messages": document, "n": document, "image_url": document}).encode()
    for api in (openai.CHAT, openai.RESPONSES, anthropic.MESSAGES, gemini.GENERATE, bedrock.CONVERSE):
        BoundsReader(api.request).read(body)


PROMPTS = st.sampled_from(["", "Why?", "x" * 400, 'a "quote" \\ ' * 40, "image " * 900, '"image_url" ' * 90])


@given(PROMPTS, st.integers(1, 3), st.sampled_from([None, 5, "high"]), st.booleans())
def test_requests_that_differ_in_their_text_alone_are_read_as_if_each_were_new(
    text: str, turns: int, option: Any, again: bool
) -> None:
    """What is remembered of one is what would be read of the other, but for its length."""
    reader = KNOWN if again else BoundsReader(openai.RESPONSES.request)
    asked: dict[str, Any] = {"model": "gpt-4o", "input": [{"role": "user", "content": text}] * turns}
    asked |= {"max_output_tokens": option, "service_tier": "flex", "tools": [{"type": "function", "name": text[:9]}]}
    body = json.dumps(asked).encode()
    expected = BoundsReader(openai.RESPONSES.request)._read(body, attached(body))  # noqa: SLF001 - without memory
    assert reader.read(body) == expected


KNOWN = BoundsReader(openai.RESPONSES.request)


def test_a_name_that_is_as_long_as_a_text_is_read_whole() -> None:
    """A long id says that the provider keeps something; a long model is some model."""
    asked = read(openai.RESPONSES, model="m" * 300, input="x" * 5000, previous_response_id="r" * 300)
    assert asked.model == "m" * 256
    assert "previous_response_id" in str(asked.unbounded)


def test_a_picture_is_billed_by_its_rule_and_not_by_its_bytes() -> None:
    """By the model's most; where nothing is known of the model's rule, nothing bounds it."""
    asked = BoundsReader(openai.CHAT.request).read(json.dumps({"messages": parts(PICTURE)}).encode())
    reader = BoundsReader(openai.CHAT.request)
    small = reader.tokens(asked, "gpt-4o")
    assert small is not None
    assert 25_000 <= small < 25_000 + 400
    assert (reader.tokens(asked, "gpt-4o-mini") or 0) >= 50_000
    assert reader.tokens(asked, "llama-4") is None


def test_sound_is_billed_by_the_second() -> None:
    """A token for 15 of its bytes is more than any provider makes of it."""
    found = attached(json.dumps({"messages": parts({"type": "input_audio", "input_audio": {"data": DATA}})}).encode())
    assert (found.sound, found.data, found.unbounded) == (6000, len(DATA), None)


def test_tools_bring_instructions_of_the_providers() -> None:
    """They are billed as input, and stand in no body."""
    function = {"type": "function", "function": {"name": "f"}}
    assert chat(tools=[function]).added == AROUND + AROUND_TOOLS
    assert chat().added == AROUND


def test_what_is_not_in_the_body_is_not_billed() -> None:
    """No cache is written that was not asked for, no sound made."""
    plain = read(anthropic.MESSAGES, messages=SAID, max_tokens=5)
    cached = read(anthropic.MESSAGES, messages=SAID, system=[{"cache_control": {"type": "ephemeral"}}], max_tokens=5)
    longer = read(anthropic.MESSAGES, messages=SAID, system=[{"cache_control": {"ttl": "1h"}}], max_tokens=5)
    assert plain.without == {"cache_write_5m", "cache_write_1h"}
    assert cached.without == {"cache_write_1h"}
    assert longer.without == set()
    assert "output_audio" in chat().without
    assert "output_audio" not in chat(modalities=["text", "audio"]).without
