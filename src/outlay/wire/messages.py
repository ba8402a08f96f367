"""Protobuf's messages, as the JSON that formats' tables are read from: gRPC's requests and answers are such objects.

Field names are those of protobuf's own JSON mapping, which Google's REST APIs speak; numbers stay numbers, and content
that no table reads is not looked at. Messages describe themselves, so that nothing of protobuf is imported.
Reference: https://protobuf.dev/programming-guides/json/
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import msgspec

from outlay.wire.reader import HEAD, TAIL, Reader

Tree = dict[str, Any]
"""Names of fields that are wanted, each with those below it; an empty one wants everything."""

_EVERYTHING: Tree = {}
_SCALARS = frozenset((str, float, bool, bytes))
_encode = msgspec.json.Encoder().encode


class Messages:
    """The request and the answers of one RPC, written as JSON when, and as far as, they are read."""

    def __init__(self, reader: Reader, request: Any) -> None:
        self._reader = reader
        self._request = request
        self.ended = False
        """Whether the answer came to its end, as gRPC's status said."""

    def brief(self) -> bytes:
        """Return what the format's table reads of the request: its model, its limits; no content."""
        return written(self._request, _wanted(self._reader).request)

    def request(self) -> bytes | None:
        """Return the whole request; None where it is no message of protobuf's."""
        return written(self._request, _EVERYTHING) or None

    def answer(self, pieces: list[Any]) -> bytes:
        """Return what the table reads of an answer: one message, or a line for each of a stream.

        Its text is only written where the answer does not say what was used, so that it must be estimated.
        """
        wanted = _wanted(self._reader)
        if self.ended:
            told = self._lines(pieces if len(pieces) <= HEAD + TAIL else pieces[:HEAD] + pieces[-TAIL:], wanted.facts)
            if wanted.usage in told:
                return told
        return self._lines(pieces, wanted.all)

    @staticmethod
    def _lines(pieces: Iterable[Any], tree: Tree) -> bytes:
        return b"\n".join([piece if isinstance(piece, bytes) else written(piece, tree) for piece in pieces])


class _Wanted(msgspec.Struct, frozen=True):
    """What a format's table reads."""

    request: Tree
    facts: Tree
    """Of an answer: all but its text."""
    all: Tree
    usage: bytes
    """What stands in an answer that says what was used."""


@functools.cache
def _wanted(reader: Reader) -> _Wanted:
    request, answer = reader.api.request, reader.api.answer
    asked = (request.model, *request.limits, *filter(None, (request.tier, request.choices, reader.api.asks_for)))
    uses = [path for either, _ in answer.uses.values() for path in either.split(" | ")]
    terms = [path for paths in answer.terms.values() for path in paths]
    facts = [
        *answer.model, *answer.id, *answer.accepted, *answer.usage, *answer.finish, *answer.error, *answer.status,
        *terms, *uses, *answer.counts.values(),
    ]  # fmt: skip
    last = (answer.usage or tuple(answer.counts.values()))[0].rpartition(".")[2]
    return _Wanted(_tree(asked), _tree(facts), _tree([*facts, *answer.text]), b'"%s":' % last.encode())


def _tree(paths: Iterable[str]) -> Tree:
    """Return paths as a tree; the star that stands for every element of a list is no step of it."""
    tree: Tree = {}
    for path in sorted(paths, key=len, reverse=True):  # a shorter path wants all that a longer one begins to name
        *above, last = [part for part in path.split(".") if part != "*"]
        node = tree
        for part in above:
            node = node.setdefault(part, {})
        node[last] = {}
    return tree


def written(message: Any, tree: Tree) -> bytes:
    """Return what ``tree`` wants of a message as a JSON object, nothing of what is none of protobuf's.

    proto-plus' messages have protobuf's inside.
    """
    inside = getattr(message, "_pb", message)
    return _encode(_object(inside, tree)) if hasattr(inside, "ListFields") else b""


def _object(message: Any, tree: Tree) -> dict[str, Any]:
    fields = {}
    for field, value in message.ListFields():
        name = field.json_name
        if not tree:
            fields[name] = _value(field, value, tree)
        elif (below := tree.get(name)) is not None:
            fields[name] = _value(field, value, below)
    return fields


def _value(field: Any, value: Any, tree: Tree) -> Any:
    kind = value.__class__
    if kind is int:
        known = field.enum_type and field.enum_type.values_by_number.get(value)
        return known.name if known else value
    if kind in _SCALARS:
        return value
    if hasattr(value, "ListFields"):
        return _known(value, tree)
    if hasattr(value, "items"):
        return {str(key): _value(_MAPPED, value[key], tree) for key in value}
    return [_value(field, element, tree) for element in value]


class _Mapped:
    """A map's values: those that are messages say themselves what they are; no table reads one of an enumeration."""

    enum_type = None


_MAPPED = _Mapped()


def _known(message: Any, tree: Tree) -> Any:
    """Return a message; the types that stand for JSON itself as what they hold."""
    name = message.DESCRIPTOR.full_name
    if name == "google.protobuf.Value":
        kind = message.WhichOneof("kind")
        held = None if kind in (None, "null_value") else getattr(message, kind)
        return _known(held, _EVERYTHING) if hasattr(held, "ListFields") else held
    if name == "google.protobuf.Struct":
        return {key: _known(message.fields[key], _EVERYTHING) for key in message.fields}
    if name == "google.protobuf.ListValue":
        return [_known(element, _EVERYTHING) for element in message.values]
    return _object(message, tree)
