"""What is owed by the month and not by the call: commitments, and discounts that begin at a volume."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from outlay.money import PICO
from outlay.pricing.schedule import dates


class Scope(NamedTuple):
    """Calls of a provider (``*``: of any) whose model matches one of the globs."""

    provider: str
    models: tuple[str, ...]

    def holds(self, provider: str, model: str) -> bool:
        """Return whether a call is meant."""
        return self.provider in {"*", provider} and any(fnmatchcase(model.lower(), glob) for glob in self.models)


class Commitment(NamedTuple):
    """One ``[[commit]]``: a month's calls in its scope cost at least so much."""

    scope: Scope
    amount: Fraction
    """USD a month."""
    why: str
    since: str
    until: str

    def owed(self, month: int) -> bool:
        """Return whether it is owed for the month that begins at ``month`` (ns since the epoch)."""
        return _holds(self.since, self.until, month)

    @property
    def pico(self) -> int:
        """Pico-USD a month."""
        return round(self.amount * PICO)


class Volume(NamedTuple):
    """One ``[[volume]]``: beyond so many tokens, or so much money, a month's calls cost ``factor`` of their price."""

    scope: Scope
    tokens: int | None
    amount: Fraction | None
    """USD, where it is not tokens that count."""
    factor: Fraction
    why: str
    since: str
    until: str

    @property
    def threshold(self) -> Fraction:
        """Tokens or pico-USD of a month at which it begins."""
        return Fraction(self.tokens) if self.tokens is not None else (self.amount or Fraction(0)) * PICO

    def counts(self, month: int) -> bool:
        """Return whether it holds for the month that begins at ``month`` (ns since the epoch)."""
        return _holds(self.since, self.until, month)


class Spent(NamedTuple):
    """One call of a month, in the order in which they began."""

    start: int
    tokens: int
    cost: int
    """Pico-USD."""


def discount(tiers: Sequence[Volume], calls: Iterable[Spent], since: int) -> int:
    """Return the pico-USD that calls from ``since`` on cost less (more, if negative) by the volume of their month.

    ``calls`` are all of the month's, in order; ``tiers`` are alike in scope and in what they count. What one call has
    on both sides of a threshold is shared out by what counts.
    """
    ordered = sorted(tiers, key=lambda tier: tier.threshold)
    steps = [(tier.threshold, tier.factor) for tier in ordered]
    by_tokens = bool(ordered) and ordered[0].tokens is not None
    reached, less = Fraction(0), Fraction(0)
    for call in calls:
        size = call.tokens if by_tokens else call.cost
        if call.start >= since and size and reached + size > steps[0][0]:
            less += call.cost * (1 - _factor(steps, reached, size))
        reached += size
    return round(less)


def _factor(steps: Sequence[tuple[Fraction, Fraction]], reached: Fraction, size: int) -> Fraction:
    """Return the mean factor of what lies between ``reached`` and ``reached + size``."""
    edges = [(Fraction(0), Fraction(1)), *steps, (reached + size, Fraction(1))]
    total = Fraction(0)
    for (begin, factor), (end, _) in pairwise(edges):
        inside = min(end, reached + size) - max(begin, reached)
        total += factor * max(Fraction(0), inside)
    return total / size


def _holds(since: str, until: str, at: int) -> bool:
    first, last = dates(since, until)
    return first <= at < last
