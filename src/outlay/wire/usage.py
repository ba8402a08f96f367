"""From a provider's usage object to disjoint classes, by its table."""

from __future__ import annotations

from typing import Any

from outlay.records import Quantity
from outlay.wire.api import UsageTable
from outlay.wire.paths import Fields

ABSURD = 10**10
"""A quantity from here on is no usage, whatever a provider says: no context and no answer is that long."""


class InvalidUsage(ValueError):
    """A usage object holds a quantity that is negative, absurd or of a wrong type."""


class UsageReader:
    """Read one format's usage objects."""

    def __init__(self, table: UsageTable) -> None:
        paths: list[str] = []

        def place(path: str) -> int:
            paths.append(path)
            return len(paths) - 1

        self._totals = [
            (place(total.path), total.rest, [(name, place(path)) for name, path in total.parts.items()])
            for total in table.totals
        ]
        self._others = [(name, place(path)) for name, path in table.others.items()]
        self._reasoning = place(table.reasoning) if table.reasoning else None
        self._sum = place(table.sum) if table.sum else None
        self._fields = Fields(tuple(paths))

    def read(self, raw: bytes) -> tuple[dict[str, Quantity], int, bool] | None:
        """Return (classes, thinking tokens, whether it adds up); None where ``raw`` says nothing that the table knows.

        The classes are disjoint, none is negative, and they add up to the provider's totals: where parts exceed their
        total they are cut to it. Raises ``InvalidUsage`` for what can't be a quantity.
        """
        values = self._fields.read(raw)
        if values is None:
            raise InvalidUsage("not an object")
        quantities = values if _VALID.issuperset(map(type, values)) else tuple(map(_number, values))
        classes: dict[str, Quantity] = {}
        tokens, consistent = self._divide(quantities, classes)
        for name, index in self._others:
            _add(classes, name, _cut(quantities[index] or 0, ABSURD))
        if tokens is None and not classes:
            return None
        if self._sum is not None and quantities[self._sum] not in (None, tokens):
            consistent = False
        # Groq reports more thinking than output now and then; a part is never more than its total.
        thinking = 0 if self._reasoning is None else quantities[self._reasoning]
        return classes, int(_cut(thinking, classes.get("output", 0))) if thinking else 0, consistent

    def _divide(self, quantities: tuple[Any, ...], classes: dict[str, Quantity]) -> tuple[int | None, bool]:
        """Divide every total among its classes; return the tokens in all of them, and whether each holds its parts."""
        tokens, consistent = None, True
        for index, rest, parts in self._totals:
            total = quantities[index]
            if total is None:
                total = sum(quantities[part] or 0 for _, part in parts) or None
                if total is None:
                    continue
            if type(total) is not int or not 0 <= total < ABSURD:
                raise InvalidUsage("no number of tokens")
            tokens = (tokens or 0) + total
            for name, part in parts:
                quantity = quantities[part]
                if quantity:
                    if not 0 < quantity <= total:
                        consistent, quantity = False, _cut(quantity, total)
                    if type(quantity) is not int:
                        raise InvalidUsage("no number of tokens")
                    total -= quantity
                    _add(classes, name, quantity)
            _add(classes, rest, total)
        return tokens, consistent


_VALID = frozenset((int, type(None)))


def _add(classes: dict[str, Quantity], name: str, quantity: Quantity) -> None:
    if quantity:
        classes[name] = classes.get(name, 0) + quantity


def _cut(quantity: Quantity, total: Quantity) -> Quantity:
    """Return ``quantity``, at most ``total``: a part is never more than what it is part of, and never negative."""
    if quantity < 0 or quantity >= ABSURD:
        raise InvalidUsage("out of range")
    return min(quantity, total)


def _number(value: Any) -> Quantity | None:
    """Return a number as JSON may write it (``12.0`` is 12); raise for all that is none, NaN and booleans included."""
    if value is None or type(value) is int:
        return value
    if type(value) is float and -ABSURD < value < ABSURD:
        return int(value) if value.is_integer() else value
    raise InvalidUsage("not a number")
