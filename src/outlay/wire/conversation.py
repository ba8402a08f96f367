"""The calls in the messages of one websocket: each is an exchange, from what asks for it to what ends it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from time import perf_counter_ns, time_ns
from typing import Any
from urllib.parse import parse_qs

import msgspec

from outlay.wire.api import Paths, Session
from outlay.wire.exchange import MANY, OPEN, Exchange
from outlay.wire.paths import top_level
from outlay.wire.recognise import Match

Message = dict[str, msgspec.Raw]
Begin = Callable[[Match, bytes | None], Exchange | None]

SHORT = 4096
"""Bytes of a message that is kept whatever it is; a longer one only if it begins or ends an answer: most are sounds."""

SAID = 256
"""Sent messages that are kept, to estimate from what a call without figures took."""

SWITCHED = 101
"""The HTTP status of every websocket."""


class Conversation:
    """One websocket on whose path one format or several are spoken; its transport tells every message."""

    def __init__(self, matches: Iterable[Match], query: str, begin: Begin, *, budgets: bool = False) -> None:
        """Follow a websocket; ``query`` is its URL's, ``begin`` opens an exchange for a request.

        With ``budgets`` an answer that nobody asks for is prepared by the first message that may bring it about, so
        that budgets are asked, and can refuse, before that is sent.
        """
        said = Said()
        self._said = said.messages
        self._parts = [Part(match, query, begin, said, budgets=budgets) for match in matches]
        self._words = {word for part in self._parts for word in part.words}
        self._words_in_bytes = {word.encode() for word in self._words}

    def sent(self, message: object) -> Exchange | None:
        """Return the exchange that a message opens, before it is sent; None for one that asks for no answer."""
        if isinstance(message, str):
            if len(message) > SHORT and not any(word in message for word in self._words):
                return None
            message = message.encode(errors="replace")
        elif not isinstance(message, bytes) or (
            len(message) > SHORT and not any(word in message for word in self._words_in_bytes)
        ):
            return None
        members = top_level(message)
        if members is None:
            return None
        if len(message) <= SHORT and len(self._said) < SAID:
            self._said.append(message)
        opened = [part.sent(message, members) for part in self._parts]
        return next((exchange for exchange in opened if exchange is not None), None)

    def received(self, message: str | bytes) -> None:
        """Take a message that came."""
        raw = message.encode(errors="replace") if isinstance(message, str) else message
        members = top_level(raw)
        if members is not None:
            for part in self._parts:
                part.received(raw, members)

    def closed(self, error: BaseException | None) -> None:
        """Settle what is open: the websocket was closed by the application, or ``error`` says how it ended."""
        for part in self._parts:
            for exchange in part.take():
                if error is None:
                    exchange.finish("abandoned")
                else:
                    exchange.failed(error)

    def __del__(self) -> None:
        for part in self._parts:
            for exchange in part.take():
                exchange.drop()


class Said:
    """What was said before: the source of the calls that take all of it as their input."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []

    def request(self) -> bytes | None:
        """Return the messages as a list; None where nothing was said but sounds."""
        return b"[%s]" % b",".join(self.messages) if self.messages else None

    def answer(self, pieces: list[Any]) -> bytes:
        """Return the messages of an answer, a line each."""
        return b"".join(pieces)


