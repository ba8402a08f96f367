"""Our prices as Weave's: USD a token for a model's prompt, completion, cache reads and cache writes, from a date on.

Weave knows no others, so calls that were priced by a band of long prompts, another tier, one-hour cache writes, a fee
or a provider's own bill can't be told: their cost there differs from ours, and the reason is said.
"""

from __future__ import annotations

import msgspec

from outlay.integration import Call

GROUPS = {
    "prompt": ("input", "input_audio", "input_image", "input_video", "tool_use_input"),
    "read": ("cache_read", "cache_read_audio", "cache_read_image"),
    "write": ("cache_write_5m", "cache_write_1h", "cache_write_12h"),
    "completion": ("output", "output_audio", "output_image", "output_video", "reasoning"),
}
"""Our classes that Weave has one rate for."""
NEAR = 1e-9
"""USD by which a cost may differ and be the same: the rounding of floats."""


class Rates(msgspec.Struct, frozen=True, omit_defaults=True):
    """USD a token; None where no call has told yet."""

    prompt: float | None = None
    completion: float | None = None
    read: float | None = None
    write: float | None = None

    def over(self, other: Rates) -> Rates:
        """Return these rates, and the other's where there are none."""
        mine, its = msgspec.structs.asdict(self), msgspec.structs.asdict(other)
        return Rates(**{name: its[name] if rate is None else rate for name, rate in mine.items()})

    def cost(self, call: Call) -> float | None:
        """Return what Weave makes of a call; None where it needs a rate that is not known."""
        total = 0.0
        for group, tokens in _tokens(call).items():
            rate = getattr(self, group)
            if tokens and rate is None:
                return None
            total += tokens * (rate or 0.0)
        return total


def rates(call: Call) -> Rates | str:
    """Return the rates that a call was priced by, or why Weave can't be told."""
    cost = call.cost
    if cost.amount is None or call.usage is None:
        return "unknown"
    if cost.status == "partial":
        return "partial"
    if cost.source == "reported":
        return "reported by the provider"
    if cost.items:
        return "several models"
    found: dict[str, float] = {}
    counts = call.usage.classes
    for group, classes in GROUPS.items():
        prices = {name: cost.by_class.get(name, 0) / counts[name] for name in classes if counts.get(name)}
        if prices:
            found[group] = (
                sum(prices[name] * counts[name] for name in prices) / sum(map(counts.__getitem__, prices)) / 1e12
            )
    told = Rates(**found)
    if any(amount for name, amount in cost.by_class.items() if not any(name in group for group in GROUPS.values())):
        return "fees"
    return told if _even(call) else "classes of several rates"


def _even(call: Call) -> bool:
    """Return whether all classes of each group were priced alike."""
    counts = {} if call.usage is None else call.usage.classes
    for classes in GROUPS.values():
        prices = [call.cost.by_class.get(name, 0) / counts[name] for name in classes if counts.get(name)]
        if prices and max(prices) - min(prices) > 1:  # pico-USD a token: what rounding makes
            return False
    return True


def _tokens(call: Call) -> dict[str, int]:
    usage = call.usage
    if usage is None:
        return {}
    read, write = usage.cache_read_input_tokens, usage.cache_write_input_tokens
    return {
        "prompt": usage.input_tokens - read - write,
        "read": read,
        "write": write,
        "completion": usage.output_tokens,
    }
