"""GPUs of one's own: what their hours cost, and at which volume they cost what a model by the token costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Literal, NamedTuple

from outlay.money import PICO
from outlay.pricing import schedule
from outlay.pricing.table import Price
from outlay.pricing.units import decimal

Allocate = Literal["none", "tokens", "busy_seconds"]
Key = tuple[str | None, ...]
HOUR = 3600 * schedule.SECOND
HOURS_A_MONTH = 730
"""A twelfth of 365 days."""


class Host(NamedTuple):
    """One ``[[host]]`` of a price book: GPUs that are paid by the hour, whatever they do."""

    name: str
    gpu_hour: Fraction
    """USD for one GPU for one hour."""
    gpus: int = 1
    allocate: Allocate = "none"
    """How the hours in which calls ran are shared out among them."""
    runs: Price = Price()
    """When it runs, and is paid for: dates, hours, weekdays."""
    source: str = ""
    by_clock: bool = True
    """Whether its hours are counted by the clock, and not by what calls are recorded with."""

    def cost(self, nanoseconds: int) -> Fraction:
        """Return the pico-USD of so much time."""
        return self.gpu_hour * self.gpus * PICO * Fraction(nanoseconds, HOUR)

    def running(self, since: int, until: int) -> Iterator[tuple[int, int]]:
        """Yield the spans of (``since``, ``until``) in which it runs; nanoseconds since the epoch."""
        at = since
        while at < until:
            _, end = schedule.span([self.runs], at)
            end = min(end, until)
            if schedule.holds(self.runs, at, {}):
                yield at, end
            at = end


class Presence(NamedTuple):
    """A call on a host: when it ran, what it is known by, and its tokens."""

    start: int
    end: int
    key: Key
    tokens: int


class Allocation(NamedTuple):
    """What a host cost in a time, and whose that was; pico-USD, the parts adding up to the total."""

    total: int
    by_key: dict[Key, int]
    idle: int
    """The time in which no call ran."""
    running: int
    """The hour that is not over yet: what calls it will have is not known."""
    paid_ns: int
    busy_ns: int
    """The time in which at least one call ran."""


def allocate(host: Host, calls: Sequence[Presence], since: int, until: int, closed: int) -> Allocation:
    """Share what ``host`` costs from ``since`` to ``until`` out among its calls, hour by hour; hours up to ``closed``.

    Of each hour the time in which at least one call ran is shared out by tokens or by seconds; the rest is idle.
    """
    by_hour = _by_hour(calls)
    shares: dict[Key, int] = {}
    total = idle = running = paid = busy = 0
    for start, end in host.running(since, until):
        for first, last in _hours(start, end):
            cost = round(host.cost(last - first))
            paid += last - first
            total += cost
            if last > closed:
                running += cost
                continue
            inside = _clipped(by_hour.get(first // HOUR, ()), first, last)
            used = _union(inside)
            busy += used
            shared = min(cost, round(host.cost(used)))
            idle += cost - shared
            _share(shares, inside, shared, host.allocate)
    return Allocation(total, shares, idle, running, paid, busy)


def apportion(amount: int, weights: Sequence[Fraction]) -> list[int]:
    """Share an amount out by weights, in whole numbers that add up to it."""
    whole = sum(weights, Fraction(0))
    exact = [amount * weight / whole for weight in weights]
    parts = [part.numerator // part.denominator for part in exact]
    largest = sorted(range(len(parts)), key=lambda at: parts[at] - exact[at])
    for at in largest[: amount - sum(parts)]:
        parts[at] += 1
    return parts


def _hours(start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end:
        following = min(end, (start // HOUR + 1) * HOUR)
        yield start, following
        start = following


def _by_hour(calls: Sequence[Presence]) -> dict[int, list[Presence]]:
    """Return calls by each hour (since 1970) that they ran in."""
    found: dict[int, list[Presence]] = {}
    for call in calls:
        for hour in range(call.start // HOUR, -(-max(call.end, call.start + 1) // HOUR)):
            found.setdefault(hour, []).append(call)
    return found


def _clipped(calls: Sequence[Presence], first: int, last: int) -> list[tuple[int, int, Presence]]:
    clipped = [(max(call.start, first), min(call.end, last), call) for call in calls]
    return sorted(((start, end, call) for start, end, call in clipped if start < end), key=lambda one: one[:2])


def _union(inside: Sequence[tuple[int, int, Presence]]) -> int:
    """Return how long at least one of the calls ran; they are in order of their start."""
    total, reached = 0, 0
    for start, end, _ in inside:
        total += max(0, end - max(start, reached))
        reached = max(reached, end)
    return total


def _share(shares: dict[Key, int], inside: Sequence[tuple[int, int, Presence]], cost: int, by: Allocate) -> None:
    """Add each key's share of ``cost`` to what it has."""
    weights: dict[Key, Fraction] = {}
    seconds: dict[Key, Fraction] = {}
    for start, end, call in inside:
        seconds[call.key] = seconds.get(call.key, Fraction(0)) + (end - start)
        part = Fraction(call.tokens * (end - start), call.end - call.start)
        weights[call.key] = weights.get(call.key, Fraction(0)) + part
    if by != "tokens" or not any(weights.values()):  # calls without tokens are there all the same
        weights = seconds
    parts = apportion(cost, list(weights.values())) if weights else []
    for key, amount in zip(weights, parts, strict=True):
        shares[key] = shares.get(key, 0) + amount


class BreakEven(NamedTuple):
    """The volume at which a host costs as much as a model that is paid by the token."""

    host: str
    model: str
    host_cost: Decimal
    """USD of a month."""
    tokens: int | None
    """Tokens of a month, in and out in the proportion that was compared; None where the model costs nothing."""
    tokens_per_second: Decimal | None
    """What the host would have to do through all its hours to reach it."""


def break_even(host: Host, model: str, tokens: int, cost: Decimal | None, hours: int = HOURS_A_MONTH) -> BreakEven:
    """Return when ``host`` pays, against ``cost`` USD for ``tokens`` of a model by the token."""
    a_month = host.gpu_hour * host.gpus * hours
    if not cost or not tokens:
        return BreakEven(host.name, model, decimal(a_month), None, None)
    volume = a_month * tokens / Fraction(cost)
    a_second = round(decimal(volume / (hours * 3600)), 1)
    return BreakEven(host.name, model, decimal(a_month), -(-volume.numerator // volume.denominator), a_second)
