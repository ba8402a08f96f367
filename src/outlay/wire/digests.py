"""Digests of a request and of the tool calls in its answer: by them a run that repeats itself is found.

Nothing can be read from them. They are keyed with a random number that no process writes down, made for one run each,
and cut to four bytes: equal ones of one run are equal requests, and all others say nothing about each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import blake2b
from operator import attrgetter
from typing import Any
from zlib import crc32

import msgspec

from outlay.wire import framing
from outlay.wire.api import Answer
from outlay.wire.exchange import Exchange
from outlay.wire.paths import UNREADABLE, Fields
from outlay.wire.reading import Reading

WHOLE = 16 * 1024
"""Bytes of a request that are looked at: of a longer one those at its ends, and some between them."""

LATEST = 64 * 1024
"""Bytes at a request's end in which a tool call is looked for: the latest stand there, before the list of tools."""

LONGEST = 256 * 1024
"""Bytes of a plain answer in which tool calls are looked for."""

NONE = ("", "")
_encode = msgspec.json.Encoder().encode


def digests(exchange: Exchange, reading: Reading, key: bytes, run: str) -> tuple[str, str]:
    """Return the digests of the request and of the tool calls in its answer; empty for what is not there.

    Of tool calls only an agent's count, whose requests tell of those before: who has a form filled in by a tool, and
    gets the same for many texts, repeats nothing.
    """
    body, streamed, tools = exchange.body, exchange.events, exchange.match.reader.tools
    sample = sampled(body) if body else exchange.sample
    if sample is None:
        return NONE
    asked = _digest(key, f"{run} {len(sample)} {crc32(sample)}".encode())
    answer = exchange.answer or b"".join(exchange.chunks)
    if body and not tools.again(body, answer, reading if streamed else None):
        return asked, ""  # where the body is not there any more, the answer is only if it calls a tool again
    called = tools.called(answer, streamed=streamed)
    return asked, _digest(key, run.encode() + called) if called else ""


def sampled(body: bytes) -> bytes:
    """Return a request, or of a long one its length, its ends, and 500 to 1,000 bytes between them.

    They are no multiple of 2, 3 or 5 apart: else all could stand in one column of what repeats itself.
    """
    if len(body) <= WHOLE:
        return body
    return b"%d %b%b%b" % (len(body), body[: WHOLE // 4], body[-WHOLE // 2 :], body[:: len(body) // 15360 * 30 + 1])


def _digest(key: bytes, said: bytes) -> str:
    return blake2b(said, digest_size=4, key=key).hexdigest()


class ToolsReader:
    """Find the tool calls of one format."""

    def __init__(self, answer: Answer) -> None:
        self._words = [word.encode() for word in answer.tools]
        self._tools = [(word.encode(), _Parts(paths)) for word, paths in answer.tools.items() if paths]
        self._ends = frozenset(answer.tools_finish)

    def again(self, body: bytes, answer: bytes, streamed: Reading | None) -> bool:
        """Return whether an answer calls a tool, and its request tells of such a call before.

        Of a stream, what it has said, and ``answer`` may be its end.
        """
        if streamed is not None and self._ends:
            calls = not self._ends.isdisjoint(streamed.finish_reasons)
        else:
            calls = len(answer) <= LONGEST and any(answer.find(word) >= 0 for word, _ in self._tools)
        return calls and any(body.rfind(word, -LATEST) >= 0 for word in self._words)

    def called(self, answer: bytes, *, streamed: bool) -> bytes:
        """Return the names and arguments of the tools that an answer calls, joined; nothing where it calls none."""
        pieces: list[Any] = []
        for document in framing.documents(answer) if streamed else (answer,):
            for word, parts in self._tools:
                if document.find(word) >= 0:
                    pieces += parts.of(document)
        # Texts are joined as they are, so that it does not matter how a stream has cut them.
        return b"".join([one.encode(errors="replace") if isinstance(one, str) else _encode(one) for one in pieces])


class _Parts:
    """What stands at some paths of a document, through lists of lists."""

    def __init__(self, paths: tuple[str, ...]) -> None:
        self._fields = Fields(paths)
        self._steps = [[_get(step.strip(".")) for step in path.split("*")] for path in paths]

    def of(self, document: bytes) -> Iterator[Any]:
        """Yield it."""
        try:
            found = self._fields.decode(document)
            for *steps, last in self._steps:
                level = [found]
                for step in steps:
                    level = [inner for outer in level for inner in step(outer) or ()]
                yield from filter(None, map(last, level))
        except (AttributeError, TypeError, *UNREADABLE):  # null for an object on the way, or no such format
            yield from _flat(self._fields.read(document))


def _get(path: str) -> Callable[[Any], Any]:
    return attrgetter(path) if path else lambda value: value


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from _flat(one)
    elif value:
        yield value
