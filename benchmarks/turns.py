"""What a worker does in one turn, by shape: so many calls, and the nanoseconds that each took."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import httpx2
import openai

from benchmarks import calls
from benchmarks.calls import AsyncCall, Call
from benchmarks.provider import Provider
from benchmarks.tools import Running

Turn = Callable[[int], list[float]]

THREADS, TASKS = 32, 100


class Clients:
    """The clients of one worker, made after its tool was started."""

    def __init__(self, running: Running) -> None:
        provider = Provider()
        self.running = running
        self.http = httpx2.Client(transport=provider)
        self.sync: Any = running.wrap(openai.OpenAI(api_key="k", http_client=httpx2.Client(transport=provider)))
        self.tasks: Any = running.wrap(
            openai.AsyncOpenAI(api_key="k", http_client=httpx2.AsyncClient(transport=provider))
        )
        self.loop = asyncio.new_event_loop()


class Shape(NamedTuple):
    """One way of calling, and how it is measured."""

    calls: int
    """In one turn of a worker."""
    make: Callable[[Clients], Turn]
    unit: str = "CPU of the caller's thread"


def each(call: Call, batch: int = 1) -> Turn:
    """Time every call on the caller's CPU; ``batch`` calls at once where one is too short for the clock."""

    def turn(count: int) -> list[float]:
        clock = time.thread_time_ns
        took = []
        for _ in range(count):
            began = clock()
            for _ in range(batch):
                result = call()
            took.append((clock() - began) / batch)
            del result  # what an abandoned stream takes with it is no part of the call
        return took

    return turn


def each_async(loop: asyncio.AbstractEventLoop, call: AsyncCall) -> Turn:
    """Time every awaited call on the caller's CPU."""

    async def calls_in_turn(count: int) -> list[float]:
        clock = time.thread_time_ns
        took = []
        for _ in range(count):
            began = clock()
            await call()
            took.append(float(clock() - began))
        return took

    return lambda count: loop.run_until_complete(calls_in_turn(count))


def whole(call: Call, flush: Callable[[], object]) -> Turn:
    """Time the whole process, the tool's own threads and its flush included."""

    def turn(count: int) -> list[float]:
        began = time.process_time_ns()
        for _ in range(count):
            call()
        flush()
        return [(time.process_time_ns() - began) / count]

    return turn


def delivered(call: Call, flush: Callable[[], object]) -> Turn:
    """Time calls until whoever is to have them has them, by the wall clock."""

    def turn(count: int) -> list[float]:
        began = time.perf_counter_ns()
        for _ in range(count):
            call()
        flush()
        return [(time.perf_counter_ns() - began) / count]

    return turn


def crowd(call: Call) -> Turn:
    """Time ``THREADS`` threads that call at once, by the wall clock."""

    def turn(count: int) -> list[float]:
        def work() -> None:
            for _ in range(count // THREADS):
                call()

        threads = [threading.Thread(target=work) for _ in range(THREADS)]
        began = time.perf_counter_ns()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [(time.perf_counter_ns() - began) / count]

    return turn


def crowd_async(loop: asyncio.AbstractEventLoop, call: AsyncCall) -> Turn:
    """Time ``TASKS`` tasks that call at once, by the wall clock."""

    async def work(count: int) -> None:
        for _ in range(count // TASKS):
            await call()

    async def all_at_once(count: int) -> list[float]:
        began = time.perf_counter_ns()
        await asyncio.gather(*(work(count) for _ in range(TASKS)))
        return [(time.perf_counter_ns() - began) / count]

    return lambda count: loop.run_until_complete(all_at_once(count))


def _noop() -> None:
    pass


def _tracked(clients: Clients) -> Call:
    track = clients.running.track
    return _noop if track is None else track(_noop)


WALL, PROCESS = "wall clock", "CPU of the whole process, flushed"

SHAPES = {
    "plain": Shape(100, lambda c: each(calls.plain(c.sync))),
    "plain, 100 KB": Shape(40, lambda c: each(calls.plain(c.sync, 100_000))),
    "plain, 5 MB": Shape(4, lambda c: each(calls.plain(c.sync, 5_000_000))),
    "async": Shape(100, lambda c: each_async(c.loop, calls.plain_async(c.tasks))),
    "stream of 100": Shape(10, lambda c: each(calls.stream(c.sync))),
    "stream of 100, usage asked": Shape(10, lambda c: each(calls.stream(c.sync, **calls.ASKED))),
    "first chunk": Shape(60, lambda c: each(calls.first_chunk(c.sync))),
    "embeddings": Shape(100, lambda c: each(calls.embeddings(c.sync))),
    "no model call": Shape(200, lambda c: each(calls.other_request(c.http))),
    "process": Shape(200, lambda c: whole(calls.plain(c.sync), c.running.flush), PROCESS),
    "delivered": Shape(400, lambda c: delivered(calls.plain(c.sync), c.running.flush), WALL),
    "32 threads": Shape(320, lambda c: crowd(calls.plain(c.sync)), WALL),
    "100 tasks": Shape(300, lambda c: crowd_async(c.loop, calls.plain_async(c.tasks)), WALL),
    "track a no-op": Shape(20, lambda c: each(_tracked(c), batch=20)),
    "track a no-op, process": Shape(1000, lambda c: whole(_tracked(c), c.running.flush), PROCESS),
}
