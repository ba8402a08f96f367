"""What users say of the work that calls happen in: ``track`` names it, ``tags`` tags it, ``carry`` takes both along."""

from __future__ import annotations

import contextvars
import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, overload

from outlay import context
from outlay.blocks import is_lazy, within
from outlay.context import Inside, LiveSpan, Scope, enter, leave, scope
from outlay.noting import scope_with
from outlay.tagging import merged, worded

F = TypeVar("F", bound=Callable[..., Any])
S = TypeVar("S", bound=Scope)


class Tracker:
    """What ``track("name")`` returns: enter it as a block, or decorate a function with it."""

    __slots__ = ("_feature", "_name", "_opened")

    def __init__(self, name: str | None, feature: object) -> None:
        self._name = name and worded(name)
        self._feature = worded(feature) if feature else None
        self._opened: list[LiveSpan] = []

    def __enter__(self) -> LiveSpan:
        name = self._name or self._feature or "span"
        span = LiveSpan(name, self._feature or name, None)
        span.__enter__()
        self._opened.append(span)
        return span

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        _latest(self._opened).__exit__(kind, error, trace)

    def __call__(self, function: F) -> F:
        """Track every call of ``function``."""
        name = self._name or _name_of(function)
        feature, site = self._feature or name, _site_of(function)
        return within(
            _checked(function), functools.partial(LiveSpan, name, feature, site), idle=lambda: context.home is None
        )


@overload
def track(function: F, /) -> F: ...
@overload
def track(name: str | None = None, /, *, feature: object = None) -> Tracker: ...
def track(target: Any = None, /, *, feature: object = None) -> Any:
    """Track a function or a block: calls inside it carry its feature, and its span knows what they cost.

    ``@track``, ``@track("name")``, ``@track(feature="summarise")`` decorate plain and async functions, generators,
    async generators, methods, classmethods and staticmethods; ``with track("nightly") as span:`` tracks a block, and
    ``span.cost``, ``span.usage`` and ``span.calls`` are right as soon as the calls have returned, descendants
    included. The default feature is the name, and the default name the function's qualified name; what is no text
    becomes one, as tags' values do. Of nested features the innermost owns a call. Before ``outlay.init()`` nothing is
    recorded, and a decorated function runs as it is.
    """
    if target is None or isinstance(target, str):
        return Tracker(target, feature)
    return Tracker(None, feature)(target)


class tags:  # noqa: N801 - used as a word: `with outlay.tags(user="u-42"):`
    """Tag every call that happens inside, as a context manager or as a decorator.

    Values become strings of at most 256 characters; ``None`` takes an outer tag away. Inner tags win over outer ones.
    """

    __slots__ = ("_opened", "_values")

    def __init__(self, **values: object) -> None:
        self._values = values
        self._opened: list[Scope] = []

    def __enter__(self) -> None:
        outer = scope()
        inner = Inside(outer.span, merged(outer.tags, self._values), outer)
        self._opened.append(inner)
        enter(inner)

    def __exit__(self, *_: object) -> None:
        leave(_latest(self._opened))

    def __call__(self, function: F) -> F:
        """Tag what happens in every call of ``function``."""
        values = self._values
        return within(_checked(function), lambda: tags(**values))


class Carried:
    """A block that runs under the span and the tags of another place."""

    __slots__ = ("_scope", "_span", "_tags")

    def __init__(self, span: LiveSpan | None, values: dict[str, str]) -> None:
        self._span = span
        self._tags = values

    def __enter__(self) -> None:
        self._scope = Inside(self._span, self._tags, scope())
        enter(self._scope)

    def __exit__(self, *_: object) -> None:
        leave(self._scope)


def carry(function: F) -> F:
    """Bind ``function`` to the current span and tags, for a thread or an executor that does not carry context.

    ``pool.submit(outlay.carry(work), item)``: every call of the result runs under the span and the tags of now, and
    sees the other context variables of now too. Of an async function or a generator, span and tags alone are bound.
    """
    there = scope() if context.home is None else scope_with(context.home.notes)
    if is_lazy(function):  # its body runs after the call has returned, in the context of a task
        return within(function, lambda: Carried(there.span, there.tags))
    carried = contextvars.copy_context()
    carried.run(enter, there)

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        # A Context can't be entered twice at once, and one function may run in many threads: each run gets a copy.
        return carried.copy().run(function, *args, **kwargs)

    return run  # type: ignore[return-value]  # called as `function` is


def _latest(opened: list[S]) -> S:
    """Take out of ``opened`` the innermost scope that the current context is in, or else the last one.

    One ``tags`` or ``track`` object may be entered by several threads and tasks at once.
    """
    now: Scope | None = scope() if len(opened) > 1 else None
    while now is not None:
        for place, one in enumerate(opened):
            if one is now:
                return opened.pop(place)
        now = now.outer
    return opened.pop()


def _checked(function: F) -> F:
    if isinstance(function, type):
        raise TypeError(f"a class can't be decorated: put the decorator on the methods of {function.__qualname__}")
    if not callable(function) and not isinstance(function, (classmethod, staticmethod)):
        kind = type(function).__qualname__
        raise TypeError(f"track() takes a name or a function, not {kind}: write track('name'), or decorate beneath it")
    return function


def _name_of(function: Any) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    return str(getattr(function, "__qualname__", type(function).__qualname__))


def _site_of(function: Any) -> str | None:
    """Return ``file:line`` of a function's definition; None for what Python has no source of."""
    while isinstance(function, functools.partial):
        function = function.func
    code = getattr(inspect.unwrap(getattr(function, "__func__", function)), "__code__", None)
    return None if code is None else f"{code.co_filename}:{code.co_firstlineno}"
