"""Content is captured where that is asked for, comes with its call, and can be dropped without losing a cent."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import openai
import pytest

import outlay
from outlay.cli import status_of
from outlay.content.capture import Capture
from outlay.content.store import Store
from outlay.delivery.asked import Asked
from outlay.delivery.station import Station
from outlay.errors import ConfigError
from outlay.export import Batch, Content
from outlay.ledger.ledger import Ledger
from outlay.loopback import ModelHost
from outlay.plugins import exporter

SECRET = "my card is 4111"
ASKED: Any = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": SECRET}]}


def hide(text: str) -> str:
    """Take digits out of a text."""
    return "".join("#" if letter.isdigit() else letter for letter in text)


class World:
    """A model host, a client, and an exporter that keeps what it is given."""

    def __init__(self, folder: Path, host: ModelHost) -> None:
        self.folder = folder
        self.host = host
        self.batches: list[Batch] = []
        self.client = openai.OpenAI(api_key="none", base_url=host.openai_url, max_retries=0)

    def init(self, **settings: Any) -> None:
        """Start outlay with these settings."""

        def keep(batch: Batch) -> None:
            self.batches.append(batch)

        hosts = {f"127.0.0.1:{self.host.port}": "openai"}
        outlay.init(
            data=self.folder, hosts=hosts, exporters={"keep": {"kind": "callable", "function": keep}}, **settings
        )

    def call(self, **more: Any) -> None:
        """Call the model."""
        answer = self.client.chat.completions.create(**ASKED | more)
        if more.get("stream"):
            list(answer)

    @property
    def said(self) -> dict[str, Content]:
        """What came with calls, by their features."""
        assert outlay.flush(20) == 0
        calls = [(call, batch.content) for batch in self.batches for call in batch.calls]
        return {call.feature: content[call.id] for call, content in calls if call.id in content}

    @property
    def files(self) -> bytes:
        """Everything that stands in the data folder."""
        outlay.uninstrument()
        return b"".join(file.read_bytes() for file in self.folder.rglob("*") if file.is_file())


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Yield a world, and end it."""
    with ModelHost() as host:
        made = World(tmp_path / "data", host)
        yield made
        made.client.close()
        outlay.uninstrument()


def test_without_being_asked_for_nothing_is_kept(world: World) -> None:
    """No word of the prompt is on the disk, in no file."""
    world.init()
    world.call()
    world.call(stream=True)
    assert world.said == {}
    assert not (world.folder / "content.db").exists()
    assert b"4111" not in world.files


def test_content_of_the_named_features_comes_with_their_calls(world: World) -> None:
    """Plain and streamed, redacted before it is kept; of the others nothing."""
    world.init(content=["answer", "stream"], content_redact=hide)
    for feature in ("answer", "stream", "other"):
        with outlay.track(feature):
            world.call(stream=feature == "stream")
    said = world.said
    assert set(said) == {"answer", "stream"}
    for content in said.values():
        (message,) = json.loads(content.input_messages)
        assert message == {"role": "user", "parts": [{"type": "text", "content": "my card is ####"}]}
        (answer,) = json.loads(content.output_messages)
        assert answer["role"] == "assistant"
        assert answer["parts"][0]["content"]
        assert answer["finish_reason"] == "stop"
    assert b"4111" not in world.files
    assert (world.folder / "content.db").stat().st_mode & 0o777 == 0o600


def test_an_exporter_can_be_kept_from_content(world: World) -> None:
    """Its calls come all the same, at once."""
    batches: list[Batch] = []
    hosts = {f"127.0.0.1:{world.host.port}": "openai"}
    options = {"kind": "callable", "function": batches.append, "content": False}
    outlay.init(data=world.folder, hosts=hosts, content=["*"], exporters={"keep": options})
    world.call()
    assert outlay.flush(20) == 0
    assert [(len(batch.calls), batch.content) for batch in batches] == [(1, {})]


def test_where_a_sidecar_delivers_the_program_keeps_what_was_said(world: World) -> None:
    """It has no exporter; the sidecar finds the content with the call."""
    hosts = {f"127.0.0.1:{world.host.port}": "openai"}
    outlay.init(data=world.folder, hosts=hosts, content=["*"], content_redact=hide)
    world.call()
    assert outlay.flush(20) == 0
    with Ledger.open(world.folder / "ledger.db") as ledger:
        ids = [call.id for call in ledger.calls()]
    deadline = time.monotonic() + 20
    store = Store(world.folder)
    while set(store.read(ids)) != set(ids):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    store.close()
    backend = exporter("jsonl")
    post = Station(Asked("beside", backend, backend.options()), world.folder)
    post.ledger.backlog("beside").begin(0, 0)
    assert post.look()
    assert post.left().total == 0
    post.close()
    (line,) = (world.folder / "exporters" / "beside" / "calls.jsonl").read_text().splitlines()
    assert json.loads(json.loads(line)["input_messages"])[0]["parts"][0]["content"] == "my card is ####"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_that_is_forked_while_content_is_read_reads_its_own(tmp_path: Path) -> None:
    """The lock that its parent's thread holds is none of its own."""
    capture = Capture(["*"], Store(tmp_path), limit=10, days=1)
    held = capture._draining  # noqa: SLF001 - what another thread would hold
    with held:
        capture.forked()
        capture.drain()


def test_content_can_be_dropped_and_the_money_stays(world: World) -> None:
    """All of it by `outlay prune --content`, a person's by `outlay forget`."""
    world.init(content=["*"])
    with outlay.tags(user="u-1"):
        world.call()
    world.call()
    assert outlay.flush(20) == 0
    outlay.uninstrument()
    here = ("--data", str(world.folder))
    with Ledger.open(world.folder / "ledger.db") as ledger:
        spent = ledger.report().total.cost
        ids = {call.tags.get("user"): call.id for call in ledger.calls()}
    assert spent > 0
    store = Store(world.folder)
    assert set(store.read(ids.values())) == set(ids.values())
    assert status_of(["forget", "user=u-1", "--yes", *here]) == 0
    assert set(store.read(ids.values())) == {ids[None]}
    assert status_of(["prune", "--content", "--yes", *here]) == 0
    assert store.read(ids.values()) == {}
    store.close()
    with Ledger.open(world.folder / "ledger.db") as ledger:
        assert ledger.report().total.cost == spent
    assert b"4111" not in world.files


def test_content_is_kept_for_so_many_days(tmp_path: Path) -> None:
    """And so is a call's content when it is kept again."""
    store = Store(tmp_path)
    store.put({"a": (1, Content(input_messages="[1]")), "b": (100, Content())})
    assert store.drop(before=50) == 1
    assert store.read(["a", "b"]) == {"b": Content()}
    store.close()
    with closing(sqlite3.connect(tmp_path / "content.db")) as database, database:
        assert database.execute("SELECT count(*) FROM content").fetchone() == (1,)
    database.close()


@pytest.mark.parametrize("redact", ["no.such:thing", "json:nothing", 7])
def test_a_redaction_that_there_is_not_is_said_at_the_start(world: World, redact: Any) -> None:
    """Before a word is kept."""
    with pytest.raises(ConfigError, match="content_redact"):
        world.init(content=["*"], content_redact=redact)
