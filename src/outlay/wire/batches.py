"""Batches: who submitted one, and the calls of its output, whoever downloads that, how often, and in which process.

A batch is submitted in one process and fetched, hours later, in another. So what is known at the submission is noted
by the batch's id, and by the ids of its output files once an answer names them; the notes outlive the process.
"""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple, Protocol

import msgspec

from outlay.context import Home, LiveSpan
from outlay.readable import readable
from outlay.wire import encodings
from outlay.wire.api import API, Jobs
from outlay.wire.exchange import Exchange
from outlay.wire.noted import NOWHERE, Submitter
from outlay.wire.paths import UNREADABLE, Fields
from outlay.wire.reading import Reading
from outlay.wire.values import moment

LARGE = 1 << 24
"""Bytes from which on an answer is no batch's own object, but a file: objects hold outputs of a few MB."""

SPANS = 1000
"""Spans of this process's submissions that are remembered, to add up in them what their batches cost."""


class Notes(Protocol):
    """Where notes are kept by their keys (``ledger.submissions``); a dictionary does as well."""

    def get(self, key: str, /) -> bytes | None:
        """Return the note of a key, or None."""

    def setdefault(self, key: str, note: bytes, /) -> object:
        """Keep a note unless the key has one."""


class Note(msgspec.Struct, frozen=True, array_like=True):
    """What is remembered of a batch, or of a file that holds its output."""

    model: str | None
    created: int | None
    """When it was submitted, in nanoseconds since the epoch: the time of lines that tell none."""
    by: Submitter | None
    """None where nobody saw the submission."""


class Line(NamedTuple):
    """A call of a batch's output."""

    exchange: Exchange
    reading: Reading
    note: Note
    span: LiveSpan | None
    """The span that the batch was submitted in, or that its output is fetched in where nobody saw the submission."""
    job: str
    """What names the batch here, as ``Batches.submitted`` does."""


class Batches:
    """Note the batches that answers tell of, and read the calls of their output."""

    def __init__(self, home: Home, notes: Notes | None = None, release: Callable[[str], None] | None = None) -> None:
        """Note batches in ``notes``; ``release`` is told what names one of which nothing will be billed."""
        self._home, self._release = home, release
        self._notes: Notes = {} if notes is None else notes
        self._spans: dict[str, LiveSpan] = {}
        self._jobs: dict[str, str] = {}
        """Key of an output → that of its batch."""

    def submitted(self, exchange: Exchange) -> str | None:
        """Return what names the batch that an answer says was taken on; None where it says nothing of one."""
        api, biller = exchange.match.reader.api, exchange.match.provider.name
        if api.batch is None or exchange.status is None or not 200 <= exchange.status < 300:
            return None
        return next((_key(biller, job.id) for job in _jobs(api.batch, _decoded(_body(exchange)))), None)

    def lines(self, exchange: Exchange) -> Iterator[Line]:
        """Note what an answer tells of batches, and yield the calls of the output that it is.

        A line's time is what its answer says, else that of the submission, else that of the first download: whoever
        reads it again must write the same record. A request that failed is a call that is not billed.
        """
        api, biller = exchange.match.reader.api, exchange.match.provider.name
        if api.batch is None or exchange.status is None or not 200 <= exchange.status < 300:
            return
        pieces = exchange.chunks if _large(exchange) else [_body(exchange)]
        source, document = _named_by(exchange.path, api.polls), _decoded(pieces[0]) if len(pieces) == 1 else None
        jobs = list(_jobs(api.batch, document))
        for told_of in jobs:
            self._remember(exchange, biller, told_of)
            if told_of.free and self._release is not None:
                self._release(_key(biller, told_of.id))
        lines = _inline(api.batch, document) if jobs else _lines(pieces)
        note, span = self._recall(biller, source), self._spans.get(_key(biller, source))
        named = self._jobs.get(_key(biller, source), _key(biller, source))
        for number, line in enumerate(lines):
            reading = exchange.match.reader.plain(line) if line[:1] == b"{" else None
            told = _first(api.answer.created, line) if reading is not None else None
            if reading is None or not (reading.usage or told or _failed(api, reading, line, inline=bool(jobs))):
                continue
            if note is None:
                note = self._keep(biller, source, Note(None, exchange.start, None))
            reading.id = reading.id or f"{source}#{number}"
            reading.background, reading.created = True, moment(told) or note.created or exchange.start
            reading.terms["tier"] = "batch"
            one = copy.copy(exchange)
            one.start, one.began, one.ended, one.first, one.events = reading.created, 0, 0, 0, False
            one.asked = (note.model, None)
            status = _first(api.batch.line_status, line)
            one.status = status if type(status) is int else exchange.status
            yield Line(one, reading, note, span if note.by is not None else exchange.scope.span, named)

    def note_accepted(self, exchange: Exchange, identity: str) -> None:
        """Note a call that was accepted, for whoever asks for its answer, which will not say when it began."""
        model, _ = exchange.match.reader.request.asked(exchange.body, exchange.path)
        self._keep(exchange.match.provider.name, identity, Note(model, exchange.start, self._submitter(exchange)))

    def accepted(self, exchange: Exchange, identity: str) -> Note | None:
        """Return what was noted of a call when it was accepted; None where nobody saw that."""
        return self._recall(exchange.match.provider.name, identity)

    def _remember(self, exchange: Exchange, biller: str, job: _Job) -> None:
        note, span = self._recall(biller, job.id), exchange.scope.span
        if note is None:
            submitted = exchange.match.method == "POST"
            by = self._submitter(exchange) if submitted else None
            note = self._keep(biller, job.id, Note(job.model, job.created, by))
            if submitted and span is not None:
                _place(self._spans, _key(biller, job.id), span)
        known = self._spans.get(_key(biller, job.id))
        for output in job.outputs:
            if self._recall(biller, output) is None:
                self._keep(biller, output, note)
            _place(self._jobs, _key(biller, output), _key(biller, job.id))
            if known is not None:
                _place(self._spans, _key(biller, output), known)

    def _submitter(self, exchange: Exchange) -> Submitter:
        home, span = self._home, exchange.scope.span
        trace, parent, feature, path, site = span.noted() if span else NOWHERE
        tags = {**home.tags, **exchange.scope.tags}
        return Submitter(home.project, home.release, tags, trace, parent, feature, path, site)

    def _recall(self, biller: str, identity: str) -> Note | None:
        told = self._notes.get(_key(biller, identity))
        try:
            return None if told is None else _decode_note(told)
        except UNREADABLE:
            return None

    def _keep(self, biller: str, identity: str, note: Note) -> Note:
        self._notes.setdefault(_key(biller, identity), msgspec.json.encode(note))
        return note


