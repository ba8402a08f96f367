"""What a call cost as the three floats that some backends demand: in all, for the input, for the output."""

from __future__ import annotations

import msgspec

from outlay.integration import Call, dollars


class Costs(msgspec.Struct, frozen=True):
    """USD."""

    total: float
    input: float
    output: float
    shared: bool = False
    """Whether the parts are made from a total that was reported whole."""


def costs(call: Call) -> Costs | None:
    """Return what ``call`` cost; None where that is not known.

    The total is what the ledger has. Where a provider reported it whole, its parts are shared out by tokens.
    """
    found = dollars(call)
    if found is None:
        return None
    if found.input is not None and found.output is not None:
        return Costs(found.total, found.input, found.output)
    usage = call.usage
    tokens = usage.total_tokens if usage is not None else 0
    read = found.total * usage.input_tokens / tokens if usage is not None and tokens else found.total
    return Costs(found.total, read, found.total - read, shared=True)
