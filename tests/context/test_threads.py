"""Where span and tags go by themselves, and where ``carry`` takes them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import pytest
import trio

import outlay
from tests.context.kept import Kept, call


async def coroutine() -> None:
    """Call a model after a turn of the loop."""
    await anyio.lowlevel.checkpoint()
    call()


async def gather() -> None:
    """Use asyncio.gather."""
    await asyncio.gather(coroutine(), coroutine())


async def task_group() -> None:
    """Use asyncio.TaskGroup."""
    async with asyncio.TaskGroup() as group:
        group.create_task(coroutine())
        group.create_task(asyncio.to_thread(call))


async def carried_executor() -> None:
    """Use the loop's executor, which carries nothing by itself."""
    loop = asyncio.get_running_loop()
    await asyncio.gather(*(loop.run_in_executor(None, outlay.carry(call)) for _ in range(2)))


async def call_later() -> None:
    """Use the loop's timers."""
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.call_soon(call)
    loop.call_later(0, call)
    loop.call_later(0.001, done.set)
    await done.wait()


async def timeouts() -> None:
    """Use wait_for, which makes a task in older versions, and shield."""
    await asyncio.wait_for(coroutine(), 10)
    await asyncio.shield(coroutine())


async def from_another_thread() -> None:
    """Give a loop work from a thread that carry brought the context to."""
    loop = asyncio.get_running_loop()
    carried = outlay.carry(coroutine)

    def work() -> None:
        asyncio.run_coroutine_threadsafe(carried(), loop).result(10)
        call()

    thread = threading.Thread(target=outlay.carry(work))
    thread.start()
    await asyncio.to_thread(thread.join, 10)


async def anyio_group() -> None:
    """Use anyio's tasks and threads, there and back."""

    def work() -> None:
        anyio.from_thread.run(coroutine)

    async with anyio.create_task_group() as group:
        group.start_soon(coroutine)
        group.start_soon(anyio.to_thread.run_sync, work)


ASYNCIO = [gather, task_group, carried_executor, call_later, timeouts, from_another_thread, anyio_group]


@pytest.mark.parametrize("way", ASYNCIO)
def test_a_span_owns_what_its_tasks_and_threads_call(way: Callable[[], Awaitable[None]], kept: Kept) -> None:
    """Sum and tags are right as soon as they have returned."""

    async def main() -> None:
        with outlay.tags(user="u"), outlay.track("around") as span:
            await way()
            assert (span.calls, span.usage.output_tokens) == (2, 400)

    asyncio.run(main())
    assert kept.paths == ["around"] * 2
    assert kept.tags == [{"user": "u"}] * 2


async def trio_nursery() -> None:
    """Use trio's tasks and threads, there and back."""

    def work() -> None:
        trio.from_thread.run(trio.sleep, 0)
        call()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(coroutine)
        nursery.start_soon(trio.to_thread.run_sync, work)


@pytest.mark.parametrize("way", [anyio_group, trio_nursery])
def test_a_span_owns_what_its_tasks_call_under_trio(way: Callable[[], Awaitable[None]], kept: Kept) -> None:
    """Trio carries context variables as asyncio does."""

    async def main() -> None:
        with outlay.tags(user="u"), outlay.track("around") as span:
            await way()
            assert span.calls == 2

    trio.run(main)
    assert kept.tags == [{"user": "u"}] * 2


def test_tasks_side_by_side_do_not_mix(kept: Kept) -> None:
    """Each has the tags and the span that it opened."""

    @outlay.track(feature="answer")
    async def answer(user: str) -> None:
        with outlay.tags(user=user), outlay.track(f"for {user}") as span:
            for _ in range(3):
                await coroutine()
            assert span.calls == 3

    async def main() -> None:
        await asyncio.gather(*(answer(f"u-{number}") for number in range(20)))

    asyncio.run(main())
    assert len(kept.calls) == 60
    assert all(one.path == f"answer/for {one.tags['user']}" for one in kept.calls)


@pytest.mark.parametrize("kind", ["executor", "map", "thread", "timer"])
def test_threads_take_part_by_carry_alone(kind: str, kept: Kept) -> None:
    """Without it a call is kept all the same, with no tags and no span."""

    def run(work: Callable[[], None]) -> None:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            if kind == "executor":
                pool.submit(work).result()
            elif kind == "map":
                list(pool.map(lambda _: work(), range(1)))
            else:
                thread = threading.Thread(target=work) if kind == "thread" else threading.Timer(0, work)
                thread.start()
                thread.join(10)

    with outlay.tags(user="u"), outlay.track("around") as span:
        run(call)
        assert span.calls == 0
        run(outlay.carry(call))
        assert span.calls == 1
    assert kept.tags == [{}, {"user": "u"}]
    assert kept.paths == ["", "around"]


def test_one_carried_function_may_run_in_many_threads_at_once(kept: Kept) -> None:
    """Each run has a context of its own, so that what one sets no other sees."""
    together = threading.Barrier(4)

    def work(number: int) -> int:
        together.wait(10)
        with outlay.tags(number=number):
            together.wait(10)
            call()
        return number

    with outlay.track("around") as span, concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(outlay.carry(work), range(4))) == [0, 1, 2, 3]
        assert span.calls == 4
    assert sorted(tags["number"] for tags in kept.tags) == ["0", "1", "2", "3"]


def test_carry_takes_span_and_tags_along_for_every_kind_of_function(kept: Kept) -> None:
    """Of those whose body runs after the call, too."""

    def generator() -> Iterator[None]:
        call()
        yield

    async def async_generator() -> AsyncIterator[None]:
        call()
        yield

    with outlay.tags(user="u"), outlay.track("around"):
        plain, lazy = outlay.carry(functools.partial(call)), outlay.carry(generator)
        asynchronous, lazier = outlay.carry(coroutine), outlay.carry(async_generator)

    async def later() -> list[Any]:
        await asynchronous()
        return [item async for item in lazier()]

    plain()
    assert list(lazy()) == asyncio.run(later()) == [None]
    assert kept.tags == [{"user": "u"}] * 4
    assert kept.paths == ["around"] * 4
    assert outlay.carry(generator).__name__ == "generator"