def _place(remembered: dict[str, Any], key: str, value: Any) -> None:
    if len(remembered) >= SPANS:
        remembered.clear()
    remembered[key] = value


class _Job(NamedTuple):
    id: str
    model: str | None
    created: int | None
    outputs: list[str]
    free: bool
    """Whether it is over and nothing of it is billed."""


def _jobs(table: Jobs, document: Any) -> Iterator[_Job]:
    """Yield the batches that an answer tells of; a line of an output does not say when it was submitted."""
    if not isinstance(document, dict):
        return
    listed = document.get(table.listed)
    for one in listed if isinstance(listed, list) else (document,):
        told = msgspec.json.encode(one)
        identity, model, created = (_first(paths, told) for paths in (table.id, table.model, table.created))
        if isinstance(identity, str) and created is not None:
            named = model.removeprefix("models/") if isinstance(model, str) else None
            files = [_last(name) for name in _all(table.outputs, told) if isinstance(name, str)]
            over = str(_first(table.status, told)).lower() in table.over
            yield _Job(_last(identity), named, moment(created), files, over and _nothing(table, told, files))


def _nothing(table: Jobs, told: bytes, files: list[str]) -> bool:
    counts = [count for count in _all(table.succeeded, told) if type(count) is int]
    return not any(counts) if counts else not files


def _failed(api: API, reading: Reading, line: bytes, *, inline: bool) -> bool:
    """Return whether a line tells of a request that failed; an error in any other file is not one of ours."""
    failed = reading.error is not None or reading.status in api.answer.unbilled
    return failed and api.batch is not None and (inline or _first(api.batch.key, line) is not None)


def _all(paths: tuple[str, ...], document: bytes) -> tuple[Any, ...]:
    return (_fields(paths).read(document) or ()) if paths else ()


def _first(paths: tuple[str, ...], document: bytes) -> Any:
    return next((value for value in _all(paths, document) if value), None)


def _inline(table: Jobs, document: Any) -> list[bytes]:
    """Return the lines of an output that stands in the batch's own object."""
    found = _first(table.inline, msgspec.json.encode(document))
    return [msgspec.json.encode(line) for line in found] if isinstance(found, list) else []


def _named_by(path: str, polls: Iterable[str]) -> str:
    """Return the id in the path of a poll: of a batch or of a file."""
    for poll in polls:
        pattern = re.escape(poll).replace(r"\*", "([^/:]+)")
        found = re.search(f"/{pattern}(?::[^/]*)?$", path)
        if found is not None and found.groups():
            return found[1]
    return ""


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _key(biller: str, identity: str) -> str:
    return hashlib.blake2b(f"{biller}:{identity}".encode(), digest_size=16).hexdigest()


def _large(exchange: Exchange) -> bool:
    """Return whether an answer is better read in the pieces that it came in: an output may be as large as its batch."""
    return exchange.answer is None and not exchange.encoding and sum(map(len, exchange.chunks)) > LARGE


def _lines(pieces: list[Any]) -> Iterator[bytes]:
    """Yield the lines of a body that came in pieces, and forget each piece as it is read."""
    rest, pieces[:] = b"", pieces[::-1]
    while pieces:
        *whole, rest = (rest + pieces.pop()).split(b"\n")
        yield from whole
    yield rest


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except UNREADABLE:
        return None


def _body(exchange: Exchange) -> bytes:
    if exchange.answer is not None:
        return exchange.answer
    body = b"".join(exchange.chunks)
    return (encodings.decode(body, exchange.encoding) if exchange.encoding else body) or b""


@cache
def _fields(paths: tuple[str, ...]) -> Fields:
    return Fields(paths)


_decode_note = msgspec.json.Decoder(readable(Note)).decode
