"""The outbox of alerts: which go where, claimed for each channel by one process at a time, never lost."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Sequence

import msgspec

from outlay.alerts import SEVERITIES
from outlay.alerts.line import Claimed
from outlay.alerts.message import Message
from outlay.config.channels import Address
from outlay.forks import in_use
from outlay.ledger.alerts import read
from outlay.ledger.database import transaction

TOGETHER = 50
"""Alerts that one message holds at most."""
FRESH = 86_400 * 10**9
"""Age up to which an alert that nobody was told of goes to a channel that is new."""

_ENROL = (
    "INSERT INTO deliveries SELECT seq, ?, severity = 'critical', 'waiting', '', 0, 0, 0, ?, '' FROM alerts"
    " WHERE seq > ? AND project IN (?, '') AND severity IN (SELECT value FROM json_each(?))"
    " AND (? OR (kept >= ? AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.alert = seq AND d.state = 'sent')))"
    " ON CONFLICT DO NOTHING"
)
_CHANNEL = "INSERT INTO channels VALUES (?, ?, ?, 0) ON CONFLICT DO UPDATE SET seq = max(seq, excluded.seq)"
_DUE = "channel = ? AND state = 'waiting' AND due <= ? AND lease <= ? AND urgent >= ?"
_OF_MESSAGE = "channel = ? AND message = ? AND state = 'waiting'"


class Outbox:
    """The outbox of one ledger, on the thread that has the ledger."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._enrolled: tuple[object, ...] = ()

    def enrol(self, channels: Sequence[Address], project: str, now: int) -> None:
        """Write down which alerts of ``project`` go where: all from when a channel was first seen.

        A channel that is new also gets those of the last day that nobody was told of: they were raised before it, or
        it takes the place of one that did not work.
        """
        with in_use:
            last = self._database.execute("SELECT coalesce(max(seq), 0) FROM alerts").fetchone()[0]
            seen = (last, project, *channels)
            if seen == self._enrolled:
                return
            with transaction(self._database):
                for address in channels:
                    self._enrol(address, project, now)
            self._enrolled = seen

    def _enrol(self, address: Address, project: str, now: int) -> None:
        row = self._database.execute(
            "SELECT seq FROM channels WHERE channel = ? AND project = ?", (address.name, project)
        ).fetchone()
        last = self._database.execute("SELECT coalesce(max(seq), 0) FROM alerts").fetchone()[0]
        severities = msgspec.json.encode(SEVERITIES[SEVERITIES.index(address.least) :]).decode()
        known = (row[0] if row else 0, project, severities, row is not None, now - FRESH)
        self._database.execute(_ENROL, (address.name, now, *known))
        self._database.execute(_CHANNEL, (address.name, project, last))

    def claim(
        self, channel: str, project: str, *, now: int, lease: int, group: int, urgent_only: bool
    ) -> Claimed | None:
        """Take the next message that is due on ``channel``: first alerts that are new, then those that failed."""
        due = (channel, now, now, int(urgent_only))
        with in_use:
            if not self._database.execute(f"SELECT 1 FROM deliveries WHERE {_DUE} LIMIT 1", due).fetchone():  # noqa: S608  own words
                return None
            with transaction(self._database):
                message = self._gather(channel, project, due, now, group) or self._again(due)
                if message is None:
                    return None
                self._database.execute(
                    f"UPDATE deliveries SET lease = ?, attempts = attempts + 1, changed = ? WHERE {_OF_MESSAGE}",  # noqa: S608  own words
                    (lease, now, channel, message),
                )
                return self._read(channel, message, lease)

    def _gather(self, channel: str, project: str, due: tuple[object, ...], now: int, group: int) -> str | None:
        """Make the alerts that are new one message, unless they are to wait for others."""
        rows = self._database.execute(
            f"SELECT alert, urgent FROM deliveries WHERE {_DUE} AND message = '' ORDER BY alert LIMIT {TOGETHER}",  # noqa: S608  own words
            due,
        ).fetchall()
        begun = self._database.execute(
            "SELECT begun FROM channels WHERE channel = ? AND project = ?", (channel, project)
        ).fetchone()
        waits = begun is not None and now < begun[0] + group
        if not rows or (waits and not any(urgent for _, urgent in rows)):
            return None
        message = secrets.token_hex(12)
        self._database.executemany(
            "UPDATE deliveries SET message = ? WHERE alert = ? AND channel = ?",
            [(message, alert, channel) for alert, _ in rows],
        )
        self._database.execute(
            "UPDATE channels SET begun = ? WHERE channel = ? AND project = ?", (now, channel, project)
        )
        return message

    def _again(self, due: tuple[object, ...]) -> str | None:
        """Find a message that did not arrive, or of which nobody knows: the one tried least, then the oldest."""
        row = self._database.execute(
            f"SELECT message FROM deliveries WHERE {_DUE} AND message <> '' ORDER BY attempts, alert LIMIT 1",  # noqa: S608  own words
            due,
        ).fetchone()
        return row[0] if row else None

    def _read(self, channel: str, message: str, lease: int) -> Claimed:
        rows = self._database.execute(
            "SELECT body, kept, attempts FROM deliveries JOIN alerts ON seq = alert"
            " WHERE channel = ? AND message = ? ORDER BY seq",
            (channel, message),
        ).fetchall()
        alerts = tuple(read(body) for body, _, _ in rows)
        return Claimed(Message(message, alerts), max(row[2] for row in rows), lease, min(row[1] for row in rows))

    def delivered(self, channel: str, claimed: Claimed, now: int) -> None:
        """Write down that a message has arrived."""
        self._change("state = 'sent', trouble = '', changed = ?", (now,), channel, claimed, "")

    def undelivered(self, channel: str, claimed: Claimed, *, trouble: str, due: int | None, now: int) -> None:
        """Write down that a message has not arrived; nothing where its lease ran out and others have it now."""
        state = "failed" if due is None else "waiting"
        values = (state, due or 0, trouble, now)
        self._change(
            "state = ?, due = ?, trouble = ?, lease = 0, changed = ?", values, channel, claimed, " AND lease = ?"
        )

    def _change(self, change: str, values: tuple[object, ...], channel: str, claimed: Claimed, condition: str) -> None:
        lease = (claimed.lease,) if condition else ()
        with transaction(self._database):
            self._database.execute(
                f"UPDATE deliveries SET {change} WHERE {_OF_MESSAGE}{condition}",  # noqa: S608  own words
                (*values, channel, claimed.message.id, *lease),
            )
