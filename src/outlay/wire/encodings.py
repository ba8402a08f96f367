"""Content encodings, decoded as far as the bytes go: a body that was cut gives what is there."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

LIMIT = 64 * 1024 * 1024
"""Bytes that are decoded of one body: past it, the body counts as unreadable."""


def decode(body: bytes, encoding: str) -> bytes | None:
    """Undo ``encoding`` (a Content-Encoding header's value); None where its library is not installed or it is unknown."""
    for name in reversed([part.strip().lower() for part in encoding.split(",") if part.strip()]):
        decoder = _DECODERS.get(name)
        decoded = None if decoder is None else decoder(body)
        if decoded is None:
            return None
        body = decoded
    return body


def _identity(body: bytes) -> bytes:
    return body


def _inflate(body: bytes) -> bytes | None:
    result = bytearray()
    # 47: a zlib or a gzip header, whichever comes; a server that sends bare deflate needs -15.
    for window in (47, -15):
        rest = body
        try:
            while rest and len(result) < LIMIT:
                member = zlib.decompressobj(window)
                result += member.decompress(rest, LIMIT - len(result))
                rest = member.unused_data
        except zlib.error:
            if not result:
                continue
        return bytes(result)
    return None


def _brotli(body: bytes) -> bytes | None:
    try:
        import brotli
    except ImportError:
        return None
    try:
        decoded: bytes = brotli.Decompressor().process(body)
    except brotli.error:
        return None
    return decoded


def _zstd(body: bytes) -> bytes | None:
    try:
        import zstandard
    except ImportError:
        return None
    result: Any = bytearray()
    try:
        for part in zstandard.ZstdDecompressor().read_to_iter(body, read_across_frames=True):
            result += part
            if len(result) > LIMIT:
                return None
    except zstandard.ZstdError:
        return bytes(result) or None
    return bytes(result)


_DECODERS: dict[str, Callable[[bytes], bytes | None]] = {
    "": _identity,
    "identity": _identity,
    "gzip": _inflate,
    "x-gzip": _inflate,
    "deflate": _inflate,
    "br": _brotli,
    "zstd": _zstd,
}
