"""Amounts: integer pico-USD inside, exact ``Decimal`` USD at the surface."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any, Self

PICO = 10**12
"""Pico-USD in one USD: the unit of every amount inside outlay (nano is too coarse for 3.6 % of list prices)."""


class Spend(Decimal):
    """A sum of costs in USD that says how much it leaves out.

    It is a ``Decimal``, so it compares, adds and prints as one.
    """

    __slots__ = ("lower", "unpriced_calls", "upper")

    unpriced_calls: int
    """Calls whose cost is unknown, or known in part only: the sum does not hold (all of) them."""
    lower: Decimal
    """The sum with every estimate at its lower bound."""
    upper: Decimal | None
    """The sum with every estimate at its upper bound; None where one of them has none."""

    def __new__(
        cls, amount: int, *, unpriced_calls: int = 0, lower: int | None = None, upper: int | None = None
    ) -> Self:
        """Make a spend of ``amount`` pico-USD; ``lower`` and ``upper`` (pico-USD too) default to it."""
        spend = super().__new__(cls, usd(amount))
        spend.unpriced_calls = unpriced_calls
        spend.lower = usd(amount if lower is None else lower)
        spend.upper = None if upper is None else usd(upper)
        return spend

    def __reduce__(self) -> Any:
        return (_spend, (Decimal(self), self.unpriced_calls, self.lower, self.upper))

    @property
    def complete(self) -> bool:
        """Whether every call of the sum has its full cost in it."""
        return self.unpriced_calls == 0


def _spend(amount: Decimal, unpriced_calls: int, lower: Decimal, upper: Decimal | None) -> Spend:
    spend = Spend(pico(amount), unpriced_calls=unpriced_calls, lower=pico(lower))
    spend.upper = upper
    return spend


def written(amount: Decimal | None) -> str:
    """Write USD: cents from one dollar up, four digits that count below, a question mark where it is not known."""
    if amount is None:
        return "?"
    sign = "-" if amount < 0 else ""
    size = abs(amount)
    # What rounds up to a dollar is written as one.
    if size == 0 or size >= Decimal("0.99995"):
        return f"{sign}${size:,.2f}"
    return f"{sign}${size:.{max(4, 3 - size.adjusted())}f}"


def usd(amount: int) -> Decimal:
    """Turn pico-USD into USD, exactly, whatever the size."""
    sign, digits, _ = Decimal(amount).as_tuple()
    return Decimal((sign, digits, -12)).normalize() + 0


def number(given: object) -> Decimal | None:
    """Return a finite number as it is written (floats too); None for what is none, as True is none."""
    try:
        found = Decimal(str(given))
    except InvalidOperation:
        return None
    return found if found.is_finite() and not isinstance(given, bool) else None


def pico(amount: Decimal) -> int:
    """Turn USD into pico-USD, rounded half to even where finer."""
    sign, digits, exponent = amount.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError(f"an amount must be a finite number of USD, not {amount}")
    number = int("".join(map(str, digits)))
    shift = exponent + 12
    if shift >= 0:
        number *= int(10**shift)
    else:
        unit = int(10**-shift)
        number, rest = divmod(number, unit)
        half = 2 * rest - unit
        if half > 0 or (half == 0 and number % 2 == 1):
            number += 1
    return -number if sign else number
