"""Content encodings, decoded as far as the bytes go: a body that was cut or spoilt gives what is there."""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable
from functools import cache, partial
from typing import Any, cast

import msgspec

LIMIT = 64 * 1024 * 1024
"""Bytes that are decoded of one body: what lies past it counts as cut off."""

SLICE = 256
"""Bytes that are decoded at a time, so that a body made to explode stops soon after ``LIMIT``."""


class Codec(msgspec.Struct, frozen=True):
    """One content encoding, piece by piece."""

    decoder: Callable[[], Callable[[bytes], bytes]]
    encoder: Callable[[], Encoder]
    error: type[Exception]
    """What a decoder raises."""


class Encoder(msgspec.Struct, frozen=True):
    """A compressor: what ``flush`` returns makes all so far readable, ``finish`` ends the stream."""

    compress: Callable[[bytes], bytes]
    flush: Callable[[], bytes]
    finish: Callable[[], bytes]


def decode(body: bytes, encoding: str) -> bytes | None:
    """Undo ``encoding`` (a Content-Encoding header); None where it is unknown or its library is not installed."""
    for name in reversed([part.strip().lower() for part in encoding.split(",") if part.strip()]):
        if name != "identity":
            found = codec(name)
            if found is None:
                return None
            body = _decode_all(found, body)
    return body


@cache
def codec(name: str) -> Codec | None:
    """Return the codec of an encoding's lower-case name; None where it is unknown or its library is not installed."""
    make = _CODECS.get(name)
    return None if make is None else make()


def _decode_all(codec: Codec, body: bytes) -> bytes:
    decode, decoded = codec.decoder(), bytearray()
    try:
        for at in range(0, len(body), SLICE):
            decoded += decode(body[at : at + SLICE])
            if len(decoded) >= LIMIT:
                break
    except codec.error:
        pass  # what came before is the answer's all the same
    return bytes(decoded[:LIMIT])


class _Members:
    """Decode compressed members, one after the other: gzip and zstd allow any number in one body."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._member = make()

    def feed(self, chunk: bytes) -> bytes:
        decoded = b""
        while chunk:
            decoded += self._member.decompress(chunk)
            if not self._member.eof:
                break
            chunk = self._member.unused_data
            self._member = self._make()
        return decoded


class _Inflate:
    """Decode what is sent as gzip or deflate; some servers send deflate without the header that belongs to it."""

    def __init__(self) -> None:
        self._head = b""
        self._feed: Callable[[bytes], bytes] | None = None

    def feed(self, chunk: bytes) -> bytes:
        if self._feed is None:
            self._head += chunk
            if len(self._head) < 2:
                return b""
            chunk, number = self._head, int.from_bytes(self._head[:2])
            headed = number == 0x1F8B or (number >> 8 & 15 == 8 and number % 31 == 0)
            self._feed = _Members(partial(zlib.decompressobj, 47 if headed else -15)).feed
        return self._feed(chunk)


def _zlib(window: int) -> Codec:
    def encoder() -> Encoder:
        engine = zlib.compressobj(1, zlib.DEFLATED, window)
        return Encoder(engine.compress, lambda: engine.flush(zlib.Z_SYNC_FLUSH), engine.flush)

    return Codec(lambda: _Inflate().feed, encoder, zlib.error)


def _brotli() -> Codec | None:
    brotli = _first_of("brotli", "brotlicffi")
    if brotli is None:
        return None

    def decoder() -> Callable[[bytes], bytes]:
        engine = brotli.Decompressor()
        if not hasattr(engine, "can_accept_more_data"):  # versions before 1.2 know no limit
            return cast("Callable[[bytes], bytes]", engine.process)
        return lambda chunk: engine.process(chunk, output_buffer_limit=LIMIT)  # past it, the next chunk is an error

    def encoder() -> Encoder:
        engine = brotli.Compressor(quality=1)
        return Encoder(engine.process, engine.flush, engine.finish)

    return Codec(decoder, encoder, brotli.error)


def _zstd() -> Codec | None:
    zstd = _first_of("compression.zstd", "backports.zstd")
    if zstd is None:
        return _zstandard()

    def encoder() -> Encoder:
        engine = zstd.ZstdCompressor()
        return Encoder(engine.compress, lambda: engine.flush(engine.FLUSH_BLOCK), engine.flush)

    return Codec(lambda: _Members(zstd.ZstdDecompressor).feed, encoder, zstd.ZstdError)


def _zstandard() -> Codec | None:
    zstandard = _first_of("zstandard")
    if zstandard is None:
        return None

    def encoder() -> Encoder:
        engine = zstandard.ZstdCompressor().compressobj()
        return Encoder(engine.compress, lambda: engine.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK), engine.flush)

    decompressor = zstandard.ZstdDecompressor
    return Codec(lambda: _Members(lambda: decompressor().decompressobj()).feed, encoder, zstandard.ZstdError)


def _first_of(*names: str) -> Any:
    for name in names:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None


_CODECS: dict[str, Callable[[], Codec | None]] = {
    "gzip": partial(_zlib, 31),
    "x-gzip": partial(_zlib, 31),
    "deflate": partial(_zlib, 15),
    "br": _brotli,
    "zstd": _zstd,
}
