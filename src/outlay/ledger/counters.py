"""What a call adds to the rollups: counters packed into one integer, so that they are added all at once."""

from __future__ import annotations

import struct

from outlay.ledger.labels import Label
from outlay.records import Call

MILLI = 10**9
"""Pico-USD in a milli-USD: sums are kept as both, so that they stay exact beyond 64 bits of pico-USD."""

SUMS: tuple[str, ...] = (
    *("attempts", "requests", "errors", "input", "cache_read", "output", "reasoning", "duration_us"),
    *("cost_milli", "cost_pico", "unpriced_calls", "unpriced_tokens", "estimated_calls", "unbounded_calls"),
    *("cache_write_5m", "cache_write_1h", "cache_write_12h", "other_input", "other_output"),
    *("bounded_milli", "bounded_pico", "lower_milli", "lower_pico", "upper_milli", "upper_pico"),
)
"""The summed columns of ``rollups``: what a call adds to them, in the order of a packed counter's lanes."""

COMMON = 10
"""How many of them, from the first on, a plain call adds to: priced, exact, without writes to a cache."""

_DURATION_LIMIT = 10**12

# One lane of 64 bits a counter: adding two packed integers adds all counters at once. No call's counter exceeds 2**40,
# so 2**23 calls can be added before a lane runs over into the next.
_LANES = struct.Struct(f"<{len(SUMS)}Q")
_COMMON_LANES = struct.Struct(f"<{COMMON}Q")
_RARE_LANES = struct.Struct(f"<{len(SUMS) - COMMON}Q")


def pack_common(call: Call, label: Label, tokens: tuple[int, ...]) -> int:
    """Return what a plain call adds to the rollups, packed; ``tokens`` are its nine columns."""
    duration = _duration(call) if label.request else 0
    amount = call.cost.amount or 0
    return int.from_bytes(
        _COMMON_LANES.pack(
            *(1, label.request, label.error, tokens[0], tokens[1], tokens[6], tokens[8], duration),
            *(amount // MILLI, amount % MILLI),
        ),
        "little",
    )


def _duration(call: Call) -> int:
    """Return the microseconds that ``call`` took, within what a lane holds."""
    duration = (call.end - call.start) // 1000
    if 0 <= duration <= _DURATION_LIMIT:
        return duration
    return _DURATION_LIMIT if duration > 0 else 0


def pack(call: Call, label: Label, tokens: tuple[int, ...], unpriced: int | None) -> int:
    """Return what any call adds to the rollups, packed; ``unpriced`` counts its tokens without a price."""
    cost = call.cost
    amount = cost.amount or 0
    estimated = call.usage is not None and call.usage.estimated
    bounds = not (cost.lower is cost.upper is None)
    rare = _RARE_LANES.pack(
        unpriced is not None,
        unpriced or 0,
        estimated,
        estimated and cost.amount is not None and cost.upper is None,
        *tokens[2:6],
        tokens[7],
        *divmod(amount if bounds else 0, MILLI),
        *divmod(amount if bounds and cost.lower is None else cost.lower or 0, MILLI),
        *divmod(amount if bounds and cost.upper is None else cost.upper or 0, MILLI),
    )
    return pack_common(call, label, tokens) + (int.from_bytes(rare, "little") << 64 * COMMON)


def unpack(counters: int) -> tuple[int, ...]:
    """Return the counters that were packed into an integer, in the order of ``SUMS``."""
    return _LANES.unpack(counters.to_bytes(_LANES.size, "little"))


def unpack_common(counters: int) -> tuple[int, ...] | None:
    """Return the ``COMMON`` counters where all others are zero, else None."""
    if counters >> (64 * COMMON):
        return None
    return _COMMON_LANES.unpack(counters.to_bytes(_COMMON_LANES.size, "little"))
