"""The way of one call, from the moment it is recognised to the moment its record is kept.

``begin`` runs before a byte leaves, ``settle`` when the answer is whole or given up; both on the caller's thread, both
arithmetic in memory, and one write at the end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextvars import ContextVar
from sys import modules
from time import perf_counter_ns, time_ns
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from msgspec import Raw

from outlay import context
from outlay.context import Home, LiveSpan, foreign_trace
from outlay.guard import guarded
from outlay.ids import getrandbits
from outlay.ledger.inflight import Journal
from outlay.records import NO_RAW_USAGE, Call, Cost, Outcome, Usage
from outlay.wire import encodings
from outlay.wire.estimate import estimate
from outlay.wire.exchange import OPEN, Exchange, Send, sending, sent_by
from outlay.wire.pending import Pending
from outlay.wire.reader import Reading
from outlay.wire.recognise import UNKNOWN, Match, Recogniser
from outlay.wire.request import SMALL
from outlay.wire.rewrite import Asking

if TYPE_CHECKING:
    from outlay.pricing import Prices  # loaded with the first call

NOT_BILLED = Cost(status="free", amount=0)
UNKNOWN_COST = Cost(status="unknown")
RETRIED_WITHIN = 600 * 10**9
"""Nanoseconds after a failure within which the same request from the same task is its retry."""


class Failure(NamedTuple):
    """The last attempt of this task that failed in a way that clients retry."""

    at: int
    host: str
    path: str
    body: int
    id: str
    attempt: int


_failure: ContextVar[Failure | None] = ContextVar("outlay_failure", default=None)
last_failure, failed = _failure.get, _failure.set


class Meter:
    """Turn exchanges into records: recognise, read, price, keep."""

    def __init__(
        self,
        recogniser: Recogniser,
        prices: Callable[[], Prices],
        home: Home,
        journal: Callable[[], Journal | None],
        *,
        ask_usage: bool = True,
    ) -> None:
        self._recogniser = recogniser
        self._load_prices = prices
        self._prices: Prices | None = None
        self._home = home
        self._journal = journal
        self._asking = Asking() if ask_usage else None
        self._pending = Pending()
        self.find = recogniser.find

    def begin(
        self, transport: str, match: Match, host: str, path: str, body: bytes | None, streams: bool, /  # noqa: FBT001 - see integration.Meter
    ) -> Exchange | None:
        """Open an exchange for a request that was recognised, or None if it is the inner half of one that is open."""
        outer = sending()
        while outer is not None and not outer.alive:
            outer = outer.outer
        if outer is not None and outer.path == path and outer.host == host:
            return None
        match.requests += 1
        send = Send(host, path, outer)
        scope = context.scope()
        exchange = Exchange(
            transport, match, host, path, body, scope, self.settle, f"{getrandbits(64):016x}", time_ns(),
            perf_counter_ns(), send,
        )  # fmt: skip
        OPEN[id(exchange)] = exchange
        sent_by(send)
        if match.poll:
            return exchange
        span = scope.span
        if span is None and "opentelemetry.trace" in modules:
            exchange.trace = foreign_trace()
        if last_failure() is not None:
            _link(exchange)
        if self._asking is not None and (streams or (body is not None and len(body) <= SMALL and b'"stream"' in body)):
            self._asking.ask(exchange)
        journal = self._journal()
        if journal is not None:
            exchange.free = journal.end
            exchange.slot = journal.begin(
                exchange.id, exchange.start, match.provider.name, match.reader.api.name, host,
                span.feature if span else "", None, self._home.project,
            )  # fmt: skip
        return exchange

    @guarded("settling a call")
    def settle(self, exchange: Exchange, outcome: Outcome, error: BaseException | None) -> None:
        """Read what the answer says, price it, keep the record, and add it to the spans that are open around it."""
        match, status = exchange.match, exchange.status
        reading = _read(exchange)
        if match.poll:
            self._settle_poll(exchange, reading)
            return
        if exchange.slot is not None and exchange.free is not None:
            exchange.free(exchange.slot)
        if match.provider is UNKNOWN and reading.usage is None and reading.model is None and status:
            return  # a path like a model's on a host that is none
        match.metered += 1
        if status == 200 and reading.whole and reading.error is None and not reading.background:
            call = self._record(exchange, reading, "ok", None)
        else:
            call = self._record(exchange, reading, *_judge(exchange, reading, outcome, error))
            if reading.background and call.outcome != "pending" and not self._pending.settle(reading.id):
                return
        span = exchange.scope.span
        self.take(call, span)
        if call.outcome == "pending":
            self._pending.note(call, span)
        elif call.outcome == "error" and (status is None or status in (408, 409, 429) or status >= 500):
            failed(Failure(call.end, exchange.host, exchange.path, hash(exchange.body), call.id, call.attempt))
        elif last_failure() is not None:
            failed(None)

    def _settle_poll(self, exchange: Exchange, reading: Reading) -> None:
        """Settle a call that ran in the background, the first time that a poll shows its end."""
        if not reading.background or reading.usage is None or _still_running(exchange, reading):
            return
        if reading.id is None or not self._pending.settle(reading.id):
            return
        exchange.match.metered += 1
        begun = self._pending.take(reading.id)
        outcome, error_type = _judge(exchange, reading, "ok", None)
        call = self._record(exchange, reading, outcome, error_type)
        span = exchange.scope.span
        if begun is not None:
            first, span = begun
            call = msgspec.structs.replace(first, **{name: getattr(call, name) for name in _TOLD_BY_POLL})
        self.take(call, span, again=begun is not None)

    def _record(self, exchange: Exchange, reading: Reading, outcome: Outcome, error_type: str | None) -> Call:
        home, scope, match = self._home, exchange.scope, exchange.match
        span, api, provider, tags = scope.span, match.reader.api, match.provider, scope.tags
        end = exchange.start + exchange.ended - exchange.began
        request_model, requested_tier = match.reader.request.model(exchange.body)
        terms = reading.terms if not provider.terms else {**provider.terms, **reading.terms}
        if reading.whole and reading.usage is not None:
            usage: Usage | None = Usage(classes=reading.usage, reasoning=reading.reasoning)
        else:
            usage = _estimated(exchange, reading, outcome)
        if usage is not None:
            models = (reading.model, request_model)
            prices = self._prices or self._load()
            cost = prices.cost(provider.name, models, usage, at=end, terms=terms, reported=reading.reported)
        else:
            cost = NOT_BILLED if outcome == "error" and (exchange.status or not exchange.sent) else UNKNOWN_COST
        if span is not None and span.tally:
            trace, parent = span.trace_id, span.id
        else:
            trace, parent = exchange.trace or (f"{getrandbits(128):032x}", None)
        return Call(
            id=background_id(provider.name, reading.id) if reading.background and reading.id else exchange.id,
            trace_id=trace,
            parent_id=parent,
            project=home.project,
            feature=span.feature if span else "",
            path=span.path if span else "",
            site=span.site if span else None,
            release=home.release,
            tags={**home.tags, **tags} if home.tags and tags else tags or home.tags,
            provider=provider.name,
            api=api.name,
            operation=api.operation,
            transport=exchange.transport,
            host=exchange.host,
            request_model=request_model,
            response_model=reading.model,
            response_id=reading.id,
            request_id=exchange.request_id,
            # A record is known by id and start: whoever polls a background answer must write the same.
            start=exchange.start if reading.created is None else reading.created,
            end=end,
            first_chunk=exchange.first - exchange.began if exchange.events and exchange.first else None,
            streamed=exchange.events,
            outcome=outcome,
            status=exchange.status,
            error_type=error_type,
            attempt=exchange.attempt,
            retry_of=exchange.retry_of,
            finish_reasons=reading.finish_reasons,
            terms=terms,
            requested_tier=requested_tier,
            usage=usage,
            raw_usage=Raw(reading.raw_usage) if reading.raw_usage else NO_RAW_USAGE,
            cost=cost,
            marks=exchange.marks + reading.marks,
        )

    def take(self, call: Call, span: LiveSpan | None, *, again: bool = False) -> None:
        """Keep a record, and add it to the span that it happened in and to those around it."""
        self._home.keep(call)
        if span is not None:
            for around in span.lineage():
                around.tally.add(call, again=again)

    def _load(self) -> Prices:
        """Return the prices, loaded with the first call."""
        self._prices = prices = self._load_prices()
        return prices


_TOLD_BY_POLL = (
    "response_model", "end", "outcome", "error_type", "finish_reasons", "terms", "usage", "raw_usage", "cost", "marks",
)  # fmt: skip


def background_id(provider: str, response_id: str) -> str:
    """Return the id of a call that runs in the background: whoever polls it first or twice, it is one record."""
    return hashlib.blake2b(f"{provider}:{response_id}".encode(), digest_size=8).hexdigest()


def _link(exchange: Exchange) -> None:
    """Make an exchange the next attempt of the one before it, where that failed with the same request."""
    last = last_failure()
    if last is None or time_ns() - last.at > RETRIED_WITHIN or exchange.body is None:
        return
    if (last.host, last.path, last.body) == (exchange.host, exchange.path, hash(exchange.body)):
        exchange.attempt = last.attempt + 1
        exchange.retry_of = last.id


def _read(exchange: Exchange) -> Reading:
    answer = exchange.answer
    if answer is None:
        body = b"".join(exchange.chunks)
        answer = encodings.decode(body, exchange.encoding) if exchange.encoding else body
        exchange.answer = answer = answer or b""
        exchange.chunks = []
    reader = exchange.match.reader
    if exchange.events:
        return reader.stream(answer)
    reading = reader.plain(answer) if answer else None
    if reading is None:
        reading = Reading()
        reading.marks = () if exchange.status is None or _declined(exchange) else ("unreadable",)
    return reading


def _declined(exchange: Exchange) -> bool:
    """Return whether the status says that there is no answer: an error, or a redirect that nobody followed."""
    return exchange.status is not None and exchange.status >= 300


def _still_running(exchange: Exchange, reading: Reading) -> bool:
    return not reading.whole or reading.status in exchange.match.reader.running


def _judge(
    exchange: Exchange, reading: Reading, outcome: Outcome, error: BaseException | None
) -> tuple[Outcome, str | None]:
    """Return the outcome and, for an error, its type. The bytes decide whether a stream was whole, not how it ended."""
    if _declined(exchange):
        return "error", reading.error or str(exchange.status)
    if reading.error is not None:
        return "error", reading.error
    if reading.background and _still_running(exchange, reading):
        return "pending", None
    if reading.whole or "body_unseen" in exchange.marks:
        return "ok", None
    if outcome == "ok" and exchange.events:
        return "error", "incomplete_stream"
    return outcome, None if error is None else type(error).__qualname__


def _estimated(exchange: Exchange, reading: Reading, outcome: Outcome) -> Usage | None:
    """Return what a call used whose provider gave no final figures; None where it is billed for nothing, or unknown."""
    events = exchange.events
    if outcome == "pending" or not exchange.sent or _declined(exchange) or (reading.error and not events):
        return None
    reader, answer = exchange.match.reader, exchange.answer or b""
    reading.marks += ("usage_missing",) if reading.whole else ()
    text = reader.text_length(answer, streamed=events)
    limit = reader.request.limit(exchange.body)
    return estimate(reading.usage, exchange.body, text, limit, answered=exchange.status is not None)
