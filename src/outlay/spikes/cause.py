"""Why an incident costs what it costs: read from the ledger when it is to be told."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import msgspec

from outlay.alerts.alert import Driver
from outlay.ledger.watched import Watched
from outlay.spikes.explanation import Cells, Explanation, explain
from outlay.spikes.incidents import HOUR, Incident
from outlay.spikes.series import Key, filters_of, name_of
from outlay.traffic import Filters, Time

DAY = 24 * HOUR
DIMENSIONS = ("feature", "site", "model", "release", "tag:user")
"""What may carry a spike, by the ledger's names."""
CARRIERS = 5
"""Carriers that are told at most."""
_ORDERS = {"latency": "slowest", "errors": "failed"}
"""Which calls are examples of a channel; of the others the dearest."""


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


def find_cause(source: Watched, incident: Incident, living: Iterable[Key] = ()) -> Cause:
    """Explain an incident: what its subject cost from its first bad bucket on, against what the day before was like.

    The day before is scaled to the calls that were expected, so hour and day of the week are in the comparison.
    ``living``: the series that there are; all others are what is in none of them.
    """
    filters, time = filters_of(incident.subject, living), (incident.opened, incident.last)
    before = incident.opened - DAY, incident.opened
    usual = source.spent(*before, filters)
    scale = _scale(incident, usual)
    return Cause(
        explanation=explain(usual, source.spent(*time, filters), scale),
        carriers=carriers_between(source, (before, time), filters, scale),
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


def carriers_between(
    source: Watched, times: tuple[Time, Time], filters: Filters, scale: Fraction = Fraction(1)
) -> tuple[Driver, ...]:
    """Return who costs more in the second of ``times`` than ``scale`` times in the first: the largest of each kind."""
    found = []
    for name in DIMENSIONS:
        if name in filters:
            continue
        more = {
            value: now - round(was * scale)
            for value, (was, now) in source.carriers(name, times, filters).items()
            if value
        }
        if more and max(more.values()) > 0:
            value = max(more, key=more.__getitem__)
            found.append(Driver(dimension=name.removeprefix("tag:"), value=value, amount=more[value]))
    return tuple(sorted(found, key=lambda driver: -driver.amount)[:CARRIERS])
