"""Bytes that nobody foresaw: the reader never raises, never counts wrong, and a watched stream goes by unchanged.

Seconds by ``OUTLAY_TEST_FUZZ_SECONDS``. A failure names its seed: ``OUTLAY_TEST_FUZZ_SEED`` runs that one alone.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from outlay.records import Usage
from outlay.wire.exchange import Exchange
from outlay.wire.filtering import UsageFilter
from outlay.wire.reader import Reader
from outlay.wire.reading import Reading
from outlay.wire.tee import watch
from outlay_integrations.apis import anthropic, openai
from tests.wire.conftest import Metered

SECONDS = float(os.environ.get("OUTLAY_TEST_FUZZ_SECONDS", "5"))
ONE = os.environ.get("OUTLAY_TEST_FUZZ_SEED")
READERS = [Reader(api) for api in (*openai.APIS, *anthropic.APIS)]

SEEDS: list[Any] = [
    {
        "id": "chatcmpl-1",
        "model": "gpt-4o-mini",
        "choices": [{"index": 0, "message": {"content": "na\u00efve \u2028"}, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": 100,
            "completion_tokens": 50,
            "total_tokens": 150,
            "prompt_tokens_details": {"cached_tokens": 60, "audio_tokens": 10},
            "completion_tokens_details": {"reasoning_tokens": 20},
        },
    },
    {
        "id": "x",
        "model": "m",
        "choices": [{"delta": {"content": "a", "tool_calls": [{"function": {"arguments": "{}"}}]}}],
    },
    {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}, "x_groq": {"usage": None}},
    {
        "type": "response.completed",
        "response": {"id": "r", "status": "completed", "usage": {"input_tokens": 3, "output_tokens": 4}},
    },
    {"id": "r", "background": True, "status": "queued", "error": None, "output": [{"content": [{"text": "t"}]}]},
    {
        "type": "message_start",
        "message": {"id": "m", "model": "claude", "usage": {"input_tokens": 5, "output_tokens": 1}},
    },
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn"},
        "usage": {"output_tokens": 9, "server_tool_use": {}},
    },
    {"type": "error", "error": {"type": "overloaded_error", "message": "secret prompt", "code": 529}},
]
ODD: list[Any] = [
    *[None, True, -1, 1.5, 1e308, 10**30, "", "7", "\ud800", [], {}, [[]], float("nan"), [None], {"usage": None}],
    {"": {"*": 1}},
]
FRAGMENTS = [
    *[b"data:", b"\n\n", b"\r", b'"usage":', b"null", b'"usage":null', b"[DONE]", b"{", b"}", b'"', b"\\", b"\xff"],
    *[b"\xef\xbb\xbf", b"\x00", b"[" * 2000, b"-1", b"1e999", b"event: x\n", b":", "\u2028".encode()],
]


def spoilt(random: random.Random, value: Any, depth: int = 0) -> Any:
    """Return a document with some of its values, keys and members changed for odd ones."""
    if random.random() < 0.08:
        return random.choice(ODD)
    if isinstance(value, dict):
        items = [(key, spoilt(random, below, depth + 1)) for key, below in value.items() if random.random() > 0.04]
        if random.random() < 0.1:
            random.shuffle(items)
        return dict(items)
    if isinstance(value, list):
        return [spoilt(random, below, depth + 1) for below in value] * random.choice((1, 1, 1, 0, 3))
    return random.randrange(-5, 500) if isinstance(value, int) and random.random() < 0.3 else value


def document(random: random.Random) -> bytes:
    """Return a document as bytes, well written."""
    text = json.dumps(spoilt(random, random.choice(SEEDS)), indent=random.choice((None, None, 1)))
    return text.encode(random.choice(("utf-8", "utf-8", "utf-8", "utf-16")))


def broken(random: random.Random, body: bytes) -> bytes:
    """Return bytes with some cut, repeated, overwritten or put in."""
    data = bytearray(body)
    for _ in range(random.choice((0, 0, 1, 2, 8))):
        at = random.randrange(len(data) + 1)
        end = min(len(data), at + random.randrange(20))
        data[at:end] = random.choice((b"", bytes(data[at:end]) * 2, random.choice(FRAGMENTS), random.randbytes(3)))
    return bytes(data[: random.randrange(len(data) + 1)]) if random.random() < 0.2 else bytes(data)


def stream(random: random.Random) -> bytes:
    """Return a stream of events in any form."""
    end = random.choice(("\n", "\n", "\r\n", "\r")).encode()
    parts = [random.choice((b"", b"", b"\xef\xbb\xbf", b": hello" + end))]
    colons = (b"data: ", b"data:", b"event: e" + end + b"data: ")
    parts += [random.choice(colons) + document(random) + end + end for _ in range(random.randrange(12))]
    return b"".join([*parts, random.choice((b"", b"data: [DONE]" + end + end))])


def check(reader: Reader, reading: Reading) -> None:
    """Check what must hold of anything that was read."""
    usage = Usage(classes=reading.usage or {}, reasoning=reading.reasoning)
    assert all(quantity > 0 for quantity in usage.classes.values())
    assert 0 <= usage.reasoning_output_tokens <= usage.output_tokens
    assert usage.cache_read_input_tokens + usage.cache_write_input_tokens <= usage.input_tokens
    if reading.usage is not None and reading.raw_usage and not reading.marks:
        raw = json.loads(reading.raw_usage)
        totals = [raw.get(total.path) for total in reader.api.usage.totals]
        if all(
            total is not None or not table.parts for total, table in zip(totals, reader.api.usage.totals, strict=True)
        ):
            parts = sum(quantity for name, quantity in usage.classes.items() if name not in reader.api.usage.others)
            assert parts == sum(total or 0 for total in totals)
    assert "secret" not in f"{reading.error}{reading.terms}{reading.status}"


def fuzz_the_reader(random: random.Random, _: Metered) -> None:
    """Read a plain answer and a stream by every format."""
    plain, events = broken(random, document(random)), broken(random, stream(random))
    for reader in READERS:
        whole = reader.plain(plain)
        if whole is not None:
            check(reader, whole)
        check(reader, reader.stream(events))
        reader.text_length(events, streamed=True)
        reader.text_length(plain, streamed=False)
        reader.request.model(plain)
        reader.request.limit(plain)


def cut(random: random.Random, body: bytes) -> list[bytes]:
    """Cut bytes into chunks of any size."""
    places = sorted({0, len(body), *(random.randrange(len(body) + 1) for _ in range(random.randrange(9)))})
    return [body[start:end] for start, end in itertools.pairwise(places)]


def fuzz_the_tee(random: random.Random, metered: Metered) -> None:
    """Watch a stream to its end, to a break or to an error; count its records and compare its bytes."""
    body, encoding = broken(random, stream(random)), random.choice(("", "", "gzip", "deflate", "br", "zstd"))
    chunks = cut(random, broken(random, zlib.compress(body)) if encoding else body)
    exchange = _opened(metered, asked=random.random() < 0.5, encoding=encoding)
    unfiltered, ends = exchange.filter is None, random.choice(("end", "break", "error"))
    passed: list[bytes] = []

    def source() -> Iterator[bytes]:
        yield from chunks
        if ends == "error":
            raise ConnectionError

    watched = watch(exchange, source())
    try:
        for chunk in watched:
            passed.append(chunk)
            if ends == "break" and random.random() < 0.3:
                break
    except ConnectionError:
        assert ends == "error"
    watched.close()
    if unfiltered:
        assert passed == chunks[: len(passed)]
    elif not encoding:
        strip = UsageFilter()
        assert b"".join([*map(strip.feed, chunks), strip.flush()]).startswith(b"".join(passed))
    (call,) = metered.calls
    metered.kept.clear()
    assert call.usage is None or all(quantity > 0 for quantity in call.usage.classes.values())


def _opened(metered: Metered, *, asked: bool, encoding: str) -> Exchange:
    match = metered.meter.find("POST", "127.0.0.1", "/v1/chat/completions")
    assert match is not None
    body = b'{"model":"gpt-4o-mini","stream":true}' if asked else b'{"model":"gpt-4o-mini"}'
    exchange = metered.meter.begin("fuzz", match, "127.0.0.1", "/v1/chat/completions", body, streams=True)
    assert exchange is not None
    exchange.send.alive = False
    headers = {"content-type": "text/event-stream", "content-encoding": encoding}
    exchange.answered(200, headers.get)
    return exchange


@pytest.mark.parametrize("fuzz", [fuzz_the_reader, fuzz_the_tee])
def test_no_bytes_surprise(fuzz: Callable[[random.Random, Metered], None], metered: Metered) -> None:
    """As many tries as half the seconds allow; each by a seed of its own, named where it fails."""
    seed = int(ONE) if ONE else random.SystemRandom().randrange(2**40)
    deadline = time.monotonic() + SECONDS / 2
    while True:
        try:
            fuzz(random.Random(seed), metered)
        except BaseException as error:
            error.add_note(f"OUTLAY_TEST_FUZZ_SEED={seed}")
            raise
        if ONE or time.monotonic() > deadline:
            return
        seed += 1
