"""One HTTP request to a model and its answer, from the moment it is recognised to the moment it is settled."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import msgspec

from outlay import context
from outlay.context import Scope
from outlay.records import Outcome
from outlay.wire.filtering import Recoder, UsageFilter, make_filter
from outlay.wire.framing import is_sse, is_stream
from outlay.wire.parts import Journal, Policy, Source
from outlay.wire.reading import Reading
from outlay.wire.recognise import Match

MANY = 8192
"""Chunks of a stream that are kept apart; more are joined."""

KEPT_HEAD, KEPT_TAIL = 1 << 16, 1 << 22
"""Bytes of a stream of events that are kept from its start and its end, once it has many chunks."""

OPEN: dict[int, Exchange] = {}
"""Exchanges that are not settled. Taking one out decides which of several ends settles it: dict.pop is atomic."""

WAITING: queue.SimpleQueue[Exchange] = queue.SimpleQueue()
"""Exchanges that the worker shall settle, or whoever asks before it what was spent.

Those that were answered and noted in the journal: reading and pricing them there costs a third, since many in a row
find the caches warm. And those whose end only a garbage collection saw: it may have interrupted any code of ours, locks
held, so nothing is done there but a put, which is re-entrant."""

_settling = threading.RLock()
"""Held while what waits is settled: who asks what was spent waits for the one that is just being priced."""

Settle = Callable[["Exchange", Outcome, BaseException | None], None]


class Send(msgspec.Struct):
    """A send that is under way: an inner client that sends the same request (httpx over aiohttp) is not counted.

    It dies with its send, since tasks that are born inside inherit it for ever.
    """

    host: str
    path: str
    outer: Send | None
    """The send that this one happens inside of, if it is still under way."""
    alive: bool = True


_sending: ContextVar[Send | None] = ContextVar("outlay_sending", default=None)
sending, sent_by = _sending.get, _sending.set


class Exchange(msgspec.Struct, eq=False):
    """What is known of a request and its answer so far.

    A transport makes the calls marked *transport*; none of them raises, and none does more than note and hand on.
    """

    transport: str
    match: Match
    host: str
    path: str
    body: bytes | None
    """The request's body; None where it could only be known by using it up."""
    scope: Scope
    settle: Settle
    """Reads, prices and keeps; guarded, so that it never raises."""
    id: str
    start: int
    """Nanoseconds since the epoch at the begin."""
    began: int
    """The clock at the begin."""
    send: Send
    """Alive until the send has returned, however it did: then the transport sets ``send.alive`` to False."""
    attempt: int = 1
    retry_of: str | None = None
    marks: tuple[str, ...] = ()
    rewritten: bytes | None = None
    """The body to send instead: changed by a budget, asked for its usage, or both."""
    refused: Callable[[Exchange, int, bytes], bool] | None = None
    """Where a stream is asked for its usage: tells whether an answer (status, body) refuses that, so that the transport
    must send the request again without the question."""
    policy: Policy | None = None
    """Where there are budgets: a transport asks them before it sends (``permit``)."""
    changed: bytes | None = None
    """The body as a budget has it sent, asked for nothing."""
    moved_to: str | None = None
    """The path to send to instead: a budget wants the model that this one names."""
    refusal: Exception | None = None
    """What a budget has raised instead of sending."""
    prepared: bool = False
    """Whether it stands for an answer that nobody has asked for and that has not begun: else it leaves no trace."""
    unheld: bool = False
    """Whether the budgets would have refused the call, and could not: they are told what it did cost."""
    budgeted: bool = False
    """Whether a budget holds money for the call until it is settled."""
    filter: UsageFilter | Recoder | None = None
    status: int | None = None
    request_id: str | None = None
    header: Callable[[str], str | None] | None = None
    """Looks up a header of the answer by its lower-case name."""
    answer: bytes | None = None
    """The answer's body, decoded, where it came at once."""
    chunks: list[Any] = []
    """The answer's body as it came, where it came in pieces: bytes, or what ``source`` makes bytes of."""
    source: Source | None = None
    trouble: str | None = None
    """What the transport's protocol calls the failure, where the exception's class does not tell."""
    events: bool = False
    """Whether the answer is a stream of events."""
    reading: Reading | None = None
    """What a stream has said, of which nothing else was kept; its usage is not counted yet."""
    encoding: str = ""
    """The answer's content encoding; empty where what we hold of it is decoded."""
    first: int = 0
    """Clock at the first chunk of a stream."""
    ended: int = 0
    asked: tuple[str | None, str | None] | None = None
    """(model, tier) that the request asks for, where its body is not there any more to be read."""
    sample: bytes | None = None
    """What is left of such a body, where the call is one of a run, to know an equal request by."""
    keep: Callable[[], None] | None = None
    """Keeps what was settled of those that were noted."""
    noted: bool = False
    """Whether the journal holds what was answered: then the worker settles it."""
    late: bool = False
    """Whether only who settles it now sees its end: to note it for the next round would leave it out of this one."""
    sent: bool = True
    """Whether the request may have reached the provider."""
    trace: tuple[str, str | None] | None = None
    """OpenTelemetry's (trace id, span id) at the begin, for a call in no span of ours."""
    journal: Journal | None = None
    slot: int | None = None
    """Where the journal of calls in flight names this one."""

    def leave_as_is(self) -> None:
        """Ask the stream for nothing (*transport*): a signature covers the body, or it can't be changed."""
        self.rewritten, self.refused = self.changed, None
        self.marks = tuple([mark for mark in self.marks if mark != "usage_requested"])

    def answered(self, status: int, header: Callable[[str], str | None], body: bytes | None = None) -> None:
        """Note the head of the answer (*transport*); ``header`` looks one up by its lower-case name.

        With its ``body``, decoded, if that came at once: then the exchange is settled. Otherwise the answer is a stream
        that is watched from now on.
        """
        self.status = status
        self.header = header
        self.request_id = header(self.match.reader.api.answer.request_id)
        if body is None:
            self.events = is_stream(header("content-type"))
            self.encoding = header("content-encoding") or ""
        elif body[:1] != b"{":
            self.events = is_stream(header("content-type"))
        if self.refused is not None and self.events:
            self.filter = make_filter(self.encoding)
        if body is not None:
            self.answer = body
            self.finish("ok")

    def filtered(self, body: bytes) -> bytes:
        """Return a streamed body that was read at once without what was only asked for by us (*transport*)."""
        if self.filter is None:
            return body
        plain = UsageFilter()  # what the client has read it has decoded
        return plain.feed(body) + plain.flush()

    def missed(self) -> None:
        """Settle an exchange whose stream someone has read past us (*transport*)."""
        self.marks += ("body_unseen",)
        self.finish("ok")

    def failed(self, error: BaseException, *, sent: bool = True) -> None:
        """Settle an exchange whose send or whose stream raised (*transport*); ``sent`` is False if nothing was sent."""
        self.sent = sent
        cancelled = not isinstance(error, Exception)  # asyncio's and trio's cancellations are none, by design
        self.finish("cancelled" if cancelled else "error", error)

    def finish(self, outcome: Outcome, error: BaseException | None = None) -> None:
        """Settle, on the caller's thread, unless another end has. The stream's bytes may overrule ``outcome``."""
        if OPEN.pop(id(self), None) is None:
            return
        self.ended = self.ended or time.perf_counter_ns()
        if self.prepared and self.refusal is None:
            self._withdraw()
        else:
            self.settle(self, outcome, error)

    def _withdraw(self) -> None:
        self.match.requests -= 1
        if self.policy is not None:
            self.policy.settle(self, None)
        if self.journal is not None and self.slot is not None:
            self.journal.end(self.slot)

    def drop(self) -> None:
        """Leave the settling to the worker: the end was seen by a finaliser (*transport*)."""
        if id(self) in OPEN:
            self.ended = self.ended or time.perf_counter_ns()
            WAITING.put(self)

    def compact(self) -> None:
        """Join a stream's many chunks; of a long one of events forget the middle: the usage stands at its edges."""
        body = b"".join(self.chunks)
        if self.encoding or not self.events or not is_sse(body) or len(body) <= KEPT_HEAD + KEPT_TAIL:
            self.chunks[:] = [body]
            return
        # A blank line between the two, so that what is left of one event can't be read together with another.
        self.chunks[:] = [body[:KEPT_HEAD], b"\n\n", body[-KEPT_TAIL:]]
        if "stream_shortened" not in self.marks:
            self.marks += ("stream_shortened",)


