"""What a budget does at a threshold: downgrade, cap the output, block, or whatever a function of the user's decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec


class Downgrade(msgspec.Struct, frozen=True):
    """Send the call to another model of the same provider."""

    model: str


class Cap(msgspec.Struct, frozen=True):
    """Limit the output to so many tokens per choice, unless the caller's own limit is lower."""

    output_tokens: int


class Block(msgspec.Struct, frozen=True):
    """Refuse the call: nothing is sent, and ``BudgetExceeded`` is raised."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a budget stands as a call is about to be made: what a function of the user's gets to decide by."""

    budget: str
    scope: Mapping[str, str]
    """The tag values that this limit is for; empty where it is for everything."""
    window: str
    limit: Decimal
    """USD, as all amounts here."""
    spent: Decimal
    held: Decimal
    """Reserved by calls in flight."""
    amount: Decimal
    """What this call costs at most; 0 where nothing bounds it."""
    percent: float
    """Of the limit, spent and held together."""
    provider: str
    model: str | None
    feature: str
    tags: Mapping[str, str]


Action = Block | Downgrade | Cap
Chooser = Callable[[Standing], Action | None]
"""A function of the user's: the action to take, or None to let the call pass."""
Steps = tuple[Action | Chooser, ...]
"""Actions in the order in which they are tried: one that can't be done in a request gives way to the next."""

block = Block()


def usable(step: object) -> bool:
    """Return whether ``step`` is an action that can be taken: one of the three, made of what it says."""
    if isinstance(step, Downgrade):
        return isinstance(step.model, str) and bool(step.model)
    if isinstance(step, Cap):
        return is_count(step.output_tokens)
    return isinstance(step, Block)


def is_count(value: object) -> bool:
    """Return whether ``value`` is a whole number above 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def downgrade(model: str) -> Downgrade:
    """Return the action that sends calls to ``model``, of the same provider."""
    return Downgrade(model)


def cap(output_tokens: int) -> Cap:
    """Return the action that limits a call's output to ``output_tokens`` per choice."""
    return Cap(output_tokens)
