"""The one place where outlay swallows its own errors, so that they never reach the application.

``guard("reading an answer")`` is a context manager around work of ours; ``guarded`` is the same around a function, for
the way of every call. Under them any error of outlay's is counted, the first of each kind is logged on the ``outlay``
logger, and the application goes on. With ``OUTLAY_STRICT=1`` (our own tests set it) the error is raised. The
application's own call must never stand inside a guard.
"""

from __future__ import annotations

import functools
import logging
import os
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar, TypeVarTuple

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")

logger = logging.getLogger("outlay")


class Guard:
    """Swallow, count and log errors of one activity; a singleton per activity, so entering costs no allocation."""

    __slots__ = ("activity",)

    def __init__(self, activity: str) -> None:
        self.activity = activity

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        if error is None or not isinstance(error, Exception):
            return False
        return swallow(self.activity, error)


_guards: dict[str, Guard] = {}
_counts: dict[tuple[str, str], int] = {}
_taken: dict[tuple[str, str], int] = {}


def guard(activity: str) -> Guard:
    """Return the guard of ``activity``, a phrase that completes "outlay failed at …"."""
    found = _guards.get(activity)
    if found is None:
        found = _guards.setdefault(activity, Guard(activity))
    return found


def guarded(activity: str) -> Callable[[Callable[[*Arguments], Result]], Callable[[*Arguments], Result | None]]:
    """Guard a function that takes positional arguments; what it returns is None where an error was swallowed."""

    def around(function: Callable[[*Arguments], Result]) -> Callable[[*Arguments], Result | None]:
        @functools.wraps(function)
        def run(*arguments: *Arguments) -> Result | None:
            try:
                return function(*arguments)
            except Exception as error:
                if not swallow(activity, error):
                    raise
            return None

        return run

    return around


def swallow(activity: str, error: Exception) -> bool:
    """Count ``error``, log the first of its kind, and return whether it stays inside outlay (not under strict)."""
    if strict():
        return False
    key = (activity, type(error).__qualname__)
    seen = _counts[key] = _counts.get(key, 0) + 1
    if seen == 1:
        # The message of an error may quote content (a decoder's does not, a caller's str may): the place suffices.
        where = traceback.extract_tb(error.__traceback__)
        place = f"{where[-1].filename}:{where[-1].lineno}" if where else "an unknown place"
        logger.warning(
            "outlay failed at %s (%s at %s); the application goes on. More are counted: see `outlay doctor`.",
            activity,
            key[1],
            place,
        )
    return True


def failure_of(action: Callable[[], object]) -> Exception | None:
    """Run code of others whose failure is a finding, not ours to handle; return what it raised, or None."""
    try:
        action()
    except Exception as error:  # noqa: BLE001 - the one other place: any exception at all is the answer
        return error
    return None


def swallowed() -> dict[tuple[str, str], int]:
    """Return how many errors were swallowed in this process, by (activity, exception class)."""
    return dict(_counts)


def newly_swallowed() -> dict[tuple[str, str], int]:
    """Return what ``swallowed`` counts, less what an earlier call of this function returned."""
    fresh = {key: count - _taken.get(key, 0) for key, count in swallowed().items() if count > _taken.get(key, 0)}
    for key, count in fresh.items():
        _taken[key] = _taken.get(key, 0) + count
    return fresh


def strict() -> bool:
    """Return whether outlay's own errors are raised instead of swallowed."""
    return os.environ.get("OUTLAY_STRICT") == "1"
