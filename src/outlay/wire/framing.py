"""How a stream frames its documents: server-sent events, lines, a JSON array, Amazon's event stream.

The first byte tells which, whatever the content type says; a body that was cut gives what is whole.
"""

from __future__ import annotations

import binascii
import functools
import json
import struct
from base64 import b64decode
from collections.abc import Callable, Iterator

from outlay.wire import sse

STREAMS = ("event-stream", "eventstream", "ndjson", "stream+json", "jsonl")
"""Parts of the content types that streams come in."""

_PRELUDE = struct.Struct(">II")
_CHECKSUM = 4


@functools.lru_cache(maxsize=64)
def is_stream(content_type: str | None) -> bool:
    """Return whether a body of this type is a stream of documents."""
    return content_type is not None and any(part in content_type for part in STREAMS)


def is_sse(body: bytes) -> bool:
    """Return whether a stream can be server-sent events: their lines begin with a field's name or a colon."""
    return body[:1] not in _OTHERS


def documents(body: bytes) -> Iterator[bytes]:
    """Yield the documents of a stream, each as JSON, as far as they are whole."""
    return _OTHERS.get(body[:1], sse.events)(body)


def _lines(body: bytes) -> Iterator[bytes]:
    """Yield JSON lines: https://github.com/ndjson/ndjson-spec. A line that was cut is no JSON, which readers see."""
    return (line for line in body.split(b"\n") if line.strip())


def _array(body: bytes) -> Iterator[bytes]:
    """Yield the elements of a JSON array, of one that was cut as well."""
    text, decoder, at = body.decode(errors="replace"), json.JSONDecoder(), 1
    while True:
        while text[at : at + 1] in (",", " ", "\n", "\r", "\t") and at < len(text):
            at += 1
        try:
            _, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return
        yield text[at:end].encode(errors="replace")
        at = end


def _amazon(body: bytes) -> Iterator[bytes]:
    """Yield the messages of Amazon's event stream: https://smithy.io/2.0/aws/amazon-eventstream.html.

    A message is told as ``{"name": payload}``, and one that carries a model's own answer as that. Bytes that were lost
    on the way end it.
    """
    at = 0
    while at + 12 <= len(body):
        total, size = _PRELUDE.unpack_from(body, at)
        if (
            at + total > len(body)
            or total < 16 + size
            or binascii.crc32(body[at : at + 8]) != int.from_bytes(body[at + 8 : at + 12])
        ):
            return
        payload = body[at + 12 + size : at + total - _CHECKSUM]
        yield _message(_texts(body[at + 12 : at + 12 + size]), payload)
        at += total


def _message(headers: dict[str, str], payload: bytes) -> bytes:
    failed = headers.get(":exception-type") or headers.get(":error-code")
    if failed is not None:
        return json.dumps({"error": {"code": failed}}).encode()
    name = headers.get(":event-type", "")
    if name == "chunk":
        try:
            return b64decode(json.loads(payload)["bytes"])
        except (ValueError, KeyError, TypeError):
            return b""
    return b"{%s:%s}" % (json.dumps(name).encode(), payload or b"null")


def _texts(headers: bytes) -> dict[str, str]:
    """Return the headers of a message that are texts, which all of Bedrock's are."""
    found, at = {}, 0
    while at < len(headers):
        length = headers[at]
        name = headers[at + 1 : at + 1 + length].decode(errors="replace")
        at += 1 + length
        if headers[at : at + 1] != b"\7":
            break
        size = int.from_bytes(headers[at + 1 : at + 3])
        found[name] = headers[at + 3 : at + 3 + size].decode(errors="replace")
        at += 3 + size
    return found


_OTHERS: dict[bytes, Callable[[bytes], Iterator[bytes]]] = {b"{": _lines, b"[": _array, b"\0": _amazon}
