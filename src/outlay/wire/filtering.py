"""Take the answer to our asking out again, so that the caller sees the stream they asked for."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from typing import Any

from outlay.wire.paths import Fields

_SCALAR = rb'(?:"(?:[^"\\]|\\.)*"|[-+.0-9eE]+|true|false|null)'
_NULL_LAST = re.compile(rb',\s*"usage"\s*:\s*null(?=(?:\s*,\s*"\w+"\s*:\s*' + _SCALAR + rb")*\s*\}\s*$)")
"""``"usage": null`` with only scalars between it and the event's end, so that it stands at the top level."""

_EVENT_END = re.compile(rb"\r\n\r\n|\n\n|\r\r(?!\n)")
_usage = Fields(("usage", "choices"))


class UsageFilter:
    """Take the event that only carries usage out of a chat stream, and ``"usage": null`` out of the others.

    At most one event is held back: bytes go on as soon as the event that they belong to is whole.
    """

    def __init__(self) -> None:
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """Return what of the stream so far can go on."""
        if not self._held and b'"usage"' not in chunk and chunk.endswith(b"\n\n"):
            return chunk
        data = self._held + chunk
        out, at = [], 0
        for end in _EVENT_END.finditer(data):
            out.append(_without_usage(data[at : end.end()]))
            at = end.end()
        self._held = data[at:]
        return b"".join(out)

    def flush(self) -> bytes:
        """Return what was held back when the stream ended inside an event."""
        held, self._held = self._held, b""
        return _without_usage(held)


def _without_usage(event: bytes) -> bytes:
    if b'"usage"' not in event:
        return event
    body = event.strip()
    if not body.startswith(b"data:"):
        return event
    values = _usage.read(body[5:])
    if values is None:
        return event
    usage, choices = values
    if usage is None:
        head, tail = event[: len(event) - len(event.lstrip())], event[len(event.rstrip()) :]
        return head + _NULL_LAST.sub(b"", body) + tail
    return b"" if choices == [] else event


class Recoder:
    """Filter a stream that came compressed though it was asked to come as it is: decode, filter, encode again."""

    def __init__(self, inner: UsageFilter, decode: Callable[[bytes], bytes], encode: Any) -> None:
        self._inner = inner
        self._decode = decode
        self._encode = encode

    def feed(self, chunk: bytes) -> bytes:
        """Return the filtered stream so far, compressed and flushed, so that the caller can decode it at once."""
        left = self._inner.feed(self._decode(chunk))
        return self._encode.compress(left) + self._encode.flush(zlib.Z_SYNC_FLUSH) if left else b""

    def flush(self) -> bytes:
        """Return the compressed stream's end."""
        rest = self._inner.flush()
        return (self._encode.compress(rest) if rest else b"") + self._encode.flush()


def make_filter(encoding: str) -> UsageFilter | Recoder | None:
    """Return a filter for a stream of this Content-Encoding; None where there can be none, and the event stays in."""
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return UsageFilter()
    if name in ("gzip", "x-gzip", "deflate"):
        window = 15 if name == "deflate" else 31
        return Recoder(UsageFilter(), zlib.decompressobj(47).decompress, zlib.compressobj(1, zlib.DEFLATED, window))
    return None
