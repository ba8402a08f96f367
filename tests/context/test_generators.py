"""A tracked generator behaves as it did, and its block is entered only while its own code runs, wherever that is."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import outlay
from outlay import context
from outlay.blocks import within
from tests.context.kept import Kept, call


@outlay.track(feature="stream")
def stream(pieces: int = 2) -> Iterator[int]:
    """Call a model before each piece, and once more when it is closed or at its end."""
    try:
        for piece in range(pieces):
            call()
            yield piece
    finally:
        call()


@outlay.track(feature="stream")
async def async_stream(pieces: int = 2) -> AsyncGenerator[int]:
    """Do the same, asynchronously."""
    try:
        for piece in range(pieces):
            await asyncio.sleep(0)
            call()
            yield piece
    finally:
        call()


def test_the_consumer_of_a_generator_is_not_inside_it(kept: Kept) -> None:
    """What the loop's body calls belongs to the loop."""
    with outlay.track("reader") as reader:
        for _ in stream(1):
            call()
    assert kept.paths == ["reader/stream", "reader", "reader/stream"]
    assert (reader.calls, len(kept.spans)) == (3, 2)


def test_a_generator_has_the_tags_and_the_parent_of_who_called_it(kept: Kept) -> None:
    """A web server resumes what a view has made, long after the view has returned."""
    with outlay.track("view"), outlay.tags(user="u"):
        made, made_async = stream(1), async_stream(1)
    assert list(made) == [0]

    async def read() -> list[int]:
        return [piece async for piece in made_async]

    assert asyncio.run(read()) == [0]
    assert set(kept.paths) == {"view/stream"}
    assert kept.tags == [{"user": "u"}] * 4


def test_a_generator_may_be_resumed_in_one_thread_after_the_other(kept: Kept) -> None:
    """Each step runs in its tags, and leaves those of the thread alone."""
    with outlay.tags(user="u"):
        made = stream(3)
    left: list[dict[str, str]] = []

    def step(number: int) -> None:
        with outlay.tags(thread=number):
            next(made, None)
            left.append(context.scope().tags)

    for number in range(4):
        thread = threading.Thread(target=step, args=(number,))
        thread.start()
        thread.join(10)
    assert kept.tags == [{"user": "u"}] * 4
    assert left == [{"thread": str(number)} for number in range(4)]
    assert len(kept.spans) == 1


def test_an_async_generator_may_be_resumed_and_closed_by_other_tasks(kept: Kept) -> None:
    """Each step runs in its tags, and leaves those of the task alone."""

    async def step(made: AsyncGenerator[int], number: int) -> dict[str, str]:
        with outlay.tags(task=number):
            await (anext(made) if number < 2 else made.aclose())
            return context.scope().tags

    async def main() -> list[dict[str, str]]:
        with outlay.tags(user="u"):
            made = async_stream(5)
        return [await asyncio.create_task(step(made, number)) for number in range(3)]

    assert asyncio.run(main()) == [{"task": str(number)} for number in range(3)]
    assert kept.tags == [{"user": "u"}] * 3
    assert len(kept.spans) == 1


def test_generators_in_turns_keep_apart(kept: Kept) -> None:
    """Each has its own span and its own tags, set inside it and kept from step to step."""

    @outlay.track(feature="chat")
    def chat(user: str) -> Iterator[None]:
        with outlay.tags(user=user):
            yield
            call()
            yield
            call()

    for _ in zip(chat("a"), chat("b"), strict=True):
        pass
    assert [(one.path, one.tags) for one in kept.calls] == [("chat", {"user": "a"}), ("chat", {"user": "b"})] * 2
    assert context.scope() is context.OUTSIDE


def test_a_generator_that_is_dropped_ends_its_span(kept: Kept) -> None:
    """By its last reference, with what its body does then; or by a garbage collection of a cycle."""
    made = stream()
    next(made)
    del made
    assert (kept.paths, len(kept.spans)) == (["stream"] * 2, 1)
    cycle: list[Any] = [stream()]
    next(cycle[0])
    cycle.append(cycle)
    del cycle
    gc.collect()
    assert len(kept.spans) == 2
    assert context.scope() is context.OUTSIDE


def test_an_async_generator_that_is_dropped_ends_its_span(kept: Kept) -> None:
    """The loop closes it, in a task of its own."""

    async def main() -> None:
        async for _ in async_stream():
            break
        gc.collect()
        await asyncio.sleep(0.01)

    asyncio.run(main())
    assert (kept.paths, len(kept.spans)) == (["stream"] * 2, 1)


