"""Read the usage objects that stand inside of a usage object and that its totals leave out: Anthropic's iterations."""

from __future__ import annotations

from typing import Any

import msgspec

from outlay.records import Quantity
from outlay.wire.api import Apart
from outlay.wire.paths import UNREADABLE
from outlay.wire.usage import UsageReader

Classes = dict[str, Quantity]
Item = tuple[str, Classes]
"""A model, and what it was used for."""

MANY = 256
"""Elements that are read."""


def read_apart(table: Apart, counts: UsageReader, raw: bytes) -> tuple[list[Classes], list[Item]]:
    """Return the classes to add to the call's own, and the items that other models are billed for.

    Raises ``InvalidUsage`` for what can't be a quantity.
    """
    try:
        elements: Any = msgspec.json.decode(raw).get(table.path)
    except (*UNREADABLE, AttributeError):
        return [], []
    added: list[Classes] = []
    items: list[Item] = []
    for element in elements[:MANY] if isinstance(elements, list) else ():
        kind = element.get(table.kind) if isinstance(element, dict) else None
        if kind not in (*table.added, *table.items):
            continue
        counted = counts.read(msgspec.json.encode(element))
        model = element.get(table.model)
        if counted is None or not counted[0]:
            continue
        if kind in table.added:
            added.append(counted[0])
        elif isinstance(model, str):
            items.append((model[:256], counted[0]))
    return added, items
