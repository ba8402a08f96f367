"""Which span and which tags a call happens in: one context variable, and the spans that are open."""

from __future__ import annotations

import contextvars
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from sys import modules
from time import perf_counter_ns, time_ns
from typing import Self

from outlay.guard import guard
from outlay.money import Spend
from outlay.otel import foreign_trace
from outlay.records import Record, Span, Usage
from outlay.tally import Tally

PATH_LENGTH = 1024
"""Characters of a path, past which deeper features are not added: a task may start its own successor for ever."""

_keeping = guard("keeping a span")


class Home:
    """Where spans and calls are kept, and what all of them carry; there is none before ``init()``."""

    __slots__ = ("keep", "keep_all", "notes", "project", "release", "secret", "tags")

    def __init__(
        self,
        keep: Callable[[Record], None],
        project: str,
        release: str | None = None,
        tags: Mapping[str, str] = {},
        keep_all: Callable[[Sequence[Record]], None] | None = None,
    ) -> None:
        self.keep = keep
        self.keep_all = keep_all
        self.project, self.release, self.tags = project, release, dict(tags)
        self.notes: tuple[Callable[[], Mapping[str, str]], ...] = ()  # what exporters note when a call begins
        self.secret = os.urandom(16)  # key of digests, never written down; children of a fork have the same


home: Home | None = None
"""The default instance's home. Read as ``context.home``: tests and ``init()`` replace it."""


def _nothing_waits() -> None:
    pass


catch_up: Callable[[], None] = _nothing_waits
"""Prices what was answered and waits for it. Whoever reads a sum calls it first; ``wire.exchange`` puts it here."""


class Scope:
    """What a piece of code runs in. Contexts share scopes: one is left by putting another in its place."""

    __slots__ = ("outer", "tags")

    span: LiveSpan | None = None
    """The innermost span."""

    def __init__(self, tags: dict[str, str], outer: Scope | None) -> None:
        self.tags = tags
        self.outer = outer
        """What to return to; None once this scope was left."""


OUTSIDE = Scope({}, None)
_scope: contextvars.ContextVar[Scope] = contextvars.ContextVar("outlay_scope", default=OUTSIDE)

# Scopes are restored with set(), never with reset(token): a generator may be resumed, and closed, in another context.
scope = _scope.get
enter = _scope.set


def leave(mine: Scope) -> None:
    """Return to what was around ``mine``, if that is where the current context is.

    Out of order (two generators in turns, each in a block of its own) whoever entered inside ``mine`` will return to
    what was around it. In a context that never was in ``mine`` (a task that closes another's generator) nothing
    changes.
    """
    outer, mine.outer = mine.outer, None
    now: Scope | None = scope()
    if outer is None:
        return
    if now is mine:
        enter(outer)
        return
    while now is not None:
        if now.outer is mine:
            now.outer = outer
            return
        now = now.outer


class Inside(Scope):
    """A scope in ``span``, if any, with tags of its own."""

    __slots__ = ("span",)

    def __init__(self, span: LiveSpan | None, tags: dict[str, str], outer: Scope) -> None:
        self.span = span
        self.tags = tags
        self.outer = outer


