"""What an answer says of what is billed per use, and of what a tool of the provider's used of another model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from outlay.wire.apart import Item
from outlay.wire.api import Answer, Paths
from outlay.wire.reading import Reading
from outlay.wire.usage import UsageReader
from outlay.wire.values import texts, uses

_NULL = msgspec.Raw(b"null")


class PerUse:
    """Read the uses of one format's answers."""

    def __init__(self, answer: Answer, places: Callable[[Paths], list[int]], length: int) -> None:
        """Make a reader; ``places`` has paths read with the others, and ``length`` is what is kept of a name."""
        self._uses = [
            (name, kind, place)
            for name, (either, kind) in answer.uses.items()
            for place in places(tuple(either.split(" | ")))
        ]
        self._unbilled = [
            (name, kinds, place)
            for name, (either, *kinds) in answer.unbilled_uses.items()
            for place in places(tuple(either.split(" | ")))
        ]
        self._used = [(name, place) for name, path in answer.used.items() for place in places(path)]
        beside = answer.beside
        self._beside = None if beside is None else UsageReader(beside.usage)
        self._tool = (places(beside.path), places(beside.model)) if beside else ([], [])
        self._length = length
        self.any = bool(self._uses or self._used or beside)
        """Whether the format has any."""

    def take(self, reading: Reading, values: tuple[Any, ...]) -> None:
        """Take from one document what it says of uses; a stream's last one says all."""
        for name, kind, place in self._uses:
            if (said := values[place]) and (count := uses(said, kind)):
                for unbilled, kinds, at in self._unbilled:
                    count -= sum(uses(values[at], kind) for kind in kinds) if unbilled == name else 0
                reading.uses[name] = max(count, reading.uses.get(name, 0))
        for name, place in self._used:
            if type(values[place]) is int:
                reading.uses[name] = values[place]
        for raw in [values[place] for place in self._tool[0] if values[place] and values[place] != _NULL]:
            counted = self._beside.read(bytes(raw)) if self._beside is not None else None
            if counted is not None and counted[0]:
                model = next(texts(values[place] for place in self._tool[1]), "unknown")
                reading.items = (Item(model[: self._length], counted[0]),)
