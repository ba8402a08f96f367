"""No key and no content ever reaches what outlay keeps or says: not the ledger, not the spool, not a log.

Secrets are planted wherever a call has room for one, in every way a call can go, good or bad; then every byte is
searched for them.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import io
import json
import logging
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anthropic
import openai
import pytest

import outlay
from outlay import app
from outlay.guard import guard, swallowed
from outlay.ledger.ledger import Ledger
from outlay.loopback import Behaviour, ModelHost, Reply, ToolCall
from tests.conformance.seen import drive, leave
from tests.conformance.shape import Kind, errors
from tests.conformance.shapes import SHAPES
from tests.testing.conftest import HOSTS

KEY = "sk-PlantedKey0001"
QUERY = "PlantedQuery0002"
PASSWORD = "PlantedPassword0003"
BASIC = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
HEADER = "PlantedHeader0004"
PROMPT = "PlantedPrompt0005 wörd"
SYSTEM = "PlantedSystem0006"
PICTURE = base64.b64encode(b"PlantedPicture0007" * 20).decode()
TOOL = "PlantedTool0008"
USER = "PlantedUser0009"
ANSWER = "PlantedAnswer0010"
THOUGHT = "PlantedThought0011"
ARGUMENT = "PlantedArgument0012"
QUOTED = "PlantedQuote0013"
FILE = "file-Planted0014"

SECRETS: tuple[str, ...] = (
    KEY, QUERY, PASSWORD, BASIC, HEADER, PROMPT[:17], SYSTEM, PICTURE[:40], "PlantedPicture0007", TOOL, USER,
    ANSWER, THOUGHT, ARGUMENT, QUOTED, FILE,
)  # fmt: skip

SAID = Reply(text=f"{ANSWER} and more {ANSWER}", thinking=THOUGHT, tool_calls=(ToolCall("look", {"what": ARGUMENT}),))


def failing(status: int, body: Any) -> Behaviour:
    """Answer with an error of whatever form a server may have found for it."""
    return Behaviour(status=status, body=lambda _: body if isinstance(body, bytes) else json.dumps(body).encode())


WAYS: Mapping[str, Behaviour | str] = {
    "well": Behaviour(reply=SAID),
    "compressed": Behaviour(reply=SAID, encoding="gzip"),
    "in small pieces": Behaviour(reply=SAID, split=7),
    "refusal": Behaviour(reply=Reply(refusal=QUOTED)),
    "400 quoting the prompt": Behaviour(status=400, error=f"can't read '{PROMPT}' of {KEY}: {QUOTED}"),
    "429": Behaviour(status=429, error=QUOTED),
    "500 quoting the prompt": Behaviour(status=500, error=f"{PROMPT} {QUOTED}"),
    "error that is a text": failing(400, {"error": f"{QUOTED} {PROMPT}"}),
    "error whose code is a text": failing(400, {"error": {"code": f"no {QUOTED} here", "type": f"bad {PROMPT}"}}),
    "error without spaces": failing(422, {"error": {"code": QUOTED * 9, "type": None, "message": KEY}}),
    "error in a list": failing(400, [{"error": {"message": QUOTED}}, QUOTED]),
    "error in the answer": Behaviour(body=lambda _: json.dumps({"error": {"message": QUOTED}}).encode()),
    "error in the stream": Behaviour(reply=SAID, error_at=3),
    "broken off": Behaviour(reply=SAID, cut_at=2),
    "dropped": "drop",
    "time-out": Behaviour(reply=SAID, hang_at=2),
    "not JSON": Behaviour(body=lambda body: QUOTED.encode() + body),
    "truncated": Behaviour(reply=SAID, body=lambda body: body[:-30]),
    "another charset": Behaviour(reply=SAID, charset="utf-16"),
    "no usage": "usage=missing+text=" + ANSWER,
    "usage of texts": "usage=strings+text=" + ANSWER,
    "absurd usage": "usage=absurd+text=" + ANSWER,
    "usage in a list": "usage=list+text=" + ANSWER,
    "html": Behaviour(
        status=502, body=lambda _: f"<h1>{QUOTED} {KEY}</h1>".encode(), headers={"content-type": "text/html"}
    ),
}

OPENAI: dict[str, Any] = {
    "model": "gpt-4o-mini",
    "user": USER,
    "metadata": {"note": USER},
    "messages": [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": [
            {"type": "text", "text": PROMPT},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}},
        ]},
    ],
    "tools": [{"type": "function", "function": {"name": TOOL, "description": TOOL, "parameters": {"type": "object"}}}],
}  # fmt: skip
ANTHROPIC: dict[str, Any] = {
    "model": "claude-haiku-4-5",
    "max_tokens": 100,
    "system": SYSTEM,
    "metadata": {"user_id": USER},
    "messages": [{"role": "user", "content": [
        {"type": "text", "text": PROMPT},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}},
    ]}],
    "tools": [{"name": TOOL, "description": TOOL, "input_schema": {"type": "object"}}],
}  # fmt: skip


class Watch:
    """Everything that outlay writes while a test runs: its folder, looked at again and again, and every log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.heap: dict[tuple[str, int], bytes] = {}
        self.said = io.StringIO()

    def look(self) -> None:
        """Keep what stands in each file now: the spool is emptied, and the database's journal is rewritten."""
        for path in self.folder.rglob("*"):
            with contextlib.suppress(OSError):
                data = path.read_bytes() if path.is_file() else path.name.encode()
                self.heap[(str(path), hash(data))] = data + path.name.encode()

    def found(self, secrets: tuple[str, ...]) -> list[tuple[str, str]]:
        """Return every (secret, place) in any of the forms in which it may have been written."""
        self.look()
        everything = [*((name, data) for (name, _), data in self.heap.items()), ("logs", self.said.getvalue().encode())]
        return [
            (secret, name) for secret in secrets for name, data in everything for form in forms(secret) if form in data
        ]


