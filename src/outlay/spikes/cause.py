"""Why an incident costs what it costs: read from the ledger when it is to be told."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Protocol

import msgspec

from outlay.alerts.alert import Driver
from outlay.spikes.explanation import Cell, Cells, Explanation, Model, explain
from outlay.spikes.incidents import HOUR, Incident
from outlay.spikes.series import filters_of, name_of

DAY = 24 * HOUR
DIMENSIONS = ("feature", "site", "model", "release", "tag:user")
"""What may carry a spike, by the ledger's names."""
CARRIERS = 5
"""Carriers that are told at most."""
_ORDERS = {"latency": "slowest", "errors": "failed"}
"""Which calls are examples of a channel; of the others the dearest."""

Filters = Mapping[str, str | None]
Time = tuple[int, int]


class Spent(Protocol):
    """What the calls to one model were in a time."""

    @property
    def first(self) -> int:
        """Attempts that are no retry."""
    @property
    def billed(self) -> int:
        """Attempts that used tokens or cost something."""
    @property
    def cost(self) -> int:
        """Pico-USD."""
    @property
    def read(self) -> dict[str, tuple[int, int]]:
        """Tokens read and what they cost, by class."""
    @property
    def written(self) -> dict[str, tuple[int, int]]:
        """Tokens written and what they cost, by class."""


class Marked(Protocol):
    """A deploy marker."""

    @property
    def at(self) -> int:
        """Nanoseconds since the epoch."""
    @property
    def name(self) -> str:
        """What happened then."""


class Source(Protocol):
    """The questions that a ledger answers about calls."""

    def spent(self, since: int, until: int, filters: Filters | None = None) -> Mapping[Model, Spent]:
        """Return what the calls of a time were, by (provider, model)."""

    def carriers(self, name: str, times: tuple[Time, Time], filters: Filters | None = None) -> dict[str, Time]:
        """Return what each value of a field cost in two times."""

    def examples(self, since: int, until: int, filters: Filters, order: str) -> list[str]:
        """Return ids of three calls."""

    def marks(self, since: int, until: int) -> list[Marked]:
        """Return deploy markers and new releases."""


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """What was found."""

    explanation: Explanation
    """Against what was expected of the same time."""
    carriers: tuple[Driver, ...]
    examples: tuple[str, ...]
    """Ids of three calls."""
    marks: tuple[tuple[int, str], ...]
    """Deploys shortly before, and when (ns)."""

    @property
    def site(self) -> str:
        """``file:line`` of the tracked function that carries most; empty where none is known."""
        return next((driver.value for driver in self.carriers if driver.dimension == "site"), "")


def cells_of(spent: Mapping[Model, Spent]) -> Cells:
    """Return what a ledger tells of a time as an explanation takes it."""
    return {
        model: Cell(first=part.first, billed=part.billed, cost=part.cost, read=part.read, written=part.written)
        for model, part in spent.items()
    }


def find_cause(source: Source, incident: Incident) -> Cause:
    """Explain an incident: what its subject cost from its first bad bucket on, against what the day before was like.

    The day before is scaled to the calls that were expected, so hour and day of the week are in the comparison.
    """
    filters, time = filters_of(incident.subject), (incident.opened, incident.last)
    before = incident.opened - DAY, incident.opened
    usual = cells_of(source.spent(*before, filters))
    scale = _scale(incident, usual)
    return Cause(
        explanation=explain(usual, cells_of(source.spent(*time, filters)), scale),
        carriers=_carriers(source, incident, before, scale),
        examples=tuple(source.examples(*time, filters, _ORDERS.get(incident.driver, "dearest"))),
        marks=tuple((mark.at, mark.name) for mark in source.marks(incident.opened - HOUR, incident.last)),
    )


def _scale(incident: Incident, usual: Cells) -> Fraction:
    """Return the share of the day before that was expected of the incident's time."""
    expected = incident.usual[name_of(incident.subject)].usual_calls
    billed = sum(cell.billed for cell in usual.values())
    if not billed:
        return Fraction(incident.last - incident.opened, DAY)
    return Fraction(round(expected * 1000), billed * 1000)


def _carriers(source: Source, incident: Incident, before: Time, scale: Fraction) -> tuple[Driver, ...]:
    """Return who carries more than was expected of them, the largest share first."""
    filters, time = filters_of(incident.subject), (incident.opened, incident.last)
    found = []
    for name in DIMENSIONS:
        if name in filters:
            continue
        more = {
            value: now - round(was * scale)
            for value, (was, now) in source.carriers(name, (before, time), filters).items()
            if value
        }
        if more and max(more.values()) > 0:
            value = max(more, key=more.__getitem__)
            found.append(Driver(dimension=name.removeprefix("tag:"), value=value, amount=more[value]))
    return tuple(sorted(found, key=lambda driver: -driver.amount)[:CARRIERS])


