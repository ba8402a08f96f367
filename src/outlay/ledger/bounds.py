"""The ledger's numbers: 64 bits, none negative where it counts something. What is beyond is unknown, never cut."""

from __future__ import annotations

from typing import Any

import msgspec

from outlay.records import Call, Cost

INTEGER_LIMIT = 2**63 - 1
"""The largest integer of the ledger's columns."""

TOKEN_LIMIT = 10**12
"""Tokens beyond which a single call's usage is taken for nonsense: sums must fit 64 bits."""


def bounded(call: Call) -> Call:
    """Return ``call`` with numbers that the ledger can hold; usage or cost that has others is unknown, and marked."""
    marks, usage, cost = call.marks, call.usage, call.cost
    if usage is not None and (_nonsense(msgspec.to_builtins(usage)) or usage.total_tokens > TOKEN_LIMIT):
        usage, marks = None, (*marks, "usage_out_of_range")
    if _nonsense(msgspec.to_builtins(cost)):
        cost, marks = Cost(status="unknown"), (*marks, "cost_out_of_range")
    changes: dict[str, Any] = {
        name: max(-INTEGER_LIMIT, min(INTEGER_LIMIT, value))
        for name in ("start", "end", "first_chunk", "status", "attempt")
        if beyond(value := getattr(call, name))
    }
    if changes:
        marks = (*marks, "number_out_of_range")
    return msgspec.structs.replace(call, usage=usage, cost=cost, marks=marks, **changes)


def beyond(value: object) -> bool:
    """Return whether ``value`` is an integer that 64 bits can't hold."""
    return isinstance(value, int) and abs(value) > INTEGER_LIMIT


def _nonsense(value: object) -> bool:
    if isinstance(value, dict):
        return any(_nonsense(held) for held in value.values())
    if isinstance(value, (list, tuple)):
        return any(_nonsense(held) for held in value)
    return isinstance(value, (int, float)) and not 0 <= value <= INTEGER_LIMIT
