"""What is written down of a call the moment it is answered, before anybody has read its usage or its price.

It holds no content: of the answer only the fields that the format's table reads. The process that made the call reads
it in its own time; if that process is killed before, whoever adopts its journal reads it from here.
"""

from __future__ import annotations

import msgspec

from outlay.context import OUTSIDE, DistantSpan, Home, Inside
from outlay.records import NO_RAW_USAGE, Call
from outlay.wire.exchange import Exchange, Send, Settle
from outlay.wire.recognise import Match
from outlay.wire.request import SMALL


class Facts(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Everything that makes a record, but the reading and the price. Fields are named as in ``Call``."""

    id: str
    start: int
    end: int
    api: str
    provider: str
    transport: str
    host: str
    status: int | None
    project: str
    release: str | None
    tags: dict[str, str]
    trace_id: str | None = None
    parent_id: str | None = None
    feature: str = ""
    path: str = ""
    site: str | None = None
    request_id: str | None = None
    attempt: int = 1
    retry_of: str | None = None
    marks: tuple[str, ...] = ()
    request_model: str | None = None
    answer: msgspec.Raw = NO_RAW_USAGE
    """The answer, reduced to what its format's table reads."""


class Submitter(msgspec.Struct, array_like=True, frozen=True):
    """In whose name a batch was submitted. Fields are named as in ``Call``."""

    project: str
    release: str | None
    tags: dict[str, str]
    trace_id: str | None
    parent_id: str | None
    feature: str
    path: str
    site: str | None


def signed(call: Call, by: Facts | Submitter) -> Call:
    """Return a call that was read elsewhere in the name of those who made it."""
    return msgspec.structs.replace(
        call, project=by.project, release=by.release, tags=by.tags, trace_id=by.trace_id or call.trace_id,
        parent_id=by.parent_id, feature=by.feature, path=by.path, site=by.site,
    )  # fmt: skip


_encode = msgspec.json.Encoder().encode
_decode: msgspec.json.Decoder[Facts] | None = None


def note(exchange: Exchange, home: Home) -> bool:
    """Write down in the journal what was answered; return False where that can't be, or the answer is unusual."""
    journal, slot, body, answer = exchange.journal, exchange.slot, exchange.body, exchange.answer
    if journal is None or slot is None or body is None or answer is None or exchange.events:
        return False
    match, scope, large = exchange.match, exchange.scope, len(answer) > SMALL
    if not match.reader.by_bodies or match.provider.cost_header or match.provider.served_by:
        return False  # it would take more than the bodies to read it again
    if len(body) > SMALL or (large and match.reader.tells_text):
        return False  # they would be held in memory until they are read
    reduced, asked = match.reader.reduced(answer), match.reader.request.named(body)
    if exchange.changed is not None and exchange.asked is not None:
        asked = exchange.asked[0]  # a budget has sent it to another model
    if reduced is None or asked is None:
        return False
    span, tags = scope.span, scope.tags
    facts = (
        exchange.id, exchange.start, exchange.start + exchange.ended - exchange.began,
        match.reader.api.name, match.provider.name, exchange.transport, exchange.host, exchange.status,
        home.project, home.release, {**home.tags, **tags} if home.tags and tags else tags or home.tags,
        *(span.noted() if span else NOWHERE if exchange.trace is None else (*exchange.trace, "", "", None)),
        exchange.request_id, exchange.attempt, exchange.retry_of, exchange.marks, asked,
        msgspec.Raw(reduced),
    )  # fmt: skip
    try:
        written = journal.note(slot, _encode(facts))
    except UnicodeEncodeError:  # half a surrogate pair in a tag
        return False
    if not written:
        return False
    if large:
        exchange.answer = reduced
    exchange.noted = True
    return True


NOWHERE = (None, None, "", "", None)
"""Trace id, parent's id, feature, path and site of a call in no span."""


def decode(facts: bytes) -> Facts | None:
    """Return what was noted; None where that can't be read (an older or a newer outlay wrote it)."""
    global _decode  # noqa: PLW0603 - made where it is needed: after a kill
    _decode = _decode or msgspec.json.Decoder(Facts)
    try:
        return _decode.decode(facts)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def exchange_of(told: Facts, match: Match, settle: Settle) -> Exchange:
    """Return the exchange again as far as it was noted, so that it is read like any other."""
    span = DistantSpan(told.parent_id, told.trace_id or "", told.feature, told.path) if told.parent_id else None
    send = Send(told.host, "", None, alive=False)
    scope = Inside(span, told.tags, OUTSIDE)
    again = Exchange(told.transport, match, told.host, "", None, scope, settle, told.id, told.start, 0, send)
    again.status, again.request_id, again.marks = told.status, told.request_id, told.marks
    again.attempt, again.retry_of, again.ended = told.attempt, told.retry_of, told.end - told.start
    again.asked, again.answer = (told.request_model, None), bytes(told.answer)
    return again
