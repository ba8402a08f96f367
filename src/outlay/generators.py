"""Generators that run inside a block (a span, some tags) step by step, wherever they are resumed."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from wrapt import FunctionWrapper

from outlay import context
from outlay.context import enter, scope

Block = AbstractContextManager[Any]


def _nothing_follows() -> None:
    pass


class Stepped:
    """A stretch of code that runs in steps, anywhere: each step takes up the scope that the one before it left.

    So it does with the current span of the application's tracer, where our spans are in its pipeline.
    """

    __slots__ = ("_inner", "_outer", "_swap")

    def __init__(self) -> None:
        self._inner = self._outer = scope()
        home = context.home
        self._swap = _nothing_follows if home is None or home.watch is None else home.watch.swap()

    def __enter__(self) -> None:
        self._outer = scope()
        enter(self._inner)
        self._swap()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    def leave(self) -> None:
        """End a step."""
        self._inner = scope()
        enter(self._outer)
        self._swap()


class Body(Stepped):
    """A generator's body: its steps run inside ``block``, which ends with the step that raises, returns or is last."""

    __slots__ = ("_block", "_last")

    def __init__(self, block: Block) -> None:
        super().__init__()
        self._block = block
        self._last = False
        block.__enter__()
        self.leave()

    def last(self) -> Body:
        """Make the next step the last one: its consumer closes the generator."""
        self._last = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None or self._last:
            finished = error is None or isinstance(error, (StopIteration, StopAsyncIteration, GeneratorExit))
            self._block.__exit__(*((None, None, None) if finished else (kind, error, trace)))
        self.leave()


class GeneratorFunction(FunctionWrapper[..., Any]):
    """A function that gives out driven generators and still looks like a generator function to ``inspect``.

    Frameworks ask: FastAPI's dependencies and pytest's fixtures are generator functions or nothing.
    """

    def __copy__(self) -> GeneratorFunction:
        return self

    def __deepcopy__(self, _: Any) -> GeneratorFunction:
        return self

    def __reduce_ex__(self, _: Any) -> str:
        return str(self.__qualname__)  # pickled by name, as functions are


def driven(
    function: Callable[..., Any], block: Callable[[], Block], idle: Callable[[], bool], *, asynchronous: bool
) -> GeneratorFunction:
    """Wrap a generator function, or an asynchronous one, so that its generators' steps run inside ``block``."""
    drive: Callable[[Body, Any], Any] = _drive_async if asynchronous else _drive

    def call(function: Callable[..., Any], _: Any, args: Any, kwargs: Any) -> Any:
        if idle():
            return function(*args, **kwargs)
        body = Body(block())
        with body:  # another decorator's generator looks around when it is made
            generator = function(*args, **kwargs)
        return drive(body, generator)

    return GeneratorFunction(function, call)


def _drive(body: Body, generator: Any) -> Generator[Any, Any, Any]:
    resume: Callable[[], Any] = functools.partial(next, generator)
    while True:
        try:
            with body:
                item = resume()
        except StopIteration as end:
            return end.value
        try:
            resume = functools.partial(generator.send, (yield item))
        except GeneratorExit:
            with body.last():
                return generator.close()
        except BaseException as error:  # noqa: BLE001 - handed on into the generator, as Python does
            resume = functools.partial(generator.throw, error)


async def _drive_async(body: Body, generator: Any) -> AsyncGenerator[Any, Any]:
    resume: Callable[[], Any] = generator.__anext__
    while True:
        try:
            with body:
                item = await resume()
        except StopAsyncIteration:
            return
        try:
            resume = functools.partial(generator.asend, (yield item))
        except GeneratorExit:
            with body.last():
                await generator.aclose()
            raise
        except BaseException as error:  # noqa: BLE001 - handed on into the generator, as Python does
            resume = functools.partial(generator.athrow, error)
