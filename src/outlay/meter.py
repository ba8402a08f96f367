"""The way of one call, from the moment it is recognised to the moment its record is kept.

``begin`` runs before a byte leaves; then, where there are budgets, their ``policy`` decides. ``settle`` runs when the
answer is whole or given up, on the caller's thread: an answer as usual is only noted there, by stores to memory, where
a kill can't reach it. Reading and pricing it is left to the worker, which finds the caches warm, or to whoever asks
before it what was spent: a budget does before it acts by what it holds. Any other is read at once, and written by one
write.
"""

from __future__ import annotations

from collections.abc import Callable
from sys import modules
from time import perf_counter_ns, time_ns
from typing import TYPE_CHECKING

import msgspec

from outlay import context
from outlay.context import Home, LiveSpan
from outlay.foreign import note_others
from outlay.guard import guarded
from outlay.ids import getrandbits
from outlay.noting import scope_with
from outlay.recorder import Recorder
from outlay.records import Call, Outcome
from outlay.wire import noted
from outlay.wire.attempts import forget, last_failure, link, remember
from outlay.wire.batches import Batches, Notes
from outlay.wire.exchange import OPEN, WAITING, Exchange, Send, sending, sent_by, settle_waiting
from outlay.wire.noted import note
from outlay.wire.outcomes import asked_for, judge, read, still_running
from outlay.wire.parts import Flights, Worker
from outlay.wire.pending import Pending
from outlay.wire.recognise import UNKNOWN, Match, Recogniser
from outlay.wire.request import SMALL
from outlay.wire.rewrite import Asking

if TYPE_CHECKING:
    from outlay.policy import Policy  # loaded where there are budgets
    from outlay.pricing import Prices  # loaded with the first call

MANY_WAITING, MOST_WAITING = 192, 256
"""Noted calls at which the worker is told to look at once, and beyond which a call is read at once instead: the worker
is behind, and each that waits takes 5 KB."""

MANY_HELD = 32
"""The same for calls that a budget holds money for, which other processes lack meanwhile."""


