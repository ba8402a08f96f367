"""What the docs show works: a compatible provider is one line, a format a short table, and nothing else is changed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx

from outlay import app, context, integration, plugins
from outlay.context import Home
from outlay.meter import Meter
from outlay.pricing import Prices
from outlay.records import Call, Record
from outlay.wire.exchange import settle_waiting
from outlay.wire.recognise import Recogniser
from tests.conformance.compatible_shapes import ASKED, SIMPLE, chunks, completion

PAGE = Path(__file__).parents[2] / "docs" / "integrations.md"


def shown() -> tuple[dict[str, Any], list[str]]:
    """Return what the blocks of the page define, and the blocks."""
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text[: text.index("## A transport")], re.DOTALL)
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block, names)
    return names, blocks


@pytest.fixture
def calls() -> Iterator[list[Record]]:
    """Meter with the shipped tables and those of the page, and nothing else."""
    added, _ = shown()
    kept: list[Record] = []
    home = Home(kept.append, "additions")
    providers = (*plugins.providers(), added["COCKATOO"], added["PARROT"])
    recogniser = Recogniser((*plugins.apis(), added["SQUAWKS"]), providers, {})
    patched = app.patcher().active
    app.patcher().install()
    before, context.home = context.home, home
    held = integration.meter.put(Meter(recogniser, Prices.load, home, None))
    try:
        yield kept
    finally:
        integration.meter.put(held)
        context.home = before
        if not patched:
            app.patcher().uninstall()


def made(kept: list[Record]) -> list[Call]:
    """Return the calls."""
    settle_waiting()
    return [record for record in kept if isinstance(record, Call)]


def test_a_compatible_provider_is_one_line() -> None:
    """Beside the import: name and host."""
    _, blocks = shown()
    (block,) = [block for block in blocks if "COCKATOO" in block]
    assert len([line for line in block.splitlines() if line and not line.startswith("from ")]) == 1


def test_its_chats_are_metered_plain_and_streamed(calls: list[Record]) -> None:
    """Of OpenAI's format, in its name, and asked for usage as any other."""
    url = "https://api.cockatoo.example/v1/chat/completions"
    with respx.mock as mock:
        mock.post(url).respond(json=completion("cockatoo-1", SIMPLE))
        httpx.post(url, json={"model": "cockatoo-1", "messages": ASKED})
        stream = b"".join(chunks("cockatoo-1", {"usage": SIMPLE}))
        mock.post(url).respond(content=stream, content_type="text/event-stream")
        body = {"model": "cockatoo-1", "messages": ASKED, "stream": True, "stream_options": {"include_usage": True}}
        assert httpx.post(url, json=body).content == stream
    told = [(call.provider, call.api, call.response_model, call.streamed) for call in made(calls)]
    assert told == [("cockatoo", "openai.chat", "cockatoo-1", streamed) for streamed in (False, True)]
    assert [call.usage.classes for call in made(calls) if call.usage] == [{"input": 20, "output": 5}] * 2


def test_a_format_is_a_table_of_under_60_lines_and_metered(calls: list[Record]) -> None:
    """As the page has it: the model, the finish, disjoint classes, plain and streamed."""
    _, blocks = shown()
    assert all(len(block.splitlines()) < 60 for block in blocks)
    answer = {"squawk": "sq_1", "bird": "macaw-2", "why_stopped": "bored",
              "counts": {"heard": 12, "remembered": 4, "uttered": 3}}  # fmt: skip
    events = "".join(
        f"data: {json.dumps(event)}\n\n" for event in ({"type": "word", "word": "hi"}, answer | {"type": "silence"})
    )
    url = "https://api.parrot.example/v1/squawks"
    with respx.mock as mock:
        mock.post(url).respond(json=answer | {"said": "hi"})
        httpx.post(url, json={"bird": "macaw"})
        mock.post(url).respond(content=events.encode(), content_type="text/event-stream")
        httpx.post(url, json={"bird": "macaw", "live": True})
    for call in made(calls):
        assert (call.provider, call.api, call.request_model, call.response_model, call.finish_reasons) == (
            "parrot", "parrot.squawks", "macaw", "macaw-2", ("bored",),
        )  # fmt: skip
        assert call.usage is not None
        assert call.usage.classes == {"input": 8, "cache_read": 4, "output": 3}
    assert [call.streamed for call in made(calls)] == [False, True]