class LiveSpan(Scope):
    """A span that is open, and what has been spent in it and below it so far.

    Most tracked functions never call a model: ids, path and sum are made when the first call begins.
    """

    __slots__ = (
        "_began", "_epoch", "_error", "_foreign", "_kept", "_process", "_tally", "ended", "feature", "id", "name",
        "parent", "parent_id", "path", "site", "trace_id",
    )  # fmt: skip

    id: str
    trace_id: str
    parent_id: str | None
    path: str
    parent: LiveSpan | None
    ended: int
    """The clock when the block ended; 0 while it is open."""

    def __init__(self, name: str, feature: str, site: str | None) -> None:
        self.name = name
        self.feature = feature
        self.site = site
        self.id = ""
        self._tally: Tally | None = None
        self.ended = 0

    @property
    def span(self) -> LiveSpan:  # type: ignore[override]  # a slot that held the span itself would be a cycle
        """This span."""
        return self

    def __enter__(self) -> Self:
        outer = self.outer = scope()
        self.tags = outer.tags
        parent = self.parent = outer.span
        if parent is None:
            self._foreign = foreign_trace() if "opentelemetry.trace" in modules else None
        elif parent.ended:
            parent.forget_ended()
        self._process = _process
        enter(self)
        self._began = perf_counter_ns()
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self.ended = perf_counter_ns()
        self._error = None if error is None else type(error).__qualname__
        leave(self)
        if self._tally is not None:
            self._keep()

    def lineage(self) -> Iterator[LiveSpan]:
        """Yield this span, its parent, and so on to the outermost."""
        span: LiveSpan | None = self
        while span is not None:
            yield span
            span = span.parent

    def identify(self) -> None:
        """Give this span, and those around it, their ids and paths, the outermost first; once."""
        with _identifying:
            for span in reversed([span for span in self.lineage() if not span.id]):
                span.take_id()

    def take_id(self) -> None:
        """Give this span its ids and its path; its parent has them."""
        if self.parent is None:
            self.trace_id, self.parent_id = self._foreign or (os.urandom(16).hex(), None)
            self.path = self.feature
        else:
            self.trace_id, self.parent_id = self.parent.trace_id, self.parent.id
            self.path = _extended(self.parent, self.feature)
        self._epoch = time_ns() - perf_counter_ns()
        self._kept = False
        self.id = os.urandom(8).hex()

    @property
    def tally(self) -> Tally:
        """The sum of the calls in this span and below it; asking for it makes the span one that is kept."""
        if self._tally is None:
            self.identify()
            with _identifying:
                self._tally = self._tally or Tally()
            if self.ended:  # a task or a thread that was started inside has outlived the block
                self._keep()
        return self._tally

    @property
    def calls(self) -> int:
        """Attempts at a model in this span and below it, so far."""
        catch_up()
        return 0 if self._tally is None else self._tally.calls

    @property
    def cost(self) -> Spend:
        """USD spent in this span and below it, so far: a ``Decimal`` that also knows its ``unpriced_calls``."""
        catch_up()
        return Spend(0) if self._tally is None else self._tally.spend

    @property
    def usage(self) -> Usage:
        """Tokens used in this span and below it, so far."""
        catch_up()
        return Usage(classes={}) if self._tally is None else self._tally.usage

    def noted(self) -> tuple[str, str, str, str, str | None]:
        """Return (trace id, id, feature, path, site), and make this span and those around it ones that are kept."""
        if self._tally is None:
            _hold(self)
        return self.trace_id, self.id, self.feature, self.path, self.site

    def forget_ended(self) -> None:
        """Let go of an ended span around this ended one, or a task that starts its successor would keep them all."""
        if self.parent is not None and self.parent.ended:
            self.identify()
            self.parent = None

    def _keep(self) -> None:
        with _identifying:
            kept, self._kept = self._kept, True
        if home is None or kept or self._process != _process:
            return
        with _keeping:
            home.keep(self._record(home))

    def _record(self, home: Home) -> Span:
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
            start=self._epoch + self._began,
            end=self._epoch + self.ended,
            error_type=self._error,
        )


class DistantSpan(LiveSpan):
    """A span that is open in another process, to be the parent of what happens here; that process keeps it."""

    __slots__ = ()

    def __init__(self, id: str, trace_id: str, feature: str, path: str) -> None:  # noqa: A002 - a record's name for it
        super().__init__(feature, feature, None)
        self.id = id
        self.trace_id = trace_id
        self.path = path
        self.parent = None


def _extended(parent: LiveSpan, feature: str) -> str:
    """Return the path of a span below ``parent``. A function that calls itself stands in it once."""
    if feature == parent.feature or len(parent.path) > PATH_LENGTH:
        return parent.path
    return f"{parent.path}/{feature}"


_identifying = threading.RLock()  # two threads may begin the first call of a span at once
_process = 0
"""Counts forks: a span belongs to the process that opened it, which alone keeps it."""


def _before_fork() -> None:
    """Name the spans around a fork, so that parent and child call them the same; the parent will keep them."""
    span = scope().span
    if span is not None and home is not None:
        _hold(span)


def _hold(span: LiveSpan) -> None:
    for around in span.lineage():
        around.tally  # noqa: B018 - asking for it makes the span one that is kept


def _in_child() -> None:
    global _process, _identifying  # noqa: PLW0603 - a thread that is not here any more may hold the lock
    _process += 1
    _identifying = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_in_child)
