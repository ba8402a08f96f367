"""``track``: name the work that calls happen in, as a decorator of any kind of function or as a ``with`` block."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractContextManager
from typing import Any, TypeVar, overload

from outlay import context
from outlay.context import LiveSpan, enter, scope

F = TypeVar("F", bound=Callable[..., Any])


class Tracker:
    """What ``track("name")`` returns: enter it as a block, or decorate a function with it."""

    __slots__ = ("_feature", "_name", "_open")

    def __init__(self, name: str | None, feature: str | None) -> None:
        self._name = name
        self._feature = feature
        self._open: list[LiveSpan] = []

    def __enter__(self) -> LiveSpan:
        name = self._name or self._feature or "span"
        span = LiveSpan(name, self._feature or name, None)
        self._open.append(span)
        return span.__enter__()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._open.pop().__exit__(kind, error, trace)

    def __call__(self, function: F) -> F:
        name = self._name or getattr(function, "__qualname__", type(function).__qualname__)
        feature, site = self._feature or name, site_of(function)
        return within(function, lambda: LiveSpan(name, feature, site), idle=lambda: context.home is None)


@overload
def track(function: F, /) -> F: ...
@overload
def track(name: str | None = None, /, *, feature: str | None = None) -> Tracker: ...
def track(target: Any = None, /, *, feature: str | None = None) -> Any:
    """Track a function or a block: calls inside it carry its feature, and its span knows what they cost.

    ``@track``, ``@track("name")``, ``@track(feature="summarise")`` decorate plain and async functions, generators,
    async generators, methods, classmethods and staticmethods; ``with track("nightly") as span:`` tracks a block, and
    ``span.cost``, ``span.usage`` and ``span.calls`` are right as soon as the calls have returned, descendants
    included. The default feature is the name, and the default name the function's qualified name. Of nested features
    the innermost owns a call. Before ``outlay.init()`` nothing is recorded, and a decorated function runs as it is.
    """
    if target is None or isinstance(target, str):
        return Tracker(target, feature)
    if not callable(target) and not isinstance(target, (classmethod, staticmethod)):
        raise TypeError(f"track() takes a name or a function, not {type(target).__qualname__}: write track('name')")
    return Tracker(None, feature)(target)


def site_of(function: Any) -> str | None:
    """Return ``file:line`` of a function's definition; None for what Python has no source of."""
    code = getattr(inspect.unwrap(getattr(function, "__func__", function)), "__code__", None)
    return None if code is None else f"{code.co_filename}:{code.co_firstlineno}"


def never() -> bool:
    """Return False: the wrapper is at work on every call."""
    return False


def within(function: F, enter_block: Callable[[], AbstractContextManager[Any]], idle: Callable[[], bool] = never) -> F:
    """Wrap ``function``, of whatever kind, so that its body runs inside the block that ``enter_block`` makes.

    A generator's body is inside it only while it runs, wherever it is resumed; its consumer never is.
    """
    if isinstance(function, (classmethod, staticmethod)):
        return type(function)(within(function.__func__, enter_block, idle))  # type: ignore[return-value] # same kind as given
    wrapper: Any
    if inspect.isasyncgenfunction(function):
        wrapper = _async_generator(function, enter_block)
    elif inspect.isgeneratorfunction(function):
        wrapper = _generator(function, enter_block)
    elif inspect.iscoroutinefunction(function):
        wrapper = _coroutine(function, enter_block, idle)
    else:
        wrapper = _plain(function, enter_block, idle)
    result: F = functools.wraps(function)(wrapper)
    return result


def _plain(
    function: Callable[..., Any], enter_block: Callable[[], Any], idle: Callable[[], bool]
) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        if idle():
            return function(*args, **kwargs)
        with enter_block():
            return function(*args, **kwargs)

    return call


def _coroutine(
    function: Callable[..., Any], enter_block: Callable[[], Any], idle: Callable[[], bool]
) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        if idle():
            return await function(*args, **kwargs)
        with enter_block():
            return await function(*args, **kwargs)

    return call


class _Stepped:
    """A block that is left whenever its generator yields and taken up again when it is resumed."""

    __slots__ = ("block", "inner", "outer")

    def __init__(self, block: Any) -> None:
        self.block = block
        self.outer = scope()
        block.__enter__()
        self.inner = scope()
        enter(self.outer)

    def __enter__(self) -> None:
        self.outer = scope()
        enter(self.inner)

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self.inner = scope()
        if error is not None:
            finished = isinstance(error, (StopIteration, StopAsyncIteration, GeneratorExit))
            self.block.__exit__(*((None, None, None) if finished else (kind, error, trace)))
        enter(self.outer)


def _generator(function: Callable[..., Any], enter_block: Callable[[], Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        stepped = _Stepped(enter_block())
        body = function(*args, **kwargs)
        resume: Callable[[], Any] = functools.partial(next, body)
        while True:
            try:
                with stepped:
                    item = resume()
            except StopIteration as end:
                return end.value
            try:
                resume = functools.partial(body.send, (yield item))
            except GeneratorExit:
                with _closing(stepped):
                    body.close()
                raise
            except BaseException as error:  # noqa: BLE001 - handed on into the generator, as Python does
                resume = functools.partial(body.throw, error)

    return call


def _async_generator(function: Callable[..., Any], enter_block: Callable[[], Any]) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        stepped = _Stepped(enter_block())
        body = function(*args, **kwargs)
        resume: Callable[[], Any] = body.__anext__
        while True:
            try:
                with stepped:
                    item = await resume()
            except StopAsyncIteration:
                return
            try:
                resume = functools.partial(body.asend, (yield item))
            except GeneratorExit:
                with _closing(stepped):
                    await body.aclose()
                raise
            except BaseException as error:  # noqa: BLE001 - handed on into the generator, as Python does
                resume = functools.partial(body.athrow, error)

    return call


class _closing:  # noqa: N801 - reads as a word
    """The last step of a generator that its consumer closes: the block ends with it."""

    __slots__ = ("stepped",)

    def __init__(self, stepped: _Stepped) -> None:
        self.stepped = stepped

    def __enter__(self) -> None:
        self.stepped.__enter__()

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self.stepped.__exit__(GeneratorExit, error or GeneratorExit(), trace)
