"""Runs that repeat themselves: through the real SDKs, by digests that say nothing else."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import anthropic
import openai
import pytest

import outlay
import outlay.testing
from outlay import app
from outlay.alerts.alert import Alert
from outlay.config.spike_limits import Limits
from outlay.context import Home
from outlay.ledger.ledger import Ledger
from outlay.loopback import Behaviour, ModelHost, Reply, ToolCall
from outlay.records import Call
from outlay.spikes.watch import Watch
from outlay.testing.stage import Instance
from outlay.wire.digests import WHOLE, digests
from outlay.wire.exchange import settle_waiting
from outlay.wire.reading import Reading
from outlay.worker import Worker

FUNCTION: dict[str, Any] = {"name": "look_up", "parameters": {"type": "object"}}
LOOK_UP = {"type": "function", "function": FUNCTION}
SAME = Behaviour(reply=Reply(tool_calls=(ToolCall("look_up", {"city": "Paris"}),)))
OTHER = Behaviour(reply=Reply(tool_calls=(ToolCall("look_up", {"city": "Rome"}),)))


@pytest.fixture
def host() -> Iterator[ModelHost]:
    """Yield a model host."""
    with ModelHost() as made:
        yield made


@pytest.fixture(params=["at once", "later"])
def seen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[outlay.testing.Ledger]:
    """Yield a test's ledger, to which the host is OpenAI's or Anthropic's by the format that is spoken.

    What is answered is read at once, as in tests, or noted and read by the worker, as anywhere else.
    """
    if request.param == "later":
        monkeypatch.setattr(Instance, "settles_later", True)
        monkeypatch.setattr(Instance, "keep_all", lambda held, records: [held.keep(record) for record in records])
        monkeypatch.setattr(Worker, "wake", lambda _: None)  # whoever looks at the ledger reads what waits
    with outlay.testing.ledger(hosts={"127.0.0.1": "openai"}) as ledger:
        yield ledger
        settle_waiting()


def step_openai(host: ModelHost, messages: list[dict[str, Any]], *, stream: bool) -> None:
    """Ask OpenAI's model what to do next, and add the tool call that it wants with its result."""
    with openai.OpenAI(base_url=host.openai_url, api_key="none") as client:
        asked: Any = {"model": "gpt-4o-mini", "messages": messages, "tools": [LOOK_UP]}
        if stream:
            calls = [{"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}]
            list(client.chat.completions.create(**asked, stream=True))
        else:
            message = client.chat.completions.create(**asked).choices[0].message
            calls = [call.model_dump() for call in message.tool_calls or ()]
    messages += [
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": calls[0]["id"], "content": f"Nothing found, try {len(messages)}."},
    ]


def step_responses(host: ModelHost, items: list[Any], *, stream: bool) -> None:
    """Do the same by OpenAI's responses."""
    with openai.OpenAI(base_url=host.openai_url, api_key="none") as client:
        given: Any = {"model": "gpt-4o-mini", "input": items, "tools": [{"type": "function", **FUNCTION}]}
        if stream:
            list(client.responses.create(**given, stream=True))
        else:
            client.responses.create(**given)
    items += [
        {"type": "function_call", "call_id": "call_1", "name": "look_up", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": f"Nothing found, try {len(items)}."},
    ]


def step_anthropic(host: ModelHost, messages: list[dict[str, Any]], *, stream: bool) -> None:
    """Do the same by Anthropic's messages."""
    with anthropic.Anthropic(base_url=host.anthropic_url, api_key="none") as client:
        given: Any = {"model": "claude-haiku-4-5", "max_tokens": 99, "messages": messages}
        if stream:
            with client.messages.stream(**given) as stream_:
                stream_.until_done()
        else:
            client.messages.create(**given)
    messages += [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "look_up", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": str(len(messages))}]},
    ]


STEPS = {"openai": step_openai, "responses": step_responses, "anthropic": step_anthropic}


@pytest.mark.parametrize("size", [20, 3 * WHOLE], ids=["short", "long"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("format_", STEPS)
def test_the_same_tool_call_is_known_again_though_the_conversation_grows(
    host: ModelHost, seen: outlay.testing.Ledger, format_: str, stream: bool, size: int
) -> None:
    """Its name and arguments, by plain answers and streams; the first call is none of an agent's yet."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": "What is the weather?".rjust(size)}]
    host.script(*[SAME] * 4, OTHER)
    with outlay.track("agent"):
        for _ in range(5):
            STEPS[format_](host, messages, stream=stream)
    first, *same, other = [call.tools_digest for call in seen.calls]
    assert (first, len(set(same)), len(set(same[0]) - set("0123456789abcdef"))) == ("", 1, 0)
    assert len(same[0]) == 8
    assert other not in ("", same[0])
    assert len({call.request_digest for call in seen.calls}) == 5


def ask(host: ModelHost, content: str, **more: Any) -> None:
    """Make a call with one prompt."""
    with openai.OpenAI(base_url=host.openai_url, api_key="none") as client:
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": content}], **more)


def test_a_form_that_a_tool_fills_in_is_no_repetition(host: ModelHost, seen: outlay.testing.Ledger) -> None:
    """Who has many texts classified gets the same tool call again and again: no request tells of one before."""
    host.script(*[SAME] * 3)
    with outlay.track("classify"):
        for text in ("one", "two", "six"):
            ask(host, text, tools=[LOOK_UP])
    assert [call.tools_digest for call in seen.calls] == [""] * 3
    assert len({call.request_digest for call in seen.calls}) == 3


@pytest.mark.parametrize("size", [10, WHOLE, 100 * WHOLE])
def test_equal_requests_of_one_run_are_known_and_of_two_runs_are_not(
    host: ModelHost, seen: outlay.testing.Ledger, size: int
) -> None:
    """However long; other words in the middle make another. Outside of a span there is no run, and no digest."""
    words = size // 10
    text, other = "word " * (3 * words), "word " * words + "fact " * words + "word " * words
    for _ in range(2):
        with outlay.track("answer"):
            for content in (text, text, other):
                ask(host, content)
    ask(host, text)
    one, again, changed, elsewhere, *_, outside = [call.request_digest for call in seen.calls]
    assert one == again
    assert len({one, changed, elsewhere}) == 3
    assert outside == ""


def test_a_digest_says_nothing_to_who_has_not_its_key(host: ModelHost, seen: outlay.testing.Ledger) -> None:
    """One request has another digest by another key and in another run; the key is in no file of outlay's."""
    exchange = Mock(body=b'{"messages": []}', answer=b"", chunks=[])
    exchange.match.reader.tools.again.return_value = False
    keys, runs = (bytes(16), bytes([1]) * 16), ("a" * 32, "b" * 32)
    assert len({digests(exchange, Reading(), key, run)[0] for key in keys for run in runs}) == 4
    with outlay.track("answer"):
        ask(host, "What is the weather?")
    outlay.flush()
    metering = app.current()
    assert metering is not None
    assert any(seen.calls[0].request_digest.encode() in kept for kept in files(metering.folder))
    secret = metering.home.secret
    assert not any(secret in kept or secret.hex().encode() in kept for kept in files(metering.folder))
    assert Home(metering.keep, "shop").secret != secret


def test_no_digest_is_made_on_the_callers_thread(
    host: ModelHost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of what is noted: by the worker alone, of short and long requests, plain answers and streams."""
    threads: list[str] = []

    def noting(*told: Any) -> tuple[str, str]:
        threads.append(threading.current_thread().name)
        return digests(*told)

    monkeypatch.setattr("outlay.recorder.digests", noting)
    outlay.init(data=str(tmp_path), hosts={"127.0.0.1": "openai"})
    try:
        host.script(*[SAME] * 4)
        with outlay.track("agent"):
            for size in (20, 3 * WHOLE):
                for stream in (False, True):
                    step_openai(host, [{"role": "user", "content": "What now?".rjust(size)}], stream=stream)
        deadline = time.monotonic() + 10
        while len(threads) < 4 and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        outlay.uninstrument()
    assert threads == ["outlay"] * 4


def files(folder: Path) -> list[bytes]:
    """Return what is in the files of a folder."""
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


def calls_of_run(seen: outlay.testing.Ledger) -> list[Call]:
    """Return what the SDK's calls became, and forget them."""
    found = list(seen.calls)
    seen.clear()
    return found


def test_a_loop_is_told_while_it_runs_and_names_what_it_repeats(host: ModelHost, seen: outlay.testing.Ledger) -> None:
    """By the watch over the ledger: an agent whose tool finds nothing, and one that sends the same request."""
    told: list[Alert] = []
    host.script(*[SAME] * 24)
    messages: list[dict[str, Any]] = [{"role": "user", "content": "What is the weather?"}]
    with outlay.track("agent"):
        for _ in range(24):
            step_openai(host, messages, stream=False)
    looping = calls_of_run(seen)
    with outlay.track("poll"):
        for _ in range(24):
            ask(host, "Is it done?")
    polling = calls_of_run(seen)
    with outlay.track("map"):
        for number in range(24):
            ask(host, f"Text {number:02}")
    mapping = calls_of_run(seen)
    with Ledger.open(":memory:") as ledger:
        watch = Watch(ledger, told.append, limits=Limits())
        watch.step(looping[0].start)
        ledger.write([*looping, *polling, *mapping])
        watch.step(mapping[-1].end)
    assert [alert.title.partition(",")[0] for alert in told] == [
        "agent: one run was told to call the same tool with the same arguments 20 times",
        "poll: one run sent the same request 20 times",
    ]
    assert [alert.facts["rule"] for alert in told] == ["loop", "loop"]
    assert json.dumps([alert.facts for alert in told]).count("Paris") == 0
