"""Compile dotted paths into one typed read of a JSON document that builds only what is asked for."""

from __future__ import annotations

import json
from functools import partial
from operator import attrgetter, is_not
from typing import Any

import msgspec

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Fields:
    """The values at a fixed tuple of paths; made once per format, then 1.4 µs for 2 KB of JSON, 53 µs for 100 KB.

    ``*`` in a path stands for every element of a list; its value is the list of what is there. Paths named in ``raw``
    give JSON text (``msgspec.Raw``, empty where absent).
    """

    def __init__(self, paths: tuple[str, ...], raw: tuple[str, ...] = ()) -> None:
        self._paths = [path.split(".") for path in paths]
        self._raw = [path in raw for path in paths]
        stars = [(index, parts[parts.index("*") + 1 :]) for index, parts in enumerate(self._paths) if "*" in parts]
        self._simple = [(index, _getter(rest)) for index, rest in stars if rest and "*" not in rest]
        self._deep = [(index, ["*", *rest]) for index, rest in stars if not rest or "*" in rest]
        self.decode = msgspec.json.Decoder(_type(_tree(self._paths, self._raw))).decode
        """From JSON to an object with what is asked for; raises one of ``UNREADABLE``."""
        # One C call fetches everything; where a document has null for an object on the way, _walk does it by steps.
        heads = [
            ".".join(map(_identifier, parts[: parts.index("*")] if "*" in parts else parts)) for parts in self._paths
        ]
        self._get = attrgetter(*heads) if len(heads) > 1 else lambda document: (attrgetter(*heads)(document),)

    def read(self, body: bytes) -> tuple[Any, ...] | None:
        """Return the values in the order of the paths, None for an absent one; None if ``body`` is no JSON object."""
        try:
            document = self.decode(body)
        except UNREADABLE:
            return self._read_plainly(body)
        try:
            values = self._get(document)
            if not self._simple and not self._deep:
                return values
            filled = list(values)
            for index, get in self._simple:
                if found := filled[index]:
                    filled[index] = list(filter(_is_there, map(get, found))) or None
        except AttributeError:
            return tuple([_walk(document, parts) for parts in self._paths])
        for index, rest in self._deep:
            filled[index] = _walk(filled[index], rest)
        return tuple(filled)

    def _read_plainly(self, body: bytes) -> tuple[Any, ...] | None:
        # What a client can read must not be lost to us: a field of another shape than the format's, UTF-16, half a
        # surrogate pair, NaN. The standard library, which most clients read by, takes them all.
        try:
            document = json.loads(body.decode(json.detect_encoding(body), "replace"))
        except (ValueError, RecursionError):
            return None
        if not isinstance(document, dict):
            return None
        values = [_walk(document, parts) for parts in self._paths]
        return tuple(
            msgspec.Raw(b"" if v is None else json.dumps(v).encode()) if raw else v
            for raw, v in zip(self._raw, values, strict=True)
        )


def top_level(body: bytes) -> dict[str, msgspec.Raw] | None:
    """Return the members of a JSON object, each as its bytes; None where ``body`` is none."""
    try:
        return _members.decode(body)
    except UNREADABLE:
        return None


_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


_is_there = partial(is_not, None)


def _walk(document: Any, parts: list[str]) -> Any:
    for index, part in enumerate(parts):
        if part == "*":
            if not isinstance(document, list):
                return None
            found = [_walk(element, parts[index + 1 :]) for element in document]
            return [value for value in found if value is not None] or None
        if isinstance(document, dict):
            document = document.get(part)
        else:
            document = getattr(document, _identifier(part), None) if isinstance(document, msgspec.Struct) else None
    return document


def _tree(paths: list[list[str]], raw: list[bool]) -> dict[str, Any]:
    """Return the paths as nested dicts, with the type of each leaf."""
    tree: dict[str, Any] = {}
    for parts, is_raw in zip(paths, raw, strict=True):
        node = tree
        for part in parts[:-1]:
            node = node.setdefault(part, {})
            if node is Any:  # another path wants all of it: what this one wants is found inside
                break
        else:
            node[parts[-1]] = msgspec.Raw if is_raw else Any
    return tree


def _type(tree: Any) -> Any:
    if not isinstance(tree, dict):
        return tree
    if "*" in tree:
        return list[_type(tree["*"])]  # type: ignore[misc] # a type made at run time
    fields: list[Any] = []
    names = {_identifier(name): name for name in tree}
    for name, below in zip(names, tree.values(), strict=True):
        kind = _type(below)
        if isinstance(below, dict):
            fields.append((name, kind | None, None if "*" in below else kind()))
        else:
            fields.append((name, kind, None if kind is Any else msgspec.Raw()))
    return msgspec.defstruct("Answer", fields, frozen=True, gc=False, omit_defaults=True, rename=names)


def _getter(parts: list[str]) -> attrgetter[Any]:
    return attrgetter(".".join(map(_identifier, parts)))


def _identifier(name: str) -> str:
    """Return how a member of JSON is called as an attribute: some names have dashes."""
    return name.replace("-", "_")
