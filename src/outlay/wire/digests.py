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

NONE = ("", "")
_encode = msgspec.json.Encoder().encode


def digests(exchange: Exchange, reading: Reading, key: bytes, run: str) -> tuple[str, str]:
    """Return the digests of the request and of the tool calls in its answer; empty for what is not there.

    Of tool calls only an agent's count, whose requests tell of those before: who has a form filled in by a tool, and
    gets the same for many texts, repeats nothing.
    """
    body, answer, tools = exchange.body, exchange.answer, exchange.match.reader.tools
    if not body:
        return NONE
    asked = _digest(key, f"{run} {len(body)} {crc32(body if len(body) <= WHOLE else _some(body))}".encode())
    if not answer or (exchange.events and not tools.may_call(reading)):
        return asked, ""
    called = tools.called(answer, streamed=exchange.events)
    return asked, _digest(key, run.encode() + called) if called and tools.told(body) else ""


def _some(body: bytes) -> bytes:
    """Return the ends of a long body, and every so many bytes of it: an odd number, as columns are often even."""
    part = WHOLE // 4
    return body[:part] + body[-2 * part :] + body[:: len(body) // part | 1]


def _digest(key: bytes, said: bytes) -> str:
    return blake2b(said, digest_size=4, key=key).hexdigest()


class ToolsReader:
    """Find the tool calls of one format."""

    def __init__(self, answer: Answer) -> None:
        self._words = [word.encode() for word in answer.tools]
        self._tools = [(word.encode(), _Parts(paths)) for word, paths in answer.tools.items() if paths]
        self._ends = frozenset(answer.tools_finish)

    def may_call(self, reading: Reading) -> bool:
        """Return whether an answer can call a tool, by the reason of its end."""
        return bool(self._tools) and (not self._ends or not self._ends.isdisjoint(reading.finish_reasons))

    def told(self, body: bytes) -> bool:
        """Return whether a request tells of tool calls; the latest stand at its end."""
        return any(body.rfind(word) >= 0 for word in self._words)

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
