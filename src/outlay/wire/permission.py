"""Ask the budgets before a request is sent: what a transport does with an exchange that has a policy."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from outlay.wire.exchange import Exchange

TRIPS = 8
"""Trips to a store that an application with an event loop makes at once."""

_threads: ThreadPoolExecutor | None = None


def permit(exchange: Exchange, *, fixed: bool) -> Exception | None:
    """Ask the budgets about a call, and wait for it; return the refusal that is to be raised instead of sending.

    ``fixed``: whether the request can't be changed any more, as when its body is signed. The exchange of a refused call
    is settled. Otherwise ``exchange.rewritten`` is what is to be sent, if not None.
    """
    policy = exchange.policy
    try:
        trip = None if policy is None else policy.decide(exchange, fixed)
        while trip is not None:
            trip = trip()
    except BaseException as error:  # Ctrl-C, a signal's handler, a green thread that is killed
        _unsent(exchange, error)
        raise
    return _refused(exchange)


async def permit_async(exchange: Exchange, *, fixed: bool) -> Exception | None:
    """Do what ``permit`` does, off the event loop where it takes a trip to a store; asyncio's or trio's."""
    policy = exchange.policy
    trip = None if policy is None else policy.decide(exchange, fixed)
    try:
        while trip is not None:
            trip = await _off_loop(trip)
    except BaseException as error:  # cancelled: what is reserved meanwhile is given back when the trip is over
        _unsent(exchange, error)
        raise
    return _refused(exchange)


def _refused(exchange: Exchange) -> Exception | None:
    refusal = exchange.refusal
    if refusal is not None:
        _unsent(exchange, refusal)
    return refusal


def _unsent(exchange: Exchange, error: BaseException) -> None:
    exchange.failed(error, sent=False)
    exchange.send.alive = False


async def _off_loop(trip: Callable[[], Any]) -> Any:
    global _threads  # noqa: PLW0603 - made with the first trip
    import asyncio  # who has an event loop has loaded it

    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        import trio

        return await trio.to_thread.run_sync(trip, abandon_on_cancel=True, limiter=trio.CapacityLimiter(1))
    # Threads of our own: the application may keep all of the loop's waiting for the very call that is asked about.
    _threads = _threads or ThreadPoolExecutor(TRIPS, thread_name_prefix="outlay-budgets")
    return await loop.run_in_executor(_threads, trip)


def _in_child() -> None:
    global _threads  # noqa: PLW0603 - they are the parent's
    _threads = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
