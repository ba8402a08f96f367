"""Content encodings are decoded as far as the bytes go: a prefix of the truth, or nothing, and never an exception."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable
from functools import partial

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from outlay.wire import encodings
from outlay.wire.encodings import LIMIT, decode

TEXT = b"".join(b'data: {"n":%d,"content":"na\xc3\xafve"}\n\n' % n for n in range(60))


def bare(body: bytes) -> bytes:
    """Compress as deflate without its header."""
    engine = zlib.compressobj(wbits=-15)
    return engine.compress(body) + engine.flush()


CODINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "gzip of two members": ("x-gzip", lambda body: gzip.compress(body[:99]) + gzip.compress(body[99:])),
    "deflate": ("deflate", zlib.compress),
    "bare deflate": ("deflate", bare),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstandard.compress),
    "zstd of two frames": ("zstd", lambda body: zstandard.compress(body[:99]) + zstandard.compress(body[99:])),
    "gzip in br": ("gzip, br", lambda body: brotli.compress(gzip.compress(body))),
    "identity": ("identity", bytes),
}


@pytest.mark.parametrize("coding", sorted(CODINGS))
def test_a_body_cut_anywhere_gives_a_prefix_of_the_truth(coding: str) -> None:
    """At every byte; whole, it gives all."""
    encoding, compress = CODINGS[coding]
    body = compress(TEXT)
    for end in range(len(body)):
        decoded = decode(body[:end], encoding)
        assert decoded is not None
        assert TEXT.startswith(decoded)
    assert decode(body, encoding) == TEXT


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, br", "zstd, gzip"])
@given(body=st.binary(max_size=200), start=st.booleans())
def test_any_bytes_are_decoded_or_not_without_an_exception(encoding: str, body: bytes, start: bool) -> None:
    """Random ones, and ones that begin well and go on badly."""
    good = CODINGS["gzip in br" if "," in encoding else encoding][1](TEXT)
    decode(good[:20] + body if start else body, encoding)


@pytest.mark.parametrize("encoding", ["", " ", "identity", "Identity , identity"])
def test_what_is_not_encoded_stays(encoding: str) -> None:
    """Names are compared without case and white space."""
    assert decode(TEXT, encoding) == TEXT


def test_an_unknown_encoding_gives_none() -> None:
    """The body is unreadable then, and said to be."""
    assert decode(TEXT, "compress") is None
    assert decode(gzip.compress(TEXT), "gzip, aes128gcm") is None


@pytest.mark.parametrize(
    "encoding, compress",
    [("gzip", gzip.compress), ("br", partial(brotli.compress, quality=1)), ("zstd", zstandard.compress)],
    ids=["gzip", "br", "zstd"],
)
def test_a_body_made_to_explode_stops_at_the_limit(
    encoding: str, compress: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is decoded is the limit's length, and no more than a slice's worth is decoded beyond it."""
    limit = LIMIT // 64
    monkeypatch.setattr(encodings, "LIMIT", limit)
    body = compress(bytes(64 * limit))
    tracemalloc.start()
    decoded = decode(body, encoding)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert decoded is not None
    assert len(decoded) == limit
    assert peak < 48 * limit