def settle_waiting() -> None:
    """Settle what waits for it: when this returns, what was answered before is priced and kept."""
    with _settling:
        keeping: set[Callable[[], None]] = set()
        # What comes meanwhile is the next one's: to chase a busy application would never end. Nothing here lets the
        # interpreter go on purpose: beside a thread that computes, it takes a third of a second to get it back.
        for _ in range(WAITING.qsize()):
            try:
                exchange = WAITING.get_nowait()
            except queue.Empty:
                break
            if exchange.noted:
                exchange.settle(exchange, "ok", None)
            else:
                exchange.late = True
                exchange.finish("abandoned")
            if exchange.keep is not None:
                keeping.add(exchange.keep)
        for keep in keeping:
            keep()


context.catch_up = settle_waiting


def settle_open(settle: Settle) -> None:
    """Settle what is still open of those that ``settle`` is to settle, when their instance is closed."""
    for exchange in [exchange for exchange in list(OPEN.values()) if exchange.settle == settle]:
        exchange.finish("abandoned" if exchange.status is not None else "cancelled")


def forget_open() -> None:
    """Disown everything after a fork: the calls in flight are the parent's."""
    global _settling  # noqa: PLW0603 - a thread that is not here any more may hold it
    OPEN.clear()
    with contextlib.suppress(queue.Empty):
        while True:
            WAITING.get_nowait()
    _settling = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget_open)
