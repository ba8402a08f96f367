"""What a table may ask of a usage object beside a plain path: a sum, an alternative, what a list has of one kind.

``a + b - c``: those that are absent count nothing, and the result is never below zero. ``a | b``: the first that is
there. ``list[key=VALUE].field``: the field, added up over the elements of a list whose key has that value; without a
field, how many there are. ``list[=VALUE]``: how often a list of texts has one. ``a ? b``: the first where the second
is true, in a sum as well: ``cost + cost_details.upstream_inference_cost ? is_byok``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from outlay.wire.paths import Fields

Values = tuple[Any, ...]
Make = Callable[[Values], Any]

_PICK = re.compile(r"(?P<list>[^\[]+)\[(?P<key>[^=]*)=(?P<value>[^\]]+)\](?:\.(?P<field>.+))?")
_SIGN = re.compile(r" ([+-]) ")


def fields(paths: tuple[str, ...]) -> Fields | Derived:
    """Return what reads ``paths``: plain ones at no cost, expressions made of plain ones."""
    plain = all(" " not in path and "[" not in path for path in paths)
    return Fields(paths) if plain else Derived(paths)


class Derived:
    """Expressions over one document; read like ``Fields``."""

    def __init__(self, expressions: tuple[str, ...]) -> None:
        self._places: dict[str, int] = {}
        self._make = [self._alternatives(expression) for expression in expressions]
        self._fields = Fields(tuple(self._places))

    def read(self, body: bytes) -> Values | None:
        """Return the values of the expressions, None for an absent one; None if ``body`` is no JSON object."""
        values = self._fields.read(body)
        return None if values is None else tuple([make(values) for make in self._make])

    def _alternatives(self, expression: str) -> Make:
        ways = [self._sum(way.strip()) for way in expression.split(" | ")]
        if len(ways) == 1:
            return ways[0]
        return lambda values: next((found for way in ways if (found := way(values)) is not None), None)

    def _sum(self, expression: str) -> Make:
        first, *rest = _SIGN.split(expression)
        if not rest:
            return self._term(first)
        terms = [(1, self._term(first))]
        terms += [
            (-1 if sign == "-" else 1, self._term(term)) for sign, term in zip(rest[::2], rest[1::2], strict=True)
        ]
        return lambda values: _add([(sign, term(values)) for sign, term in terms])

    def _term(self, term: str) -> Make:
        term, _, flag = term.partition(" ? ")
        if flag:
            worth, set_ = self._term(term), self._term(flag)
            return lambda values: worth(values) if set_(values) is True else None
        pick = _PICK.fullmatch(term)
        place = self._places.setdefault(pick["list"] if pick else term, len(self._places))
        if pick is None:
            return lambda values: values[place]
        key, value, path = pick["key"], pick["value"], pick["field"]
        return lambda values: _pick(values[place], key, value, path)


def _add(terms: list[tuple[int, Any]]) -> Any:
    if terms[0][1] is None:
        return None
    total = 0
    for sign, value in terms:
        if value is None:
            continue
        if type(value) not in (int, float):
            return value  # whoever counts it will say that it is no quantity
        total += sign * value
    return max(total, 0)


def _pick(elements: Any, key: str, value: str, path: str | None) -> Any:
    if not isinstance(elements, list):
        return None
    if not key:
        return elements.count(value) or None
    found = [element for element in elements if isinstance(element, dict) and element.get(key) == value]
    if path is None:
        return len(found) or None
    return total([element.get(path) for element in found])


def total(values: Any) -> Any:
    """Return the sum of a list of numbers; None where there are none, and what is no list as it is."""
    if not isinstance(values, list):
        return values
    numbers = [value for value in values if type(value) in (int, float)]
    return sum(numbers) if numbers else None


def number(value: Any) -> Any:
    """Return a number, also one that is written as a text (Google's 64-bit integers are); what is none as it is."""
    try:
        return (float(value) if "." in value else int(value)) if isinstance(value, str) else value
    except ValueError:
        return value


def counted(values: Any) -> Any:
    """Return the sum of a list of numbers, or how many elements another has; what is no list as a number."""
    if isinstance(values, list):
        return total(values) or len(values) or None
    return None if isinstance(values, msgspec.Raw) else number(values)
