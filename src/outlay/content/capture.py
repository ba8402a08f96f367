"""Noting what was said in the calls of some features: two references on the caller's thread, all else on ours."""

from __future__ import annotations

import contextlib
import importlib
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from typing import Any

from outlay.content.messages import FORMATS, content_of
from outlay.content.parts import Trim
from outlay.content.store import Store
from outlay.context import Home
from outlay.errors import ConfigError
from outlay.export import Content
from outlay.guard import guard
from outlay.records import Call, Outcome, Record
from outlay.wire.exchange import Exchange

CAPTURED = "content_captured"
"""The mark of a call of which content was noted; who delivers waits a while for it."""
ALL = "*"
MOST = 500
"""Calls whose bodies are held at once; of more, the oldest content is let go, and not the call."""
DAY = 86_400 * 10**9
LOOK = 3_600.0
"""Seconds between two looks at what is too old."""

_noting = guard("noting content")

_Held = tuple[Exchange, bytes | None, bytes | None, list[Any]]
"""An exchange, its request's body, and its answer or the chunks of it, as they were before it was settled."""


class Capture:
    """Between the meter and the store of content."""

    def __init__(
        self,
        features: Collection[str],
        store: Store,
        *,
        limit: int,
        days: int,
        redact: Callable[[str], str] | str | None = None,
    ) -> None:
        """Capture the calls of ``features`` (``*``: all), ``limit`` characters of each text, for ``days`` days."""
        self._features = frozenset(features)
        self._store = store
        self._limit = limit
        self._days = days
        self._redact = imported(redact)
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._alone = False
        self._looked = float("-inf")
        self._begin()

    def _begin(self) -> None:
        self._kept: queue.SimpleQueue[tuple[Call, _Held]] = queue.SimpleQueue()
        self._draining = threading.Lock()
        self._news: threading.Event | None = None

    def forked(self) -> None:
        """Start afresh in a child: what was noted is the parent's to keep."""
        self._held.clear()
        self._begin()

    def read_alone(self) -> None:
        """Drain on a thread of its own, from the first content on: no exporter of this process does."""
        self._alone = True

    def follow(self, meter: Any, home: Home) -> None:
        """Note the calls that ``meter`` settles, until their records are kept at ``home``."""
        settle, keep, keep_all = meter.settle, home.keep, home.keep_all

        def settle_noted(exchange: Exchange, outcome: Outcome, error: BaseException | None) -> None:
            with _noting:
                self._hold(exchange)
            settle(exchange, outcome, error)

        def keep_noted(record: Record) -> None:
            keep(record)
            self._pass(record)

        def keep_all_noted(records: Sequence[Record]) -> None:
            if keep_all is not None:
                keep_all(records)
            for record in records:
                self._pass(record)

        meter.settle, home.keep, home.keep_all = settle_noted, keep_noted, keep_all_noted

    def _hold(self, exchange: Exchange) -> None:
        span = exchange.scope.span
        feature = "" if span is None else span.feature
        api = exchange.match.reader.api.name
        if exchange.noted or exchange.match.poll or api not in FORMATS or not self._features & {feature, ALL}:
            return
        exchange.marks = (*exchange.marks, CAPTURED)
        self._held[exchange.id] = exchange, exchange.body, exchange.answer, exchange.chunks
        while len(self._held) > MOST:
            self._held.popitem(last=False)

    def _pass(self, record: Record) -> None:
        held = self._held.pop(record.id, None) if isinstance(record, Call) else None
        if held is not None and isinstance(record, Call):
            self._kept.put((record, held))
            if self._alone:
                self._wake()

    def _wake(self) -> None:
        if self._news is None:
            self._news = threading.Event()
            with contextlib.suppress(RuntimeError):  # the interpreter ends: whoever closes outlay drains
                threading.Thread(target=self._run, args=(self._news,), name="outlay-content", daemon=True).start()
        self._news.set()

    def _run(self, news: threading.Event) -> None:
        while news.wait():
            news.clear()
            self.drain()

    def drain(self) -> None:
        """Read what was noted, and keep it; on a thread of ours."""
        with self._draining:
            said: dict[str, tuple[int, Content]] = {}
            while not self._kept.empty():
                call, (exchange, body, answer, chunks) = self._kept.get()
                with _noting:
                    trim = Trim(self._limit, self._redact)
                    given = answer or exchange.answer or b"".join(chunks)  # of a stream that was noted only these
                    found = content_of(call.api, body, given, streamed=call.streamed, trim=trim)
                    said[call.id] = call.start, found or Content()
            if said:
                with _noting:
                    self._store.put(said)
            if time.monotonic() - self._looked > LOOK:
                self._looked = time.monotonic()
                with _noting:
                    self._store.drop(before=time.time_ns() - self._days * DAY)

    def close(self) -> None:
        """Keep what was noted, and close the store."""
        self.drain()
        with self._draining, _noting:
            self._store.close()


def imported(function: Callable[[str], str] | str | None) -> Callable[[str], str] | None:
    """Return a function that was given as such, or as ``package.module:name``; raise ConfigError where it is none."""
    if not isinstance(function, str):
        if function is not None and not callable(function):
            raise ConfigError(f"content_redact must be a function or 'package.module:name', not {function!r}.")
        return function
    module, _, name = function.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"content_redact = {function!r} can't be imported: {error}.") from None
    return imported(found)
