"""Which requests are retries: the same request from the same task, soon after one that failed."""

from __future__ import annotations

from contextvars import ContextVar
from time import time_ns

import msgspec

from outlay.records import Call
from outlay.wire.exchange import Exchange

RETRIED_WITHIN = 600 * 10**9
"""Nanoseconds after a failure within which the same request from the same task is its retry."""


class Failure(msgspec.Struct, frozen=True):
    """The last attempt of this task that failed in a way that clients retry."""

    at: int
    host: str
    path: str
    body: int
    id: str
    attempt: int


_failure: ContextVar[Failure | None] = ContextVar("outlay_failure", default=None)
last_failure = _failure.get


def link(exchange: Exchange) -> None:
    """Make an exchange the next attempt of the one before it, where that failed with the same request."""
    last = _failure.get()
    if last is None or time_ns() - last.at > RETRIED_WITHIN or exchange.body is None:
        return
    if (last.host, last.path, last.body) == (exchange.host, exchange.path, hash(exchange.body)):
        exchange.attempt = last.attempt + 1
        exchange.retry_of = last.id


def remember(exchange: Exchange, call: Call) -> None:
    """Remember a call that failed in a way that clients retry; forget the one before it otherwise."""
    status = exchange.status
    if call.outcome == "error" and (status is None or status in (408, 409, 429) or status >= 500):
        _failure.set(Failure(call.end, exchange.host, exchange.path, hash(exchange.body), call.id, call.attempt))
    elif _failure.get() is not None:
        _failure.set(None)


def forget() -> None:
    """Forget the failure: what came after it went well."""
    _failure.set(None)
