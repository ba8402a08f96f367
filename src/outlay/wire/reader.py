"""The reader that runs a format's table over an answer: plain or streamed, whole or cut."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

from outlay.wire import framing, sse
from outlay.wire.apart import Classes, read_apart
from outlay.wire.api import API, Paths
from outlay.wire.derived import counted, fields
from outlay.wire.paths import Fields
from outlay.wire.per_use import PerUse
from outlay.wire.reading import Reading
from outlay.wire.refusing import RefusalReader
from outlay.wire.request import RequestReader
from outlay.wire.usage import InvalidUsage, UsageReader
from outlay.wire.values import code, length, merged, moment, one_line, pico_usd, text, texts

if TYPE_CHECKING:
    from outlay.wire.bounds import BoundsReader  # loaded where there are budgets
    from outlay.wire.digests import ToolsReader  # loaded with the first call of a run

RAW_LIMIT = 16 * 1024
"""Bytes of a provider's usage object that are kept."""

TEXT_LIMIT = 256
"""Characters that are kept of a model's name and of an id."""

TERM_LIMIT = 64
"""Characters that are kept of what decides the price."""

REASONS = 128
"""Finish reasons that are kept: OpenAI allows as many choices."""

HEAD, TAIL = 1, 3
"""Events at a stream's edges that say everything in all formats known (of one that ends with its usage, the tail does);
where they don't, all are read."""


