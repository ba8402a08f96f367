"""Put what other models cost into a call's cost: Anthropic's advisor is billed at its own model's price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from outlay.records import Cost, CostItem, Quantity


class Used(Protocol):
    """What another model was used for."""

    @property
    def model(self) -> str:
        """Its name."""

    @property
    def classes(self) -> dict[str, Quantity]:
        """What it used."""

    @property
    def terms(self) -> Mapping[str, str]:
        """Price terms that are not those of the call."""


def put_items(cost: Cost, items: Sequence[tuple[CostItem, Cost]]) -> Cost:
    """Return ``cost`` with items, each with what it costs by itself; an item without a price makes it partial."""
    by_class = dict(cost.by_class)
    amount, unpriced = cost.amount, list(cost.unpriced)
    for item, own in items:
        for name, part in own.by_class.items():
            by_class[name] = by_class.get(name, 0) + part
        if amount is not None and own.amount is not None and cost.source == "computed":
            amount += own.amount
        if own.amount is None or own.unpriced:
            unpriced.append(f"model:{item.model}")
    if amount and cost.status == "free":  # the call's own model declined, and one before it had begun to answer
        cost = msgspec.structs.replace(cost, status="priced")
    status = (
        "partial" if unpriced and cost.status in ("priced", "partial") and cost.source == "computed" else cost.status
    )
    return msgspec.structs.replace(
        cost,
        status=status,
        amount=amount,
        by_class=by_class if amount is not None and cost.source == "computed" else cost.by_class,
        unpriced=tuple(unpriced) if cost.source == "computed" and amount is not None else cost.unpriced,
        items=tuple(item for item, _ in items),
    )