def forms(secret: str) -> set[bytes]:
    """Return a text as it may stand in a file: plain, escaped, encoded."""
    texts = {secret, json.dumps(secret)[1:-1], quote(secret), secret.lower()}
    plain = {form for text in texts for form in (text.encode(), text.encode("utf-16-le"))}
    return plain | {base64.b64encode(secret.encode())[:-4]}


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """Run outlay as in production, its errors swallowed, and listen to all that is logged, tracebacks included."""
    monkeypatch.delenv("OUTLAY_STRICT")
    seen = Watch(tmp_path / "data")
    handler = logging.StreamHandler(seen.said)
    logger = logging.getLogger("outlay")
    logger.addHandler(handler)
    monkeypatch.setattr(logger, "level", logging.DEBUG)
    outlay.init(data=seen.folder, hosts=HOSTS, retention_days=0, tags={"marker": "FoundMarker"})
    gc.freeze()  # collect what a call leaves, not the SDKs' own classes each time
    try:
        yield seen
    finally:
        gc.unfreeze()
        outlay.uninstrument()
        logger.removeHandler(handler)


def search(watch: Watch, secrets: tuple[str, ...], calls: int) -> None:
    """Carry everything to the ledger and stop; find no secret on the way, by a search that finds what is there."""
    watch.look()
    assert outlay.flush(30) == 0
    watch.look()
    outlay.uninstrument()
    watch.look()
    for (activity, kind), count in swallowed().items():
        watch.said.write(f"{activity} {kind} {count}\n")
    assert watch.found(secrets) == []
    assert {Path(place).suffix for _, place in watch.found(("FoundMarker",))} >= {".jsonl", ".db"}
    with Ledger.open(watch.folder / "ledger.db") as kept:
        shown = [str(call) for _, call in kept.calls_after(0, limit=10_000)]
    assert len(shown) >= calls
    assert [secret for secret in secrets if secret in "".join(shown)] == []


def planted(url: str) -> str:
    """Return a URL with a user and a password."""
    return url.replace("http://", f"http://me:{PASSWORD}@")


async def say(sdk: str, kind: Kind, host: ModelHost, *, stream: bool) -> None:
    """Call through an SDK with a secret in every place, to whatever end."""
    module: Any = openai if sdk == "openai" else anthropic
    url = host.openai_url if sdk == "openai" else host.anthropic_url
    http = module.DefaultHttpxClient if kind == "sync" else module.DefaultAsyncHttpxClient
    make = getattr(module, {"openai": "OpenAI", "anthropic": "Anthropic"}[sdk] if kind == "sync" else {
        "openai": "AsyncOpenAI", "anthropic": "AsyncAnthropic"}[sdk])  # fmt: skip
    client = make(
        api_key=KEY,
        base_url=planted(url) if stream else url,  # a password takes the key's place in the headers
        default_headers={"x-planted": HEADER},
        default_query={"key": QUERY},
        http_client=http(verify=False),
        max_retries=0,
        timeout=0.5,
    )
    create = client.chat.completions.create if sdk == "openai" else client.messages.create
    try:
        answer = create(**(OPENAI if sdk == "openai" else ANTHROPIC), stream=stream)
        answer = await answer if kind == "async" else answer
        if stream and kind == "async":
            async for _ in answer:
                pass
        elif stream:
            for _ in answer:
                pass
        with contextlib.suppress(module.NotFoundError):  # a request that is no call: it is counted for coverage
            missing = client.get(f"/v1/files/{FILE}", cast_to=object)
            await missing if kind == "async" else None
    finally:
        await leave(client)


