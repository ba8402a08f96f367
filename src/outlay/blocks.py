"""Run a function's body inside a block (a span, some tags), whatever kind of function it is."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, TypeVar, cast

from wrapt import FunctionWrapper

from outlay.context import enter, scope

F = TypeVar("F", bound=Callable[..., Any])
Block = AbstractContextManager[Any]


class Stepped:
    """A stretch of code that runs in steps, anywhere: each step takes up the scope that the one before it left."""

    __slots__ = ("_inner", "_outer")

    def __init__(self) -> None:
        self._inner = self._outer = scope()

    def __enter__(self) -> None:
        self._outer = scope()
        enter(self._inner)

    def __exit__(self, *_: object) -> None:
        self._inner = scope()
        enter(self._outer)


class Body:
    """A generator's body: its steps run inside ``block``, which ends with the step that raises, returns or is last."""

    __slots__ = ("_block", "_inner", "_last", "_outer")

    def __init__(self, block: Block) -> None:
        self._block = block
        self._last = False
        self._outer = scope()
        block.__enter__()
        self._inner = scope()
        enter(self._outer)

    def last(self) -> Body:
        """Make the next step the last one: its consumer closes the generator."""
        self._last = True
        return self

    def __enter__(self) -> None:
        self._outer = scope()
        enter(self._inner)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None or self._last:
            finished = error is None or isinstance(error, (StopIteration, StopAsyncIteration, GeneratorExit))
            self._block.__exit__(*((None, None, None) if finished else (kind, error, trace)))
        self._inner = scope()
        enter(self._outer)


def never() -> bool:
    """Return False: the wrapper is at work on every call."""
    return False


def within(function: F, block: Callable[[], Block], idle: Callable[[], bool] = never) -> F:
    """Wrap ``function``, of whatever kind, so that its body runs inside what ``block`` makes, unless ``idle`` says no.

    A generator's body is inside only while it runs, wherever it is resumed; its consumer never is. The block of a
    generator begins when the function is called: what runs it later may know nothing of who asked for it.
    """
    if isinstance(function, (classmethod, staticmethod)):
        return type(function)(within(function.__func__, block, idle))
    if _is(inspect.isasyncgenfunction, function):
        wrapper: Any = _GeneratorFunction(function, _driven(_drive_async, block, idle))
    elif _is(inspect.isgeneratorfunction, function):
        wrapper = _GeneratorFunction(function, _driven(_drive, block, idle))
    elif _is(inspect.iscoroutinefunction, function):
        wrapper = functools.wraps(function)(_coroutine(function, block, idle))
    else:
        wrapper = functools.wraps(function)(_plain(function, block, idle))
    return cast("F", wrapper)


def is_lazy(function: Any) -> bool:
    """Return whether calling ``function`` runs nothing of its body: a coroutine or a generator comes of it."""
    kinds = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
    return any(_is(kind, function) for kind in kinds)


def _is(kind: Callable[[Any], bool], function: Any) -> bool:
    return kind(function) or kind(type(function).__call__)


def _plain(function: Callable[..., Any], block: Callable[[], Block], idle: Callable[[], bool]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        if idle():
            return function(*args, **kwargs)
        with block():
            return function(*args, **kwargs)

    return call


def _coroutine(
    function: Callable[..., Any], block: Callable[[], Block], idle: Callable[[], bool]
) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        if idle():
            return await function(*args, **kwargs)
        with block():
            return await function(*args, **kwargs)

    return call


class _GeneratorFunction(FunctionWrapper[..., Any]):
    """A function that gives out driven generators and still looks like a generator function to ``inspect``.

    Frameworks ask: FastAPI's dependencies and pytest's fixtures are generator functions or nothing.
    """

    def __copy__(self) -> _GeneratorFunction:
        return self

    def __deepcopy__(self, _: Any) -> _GeneratorFunction:
        return self

    def __reduce_ex__(self, _: Any) -> str:
        return str(self.__qualname__)  # pickled by name, as functions are


def _driven(drive: Callable[[Body, Any], Any], block: Callable[[], Block], idle: Callable[[], bool]) -> Any:
    def call(function: Callable[..., Any], _: Any, args: Any, kwargs: Any) -> Any:
        if idle():
            return function(*args, **kwargs)
        body = Body(block())
        with body:  # another decorator's generator looks around when it is made
            generator = function(*args, **kwargs)
        return drive(body, generator)

    return call


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