class Reader:
    """Read the answers of one format; made once, used by every call of it."""

    def __init__(self, api: API) -> None:
        answer, stream = api.answer, api.stream
        self.api = api
        paths: list[str] = []

        def places(of: Paths) -> list[int]:
            paths.extend(of)
            return list(range(len(paths) - len(of), len(paths)))

        self._texts = [
            (name, place)
            for name, of in (("model", answer.model), ("id", answer.id), ("status", answer.status))
            for place in reversed(places(of))  # each overwrites what is before it: the first path wins
        ]
        self._usage, self._finish, self._error = places(answer.usage), places(answer.finish), places(answer.error)
        self._background, self._created = places(answer.background), places(answer.created)
        self._accepted = places(answer.accepted)
        (self._type,) = places((stream.kind if stream else "type",))
        self._terms = [(name, place) for name, path in answer.terms.items() for place in places(path)]
        self._told = [
            (name, place) for name, either in answer.counts.items() for place in places(tuple(either.split(" | ")))
        ]
        self._per_use = PerUse(answer, places, TEXT_LIMIT)
        beside = answer.beside
        # Of what is only counted nothing is built: pictures are megabytes.
        raw = (*answer.usage, *(beside.path if beside else ()), *(path for path in paths if path.endswith(".*")))
        self.fields = Fields(tuple(paths), raw=raw)
        self._usage_terms = tuple(answer.usage_terms)
        self._called = answer.called
        self.counts = UsageReader(api.usage, tuple(answer.usage_terms.values()))
        self._final = frozenset(stream.final if stream else ())
        self.ends_with_usage = stream is not None and stream.ends_with_usage
        self._apart = answer.apart
        self._apart_key = b'"%s"' % answer.apart.path.encode() if answer.apart else b""
        self._text = Fields(answer.text) if answer.text else None
        self.refused: RefusalReader | None = None
        if answer.declined is not None:
            stepped_in = answer.apart.stepped_in if answer.apart else ""
            self.refused = RefusalReader(answer.declined, stepped_in or answer.declined.finish, TERM_LIMIT)
        self._reported = fields((answer.reported,)) if answer.reported else None
        self.tells_in_headers = bool(answer.headers or answer.header_terms)
        self.by_bodies = not self.tells_in_headers and api.request.in_path is None
        """Whether a call can be read from its bodies alone, without its path and its headers."""
        self.tells_text = bool(answer.text)
        """Whether answers have text, by whose length a call without usage is estimated."""
        usual = [of[0] for of in (answer.model, answer.usage, answer.error, answer.background) if of]
        self.usual = attrgetter(*usual) if answer.model and answer.usage else None
        """Fetches from what ``fields.decode`` returns the model, the usage, and what one that is as usual has not; None
        where answers name no model."""
        self.request = RequestReader(api.request)
        self.running = frozenset(answer.running)
        self.uncounted = frozenset((*answer.running, *answer.unbilled))
        self._deferred = answer.deferred
        self._later = bool(answer.deferred or answer.background or answer.accepted)

    @cached_property
    def bounds(self) -> BoundsReader:
        """Reads what bounds the cost of a request; made for those who have budgets."""
        from outlay.wire.bounds import BoundsReader

        return BoundsReader(self.api.request)

    @cached_property
    def tools(self) -> ToolsReader:
        """Finds the tool calls of an answer; made for the calls of runs."""
        from outlay.wire.digests import ToolsReader

        return ToolsReader(self.api.answer)

    def plain(self, body: bytes) -> Reading | None:
        """Read a JSON answer; None where it is not a JSON object."""
        values = self.fields.read(body)
        if values is None:
            return None
        reading = Reading()
        raw = self._take(reading, values)
        if raw is not None and reading.status not in self.uncounted:
            self._count(reading, raw)
        if self.refused is not None:
            self.refused.take(reading, (body,))
        reading.whole = True
        return reading

    def headers(self, reading: Reading, header: Callable[[str], str | None]) -> None:
        """Add what an answer's headers tell: terms, and the usage where its body does not."""
        answer = self.api.answer
        for name, place in answer.header_terms.items():
            if term := header(place):
                reading.terms[name] = term[:TERM_LIMIT]
        if reading.usage is None and reading.error is None:
            said = {name: header(place) for name, place in answer.headers.items()}
            told = {name: int(value) for name, value in said.items() if value is not None and value.isdecimal()}
            if told:
                self._count(reading, msgspec.json.encode(told))

    def counted(self, reading: Reading) -> Reading:
        """Count the usage of a stream that was scanned."""
        raw, reading.raw_usage = reading.raw_usage, b""
        self._count(reading, raw)
        return reading

    def stream(self, body: bytes) -> Reading:
        """Read a stream of events as far as it came. Its bytes decide whether it was whole, not how it ended."""
        head = 0 if self.ends_with_usage else HEAD
        edges = sse.edges(body, head, TAIL) if framing.is_sse(body) else None
        if edges is not None:
            reading = self._read_events(edges)
            if reading.whole and reading.usage is not None and reading.model is not None:
                return self._with_refusal(reading, body)
        return self._with_refusal(self._read_events(framing.documents(body)), body)

    def _with_refusal(self, reading: Reading, body: bytes) -> Reading:
        if self.refused is not None and reading.whole:
            self.refused.take(reading, framing.documents(body))
        return reading

    def text_length(self, body: bytes, *, streamed: bool) -> int:
        """Return the bytes of generated text in an answer, or in what a stream has delivered of it."""
        if self._text is None:
            return 0
        size = 0
        for data in framing.documents(body) if streamed else (body,):
            size += sum(map(length, self._text.read(data) or ()))
        return size

    def _read_events(self, events: Iterable[bytes]) -> Reading:
        reading, usages = self.scan(events)
        if usages and reading.status not in self.uncounted:
            self._count(reading, usages[0] if len(usages) == 1 else merged(usages))
        return reading

    def scan(self, events: Iterable[bytes]) -> tuple[Reading, list[bytes]]:
        """Return what events say, and the usage objects among them."""
        reading = Reading()
        usages: list[bytes] = []
        for data in events:
            if data == sse.DONE:
                reading.whole = True
                continue
            values = self.fields.read(data)
            if values is None:
                continue
            raw = self._take(reading, values)
            if raw is not None:
                usages.append(raw)
            # Some servers tell the usage so far in every event: it is final only after the reason of the end.
            ended = self.ends_with_usage and raw is not None and (reading.finish_reasons or not self._finish)
            if ended or text(values[self._type]) in self._final:
                reading.whole = True
        return reading, usages

    def _take(self, reading: Reading, values: tuple[Any, ...]) -> bytes | None:
        """Take from one document what it says, and return its usage object, if it has one."""
        for name, place in self._texts:
            said = values[place]
            if said.__class__ is str:
                setattr(reading, name, said if len(said) <= TEXT_LIMIT else said[:TEXT_LIMIT])
            elif said.__class__ is list and (first := next(texts(said), None)):
                setattr(reading, name, first[:TEXT_LIMIT])
        self._take_end(reading, values)
        if self._per_use.any:
            self._per_use.take(reading, values)
        for name, place in self._terms:
            if (term := values[place]) and term.__class__ is str:
                reading.terms[name] = term[:TERM_LIMIT]
        for place in self._usage:
            raw = values[place]
            if raw and raw != _NULL:
                return bytes(raw)
        told = {name: found for name, place in self._told if (found := counted(values[place])) is not None}
        reading.told = bool(told)
        return _encode(told) if told else None

    def _take_end(self, reading: Reading, values: tuple[Any, ...]) -> None:
        """Take how the answer ended, and whether it is one that runs in the background."""
        for place in self._finish:
            if said := values[place]:
                for text in said if said.__class__ is list else (said,):
                    if text and text.__class__ is str and len(reading.finish_reasons) < REASONS:
                        reading.finish_reasons += (text[:TEXT_LIMIT],)
        for place in self._error:
            if values[place] and reading.error is None:
                reading.error = code(values[place])
        if self._later:
            self._take_begin(reading, values)

    def _take_begin(self, reading: Reading, values: tuple[Any, ...]) -> None:
        """Take whether an answer runs in the background, and when it was begun."""
        for place in self._accepted:
            if values[place].__class__ is str:
                reading.id, reading.accepted = values[place][:TEXT_LIMIT], True
        flagged = any(values[place] is True for place in self._background)
        if self._deferred or flagged or reading.accepted or reading.background:
            reading.background = True
            reading.created = next((moment(values[at]) for at in self._created if values[at]), reading.created)

    def _count(self, reading: Reading, raw: bytes) -> None:
        if len(raw) > RAW_LIMIT:
            reading.marks += ("raw_usage_dropped",)
        else:
            reading.raw_usage = raw if raw.isascii() and b"\n" not in raw else one_line(raw)
        values = self.counts.fields.read(raw)
        if values is None:
            reading.marks += ("usage_invalid",)
            return
        if self._usage_terms:
            for name, value in zip(self._usage_terms, self.counts.terms(values), strict=True):
                if value and value.__class__ is str:
                    reading.terms[name] = self._called.get(value, value)[:TERM_LIMIT]
        if self._reported is not None and b"cost" in raw:
            reading.reported = pico_usd((self._reported.read(raw) or (None,))[0], self.api.answer.reported_per)
        try:
            counted = self.counts.count(values)
        except InvalidUsage:
            reading.marks += ("usage_invalid",)
            return
        if counted is not None:
            reading.usage, reading.reasoning, consistent = counted
            if not consistent:
                reading.marks += ("usage_inconsistent",)
            self._count_beside(reading, reading.usage, raw)

    def _count_beside(self, reading: Reading, usage: Classes, raw: bytes) -> None:
        """Add what stands in no total: what is billed per use, and what was used apart."""
        for name, count in reading.uses.items():
            if count:
                usage.setdefault(name, count)
        table = self._apart
        if table is None or self._apart_key not in raw:
            return
        try:
            added, items, answered = read_apart(table, self.counts, raw)
        except InvalidUsage:
            reading.marks += ("usage_invalid",)
            return
        reading.items += tuple(items)
        reading.model = answered or reading.model  # a stream began before anybody declined
        for classes in added:
            for name, quantity in classes.items():
                usage[name] = usage.get(name, 0) + quantity


_NULL = msgspec.Raw(b"null")
_encode = msgspec.json.Encoder().encode
