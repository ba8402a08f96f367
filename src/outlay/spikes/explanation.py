"""Why did spend change: the difference between two times, split among what multiplies to it, exact to the pico-USD.

A model's cost is requests x billed attempts per request x the model's share x tokens per attempt x the share of a
token class x dollars per token. Which factor carries how much depends on the order in which they are changed, unless no
order is preferred: each gets its average over all orders (its Shapley value). The parts add up to the difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cache
from math import ceil, factorial

import msgspec

from outlay.traffic import Model, Spent

FACTORS = ("volume", "retries", "model", "input", "cache", "output", "price", "other")
"""What a difference is split among, in the order in which it is shown."""

MEANINGS = {
    "volume": "the number of requests",
    "retries": "billed attempts per request",
    "model": "which models they went to",
    "input": "tokens read per attempt",
    "cache": "the share of them read from and written to caches",
    "output": "tokens written per attempt",
    "price": "dollars per token: price and tier",
    "other": "searches, images, charges not split by the provider",
}

Cells = Mapping[Model, Spent]
"""What the calls of a time were, by model."""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """A difference and its parts, in pico-USD: they add up exactly."""

    before: int
    after: int
    requests_before: int
    requests_after: int
    parts: dict[str, int]
    """By ``FACTORS``."""
    unpriced_before: int = 0
    unpriced_after: int = 0
    """Attempts that went without a (full) price, and so are in no amount (all of it)."""

    @property
    def difference(self) -> int:
        """What ``after`` is more than ``before``."""
        return self.after - self.before

    @property
    def largest(self) -> str:
        """The factor that carries most of the difference, in its direction."""
        sign = 1 if self.difference >= 0 else -1
        return max(FACTORS, key=lambda name: sign * self.parts[name])


def explain(before: Cells, after: Cells, scale: Fraction = Fraction(1)) -> Explanation:
    """Split the difference between ``before``, taken ``scale`` times, and ``after``.

    ``scale`` makes a usual day's cells the expectation of an hour: it scales the requests, and what they cost.
    """
    parts = dict.fromkeys(FACTORS, Fraction())
    one, two = _Whole(before, scale), _Whole(after, Fraction(1))
    for model in {**before, **after}:
        for term in _terms(model, one, two):
            _split(term, parts)
    old, new = one.cost, two.cost
    return Explanation(
        before=old,
        after=new,
        requests_before=round(one.requests),
        requests_after=round(two.requests),
        parts=rounded(parts, new - old),
        unpriced_before=ceil(sum(cell.unpriced for cell in before.values()) * scale),
        unpriced_after=sum(cell.unpriced for cell in after.values()),
    )


Pair = tuple[Fraction, Fraction]
"""A factor's value before and after."""
Term = Sequence[tuple[str, Pair]]
"""A product: its factors by name."""


class _Whole:
    """One time's cells with their totals."""

    def __init__(self, cells: Cells, scale: Fraction) -> None:
        self.cells = {model: cell for model, cell in cells.items() if cell.billed or cell.requests or cell.cost}
        self.scale = scale
        self.billed = sum(cell.billed for cell in cells.values()) * scale
        self.cost = round(sum(cell.cost for cell in cells.values()) * scale)
        self.requests = sum(cell.requests for cell in cells.values()) * scale
        # A time in which nothing succeeded has attempts without requests: what failed may be billed, too.
        self.asked = self.requests or self.billed

    def of(self, model: Model) -> Spent:
        return self.cells.get(model, _NOTHING)


_NOTHING = Spent()


def _terms(model: Model, one: _Whole, two: _Whole) -> list[Term]:
    """Return the products that the cost of ``model`` is the sum of."""
    old, new = one.of(model), two.of(model)
    common: list[tuple[str, Pair]] = [
        ("volume", (Fraction(one.asked), Fraction(two.asked))),
        ("retries", _either(_ratio(one.billed, one.asked), _ratio(two.billed, two.asked))),
        ("model", _shares(old, new, one, two)),
    ]
    made: list[Term] = []
    read = [sum(tokens for tokens, _ in cell.read.values()) for cell in (old, new)]
    per_attempt = _either(_ratio(read[0], old.billed), _ratio(read[1], new.billed))
    for name in {**old.read, **new.read}:
        (tokens, amount), (tokens_new, amount_new) = old.read.get(name, (0, 0)), new.read.get(name, (0, 0))
        share = _either(_ratio(tokens, read[0]), _ratio(tokens_new, read[1]))
        price = _either(_ratio(amount, tokens), _ratio(amount_new, tokens_new))
        made.append([*common, ("input", per_attempt), ("cache", share), ("price", price)])
    for name in {**old.written, **new.written}:
        (tokens, amount), (tokens_new, amount_new) = old.written.get(name, (0, 0)), new.written.get(name, (0, 0))
        length = _either(_ratio(tokens, old.billed), _ratio(tokens_new, new.billed))
        price = _either(_ratio(amount, tokens), _ratio(amount_new, tokens_new))
        made.append([*common, ("output", length), ("price", price)])
    other = _either(_ratio(old.other, old.billed), _ratio(new.other, new.billed))
    return [*made, [*common, ("other", other)]]


def _ratio(part: Fraction | int, whole: Fraction | int) -> Fraction | None:
    return Fraction(part) / Fraction(whole) if whole else None


def _either(old: Fraction | None, new: Fraction | None) -> Pair:
    """Return both values; one that is not defined, for want of calls or tokens, is as the other: it did not change."""
    some = old if new is None else new
    return (some if old is None else old) or Fraction(), some or Fraction()


def _shares(old: Spent, new: Spent, one: _Whole, two: _Whole) -> Pair:
    before, after = _ratio(old.billed * one.scale, one.billed), _ratio(new.billed, two.billed)
    return _either(before, after)


def _split(term: Term, parts: dict[str, Fraction]) -> None:
    """Add to ``parts`` what each factor of a product carries of the product's difference."""
    if not any(old != new for _, (old, new) in term):
        return
    for at, (name, (old, new)) in enumerate(term):
        if old == new:
            continue
        # Coefficient k: the sum of the products in which k of the other factors have changed already.
        sums = [Fraction(1)]
        for other, (_, (was, is_now)) in enumerate(term):
            if other != at:
                sums = [
                    (sums[k] * was if k < len(sums) else Fraction()) + (sums[k - 1] * is_now if k else Fraction())
                    for k in range(len(sums) + 1)
                ]
        weights = _weights(len(term))
        parts[name] += (new - old) * sum((w * s for w, s in zip(weights, sums, strict=True)), Fraction())


@cache
def _weights(factors: int) -> tuple[Fraction, ...]:
    """Return the share of all orders in which a factor comes after k given others, for each k."""
    return tuple(Fraction(factorial(k) * factorial(factors - 1 - k), factorial(factors)) for k in range(factors))


def rounded(parts: Mapping[str, Fraction], difference: int) -> dict[str, int]:
    """Round ``parts`` so that they add up to ``difference``: what is left goes to those with the largest rest."""
    floors = {name: amount.__floor__() for name, amount in parts.items()}
    rest = difference - sum(floors.values())
    order = sorted(parts, key=lambda name: floors[name] - parts[name], reverse=rest < 0)
    for at in range(abs(rest)):
        floors[order[at % len(order)]] += 1 if rest > 0 else -1
    return floors
