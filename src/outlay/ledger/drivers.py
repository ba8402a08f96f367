"""Who drives what an alert is about: the features, models and users that most of it went to."""

from __future__ import annotations

import sqlite3
import time
from zoneinfo import ZoneInfo

import msgspec

from outlay.alerts import Alert, Driver
from outlay.forks import in_use
from outlay.ledger.alerts import read
from outlay.ledger.database import transaction
from outlay.ledger.questions import FIELDS, Question
from outlay.ledger.reports import answer

DIMENSIONS = ("feature", "model", "user")
EACH = 2
"""Drivers of each kind."""
PATIENCE = 2.0
"""Seconds that the ledger may take to find out: people are to be told."""
YOUNG = 3_600 * 10**9
"""Nanoseconds after which an alert is left as it is: it was told to somebody, or there is nobody."""
NOBODY = ("", "(none)")
"""Values that stand for a call without one."""


def add_drivers(database: sqlite3.Connection, after: int, now: int) -> None:
    """Add drivers to the alerts behind ``after`` that were not told yet; what was told stays as it is."""
    with in_use:
        rows = database.execute(
            "SELECT seq, body FROM alerts WHERE seq > ? AND kept > ?"
            " AND NOT EXISTS (SELECT 1 FROM deliveries WHERE alert = seq AND message <> '')",
            (after, now - YOUNG),
        ).fetchall()
    for seq, body in rows:
        alert = read(body)
        if alert.scope is None or alert.since is None or not alert.amount or alert.drivers:
            continue
        found = msgspec.structs.replace(alert, drivers=find_drivers(database, alert))
        with transaction(database):
            database.execute(
                "UPDATE alerts SET body = ? WHERE seq = ? AND body = ?",  # another process may have been first
                (msgspec.json.encode(found).decode(), seq, body),
            )


def find_drivers(database: sqlite3.Connection, alert: Alert) -> tuple[Driver, ...]:
    """Return who most of an alert's amount went to, the largest first; what takes too long is left out."""
    scope = alert.scope or {}
    filters: dict[str, str | None] = {_field(name): None if value in NOBODY else value for name, value in scope.items()}
    if alert.project:
        filters["project"] = alert.project
    deadline = time.monotonic() + PATIENCE

    def watch(_: float) -> None:
        if time.monotonic() > deadline:
            raise TimeoutError

    found: list[Driver] = []
    for dimension in DIMENSIONS:
        if dimension in scope:
            continue
        question = Question(
            by=(_field(dimension),), since=alert.since, until=alert.at, filters=filters, zone=ZoneInfo("UTC")
        )
        try:
            lines = answer(database, question, watch).lines
        except TimeoutError:
            break
        found += [
            Driver(dimension=dimension, value=line.key[0] or "", amount=line.cost)
            for line in lines[:EACH]
            if line.cost and line.key[0] not in (None, *NOBODY)
        ]
    return tuple(sorted(found, key=lambda driver: -driver.amount))


def _field(name: str) -> str:
    return name if name in FIELDS else f"tag:{name}"