def test_a_generator_that_is_never_started_leaves_no_trace(kept: Kept) -> None:
    """Its body never ran."""
    stream()
    made = async_stream()
    del made
    gc.collect()
    assert kept.records == []
    assert context.scope() is context.OUTSIDE


def test_a_cancelled_async_generator_ends_its_span_with_the_cancellation(kept: Kept) -> None:
    """It is cancelled where it waits, inside."""

    @outlay.track(feature="slow")
    async def slow() -> AsyncIterator[int]:
        call()
        await asyncio.Event().wait()
        yield 1

    async def main() -> None:
        task = asyncio.ensure_future(anext(slow()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert [span.error_type for span in kept.spans] == ["CancelledError"]


def test_closing_gives_what_the_body_returned() -> None:
    """Since Python 3.13; None before."""

    def body() -> Generator[int, None, str]:
        try:
            yield 1
        except GeneratorExit:
            return "closed"
        return "ran out"

    bare, tracked = body(), within(body, outlay.tags)()
    next(bare)
    next(tracked)
    assert tracked.close() == bare.close() == ("closed" if sys.version_info >= (3, 13) else None)  # type: ignore[func-returns-value]  # since 3.13


class Odd(Exception):
    """An error that a consumer throws into a generator."""


def chatter(log: list[Any]) -> Generator[Any, Any, str]:
    """Answer whatever is sent, swallow one kind of error, return at the word."""
    said: Any = "hello"
    while said != "return":
        try:
            said = yield said
            if said == "raise":
                raise ValueError(said)
        except Odd:
            said = "swallowed"
        except GeneratorExit:
            log.append("closing")
            raise
        log.append(said)
    return "done"


async def async_chatter(log: list[Any]) -> AsyncGenerator[Any, Any]:
    """Do the same, asynchronously."""
    said: Any = "hello"
    while said != "return":
        try:
            said = yield said
            if said == "raise":
                raise ValueError(said)
        except Odd:
            said = "swallowed"
        except GeneratorExit:
            log.append("closing")
            raise
        log.append(said)


MOVES: dict[str, Callable[[Any], Any]] = {
    "next": next,
    "send": lambda made: made.send("word"),
    "raise": lambda made: made.send("raise"),
    "return": lambda made: made.send("return"),
    "throw": lambda made: made.throw(Odd()),
    "throw through": lambda made: made.throw(KeyError("x")),
    "throw stop": lambda made: made.throw(StopIteration()),
    "close": lambda made: made.close(),
}
ASYNC_MOVES: dict[str, Callable[[Any], Any]] = {
    "next": anext,
    "send": lambda made: made.asend("word"),
    "raise": lambda made: made.asend("raise"),
    "return": lambda made: made.asend("return"),
    "throw": lambda made: made.athrow(Odd()),
    "throw through": lambda made: made.athrow(KeyError("x")),
    "throw stop": lambda made: made.athrow(StopAsyncIteration()),
    "close": lambda made: made.aclose(),
}
moves = st.lists(st.sampled_from(sorted(MOVES)), max_size=6)


@given(moves)
def test_a_tracked_generator_answers_every_move_as_the_bare_one_does(played: list[str]) -> None:
    """Law: same items, same errors, same log, whatever is sent, thrown and closed, in whatever order."""
    logs: list[list[Any]] = [[], []]
    bare, tracked = chatter(logs[0]), within(chatter, outlay.tags)(logs[1])
    for move in played:
        assert outcome(MOVES[move], tracked) == outcome(MOVES[move], bare)
        assert logs[0] == logs[1]
    assert context.scope() is context.OUTSIDE


@given(moves)
def test_a_tracked_async_generator_answers_every_move_as_the_bare_one_does(played: list[str]) -> None:
    """Law: same items, same errors, same log, whatever is sent, thrown and closed, in whatever order."""
    logs: list[list[Any]] = [[], []]
    bare, tracked = async_chatter(logs[0]), within(async_chatter, outlay.tags)(logs[1])
    for move in played:
        seen = [outcome(step, ASYNC_MOVES[move](made).__await__()) for made in (tracked, bare)]
        assert seen[0] == seen[1]
        assert logs[0] == logs[1]
    assert context.scope() is context.OUTSIDE


def step(waiting: Any) -> Any:
    """Run an awaitable that never waits."""
    return waiting.send(None)


def outcome(move: Callable[[Any], Any], made: Any) -> tuple[str, str]:
    """Return what a move gave, or the error that it raised, in words."""
    try:
        return "gave", repr(move(made))
    except BaseException as error:  # noqa: BLE001 - any error is an answer
        return type(error).__name__, str(error)
