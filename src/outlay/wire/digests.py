"""Digests of a request and of the tool calls in its answer: by them a run that repeats itself is found.

Nothing can be read from them. They are keyed with a random number that no process writes down, made for one run each,
and cut to four bytes: equal ones of one run are equal requests, and all others say nothing about each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any
from zlib import crc32

import msgspec

from outlay.wire import framing
from outlay.wire.api import Answer
from outlay.wire.exchange import Exchange
from outlay.wire.paths import Fields

WHOLE = 16 * 1024
"""Bytes of a request that are looked at: of a longer one those at its ends, and some between them."""

NONE = ("", "")
_encode = msgspec.json.Encoder().encode


def digests(exchange: Exchange, key: bytes, run: str) -> tuple[str, str]:
    """Return the digests of the request and of the tool calls in its answer; empty for what is not there.

    Of tool calls only an agent's count, whose requests tell of those before: who has a form filled in by a tool, and
    gets the same for many texts, repeats nothing.
    """
    body, answer, tools = exchange.body, exchange.answer, exchange.match.reader.tools
    if not body:
        return NONE
    asked = b"%d %d" % (len(body), crc32(body if len(body) <= WHOLE else _some(body)))
    called = tools.called(answer, streamed=exchange.events) if answer else b""
    again = called and tools.told(body)
    return _digest(key, run, asked), _digest(key, run, called) if again else ""


def _some(body: bytes) -> bytes:
    """Return the ends of a long body, and every so many bytes of it: an odd number, as columns are often even."""
    part = WHOLE // 4
    return body[:part] + body[-2 * part :] + body[:: len(body) // part | 1]


def _digest(key: bytes, run: str, said: bytes) -> str:
    return blake2b(b"%s %s" % (run.encode(errors="replace"), said), digest_size=4, key=key).hexdigest()


class ToolsReader:
    """Find the tool calls of one format."""

    def __init__(self, answer: Answer) -> None:
        self._words = [word.encode() for word in answer.tools]
        self._tools = [(word.encode(), Fields(paths)) for word, paths in answer.tools.items() if paths]

    def told(self, body: bytes) -> bool:
        """Return whether a request tells of tool calls; the latest stand at its end."""
        return any(body.rfind(word) >= 0 for word in self._words)

    def called(self, answer: bytes, *, streamed: bool) -> bytes:
        """Return the names and arguments of the tools that an answer calls, joined; nothing where it calls none."""
        plain = answer[:1] != b"\0"  # of Amazon's stream each message is looked into: some are encoded once more
        if not self._tools or (plain and not any(answer.find(word) >= 0 for word, _ in self._tools)):
            return b""
        pieces: list[bytes] = []
        for document in framing.documents(answer) if streamed else (answer,):
            for word, fields in self._tools:
                if document.find(word) >= 0:
                    pieces += map(_piece, _flat(fields.read(document)))
        return b"".join(pieces)


def _flat(value: Any) -> Iterator[Any]:
    """Yield what stands at the paths, which are in lists of lists."""
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from _flat(one)
    elif value:
        yield value


def _piece(value: Any) -> bytes:
    """Return a text as it is, so that it does not matter how a stream has cut it; anything else as JSON."""
    return value.encode(errors="replace") if isinstance(value, str) else _encode(value)
