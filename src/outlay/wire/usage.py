"""From a provider's usage object to disjoint classes, by its table."""

from __future__ import annotations

from typing import Any

from outlay.records import Quantity
from outlay.wire.api import UsageTable
from outlay.wire.derived import fields

ABSURD = 10**10
"""A quantity from here on is no usage, whatever a provider says: no context and no answer is that long."""


class InvalidUsage(ValueError):
    """A usage object holds a quantity that is negative, absurd or of a wrong type."""


class UsageReader:
    """Read one format's usage objects."""

    def __init__(self, table: UsageTable, terms: tuple[str, ...] = ()) -> None:
        """Make a reader by ``table`` that also fetches the texts at the paths ``terms``."""
        paths: list[str] = []

        def place(path: str) -> int:
            paths.append(path)
            return len(paths) - 1

        self._totals = [
            (place(total.path), total.rest, [(name, place(path)) for name, path in total.parts.items()])
            for total in table.totals
        ]
        self._others = [(name, place(path)) for name, path in table.others.items()]
        self._otherwise = [(name, place(path)) for name, path in table.otherwise.items()]
        self._reasoning = place(table.reasoning) if table.reasoning else None
        self._sum = place(table.sum) if table.sum else None
        self._numbers = len(paths)
        self._terms = [place(path) for path in terms]
        self.fields = fields(tuple(paths))
        """What a usage object holds at the table's paths, for ``terms`` and ``count``."""

    def read(self, raw: bytes) -> tuple[dict[str, Quantity], int, bool] | None:
        """Return what ``count`` returns, of a usage object as JSON."""
        values = self.fields.read(raw)
        if values is None:
            raise InvalidUsage("not an object")
        return self.count(values)

    def certain(self, raw: bytes) -> bool:
        """Return whether ``count`` will make something of a usage object: its first total is there, all are numbers."""
        values = self.fields.read(raw)
        if not values or not self._totals or values[0] is None:
            return False
        numbers = [value for value in values[: self._numbers] if value is not None]
        return {*map(type, numbers)} == {int} and min(numbers) >= 0 and max(numbers) < ABSURD

    def terms(self, values: tuple[Any, ...]) -> list[Any]:
        """Return what stands at the paths of the terms."""
        return [values[place] for place in self._terms]

    def count(self, values: tuple[Any, ...]) -> tuple[dict[str, Quantity], int, bool] | None:
        """Return (classes, thinking tokens, whether it adds up); None where nothing was said that the table knows.

        The classes are disjoint, none is negative, and they add up to the provider's totals: where parts exceed their
        total they are cut to it. Raises ``InvalidUsage`` for what can't be a quantity.
        """
        classes: dict[str, Quantity] = {}
        tokens, consistent = self._divide(values, classes)
        for name, place in self._others:
            if values[place]:
                classes[name] = classes.get(name, 0) + _quantity(values[place])
        for name, place in self._otherwise if not classes else ():
            if values[place]:
                classes[name] = _quantity(values[place])
        if tokens is None and not classes:
            return None
        if self._sum is not None:
            said = values[self._sum]
            consistent = consistent and (said is None or said == tokens)
        thinking = values[self._reasoning] if self._reasoning is not None else None
        if thinking:
            # Groq reports more thinking than output now and then; a part is never more than its total.
            return classes, min(_tokens(thinking), int(classes.get("output", 0))), consistent
        return classes, 0, consistent

    def _divide(self, values: tuple[Any, ...], classes: dict[str, Quantity]) -> tuple[int | None, bool]:
        """Divide every total among its classes; return the tokens in all of them, and whether each holds its parts."""
        tokens, consistent = None, True
        for place, rest, parts in self._totals:
            left = values[place]
            if left.__class__ is not int or not 0 <= left < ABSURD:
                left = self._total(left, values, parts)
                if left is None:
                    continue
            tokens = left if tokens is None else tokens + left
            for name, part in parts:
                if quantity := values[part]:
                    if quantity.__class__ is not int or not 0 < quantity <= left:
                        quantity = _tokens(quantity)
                        if quantity > left:
                            consistent, quantity = False, left
                    left -= quantity
                    if quantity:
                        classes[name] = classes.get(name, 0) + quantity
            if left:
                classes[rest] = classes.get(rest, 0) + left
        return tokens, consistent

    @staticmethod
    def _total(said: Any, values: tuple[Any, ...], parts: list[tuple[str, int]]) -> int | None:
        """Return a total that is no plain number, or is not there: then that of its parts."""
        if said is not None:
            return _tokens(said)
        return sum(_tokens(values[part]) for _, part in parts) or None


def _tokens(value: Any) -> int:
    """Return a number of tokens as JSON may write it (``12.0`` is 12; null is 0)."""
    quantity = 0 if value is None else _quantity(value)
    if quantity.__class__ is not int:
        raise InvalidUsage("no number of tokens")
    return int(quantity)


def _quantity(value: Any) -> Quantity:
    """Return a quantity; raise ``InvalidUsage`` for all that is none: negative, absurd, NaN, a text, a boolean."""
    if value.__class__ is int and 0 <= value < ABSURD:
        return int(value)
    if value.__class__ is float and 0 <= value < ABSURD:
        return int(value) if value.is_integer() else float(value)
    raise InvalidUsage("no quantity")
