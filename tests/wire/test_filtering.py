"""What was only sent because outlay asked for it is taken out again: the caller sees what a server not asked sends."""

from __future__ import annotations

import itertools
import json
import zlib
from collections.abc import Callable
from typing import Any

import brotli
import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from outlay.wire.filtering import UsageFilter, make_filter

USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(['"usage":null', ', "usage": null', "data: ", "\n\n", '{"choices":[]}', "\u2028", "\u0085", "\\"]),
)
NESTED = st.recursive(
    st.none() | TEXTS | st.integers(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["usage", "a", 'x"usage']), inner),
    max_leaves=5,
)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Make a stream as a server sends it that was asked for usage, and as one that was not."""
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    colon = draw(st.sampled_from(["data: ", "data:"]))
    comma, separator = draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    raw = draw(st.booleans())
    asked: list[str] = []
    unasked: list[str] = []

    def write(document: dict[str, Any], to: list[str], extra: str) -> None:
        text = json.dumps(document, separators=(comma, separator), ensure_ascii=not raw)
        to.append(extra + colon + text + end + end)

    for _ in range(draw(st.integers(0, 5))):
        document = {"id": draw(TEXTS), "choices": [{"delta": draw(NESTED)}], "extra": draw(NESTED), "n": 1}
        extra = draw(st.sampled_from(["", f": alive{end}", f"event: x{end}", f": alive{end}{end}"]))
        write(document, unasked, extra)
        place = draw(st.integers(0, len(document) + 3))  # often not there at all
        items = list(document.items())
        write(dict([*items[:place], ("usage", None), *items[place:]]) if place <= 4 else document, asked, extra)
    write({"id": "x", "choices": [], "usage": USAGE}, asked, "")
    done = colon + "[DONE]" + end + end
    mark = draw(st.sampled_from(["", "\ufeff"]))
    coding = "utf-8", "surrogatepass"
    return (mark + "".join([*asked, done])).encode(*coding), (mark + "".join([*unasked, done])).encode(*coding)


def cut(body: bytes, data: st.DataObject) -> list[bytes]:
    """Cut a body at any places."""
    places = sorted({0, len(body), *data.draw(st.lists(st.integers(0, len(body)), max_size=8))})
    return [body[start:end] for start, end in itertools.pairwise(places)]


@given(pair=pairs(), data=st.data())
def test_the_stream_is_what_it_would_have_been_unasked(pair: tuple[bytes, bytes], data: st.DataObject) -> None:
    """To the byte, wherever it is cut; ``usage`` in nested objects and in texts stays."""
    asked, unasked = pair
    strip = UsageFilter()
    assert b"".join([*map(strip.feed, cut(asked, data)), strip.flush()]) == unasked


@given(pair=pairs(), data=st.data())
def test_at_most_one_event_is_held_back(pair: tuple[bytes, bytes], data: st.DataObject) -> None:
    """What goes on after each chunk is the stream without its last, unfinished event."""
    asked, unasked = pair
    strip, fed, left = UsageFilter(), b"", b""
    for chunk in cut(asked, data):
        fed += chunk
        left += strip.feed(chunk)
        ends = [fed.rfind(blank) + len(blank) for blank in (b"\n\n", b"\r\n\r\n", b"\r\r") if blank in fed]
        whole = UsageFilter()
        assert left == whole.feed(fed[: max(ends, default=0)]) + whole.flush()
        assert unasked.startswith(left)


@given(body=st.binary(max_size=80), data=st.data())
@example(b'data: {"a\\"usage": null, "usage": null}\n\n', None)
@example(b'data: {"usage": null}\n\n', None)
@example(b'data: {"usage": {}, "choices": {}}\n\n', None)
def test_what_is_no_such_stream_goes_by_unchanged(body: bytes, data: st.DataObject | None) -> None:
    """Any bytes at all, none lost, none added but for what the filter knows."""
    strip = UsageFilter()
    chunks = [body] if data is None else cut(body, data)
    left = b"".join([*map(strip.feed, chunks), strip.flush()])
    assert left == body or (b'"usage"' in body and len(left) < len(body))


def bare_deflate(body: bytes) -> bytes:
    """Compress without the header that belongs to deflate, as some servers do."""
    engine = zlib.compressobj(wbits=-15)
    return engine.compress(body) + engine.flush()


def gzip_members(body: bytes) -> bytes:
    """Compress as two gzip members."""
    parts = []
    for part in (body[: len(body) // 2], body[len(body) // 2 :]):
        engine = zlib.compressobj(wbits=31)
        parts.append(engine.compress(part) + engine.flush())
    return b"".join(parts)


CODINGS: dict[str, tuple[str, Callable[[bytes], bytes], Callable[[], Callable[[bytes], bytes]]]] = {
    "gzip": ("gzip", gzip_members, lambda: zlib.decompressobj(31).decompress),
    "deflate": ("deflate", zlib.compress, lambda: zlib.decompressobj(15).decompress),
    "bare deflate": ("deflate", bare_deflate, lambda: zlib.decompressobj(15).decompress),
    "br": ("br", brotli.compress, lambda: brotli.Decompressor().process),
    "zstd": ("zstd", zstandard.compress, lambda: zstandard.ZstdDecompressor().decompressobj().decompress),
}


@pytest.mark.parametrize("coding", sorted(CODINGS))
@settings(max_examples=30)
@given(pair=pairs(), data=st.data())
def test_a_compressed_stream_stays_one_and_is_readable_at_once(
    coding: str, pair: tuple[bytes, bytes], data: st.DataObject
) -> None:
    """What went on after each chunk can be decoded as far as a caller without outlay could read."""
    asked, unasked = pair
    encoding, compress, decoder = CODINGS[coding]
    strip, decode, seen = make_filter(encoding), decoder(), b""
    assert strip is not None
    for chunk in cut(compress(asked), data):
        left = strip.feed(chunk)
        seen += decode(left) if left else b""
        assert unasked.startswith(seen)
    assert len(seen) >= len(unasked) - len(b"data: [DONE]\r\n\r\n")
    decode(strip.flush())
    assert seen == unasked


@pytest.mark.parametrize("coding", sorted(CODINGS))
@given(body=st.binary(min_size=1, max_size=60), data=st.data())
def test_a_stream_that_is_not_compressed_as_it_says_goes_by_as_it_is(
    coding: str, body: bytes, data: st.DataObject
) -> None:
    """The caller's decoder shall fail as it would have without us; ours never does."""
    encoding, _, decoder = CODINGS[coding]
    strip = make_filter(encoding)
    assert strip is not None
    left = b"".join([*map(strip.feed, cut(body, data)), strip.flush()])
    try:
        expected = decoder()(body)
    except (zlib.error, brotli.error, zstandard.ZstdError):
        return
    try:
        assert decoder()(left).startswith(expected) or expected == b""
    except (zlib.error, brotli.error, zstandard.ZstdError):
        assert left == body or expected == b"" or coding.endswith("deflate")


def test_an_encoding_that_is_not_known_gives_no_filter() -> None:
    """The event stays in then: better one event more than a stream that can't be read."""
    assert make_filter("compress") is None
    assert isinstance(make_filter(" Identity "), UsageFilter)
