"""Run a function's body inside a block (a span, some tags), whatever kind of function it is."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])
Block = AbstractContextManager[Any]


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
    if _is(inspect.isasyncgenfunction, function) or _is(inspect.isgeneratorfunction, function):
        from outlay.generators import driven  # it needs wrapt, whose import takes as long as all the rest

        wrapper: Any = driven(function, block, idle, asynchronous=_is(inspect.isasyncgenfunction, function))
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
