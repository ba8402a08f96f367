"""A stream that is read by its first and last chunks says what it says as a whole, wherever it was cut."""

from __future__ import annotations

import itertools
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlay.wire.essence import NEAR, last_words
from outlay.wire.reader import Reader
from outlay.wire.reading import Reading
from outlay_integrations.apis import anthropic, openai

TEXTS = st.sampled_from(
    ["word ", "data: [DONE]", 'data: {"usage":null}', '"usage":{"prompt_tokens":9}', "\n\n", "data: 5"]
)
READERS = {"openai": Reader(openai.CHAT), "anthropic": Reader(anthropic.MESSAGES)}


def chat(words: list[str], usage: Any) -> list[Any]:
    """Return the documents of a chat stream that was asked for its usage."""

    def event(delta: dict[str, str], finish: str | None = None) -> dict[str, Any]:
        choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
        return {"id": "c1", "model": "gpt-4o-mini", "choices": choices, "usage": None}

    said = [event({"content": word}) for word in words]
    return [*said, event({}, "stop"), {"id": "c1", "model": "gpt-4o-mini", "choices": [], "usage": usage}]


def message(words: list[str], usage: Any) -> list[Any]:
    """Return the documents of a stream of Anthropic's."""
    begun = {
        "type": "message",
        "id": "m1",
        "model": "claude-sonnet-4-5",
        "usage": {"input_tokens": 7, "output_tokens": 1},
    }
    said = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}} for word in words
    ]
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}
    return [{"type": "message_start", "message": begun}, *said, end, {"type": "message_stop"}]


@pytest.mark.parametrize("api", sorted(READERS))
@given(data=st.data())
def test_the_edges_say_what_the_whole_says(api: str, data: st.DataObject) -> None:
    """Or nothing, and then the whole is read: a text that looks like an event must not be taken for one."""
    words = data.draw(st.lists(TEXTS, max_size=12))
    names = ("prompt_tokens", "completion_tokens") if api == "openai" else ("input_tokens", "output_tokens")
    usage = data.draw(
        st.fixed_dictionaries(dict.fromkeys(names, st.integers(0, 99) | st.sampled_from([-1, "7", None])))
    )
    documents = chat(words, usage) if api == "openai" else message(words, usage)
    end = data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    events = [f"data: {json.dumps(document, separators=(',', ':'))}{end}{end}" for document in documents]
    whole = data.draw(st.booleans())
    body = "".join([*events, f"data: [DONE]{end}{end}"] if whole else events[: data.draw(st.integers(0, 99))]).encode()
    places = sorted({0, len(body), *data.draw(st.lists(st.integers(0, len(body)), max_size=3 * NEAR))})
    chunks = [body[since:until] for since, until in itertools.pairwise(places)]
    if not chunks:
        return
    reader = READERS[api]
    reading = last_words(reader, chunks)
    if reading is not None:
        again = msgspec.json.decode(msgspec.json.encode(reading), type=Reading)
        assert reader.counted(reading) == reader.stream(body)
        assert reader.counted(again) == reading


def test_a_long_stream_is_read_by_its_edges() -> None:
    """As providers send them: an event a chunk."""
    for api, documents in (("openai", chat(["word "] * 99, {"prompt_tokens": 5, "completion_tokens": 9})),
                           ("anthropic", message(["word "] * 99, {"output_tokens": 9}))):  # fmt: skip
        chunks = [b"data: %s\n\n" % json.dumps(document).encode() for document in [*documents]]
        chunks += [b"data: [DONE]\n\n"] if api == "openai" else []
        reading = last_words(READERS[api], chunks)
        assert reading is not None
        assert READERS[api].counted(reading) == READERS[api].stream(b"".join(chunks))
