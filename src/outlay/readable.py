"""Have msgspec know a type before it reads one, by one thread at a time.

msgspec (0.22) learns what a struct is made of with its first use, and shows other threads what it has half learned: two
that begin at the same time bring the interpreter down. Nothing in it, nor in Python, catches that.
"""

from __future__ import annotations

import os
import threading
from typing import Any, TypeVar

import msgspec

K = TypeVar("K")

_learning = threading.RLock()
_known: set[Any] = set()


def readable(kind: K) -> K:
    """Return ``kind``, a type with structs of ours in it, when it is safe to read."""
    if kind not in _known:
        with _learning:
            msgspec.json.Decoder(kind)
            _known.add(kind)
    return kind


if hasattr(os, "register_at_fork"):  # a child must not wait for a thread that it does not have
    os.register_at_fork(before=_learning.acquire, after_in_parent=_learning.release, after_in_child=_learning.release)
