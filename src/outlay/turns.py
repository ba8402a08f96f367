"""How quickly threads take turns at the interpreter, while outlay's worker has something to do.

A thread that lets the interpreter go several times a millisecond, for no longer than a system call, as every HTTP
client does, never meets one that waits for it: CPython begins its five milliseconds anew at each release, and each
release wakes the waiting thread for nothing. Beside a thread that computes, each step of the worker's took a third of a
second so, and every call of the application's half again of what outlay costs. With turns shorter than the time between
two releases the worker is done in a hundredth of the time, a few milliseconds a second, and then the application has
its own again.
"""

from __future__ import annotations

import sys

TURN = 0.0001
"""Seconds after which a thread that waits asks the one that runs for the interpreter."""

_before = _ours = 0.0


def hurry() -> None:
    """Shorten turns, unless they are as short."""
    global _before, _ours
    now = sys.getswitchinterval()
    if now > TURN:
        sys.setswitchinterval(TURN)
        _before, _ours = now, sys.getswitchinterval()


def calm() -> None:
    """Make turns as long as they were, unless somebody else has set them meanwhile."""
    global _before
    before, _before = _before, 0.0
    if before and sys.getswitchinterval() == _ours:
        sys.setswitchinterval(before)
