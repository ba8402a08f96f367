"""Questions to the ledger about alerts: what was raised, who was told, and which channels get nothing through."""

from __future__ import annotations

import sqlite3
from typing import Literal

import msgspec

from outlay.alerts import Alert
from outlay.ledger.alerts import read

State = Literal["waiting", "sent", "failed"]


class Delivered(msgspec.Struct, frozen=True):
    """How far an alert has come on one channel."""

    channel: str
    state: State
    attempts: int
    changed: int
    """When something last happened, in nanoseconds since the epoch: it was noted down, tried, or it arrived."""
    due: int
    """When it is tried again, in nanoseconds since the epoch; 0 for an alert that was not tried yet."""
    trouble: str
    """Why the last try failed; empty where none did."""
    message: str
    """Id of the message that it went in: what a webhook's ``Idempotency-Key`` says."""


class Told(msgspec.Struct, frozen=True):
    """An alert and what became of it."""

    alert: Alert
    deliveries: tuple[Delivered, ...]


class Silence(msgspec.Struct, frozen=True):
    """A channel that gets nothing through, though it was tried."""

    channel: str
    alerts: int
    """How many wait, or were given up."""
    since: int
    """When the oldest of them was raised, in nanoseconds since the epoch."""
    trouble: str


_TOLD = (
    "SELECT seq, body FROM alerts WHERE (? IS NULL OR at >= ?) AND (NOT ? OR seq IN"
    " (SELECT alert FROM deliveries WHERE state <> 'sent')) ORDER BY at DESC, seq DESC LIMIT ?"
)
_DELIVERED = (
    "SELECT channel, state, attempts, changed, due, trouble, message FROM deliveries WHERE alert = ? ORDER BY channel"
)
_SILENT = (
    "SELECT channel, count(*), min(at), max(trouble) FROM deliveries JOIN alerts ON seq = alert"
    " WHERE trouble <> '' AND state <> 'sent' GROUP BY channel"
)


def read_told(database: sqlite3.Connection, since: int | None, limit: int, *, undelivered: bool) -> list[Told]:
    """Return alerts raised from ``since`` on (ns since the epoch), the latest first, or the undelivered of them."""
    found = []
    for seq, body in database.execute(_TOLD, (since, since, undelivered, limit)).fetchall():
        deliveries = tuple(Delivered(*row) for row in database.execute(_DELIVERED, (seq,)))
        found.append(Told(read(body), deliveries))
    return found


def read_silences(database: sqlite3.Connection) -> list[Silence]:
    """Return the channels whose last try failed, and how much waits for them."""
    return [Silence(*row) for row in database.execute(_SILENT)]
