"""Tell what was declined before any of it was there: some providers bill nobody for that, whatever its usage says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from outlay.wire.apart import Item
from outlay.wire.declined import Declined
from outlay.wire.paths import Fields
from outlay.wire.reading import Reading
from outlay.wire.values import text, texts

TERM = "refusal"
"""The price term of it: the category of what was declined."""

NO_CATEGORY = "none"


class RefusalReader:
    """Read one format's refusals."""

    def __init__(self, table: Declined, stepped_in: str, length: int) -> None:
        """Make a reader; ``stepped_in`` stands in the usage of models that did, ``length`` is kept of a category."""
        self._finish = table.finish
        self._finish_told, self._step_told = (b'"%s"' % told.encode() for told in (table.finish, stepped_in))
        self._fields = Fields((*table.category, *table.output))
        self._categories = len(table.category)
        self._boundaries = frozenset(table.boundaries)
        self._triggers = Fields(table.trigger)
        self._length = length

    def possible(self, body: bytes) -> bool:
        """Return whether an answer may be, or hold, what is read here: then all of it is needed."""
        return self._finish_told in body or self._step_told in body

    def taken(self, reading: Reading) -> bool:
        """Return whether a stream that was read is so."""
        return self._finish in reading.finish_reasons or self._step_told in reading.raw_usage

    def take(self, reading: Reading, documents: Iterable[bytes]) -> None:
        """Give the term to an answer, plain or a stream's events, that is a refusal without any output.

        And to those models that declined without any before another stepped in.
        """
        if not self.taken(reading):
            return
        said = list(documents)
        if any(_empty(item) for item in reading.items):
            triggers = [trigger for one in said for trigger in _listed(self._triggers.read(one))]
            reading.items = tuple(self._with_category(item, triggers) for item in reading.items)
        if self._finish in reading.finish_reasons:
            values = [self._fields.read(one) or () for one in said]
            if self._boundaries.issuperset(kind for one in values for kind in texts(one[self._categories :])):
                named = filter(None, (text(value) for one in values for value in one[: self._categories]))
                reading.terms[TERM] = next(named, NO_CATEGORY)[: self._length]

    def _with_category(self, item: Item, triggers: list[Any]) -> Item:
        if not _empty(item) or item.declined is None:
            return item
        told = triggers[item.declined] if item.declined < len(triggers) else None
        category = text(told.get("category")) if isinstance(told, dict) else ""
        return item._replace(terms={TERM: category[: self._length] or NO_CATEGORY})


def _empty(item: Item) -> bool:
    """Return whether a model declined before it had written anything."""
    return item.declined is not None and not item.classes.get("output")


def _listed(values: tuple[Any, ...] | None) -> Iterable[Any]:
    for value in values or ():
        yield from value if isinstance(value, list) else () if value is None else (value,)
