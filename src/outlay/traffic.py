"""What calls add up to, as the ledger tells and the watch for spikes takes it: plain rows, amounts in pico-USD."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

Filters = Mapping[str, str | None]
"""Which calls: the ledger's fields by name, and the value that each must have."""
Time = tuple[int, int]
"""From when until when, in nanoseconds since the epoch; or one figure for each of two times."""


class Traffic(NamedTuple):
    """What the calls of one key were in one bucket of time: the one in which they ended."""

    slot: int
    """Buckets since 1970, of five minutes or of one."""
    key: tuple[str, ...]
    calls: int
    errors: int
    retries: int
    input: int
    """Tokens read, cached ones included."""
    cached: int
    """Those of them that came from a cache."""
    output: int
    cost: int
    seconds: float
    """Time that the answered calls took, added up."""


class Watching(NamedTuple):
    """What guards look at of one call."""

    id: str
    end: int
    """Nanoseconds since the epoch."""
    trace_id: str
    feature: str
    path: str
    """Features from the outermost span to the call's own, joined by ``/``."""
    site: str
    provider: str
    model: str
    cost: int
    """0 where it is unknown."""
    request_digest: str
    """Equal for equal requests of one run; empty where none was made."""
    tools_digest: str
    """The same of the tools that an agent's answer calls."""
    capped: bool
    """Whether the answer ended at its output limit."""
    failed: bool


Model = tuple[str, str]
"""Provider and model."""
Classes = dict[str, tuple[int, int]]
"""Tokens and what they cost, by disjoint class."""
NONE: Classes = {}
"""No tokens; not to be changed."""


class Spent(NamedTuple):
    """What the calls to one model were in a time."""

    requests: int = 0
    """Attempts that succeeded, as in reports."""
    billed: int = 0
    """Attempts that used tokens or cost something."""
    cost: int = 0
    read: Classes = NONE
    written: Classes = NONE
    unpriced: int = 0
    """Attempts whose cost is not known, or in part only: ``cost`` does not hold (all of) them."""

    @property
    def other(self) -> int:
        """What was paid for something else than tokens."""
        split = (*self.read.values(), *self.written.values())
        return self.cost - sum(amount for tokens, amount in split if tokens)


class Mark(NamedTuple):
    """A moment that somebody marked, or at which a release was first seen."""

    at: int
    """Nanoseconds since the epoch."""
    name: str
