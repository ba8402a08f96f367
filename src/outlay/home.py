"""Where spans and calls are kept, and who else is told of them while they are open."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from outlay.records import Record


class Watch(Protocol):
    """Who follows spans while they are open: the tracer of an application, where an exporter goes there."""

    def begin(self, span: Any) -> None:
        """Note that ``span`` (a ``LiveSpan``) has begun; ``span.adopt`` gives it the ids of another tracer."""

    def end(self, span: Any) -> None:
        """Note that ``span`` has ended."""

    def swap(self) -> Callable[[], None]:
        """Return what puts the tracer's context of now in place of the one it finds, which it keeps for the next time.

        Code that runs in steps has a context of its own, and so has whoever runs the steps.
        """


class Home:
    """Where spans and calls are kept, and what all of them carry; there is none before ``init()``."""

    __slots__ = ("keep", "keep_all", "notes", "project", "release", "secret", "tags", "watch")

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
        self.project = project
        self.release = release
        self.tags = dict(tags)
        self.notes: tuple[Callable[[], Mapping[str, str]], ...] = ()  # what exporters note when a call begins
        self.secret = os.urandom(16)  # key of digests, never written down; children of a fork have the same
        self.watch: Watch | None = None
