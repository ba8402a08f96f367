"""One spike in full: what rose, why, who carries it, and its course."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Any

from rich.console import Console

from outlay.cli.bars import merge, plot
from outlay.cli.explanations import explanation_data, show_carriers, show_explanation
from outlay.cli.output import money, when
from outlay.ledger.ledger import Ledger
from outlay.money import usd
from outlay.spikes.detector import THRESHOLD
from outlay.spikes.incidents import BUCKET, Incident
from outlay.spikes.message import CHANNELS, excess_of
from outlay.spikes.series import Key, filters_of, title_of
from outlay.spikes.watch import Told

HOUR = 3_600 * 10**9
BEFORE, AFTER = 6 * HOUR, HOUR
"""What the plot shows around an incident."""
WIDTH = 72
"""Columns of the plot."""


def costs_of(ledger: Ledger, key: Key, since: int, until: int) -> list[float]:
    """Return what the calls of ``key`` cost in each bucket of a time, in USD."""
    costs = [0.0] * max(1, (until - since) // BUCKET)
    for slot, cost in ledger.courses(filters_of(key), since, until):
        at = slot - since // BUCKET
        if 0 <= at < len(costs):
            costs[at] += cost / 1e12
    return costs


def show_incident(out: Console, ledger: Ledger, told: Told, words: dict[tuple[str, str], str], zone: tzinfo) -> None:
    """Print an incident."""
    incident, cause = told.incident, told.cause
    out.print(f"{incident.id}  {title_of(incident.subject)}: {CHANNELS[incident.driver]} rose", style="bold")
    for name, value in _facts(ledger, told, words, zone):
        out.print(f"{name:>13}  {value}")
    if cause is not None:
        out.print()
        show_explanation(out, cause.explanation, "expected", "spent")
        show_carriers(out, cause.carriers)
    out.print()
    _show_course(out, ledger, incident, zone)


def _facts(ledger: Ledger, told: Told, words: dict[tuple[str, str], str], zone: tzinfo) -> list[tuple[str, str]]:
    incident, cause = told.incident, told.cause
    known = f"{incident.days_known:.1f} days of history"
    said = ", ".join(words[incident.id, kind] for kind in ("state", "judgement") if (incident.id, kind) in words)
    facts = [
        ("since", f"{when(incident.opened, zone)[:-3]}, known at {when(incident.raised, zone)[:-3]}"),
        ("until", "it goes on" if incident.closed is None else when(incident.last, zone)[:-3]),
        ("beyond usual", f"{money(usd(excess_of(incident, cause)))}, {money(usd(incident.rate))} an hour"),
        ("evidence", f"score {incident.score:.2f} (told from {THRESHOLD:.2f} on), by {known}"),
        ("seen in", ", ".join(map(title_of, incident.series))),
        ("said", said),
    ]
    if cause is not None:
        facts += [("function", cause.site), ("examples", ", ".join(cause.examples))]
    marks = ledger.marks(incident.opened - HOUR, incident.last)
    facts.append(("deployed", ", ".join(f"{mark.name} at {when(mark.at, zone)[:-3]}" for mark in marks)))
    return [(name, value) for name, value in facts if value]


def _show_course(out: Console, ledger: Ledger, incident: Incident, zone: tzinfo) -> None:
    """Print the cost by time, with a line under the time of the incident."""
    since, until = incident.opened - BEFORE, incident.last + AFTER
    costs = merge(costs_of(ledger, incident.subject, since, until), WIDTH)
    step = (until - since) / len(costs)
    first, last = round((incident.opened - since) / step), round((incident.last - since) / step)
    top = max(costs, default=0.0)
    for row, line in enumerate(plot(costs)):
        out.print(f"{money(usd(round(top * 1e12))) if row == 0 else '':>10} {line}".rstrip())
    out.print(f"{'':>10} {' ' * first}{'^' * max(1, last - first)}")
    out.print(f"{'':>10} {when(since, zone)[:-3]} to {when(until, zone)[:-3]}, USD in five minutes")


def incident_data(told: Told, words: dict[tuple[str, str], str]) -> dict[str, Any]:
    """Return an incident for programs."""
    incident, cause = told.incident, told.cause
    made: dict[str, Any] = {
        "id": incident.id,
        "series": [list(key) for key in incident.series],
        "channel": incident.driver,
        "since": _moment(incident.opened),
        "known_at": _moment(incident.raised),
        "until": _moment(incident.last),
        "open": incident.closed is None,
        "beyond_usual_usd": usd(excess_of(incident, cause)),
        "usd_per_hour": usd(incident.rate),
        "score": incident.score,
        "state": words.get((incident.id, "state")),
        "judgement": words.get((incident.id, "judgement")),
    }
    if cause is not None:
        made["explanation"] = explanation_data(cause.explanation, cause.carriers)
        made["marks"] = [{"at": _moment(at), "name": name} for at, name in cause.marks]
        made["examples"] = list(cause.examples)
    return made


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at // 10**9, UTC)
