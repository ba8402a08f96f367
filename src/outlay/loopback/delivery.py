"""Turn an answer into the bytes that go out, piece by piece."""

from __future__ import annotations

import importlib
import itertools
import json
import random
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from outlay.loopback.behaviour import Behaviour, Encoding, SseForm
from outlay.loopback.reply import Json
from outlay.loopback.turn import Event


@dataclass(frozen=True)
class Delivery:
    """A response ready to be sent: its pieces are written one at a time, as the behaviour says."""

    status: int
    pieces: Sequence[bytes]
    behaviour: Behaviour
    headers: dict[str, str] = field(default_factory=dict)
    chunked: bool = False
    """Whether the body goes out in HTTP chunks, one a piece, without a ``content-length``."""


def deliver_body(
    body: Json, behaviour: Behaviour, headers: dict[str, str], *, pretty: bool, status: int = 200
) -> Delivery:
    """Prepare a plain JSON answer."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    if pretty:
        text = msgspec.json.format(text, indent=2)  # twenty times as fast as the standard library's indenting
    return deliver_bytes(text.encode(behaviour.charset), behaviour, headers, status)


def deliver_bytes(content: bytes, behaviour: Behaviour, headers: dict[str, str], status: int) -> Delivery:
    """Prepare a plain answer of any content."""
    content = behaviour.body(content)
    typed = {"content-type": _typed("application/json", behaviour)} | headers | dict(behaviour.headers)
    if behaviour.encoding is not None:
        content = b"".join(compress([content], behaviour.encoding))
        typed["content-encoding"] = behaviour.encoding
    pieces: Iterable[bytes] = [content]
    if behaviour.split is not None:
        pieces = cut(content, behaviour.split)
    elif behaviour.cut_at is not None or behaviour.hang_at is not None:
        pieces = cut(content, [len(content) // 2])
    return Delivery(status, tuple(pieces), behaviour, typed)


def deliver_stream(events: Iterable[Event], behaviour: Behaviour, headers: dict[str, str]) -> Delivery:
    """Prepare a stream of server-sent events, flushed at each of them."""
    typed = {"content-type": _typed("text/event-stream", behaviour), "cache-control": "no-cache"}
    typed |= headers | dict(behaviour.headers)
    pieces: Iterable[bytes] = write_events(events, behaviour.sse, behaviour.charset)
    if behaviour.encoding is not None:
        pieces = compress(pieces, behaviour.encoding)
        typed["content-encoding"] = behaviour.encoding
    if behaviour.split is not None:
        pieces = cut(b"".join(pieces), behaviour.split)
    return Delivery(200, tuple(pieces), behaviour, typed, chunked=True)


def _typed(kind: str, behaviour: Behaviour) -> str:
    silent = behaviour.charset == "utf-8" and kind == "application/json"
    return kind if silent else f"{kind}; charset={behaviour.charset}"


def write_events(events: Iterable[Event], form: SseForm, charset: str = "utf-8") -> Iterator[bytes]:
    """Write events in a form of https://html.spec.whatwg.org/multipage/server-sent-events.html."""
    colon = ": " if form.space else ":"
    for place, (name, data) in enumerate(events):
        text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        lines = [":keep-alive", ""] if form.comments else []
        if name is not None:
            lines.append(f"event{colon}{name}")
        lines += [f"data{colon}{text}", "", ""]
        mark = "\ufeff" if form.byte_order_mark and place == 0 else ""
        yield (mark + form.newline.join(lines)).encode(charset)


def cut(content: bytes, split: int | Sequence[int]) -> Iterator[bytes]:
    """Cut ``content`` into pieces of ``split`` bytes, or at the offsets of ``split``; none is empty."""
    offsets = range(split, len(content), split) if isinstance(split, int) else split
    points = sorted({0, len(content), *(point for point in offsets if 0 < point < len(content))})
    for start, end in itertools.pairwise(points):
        yield content[start:end]


def cut_randomly(seed: int, cuts: int = 50, within: int = 10_000) -> tuple[int, ...]:
    """Return ``cuts`` offsets up to ``within`` for ``Behaviour.split``, the same for the same seed."""
    return tuple(random.Random(seed).sample(range(1, within), cuts))  # noqa: S311  # cut points are no secrets


def compress(pieces: Iterable[bytes], encoding: Encoding) -> Iterator[bytes]:
    """Compress pieces into one content-encoded body, flushed after each: what has arrived can be read."""
    write, flush, finish = COMPRESSORS[encoding]()
    held = b""
    for piece in pieces:
        if held:
            yield held
        held = write(piece) + flush()
    yield held + finish()


Compressor = tuple[Callable[[bytes], bytes], Callable[[], bytes], Callable[[], bytes]]


def _zlib(window: int) -> Compressor:
    engine = zlib.compressobj(wbits=window)
    return engine.compress, lambda: engine.flush(zlib.Z_SYNC_FLUSH), engine.flush


def _brotli() -> Compressor:
    engine: Any = importlib.import_module("brotli").Compressor()
    return engine.process, engine.flush, engine.finish


def _zstd() -> Compressor:
    zstandard: Any = importlib.import_module("zstandard")
    engine = zstandard.ZstdCompressor().compressobj()
    return engine.compress, lambda: engine.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK), engine.flush


COMPRESSORS: dict[Encoding, Callable[[], Compressor]] = {
    "gzip": lambda: _zlib(31),
    "deflate": lambda: _zlib(15),
    "br": _brotli,
    "zstd": _zstd,
}
"""``br`` and ``zstd`` need the packages brotli and zstandard."""
