"""Tags and span as one line of text, to travel in a message's headers to another process."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import msgspec

from outlay import context
from outlay.context import DistantSpan, scope
from outlay.guard import guard
from outlay.readable import readable
from outlay.track import Carried, tags

_unpacking = guard("unpacking the context of a message")


class Parcel(msgspec.Struct, frozen=True, omit_defaults=True):
    """What travels: the tags, and the innermost span by what its children must know of it."""

    tags: dict[str, str] = {}
    id: str = ""
    trace_id: str = ""
    feature: str = ""
    path: str = ""


def pack() -> str | None:
    """Return the tags and the span of now as a line of ASCII; None where there is nothing to tell."""
    now = scope()
    span = now.span if context.home is not None else None
    if span is None:
        return _text(Parcel(tags=now.tags)) if now.tags else None
    span.tally  # noqa: B018 - what happens elsewhere will name this span: it must be kept, calls of its own or not
    return _text(Parcel(now.tags, span.id, span.trace_id, span.feature, span.path))


def unpack(text: str | None) -> AbstractContextManager[Any]:
    """Return a block that runs in the tags and below the span that ``pack`` has put into ``text``.

    Nothing, or what can't be read, makes a block that changes nothing.
    """
    with _unpacking:
        if text:
            parcel = msgspec.json.decode(text, type=readable(Parcel))
            span = DistantSpan(parcel.id, parcel.trace_id, parcel.feature, parcel.path) if parcel.id else None
            return Carried(span, parcel.tags)
    return tags()


def _text(parcel: Parcel) -> str:
    # Some brokers carry headers as latin-1: everything else is escaped, as JSON allows.
    text = msgspec.json.encode(parcel).decode()
    return text if text.isascii() else "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    if character.isascii():
        return character
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