class Meter:
    """Turn exchanges into records: recognise, read, price, keep."""

    def __init__(
        self,
        recogniser: Recogniser,
        prices: Callable[[], Prices],
        home: Home,
        spool: Flights | None,
        *,
        ask_usage: bool = True,
        worker: Worker | None = None,
        policy: Policy | None = None,
        submissions: Notes | None = None,
    ) -> None:
        """Make a meter; with a ``worker``, plain answers are read on its thread, out of the caller's way.

        ``policy``: where there are budgets, it decides about every call.
        """
        self._recogniser = recogniser
        self._record = Recorder(prices, home).record
        self._home = home
        self._spool = spool
        self._asking = Asking() if ask_usage else None
        self._pending = Pending()
        self._batches = Batches(home, submissions, policy.release_batch if policy is not None else None)
        self._worker = worker
        self._policy = policy
        self._settled: list[tuple[Call, Exchange]] = []
        self.budgets = policy is not None
        if policy is not None:
            policy.find = recogniser.find
        self.find, self.sockets = recogniser.find, recogniser.sockets

    def begin(
        self, transport: str, match: Match, host: str, path: str, body: bytes | None, *, streams: bool
    ) -> Exchange | None:
        """Open an exchange for a request that was recognised, or None if it is the inner half of one that is open."""
        outer = sending()
        while outer is not None and not outer.alive:
            outer = outer.outer
        if outer is not None and outer.path == path and outer.host == host:
            return None
        match.requests += 1
        send = Send(host, path, outer)
        notes = self._home.notes
        scope = scope_with(notes) if notes else context.scope()
        exchange = Exchange(
            transport, match, host, path, body, scope, self.settle, getrandbits(64).to_bytes(8).hex(), time_ns(),
            perf_counter_ns(), send,
        )  # fmt: skip
        if self._policy is not None and (not match.poll or (match.method == "POST" and match.reader.api.batch)):
            exchange.policy = self._policy  # the transport asks it, off the event loop where there is one
        if match.poll:
            OPEN[id(exchange)] = exchange
            sent_by(send)
            return exchange
        span = scope.span
        if "opentelemetry.trace" in modules:
            note_others(exchange, outside=span is None)
        if last_failure() is not None:
            link(exchange)
        if self._asking is not None and (
            streams or (body is not None and len(body) <= SMALL and body.rfind(b'"stream"') >= 0)
        ):
            self._asking.ask(exchange)
        spool = self._spool
        journal = spool and (spool.in_use or spool.journal)
        if journal:
            exchange.journal = journal
            exchange.slot = journal.begin(
                exchange.id, exchange.start, match.provider.name, match.reader.api.name, host,
                span.feature if span else "", None, self._home.project,
            )  # fmt: skip
        OPEN[id(exchange)] = exchange
        sent_by(send)  # last: what fails before must not make the calls that follow inner ones
        return exchange

    @guarded("settling a call")
    def settle(self, exchange: Exchange, outcome: Outcome, error: BaseException | None) -> None:
        """Note an answer as usual, for the worker to read, or for who asks before what was spent; read any other now.

        What a budget holds for a noted one it holds until then. It is never less than what the call did cost, and the
        budget asks for the figures itself before it does anything by what is held.
        """
        worker = self._worker
        if (
            worker is not None
            and exchange.status == 200
            and not (exchange.noted or exchange.late)
            and WAITING.qsize() < MOST_WAITING
            and note(exchange, self._home)
        ):
            if last_failure() is not None:
                forget()
            exchange.keep = self.keep_settled
            WAITING.put(exchange)
            many = MANY_HELD if exchange.budgeted else MANY_WAITING
            if exchange.ended >= worker.due or WAITING.qsize() == many:
                worker.wake()
        elif exchange.budgeted and self._policy is not None and not exchange.match.poll:
            try:
                self._policy.settle(exchange, self._read(exchange, outcome, error))
            finally:
                self._policy.lose(exchange)
        elif exchange.match.poll and exchange.refusal is None:
            self._settle_poll(exchange)
        else:
            call = self._read(exchange, outcome, error)
            if exchange.unheld and call is not None and self._policy is not None:
                self._policy.count(call)

    def _read(self, exchange: Exchange, outcome: Outcome, error: BaseException | None) -> Call | None:
        """Read what the answer says, price it, keep the record, and add it to the spans that are open around it."""
        match, status = exchange.match, exchange.status
        reading = read(exchange)
        if match.provider is UNKNOWN and reading.usage is None and reading.model is None and status:
            _free(exchange)
            return None  # a path like a model's on a host that is none
        match.metered += 1
        if status == 200 and reading.whole and reading.error is None and not reading.background:
            call = self._record(exchange, reading, "ok", None)
        else:
            call = self._record(exchange, reading, *judge(exchange, reading, outcome, error))
            if reading.background and reading.id and call.outcome != "pending" and not self._pending.settle(reading.id):
                _free(exchange)
                return None
        self._keep(exchange, call)
        if call.outcome == "pending":
            self._pending.note(call, exchange.scope.span)
            if reading.accepted and reading.id is not None:
                self._batches.note_accepted(exchange, reading.id)
        elif not exchange.noted:
            remember(exchange, call)
        return call

    def _keep(self, exchange: Exchange, call: Call) -> None:
        span = exchange.scope.span
        if exchange.keep is not None:
            self._settled.append((call, exchange))
            _tally(call, span)
        else:
            self.take(call, span)
            _free(exchange)

    @guarded("keeping calls")
    def keep_settled(self) -> None:
        """Keep, by one write, the calls that were settled after they had been noted; then no note is needed."""
        settled, self._settled = self._settled, []
        if self._home.keep_all is not None:
            self._home.keep_all([call for call, _ in settled])
        for call, exchange in settled:
            if self._home.keep_all is None:
                self._home.keep(call)
            _free(exchange)

    def revive(self, facts: bytes) -> Call | None:
        """Make the record of a call that a killed process had noted; None where its format is unknown here."""
        told = noted.decode(facts)
        match = told and self._recogniser.named(told.api, told.provider, told.host)
        if told is None or not match:
            return None
        exchange = noted.exchange_of(told, match, self.settle)
        reading = read(exchange)
        return noted.signed(self._record(exchange, reading, *judge(exchange, reading, "ok", None)), told)

    def _settle_poll(self, exchange: Exchange) -> None:
        """Settle a call that ran in the background, the first time that a poll shows its end."""
        if exchange.match.reader.api.batch is not None:
            self._settle_batch(exchange)
            return
        reading = read(exchange)
        if exchange.match.reader.api.asks_for is not None:
            reading.id = asked_for(exchange)
        settle_waiting()
        ended = reading.usage is not None or reading.error or reading.status in exchange.match.reader.uncounted
        if not reading.background or not ended or still_running(exchange, reading):
            return
        if reading.id is None or not self._pending.settle(reading.id):
            return
        exchange.match.metered += 1
        begun = self._pending.take(reading.id)
        told = self._batches.accepted(exchange, reading.id) if exchange.match.reader.api.asks_for is not None else None
        if told is not None:
            exchange.asked, reading.created = (told.model, None), told.created
        outcome, error_type = judge(exchange, reading, "ok", None)
        call = self._record(exchange, reading, outcome, error_type)
        span = exchange.scope.span
        if begun is not None:
            first, span = begun
            call = msgspec.structs.replace(first, **{name: getattr(call, name) for name in _TOLD_BY_POLL})
        elif told is not None and told.by is not None:
            call = noted.signed(call, told.by)
        self.take(call, span, again=begun is not None)
        if self._policy is not None:
            self._policy.settle_pending(call)

    def _settle_batch(self, exchange: Exchange) -> None:
        """Note a batch that was submitted; keep the calls of its output, each once, which is the worker's to read."""
        worker = self._worker
        if worker is not None and not exchange.noted and exchange.match.method == "GET":
            exchange.noted = True
            WAITING.put(exchange)
            worker.wake()
            return
        for line in self._batches.lines(exchange):
            one, reading, by = line.exchange, line.reading, line.note.by
            if self._pending.settle(reading.id):
                if self._policy is not None:
                    self._policy.release_batch(line.job)
                call = self._record(one, reading, *judge(one, reading, "ok", None))
                self.tell(call if by is None else noted.signed(call, by), line.span, once=True)

        if exchange.budgeted and self._policy is not None:
            self._policy.settle_batch(exchange, self._batches.submitted(exchange))

    def end(self) -> None:
        """Settle what budgets still hold for calls in the background: nobody will see their end."""
        if self._policy is not None:
            self._policy.close()

    def tell(self, call: Call, span: LiveSpan | None, *, once: bool = False) -> None:
        """Keep a call that no budget was asked about, and count it there; ``once``: others may do so too."""
        self.take(call, span)
        if self._policy is not None:
            self._policy.count(call, once=once)

    def take(self, call: Call, span: LiveSpan | None, *, again: bool = False) -> None:
        """Keep a record, and add it to the span that it happened in and to those around it."""
        self._home.keep(call)
        _tally(call, span, again=again)


_TOLD_BY_POLL = (
    "response_model", "end", "outcome", "error_type", "finish_reasons", "terms", "usage", "raw_usage", "cost", "marks",
    "tools_digest",
)  # fmt: skip


def _tally(call: Call, span: LiveSpan | None, *, again: bool = False) -> None:
    for around in span.lineage() if span else ():
        around.tally.add(call, again=again)


def _free(exchange: Exchange) -> None:
    """Take a call out of the journal: it is kept, or it was none."""
    if exchange.journal is not None and exchange.slot is not None:
        exchange.journal.end(exchange.slot)
