"""What was seen of late, by key, in bounded memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar

KEYS = 1024
"""Keys that are remembered: those longest unused go first."""


class History(Protocol):
    """What is remembered of one key."""

    def add(self, *seen: int) -> None:
        """Learn what was seen of it."""


Key = TypeVar("Key", bound=Hashable)
Kept = TypeVar("Kept", bound=History)


class Histories(Generic[Key, Kept]):
    """A history for each key, made by ``make``; threads may add to them at once."""

    def __init__(self, make: Callable[[], Kept]) -> None:
        self._make = make
        self._kept: OrderedDict[Key, Kept] = OrderedDict()
        self._lock = threading.Lock()

    def forked(self) -> None:
        """Have a lock of one's own, after a fork."""
        self._lock = threading.Lock()

    def get(self, key: Key) -> Kept | None:
        """Return the history of a key; None where nothing was seen of it, or too long ago."""
        return self._kept.get(key)

    def add(self, key: Key, *seen: int) -> None:
        """Add to the history of a key."""
        with self._lock:
            history = self._kept.get(key)
            if history is None:
                history = self._kept[key] = self._make()
                if len(self._kept) > KEYS:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            history.add(*seen)
