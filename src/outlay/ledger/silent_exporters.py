"""The alert of an exporter that gets nothing through: nobody looks at a backend for what is not there."""

from __future__ import annotations

import sqlite3

from outlay.alerts import Alert
from outlay.ledger.alerts import put

SILENCE = 15 * 60 * 10**9
"""Nanoseconds that a backend may be down before somebody is told: most come back sooner, and nothing is lost."""
ATTEMPTS = 3
"""Attempts that must have failed meanwhile."""

_SILENT = (
    "SELECT name, failing_since, failures, trouble, last FROM exporters"
    " WHERE failing_since > 0 AND failing_since <= ? AND failures >= ? ORDER BY name"
)


def silent(database: sqlite3.Connection, now: int) -> list[tuple[str, int, int, str, int]]:
    """Return (name, failing since, failures, trouble, last delivery) of exporters that get nothing through."""
    return database.execute(_SILENT, (now - SILENCE, ATTEMPTS)).fetchall()


def raise_silent(database: sqlite3.Connection, found: list[tuple[str, int, int, str, int]], now: int) -> int:
    """Raise an alert for each outage that is new, inside the caller's transaction; return how many are."""
    return put(database, [_alert(now, *one) for one in found], now)


def _alert(now: int, name: str, since: int, failures: int, trouble: str, last: int) -> Alert:
    minutes = (now - since) // (60 * 10**9)
    before = "" if last else " It has delivered nothing yet."
    return Alert(
        key=f"exporter:{name}:{since}",
        kind="exporter",
        at=now,
        since=since,
        subject=name,
        title=f"The exporter {name} has got nothing through for {minutes} minutes",
        text=f"{failures} attempts failed, the last with: {trouble}{before} Nothing is lost: it waits in the ledger.",
        advice="See `outlay export status`; `outlay export retry` tries at once.",
        facts={"failures": failures},
    )