class Part:
    """The calls of one format in a websocket's messages."""

    def __init__(self, match: Match, query: str, begin: Begin, said: Said, *, budgets: bool = False) -> None:
        table = match.reader.api.session
        if table is None:
            raise ValueError(f"{match.reader.api.name} is spoken by no websocket")
        self._match, self._begin, self._said = match, begin, said
        self._table: Session = table
        self._feeds = table.feeds if budgets else ()
        self._prepared: Exchange | None = None
        """Stands for the next answer that nobody asks for."""
        self._begins = frozenset((*table.begins, *table.ends))
        self._ends = frozenset((*table.ends, *table.fails))
        self._asked: deque[tuple[bytes | None, bytes, Exchange]] = deque()
        """What was sent and not answered yet: the call that it names, the message, its exchange."""
        self._calls: dict[bytes | None, Exchange] = {}
        """Answers that are coming."""
        self._model = next((named for name in table.query for named in parse_qs(query).get(name, ())), None)
        self._learns = frozenset(path.partition(".")[0] for path in table.model)
        kinds = (*table.opens, *self._feeds)
        self.words = {kind.rpartition(".")[2] for kind in kinds} | {f'"{name}"' for name in self._learns}
        """Of which one stands in every message that opens a call, or tells the model."""

    def sent(self, raw: bytes, members: Message) -> Exchange | None:
        """Return the exchange that a message opens."""
        self._learn(members)
        kind = _kind(members)
        if _is(members, kind, self._table.opens):
            self._withdraw()
            exchange = self._open(raw)
            if exchange is not None:
                self._asked.append((_at(members, self._table.call), raw, exchange))
            return exchange
        return self._prepare() if self._feeds and _is(members, kind, self._feeds) else None

    def _prepare(self) -> Exchange | None:
        """Return the exchange of an answer that nobody asked for, if none stands for it yet."""
        if self._prepared is not None and id(self._prepared) in OPEN:
            return None
        exchange = self._prepared = self._open(None)
        if exchange is not None:
            exchange.prepared = True
        return exchange

    def _withdraw(self) -> None:
        """Let go of an exchange for an answer that nobody asks for: the next one is asked for."""
        prepared, self._prepared = self._prepared, None
        if prepared is not None:
            prepared.finish("abandoned")

    def received(self, raw: bytes, members: Message) -> None:
        """Take a message: it begins an answer, goes on with one, ends one, or belongs to none."""
        self._learn(members)
        kind, call = _kind(members), _at(members, self._table.call)
        exchange = self._calls.get(call)
        if exchange is None and _is(members, kind, self._begins):
            exchange = self._take_up(call)
        if exchange is not None:
            self._go_on(exchange, raw, members, kind, call)
        elif _is(members, kind, self._table.fails):
            self._refuse(raw, members, call)

    def take(self) -> list[Exchange]:
        """Return what is open, and forget it."""
        prepared, self._prepared = self._prepared, None
        taken = [*self._calls.values(), *(exchange for _, _, exchange in self._asked)]
        taken += () if prepared is None else (prepared,)
        self._calls.clear()
        self._asked.clear()
        return taken

    def _open(self, raw: bytes | None) -> Exchange | None:
        exchange = self._begin(self._match, raw)
        if exchange is not None and self._table.remembers:
            exchange.body, exchange.source, exchange.asked = None, self._said, (self._model, None)
        return exchange

    def _take_up(self, call: bytes | None) -> Exchange | None:
        """Return the exchange that an answer is of: the first that was asked for, or else a new one."""
        exchange = self._next(call) or self._foreseen()
        if exchange is None:
            exchange = self._open(None)
            _hold(exchange)
        if exchange is not None:
            exchange.send.alive = False
            exchange.answered(SWITCHED, _LINES.get)
            exchange.first = perf_counter_ns()
            self._calls[call] = exchange
        return exchange

    def _foreseen(self) -> Exchange | None:
        """Return the exchange that stands for an answer which has begun now."""
        prepared, self._prepared = self._prepared, None
        if prepared is None or id(prepared) not in OPEN:
            return None
        prepared.prepared = False
        prepared.start, prepared.began = time_ns(), perf_counter_ns()
        return prepared

    def _go_on(self, exchange: Exchange, raw: bytes, members: Message, kind: str | None, call: bytes | None) -> None:
        ended = _is(members, kind, self._ends)
        if ended or (len(raw) <= SHORT and not _is(members, kind, self._table.media)):
            exchange.chunks += (raw, b"\n")
            if len(exchange.chunks) > MANY:
                exchange.compact()
        if ended:
            del self._calls[call]
            exchange.finish("ok")

    def _refuse(self, raw: bytes, members: Message, call: bytes | None) -> None:
        """Settle what was asked first as refused, unless the failure names another message."""
        named = _at(members, ("error.event_id",))
        if named is not None and self._asked and named.strip(b'"') not in self._asked[0][1]:
            return
        exchange = self._next(call)
        if exchange is not None:
            said = _at(members, (self._table.status,)) or b""
            exchange.answered(int(said) if said.isdigit() else SWITCHED, _NOTHING.get, raw)

    def _next(self, call: bytes | None) -> Exchange | None:
        for asked in list(self._asked):
            settled = id(asked[2]) not in OPEN  # it was not sent after all
            if settled or asked[0] in (None, call):
                self._asked.remove(asked)
            if not settled and asked[0] in (None, call):
                return asked[2]
        return None

    def _learn(self, members: Message) -> None:
        if not self._learns.isdisjoint(members) and (told := _at(members, self._table.model)) is not None:
            self._model = told.strip(b'"').decode(errors="replace")


def _hold(exchange: Exchange | None) -> None:
    """Let the budgets hold money for an answer that nobody foresaw: it can't be refused, it is there."""
    policy = exchange.policy if exchange is not None else None
    if exchange is not None and policy is not None:
        trip = policy.decide(exchange, True)  # noqa: FBT003 - see Policy
        while trip is not None:
            trip = trip()
        exchange.unheld, exchange.refusal = exchange.refusal is not None, None


_LINES = {"content-type": "application/jsonl"}
_NOTHING: dict[str, str] = {}
_FALSE = (b"null", b"false")


def _kind(members: Message) -> str | None:
    """Return a message's type; None where its members tell what it is."""
    kind = members.get("type")
    return None if kind is None else bytes(kind).strip(b'"').decode(errors="replace")


def _is(members: Message, kind: str | None, kinds: Iterable[str]) -> bool:
    if kind is not None:
        return kind in kinds
    return any(_at(members, (path,)) is not None for path in kinds)


def _at(members: Message, paths: Paths) -> bytes | None:
    """Return the JSON at the first path that holds something other than null or false."""
    for path in paths:
        at: Message | None = members
        *above, last = path.split(".")
        for part in above:
            at = top_level(at[part]) if at is not None and part in at else None
        found = None if at is None else at.get(last)
        if found is not None and bytes(found) not in _FALSE:
            return bytes(found)
    return None
