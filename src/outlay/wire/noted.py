"""What is written down of a call the moment it is answered, before anybody has read its usage or its price.

It holds no content: of the answer only the fields that the format's table reads. The process that made the call reads
it in its own time; if that process is killed before, whoever adopts its journal reads it from here.
"""

from __future__ import annotations

import msgspec

from outlay.context import OUTSIDE, DistantSpan, Home, Inside
from outlay.readable import readable
from outlay.records import NO_RAW_USAGE, Call
from outlay.wire.digests import sampled
from outlay.wire.essence import NEAR, last_words, reduced
from outlay.wire.exchange import Exchange, Send, Settle
from outlay.wire.reading import Reading
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
    reading: Reading | None = None
    """What a stream has said, in place of an answer."""
    first: int = 0
    """Nanoseconds from the begin to a stream's first chunk."""


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
    """Write down in the journal what was answered; return False where that can't be, or the answer is unusual.

    Of a large request or answer, and of any stream, nothing else is held in memory until it is read, but in a run what
    tells whether it repeats itself: a sample of the request, and an answer that calls a tool again.
    """
    journal, slot, body, answer = exchange.journal, exchange.slot, exchange.body, exchange.answer
    match, scope = exchange.match, exchange.scope
    if journal is None or slot is None or body is None:
        return False
    if not match.reader.by_bodies or match.provider.cost_header or match.provider.served_by:
        return False  # it would take more than the bodies to read it again
    large = exchange.events or len(body) > SMALL or (answer is not None and len(answer) > SMALL)
    said = _said(exchange, large=large)
    if said is None:
        return False
    asked = match.reader.request.named(body) or match.reader.request.model(body)[0]
    if exchange.changed is not None and exchange.asked is not None:
        asked = exchange.asked[0]  # a budget has sent it to another model
    if asked is None:
        return False
    span, tags = scope.span, scope.tags
    facts = (
        exchange.id, exchange.start, exchange.start + exchange.ended - exchange.began,
        match.reader.api.name, match.provider.name, exchange.transport, exchange.host, exchange.status,
        home.project, home.release, {**home.tags, **tags} if home.tags and tags else tags or home.tags,
        *(span.noted() if span else NOWHERE if exchange.trace is None else (*exchange.trace, "", "", None)),
        exchange.request_id, exchange.attempt, exchange.retry_of, exchange.marks, asked,
        *said, exchange.first and exchange.first - exchange.began,
    )  # fmt: skip
    try:
        written = journal.note(slot, _encode(facts))
    except UnicodeEncodeError:  # half a surrogate pair in a tag
        return False
    if not written:
        return False
    if large:
        _let_go(exchange, asked, *said)
    exchange.header = None  # behind it stands the client's whole answer
    exchange.noted = True
    return True


def _let_go(exchange: Exchange, asked: str, reduced: msgspec.Raw, reading: Reading | None) -> None:
    """Hold no more of what is large than its record needs, and what tells of a run whether it repeats itself."""
    body, run = exchange.body or b"", exchange.scope.span is not None or exchange.trace is not None
    exchange.reading = reading
    if not run or not _again(exchange, body):
        exchange.answer, exchange.chunks = None if exchange.answer is None else bytes(reduced), []
    if len(body) > SMALL:
        exchange.sample = sampled(body) if run else None
        exchange.asked, exchange.body = (asked, None), None


def _again(exchange: Exchange, body: bytes) -> bool:
    answer = exchange.answer or b"".join(exchange.chunks[-NEAR:])
    return exchange.match.reader.tools.again(body, answer, exchange.reading)


def _said(exchange: Exchange, *, large: bool) -> tuple[msgspec.Raw, Reading | None] | None:
    """Return (answer, reading), of which one has all that makes the record; None where neither has."""
    reader, answer = exchange.match.reader, exchange.answer
    if answer is not None:
        body = None if exchange.events else reduced(reader, answer, for_good=large)
        return None if body is None else (msgspec.Raw(body), None)
    if not (exchange.events and exchange.chunks) or exchange.encoding or exchange.source is not None:
        return None
    reading = last_words(reader, exchange.chunks)
    return None if reading is None else (NO_RAW_USAGE, reading)


NOWHERE = (None, None, "", "", None)
"""Trace id, parent's id, feature, path and site of a call in no span."""


def decode(facts: bytes) -> Facts | None:
    """Return what was noted; None where that can't be read (an older or a newer outlay wrote it)."""
    global _decode  # noqa: PLW0603 - made where it is needed: after a kill
    _decode = _decode or msgspec.json.Decoder(readable(Facts))
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
    again.reading, again.first, again.events = told.reading, told.first, told.reading is not None
    return again
