"""Which span and which tags a call happens in: one context variable, and the span that is open."""

from __future__ import annotations

import contextvars
import functools
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ParamSpec, TypeVar

from outlay.records import Record, Span, Spend, Usage
from outlay.tally import Tally

P = ParamSpec("P")
R = TypeVar("R")

TAG_LENGTH = 256
"""Characters of a tag's value that are kept."""


class Home:
    """Where spans and calls are kept, and what all of them carry; there is none before ``init()``."""

    __slots__ = ("keep", "project", "release", "tags")

    def __init__(
        self, keep: Callable[[Record], None], project: str, release: str | None = None, tags: Mapping[str, str] = {}
    ) -> None:
        self.keep = keep
        self.project = project
        self.release = release
        self.tags = dict(tags)


home: Home | None = None
"""The default instance's home. Read as ``context.home``: tests and ``init()`` replace it."""


class Scope:
    """What a piece of code runs in: never changed, only replaced."""

    __slots__ = ("span", "tags")

    def __init__(self, span: LiveSpan | None, tags: dict[str, str]) -> None:
        self.span = span
        self.tags = tags


OUTSIDE = Scope(None, {})
_scope: contextvars.ContextVar[Scope] = contextvars.ContextVar("outlay_scope", default=OUTSIDE)

_identifying = threading.RLock()  # two threads may begin the first call of a span at once

# Scopes are restored with set(), never with reset(token): a generator may be resumed, and closed, in another context.
scope = _scope.get
enter = _scope.set


class LiveSpan:
    """A span that is open, and what has been spent in it and below it so far.

    Most tracked functions never call a model: ids, path and sum are made when the first call begins.
    """

    __slots__ = (
        "_began",
        "_home",
        "_outer",
        "_start",
        "_tally",
        "feature",
        "id",
        "name",
        "parent",
        "parent_id",
        "path",
        "site",
        "tags",
        "trace_id",
    )

    id: str
    trace_id: str
    parent_id: str | None
    path: str

    def __init__(self, name: str, feature: str, site: str | None) -> None:
        self.name = name
        self.feature = feature
        self.site = site
        self._home = home
        self._tally: Tally | None = None

    def __enter__(self) -> LiveSpan:
        outer = self._outer = scope()
        self.parent = outer.span
        self.tags = outer.tags
        self._start = time.time_ns()
        self._began = time.perf_counter_ns()
        enter(Scope(self, outer.tags))
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        enter(self._outer)
        if self._tally is not None and self._home is not None:
            self._home.keep(self._record(self._home, error))

    def lineage(self) -> Iterator[LiveSpan]:
        """Yield this span, its parent, and so on to the outermost."""
        span: LiveSpan | None = self
        while span is not None:
            yield span
            span = span.parent

    @property
    def tally(self) -> Tally:
        """The sum of the calls in this span and below it; asking for it makes the span one that is kept."""
        if self._tally is None:
            with _identifying:
                if self._tally is None:
                    self._identify()
                    self._tally = Tally()
        return self._tally

    @property
    def calls(self) -> int:
        """Attempts at a model in this span and below it, so far."""
        return 0 if self._tally is None else self._tally.calls

    @property
    def cost(self) -> Spend:
        """USD spent in this span and below it, so far: a ``Decimal`` that also knows its ``unpriced_calls``."""
        return Spend(0) if self._tally is None else self._tally.spend

    @property
    def usage(self) -> Usage:
        """Tokens used in this span and below it, so far."""
        return Usage(classes={}) if self._tally is None else self._tally.usage

    def _identify(self) -> None:
        self.id = os.urandom(8).hex()
        if self.parent is None:
            self.trace_id, self.parent_id = foreign_trace() or (os.urandom(16).hex(), None)
            self.path = self.feature
        else:
            self.parent.tally  # noqa: B018 - a parent's ids come before its child's
            self.trace_id = self.parent.trace_id
            self.parent_id = self.parent.id
            self.path = f"{self.parent.path}/{self.feature}"

    def _record(self, home: Home, error: BaseException | None) -> Span:
        return Span(
            id=self.id,
            trace_id=self.trace_id,
            parent_id=self.parent_id,
            project=home.project,
            name=self.name,
            feature=self.feature,
            path=self.path,
            site=self.site,
            release=home.release,
            tags=self.tags,
            start=self._start,
            end=self._start + time.perf_counter_ns() - self._began,
            error_type=None if error is None else type(error).__qualname__,
        )


class tags:  # noqa: N801 - used as a word: `with outlay.tags(user="u-42"):`
    """Tag every call that happens inside, as a context manager or as a decorator.

    Values become strings of at most 256 characters; ``None`` takes an outer tag away. Inner tags win over outer ones.
    """

    def __init__(self, **values: object) -> None:
        self._values = values
        self._outer: list[Scope] = []

    def __enter__(self) -> None:
        outer = scope()
        self._outer.append(outer)
        enter(Scope(outer.span, merged(outer.tags, self._values)))

    def __exit__(self, *_: object) -> None:
        enter(self._outer.pop())

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        from outlay.track import within  # the wrapper for every kind of function lives with @track

        return within(function, lambda: tags(**self._values))


def merged(outer: Mapping[str, str], values: Mapping[str, object]) -> dict[str, str]:
    """Return ``outer`` with ``values`` over it, as kept: strings, cut to size, without those set to None."""
    result = dict(outer)
    for name, value in values.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = str(value)[:TAG_LENGTH]
    return result


def carry(function: Callable[P, R]) -> Callable[P, R]:
    """Bind ``function`` to the current span and tags, for a thread or an executor that does not carry context.

    ``pool.submit(outlay.carry(work), item)``: every call of the result runs under the span and the tags of now.
    """
    carried = contextvars.copy_context()

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        # A Context can't be entered twice at once, and one function may run in many threads: each run gets a copy.
        return carried.copy().run(function, *args, **kwargs)

    return run


def foreign_trace() -> tuple[str, str | None] | None:
    """Return OpenTelemetry's current (trace id, span id) in hex, if it is loaded and a span is current."""
    otel: Any = sys.modules.get("opentelemetry.trace")
    if otel is None or not hasattr(otel, "get_current_span"):
        return None
    current = otel.get_current_span().get_span_context()
    return (f"{current.trace_id:032x}", f"{current.span_id:016x}") if current.is_valid else None
