"""Following calls while they happen, for backends that live in the process that makes them: a tracer's pipeline."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from outlay.context import Home
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


class Follower:
    """Between the meter and those who follow calls."""

    def __init__(self, lives: Sequence[Live]) -> None:
        self._lives = lives
        self._open: OrderedDict[str, Following] = OrderedDict()

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
        for live in self._lives:
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
            self._open[following.id] = following
            while len(self._open) > MOST:
                self._open.popitem(last=False)

    def _end(self, record: Record) -> None:
        if isinstance(record, Call):
            following = self._open.pop(record.id, None)
            if following is not None:
                with _following:
                    following.end(record)
