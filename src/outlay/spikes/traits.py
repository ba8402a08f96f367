"""What is known of each channel before anything was seen: how it varies, and when a rise is worth telling."""

from __future__ import annotations

from typing import NamedTuple


class Traits(NamedTuple):
    """A channel's constants. Variances and deviations are of logarithms: 0.03 is three per cent."""

    name: str
    counts: bool = False
    """Whether what is seen is a count of events; else a sum whose mean over calls is of interest."""
    spread: float = 1.0
    """Variance of a single call, to begin with; it is learned."""
    spread_least: float = 0.01
    floor: float = 0.03
    """Deviation that is always granted."""
    least: float = 0.0
    """Rise that is worth telling."""
    hours: float = 0.0
    """Deviation of an hour of the day that was not seen yet."""
    hours_drift: float = 0.0
    """Variance that an hour's value gains from one day to the next."""
    days: float = 0.0
    """The same of a day of the week."""
    rest_days: float = 0.0
    """The same of Saturday and Sunday."""
    days_drift: float = 0.0
    level_drift: float = 1e-7
    """Variance that the level gains in an hour."""
    wander: float = 0.0
    """Deviation of the slow wander about the usual."""
    white: float = 0.0
    """Variance of a bucket beyond what counting explains, to begin with; it is learned."""
    lumpy: bool = False
    """Whether one call alone can be many times the usual: then a rise is one that two buckets show."""
    limit: float = 12.0
    """Evidence, in nats, at which the channel is in alarm."""
    hold: float = 4.0
    """Evidence from which on what is seen may be an incident, and teaches less."""
    held: float = 0.0
    """Share of what an hour teaches while that is so."""
    accept: int = 144
    """Buckets in alarm after which a higher level is taken for the usual one."""
    fallen: int = 48
    """Buckets after which a lower level is."""


CALLS = Traits(
    "calls",
    counts=True,
    hours=0.6,
    hours_drift=2e-3,
    days=0.25,
    rest_days=0.8,
    days_drift=1e-3,
    level_drift=1e-5,
    wander=0.1,
    white=0.02,
    hold=12.0,
    held=0.2,
    accept=288,
    fallen=288,
)
"""Calls have a day and a week, wander for hours, and come in bursts."""

INPUT = Traits("input", floor=0.005, least=0.03, hours=0.03, hours_drift=2e-6, limit=11.0)
"""Tokens read per call."""

OUTPUT = Traits("output", floor=0.005, least=0.03, hours=0.03, hours_drift=2e-6, limit=11.0)
"""Tokens written per call that was answered."""

PRICE = Traits("price", spread=0.05, spread_least=0.005, floor=0.05, lumpy=True)
"""Dollars per token, weighted as most price lists do: it moves with the model and its tier, hardly with the mix. What
is billed per use stands beside the tokens: a search, a picture."""

MISSES = Traits("misses", spread=0.1, spread_least=0.02, floor=0.05)
"""The share of the input that came from no cache."""

LATENCY = Traits("latency", spread=0.4, hours=0.12, hours_drift=1e-4)
"""Seconds per call that was answered. Its day is not known at first, so little is said then."""

ERRORS = Traits("errors", counts=True, floor=0.1, limit=11.0)
"""Failed calls among all."""

RETRIES = ERRORS._replace(name="retries")
"""Calls that try again what failed, among all."""
