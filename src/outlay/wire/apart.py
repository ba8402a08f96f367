"""Read the usage objects that stand inside of a usage object and that its totals leave out: Anthropic's iterations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from outlay.records import Quantity
from outlay.wire.api import Apart
from outlay.wire.paths import UNREADABLE
from outlay.wire.usage import UsageReader

Classes = dict[str, Quantity]


class Item(NamedTuple):
    """What another model was used for in the call."""

    model: str
    classes: Classes
    declined: int | None = None
    """Of one that declined: the number of those that had before it."""
    terms: Mapping[str, str] = MappingProxyType({})
    """Price terms of its own."""


MANY = 256
"""Elements that are read."""


def read_apart(table: Apart, counts: UsageReader, raw: bytes) -> tuple[list[Classes], list[Item], str | None]:
    """Return the classes to add to the call's own, the items that other models are billed for, and who stepped in.

    Raises ``InvalidUsage`` for what can't be a quantity.
    """
    try:
        elements: Any = msgspec.json.decode(raw).get(table.path)
    except (*UNREADABLE, AttributeError):
        return [], [], None
    added: list[Classes] = []
    items: list[Item] = []
    listed = [one for one in elements[:MANY] if isinstance(one, dict)] if isinstance(elements, list) else []
    *declined, answered = _steps(table, listed)
    for element in listed:
        kind, model = element.get(table.kind), element.get(table.model)
        if kind not in (*table.added, *table.items) and model not in declined:
            continue
        counted = counts.read(msgspec.json.encode(element))
        if counted is None or not counted[0]:
            continue
        if kind in table.added:
            added.append(counted[0])
        elif isinstance(model, str):
            number = None if kind in table.items else declined.index(model)
            items.append(Item(model[:256], counted[0], number))
    return added, items, answered


def _steps(table: Apart, elements: Iterable[dict[str, Any]]) -> list[str | None]:
    """Return the models that declined, in their order, and who stepped in for them; only None where nobody did.

    What they took is in no total, unlike all that the last one did.
    """
    steps = [element for element in elements if element.get(table.kind) not in (*table.added, *table.items)]
    last = [step.get(table.model) for step in steps if table.stepped_in and step.get(table.kind) == table.stepped_in]
    if not last or not isinstance(last[-1], str):
        return [None]
    models = dict.fromkeys(step.get(table.model) for step in steps)
    return [*(model for model in models if isinstance(model, str) and model != last[-1]), last[-1][:256]]
