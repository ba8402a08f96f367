"""GPUs of one's own: what their hours cost, and at which volume they cost what a model by the token costs."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Literal, NamedTuple

from outlay.money import PICO
from outlay.pricing import schedule
from outlay.pricing.table import Price
from outlay.pricing.units import decimal

Allocate = Literal["none", "tokens", "busy_seconds"]
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

    def cost(self, nanoseconds: int) -> Fraction:
        """Return the pico-USD of so much time."""
        return self.gpu_hour * self.gpus * PICO * Fraction(nanoseconds, 3600 * schedule.SECOND)

    def running(self, since: int, until: int) -> Iterator[tuple[int, int]]:
        """Yield the spans of (``since``, ``until``) in which it runs; nanoseconds since the epoch."""
        at = since
        while at < until:
            _, end = schedule.span([self.runs], at)
            end = min(end, until)
            if schedule.holds(self.runs, at, {}):
                yield at, end
            at = end


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
