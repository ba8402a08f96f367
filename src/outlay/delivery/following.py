"""Following calls and tracked functions while they happen, for backends that live in the process: a tracer's pipeline.

Of several such backends a call's record takes the ids of the first that follows it, and no other is told of it.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from outlay.context import Home, LiveSpan
from outlay.delivery.asked import Asked
from outlay.export import Following, Live
from outlay.guard import guard
from outlay.records import Call, Record
from outlay.wire.exchange import Exchange, Send, sent_by

MOST = 10_000
"""Calls that are followed at once; of more, and of requests that come to be no calls, the oldest are let go."""

_following = guard("following a call")


class FollowedSend(Send):
    """A send that tells when it begins and when it has returned: inside of it the call's span is the current one."""

    following: Following | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "alive" and self.following is not None:
            with _following:
                if value:
                    self.following.enter()
                else:
                    self.following.leave()


Lives = Sequence[tuple[Asked, Live]]
Open = tuple[Asked, Following]


class Spans:
    """Between tracked functions and those who follow them (``context.Watch``)."""

    def __init__(self, lives: Lives, home: Home) -> None:
        self._lives = lives
        self._home = home
        self._open: dict[str, Open] = {}

    def begin(self, span: LiveSpan) -> None:
        """Have a span followed; it takes the ids that it has there."""
        with _following:
            start = time.time_ns()
            for asked, live in self._lives:
                following = live.open(span.name, span.feature, start)
                if following is not None:
                    span.adopt(following.id, following.trace_id, following.parent_id, start)
                    span.identify()  # where it could not take those
                    self._open[span.id] = asked, following
                    following.enter()
                    return

    def end(self, span: LiveSpan) -> None:
        """Tell who follows the span that it has ended."""
        found = self._open.pop(span.id, None)
        if found is not None:
            asked, following = found
            with _following:
                following.leave()
                following.end(asked.shown(span.record(self._home)))

    def forget(self) -> None:
        """Let go of what is open."""
        self._open.clear()

    def swap(self) -> Callable[[], None]:
        """Return what exchanges the context of now with the one that it finds."""
        kept = [live.here() for _, live in self._lives]

        def swapped() -> None:
            with _following:
                for place, (_, live) in enumerate(self._lives):
                    kept[place], found = live.here(), kept[place]
                    live.put(found)

        return swapped


class Follower:
    """Between the meter and those who follow calls."""

    def __init__(self, lives: Lives) -> None:
        """Lead those who follow; each is told of a record what its exporter may see."""
        self._lives = lives
        self._open: OrderedDict[str, Open] = OrderedDict()
        self._spans: Spans | None = None

    def watch(self, home: Home) -> None:
        """Have every span that is opened from now on followed."""
        self._spans = home.watch = Spans(self._lives, home)

    def forget(self) -> None:
        """Let go of what is open: it is the parent process's, which has forked this one."""
        self._open.clear()
        if self._spans is not None:
            self._spans.forget()

    def follow(self, meter: Any, home: Home) -> None:
        """Have every call that ``meter`` begins followed, until its record is kept at ``home``."""
        begin, keep, keep_all = meter.begin, home.keep, home.keep_all

        def begin_followed(*about: Any, streams: bool) -> Exchange | None:
            exchange: Exchange | None = begin(*about, streams=streams)
            if exchange is not None and not exchange.match.poll:
                with _following:
                    self._begin(exchange)
            return exchange

        def keep_followed(record: Record) -> None:
            keep(record)
            self._end(record)

        def keep_all_followed(records: Sequence[Record]) -> None:
            if keep_all is not None:
                keep_all(records)
            for record in records:
                self._end(record)

        meter.begin, home.keep, home.keep_all = begin_followed, keep_followed, keep_all_followed

    def _begin(self, exchange: Exchange) -> None:
        match = exchange.match
        for asked, live in self._lives:
            following = live.begin(match.reader.api.operation, match.provider.name, exchange.start)
            if following is None:
                continue
            exchange.id = following.id
            if exchange.scope.span is None:
                exchange.trace = following.trace_id, following.parent_id
            send = FollowedSend(exchange.send.host, exchange.send.path, exchange.send.outer)
            send.following = following
            following.enter()
            exchange.send = send
            sent_by(send)
            self._open[following.id] = asked, following
            while len(self._open) > MOST:
                self._open.popitem(last=False)
            return

    def _end(self, record: Record) -> None:
        if isinstance(record, Call):
            found = self._open.pop(record.id, None)
            if found is not None:
                asked, following = found
                with _following:
                    following.end(asked.shown(record))
