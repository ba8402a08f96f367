"""Evidence as log-likelihood ratios: how much better "it has risen" explains what was seen than "as expected"."""

from __future__ import annotations

from math import log


def of_count(seen: float, expected: float, variance: float) -> float:
    """Return the evidence that a count has risen, in nats; 0 where it has not.

    Counts are negative binomial: Poisson about a rate that itself is known up to the relative ``variance``. So few
    events weigh little, and many weigh no more than the expectation is worth.
    """
    if seen <= expected or seen <= 0.0:
        return 0.0
    shape = 1.0 / variance
    return seen * log(seen / expected) - (seen + shape) * log((seen + shape) / (expected + shape))


def of_ratio(difference: float, variance: float, number: float) -> float:
    """Return the evidence that a mean over ``number`` calls has risen by ``difference`` (of logarithms), in nats.

    Student's t rather than Gauss: the fewer the calls, the more a single long one can do.
    """
    freedom = 4.0 + number / 4.0
    return 0.5 * (freedom + 1.0) * log(1.0 + difference * difference / (variance * freedom))