@pytest.mark.parametrize(
    ("sdk", "kind"),
    [
        ("openai", "sync"),
        ("anthropic", "async"),
        pytest.param("openai", "async", marks=pytest.mark.slow),
        pytest.param("anthropic", "sync", marks=pytest.mark.slow),
    ],
)
def test_no_secret_of_a_call_is_kept_or_said(watch: Watch, sdk: str, kind: Kind) -> None:
    """Keys in headers, queries and URLs, prompts, pictures, tools, users, answers, thoughts, arguments, messages."""
    outcomes = set()
    failures: tuple[type[Exception], ...] = (*errors(), ValueError)  # the SDKs let json's own error through
    with ModelHost() as host:
        for behaviour in WAYS.values():
            for stream in (False, True):
                host.script(behaviour)
                run: Callable[[Any], Any] = drive if kind == "sync" else asyncio.run
                try:
                    run(say(sdk, kind, host, stream=stream))
                    outcomes.add("ok")
                except failures as error:
                    outcomes.add(type(error).__name__)
                host._script._queue.clear()  # noqa: SLF001 - what this way has not used up
                watch.look()
        host.release()
        sent = b"".join(
            request.body + repr((request.headers, request.query, request.path)).encode() for request in host.requests
        )
    assert {"ok", "BadRequestError", "APITimeoutError", "InternalServerError"} <= outcomes
    assert [
        text for text in (KEY, QUERY, BASIC, HEADER, SYSTEM, PICTURE, TOOL, USER, FILE) if text.encode() not in sent
    ] == []
    search(watch, SECRETS, calls=2 * len(WAYS))


def test_no_shape_of_call_leaves_a_trace_of_its_words(watch: Watch) -> None:
    """Each way of calling of the conformance matrix: none of the texts in its request, and not its answer's."""
    with ModelHost() as host:
        for shape in SHAPES:
            if shape.possible("sync") and not shape.options and len(shape.calls) == 1:
                with contextlib.suppress(*errors()):
                    running = shape._run("sync", host)  # noqa: SLF001 - a collection after each would take minutes
                    host.script(*shape.script)
                    drive(running)
                host._script._queue.clear()  # noqa: SLF001 - what this shape has not used up
                watch.look()
        texts = {text for request in host.requests if request.body for text in texts_of(request.json()) if " " in text}
        calls = len(host.billed)
    assert len(texts) >= 5
    search(watch, ("sk-loopback", "one token for each word", *sorted(texts)), calls=calls)


def texts_of(value: Any) -> Iterator[str]:
    """Yield every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from texts_of(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts_of(part)


def test_an_error_of_outlays_own_is_told_without_its_message(watch: Watch) -> None:
    """An exception may quote what it could not read: its class and its place are all that is kept and said."""
    with guard("a test of privacy"):
        json.loads(f'{{"key": "{KEY}" {QUOTED}')
    with guard("a test of privacy"):
        raise ValueError(f"can't read {PROMPT}")
    assert swallowed()["a test of privacy", "ValueError"] >= 1
    assert "outlay failed at a test of privacy" in watch.said.getvalue()
    outlay.record(provider="openai", model="gpt-4o-mini", input_tokens=1)
    search(watch, SECRETS, calls=1)


def test_an_error_that_reaches_the_caller_is_the_callers_own(watch: Watch) -> None:
    """Outlay adds nothing to it: no note, no cause, no local variable of its own with the key in its repr."""
    with ModelHost() as host:
        host.script(Behaviour(status=400, error=QUOTED))
        with pytest.raises(openai.BadRequestError) as caught:
            drive(say("openai", "sync", host, stream=False))
    frames = traceback.StackSummary.extract(traceback.walk_tb(caught.value.__traceback__), capture_locals=True)
    ours = "".join(str(frame.locals) for frame in frames if "/outlay" in frame.filename)
    assert [secret for secret in (KEY, QUERY, PASSWORD) if secret in ours] == []
    assert getattr(caught.value, "__notes__", []) == []


def test_files_are_for_their_owner_alone(watch: Watch) -> None:
    """Folders 0700, files 0600: also the database's journals."""
    outlay.record(provider="openai", model="gpt-4o-mini", input_tokens=1)
    running = app.current()
    assert running is not None
    outlay.flush()
    outlay.record(provider="openai", model="gpt-4o-mini", input_tokens=1)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (watch.folder, *watch.folder.rglob("*"))}
    assert {name for name, mode in modes.items() if mode & 0o077} == set()
    assert len(modes) >= 4
