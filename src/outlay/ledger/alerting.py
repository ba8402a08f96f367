"""What a ledger does for alerts: keep them, let them be delivered, raise those that it knows of itself, show them."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable
from typing import TYPE_CHECKING

from outlay.forks import in_use
from outlay.ledger.database import transaction

if TYPE_CHECKING:  # only who has alerts needs what they are made of
    from outlay.alerts import Alert
    from outlay.alerts.delivery import Delivery
    from outlay.ledger.outbox import Outbox
    from outlay.ledger.told import Silence, Told

SECONDS_BETWEEN = 60
"""Seconds between two looks at how exporters do."""


class Alerting:
    """The part of ``Ledger`` that has to do with alerts."""

    _database: sqlite3.Connection
    _known_labels = -1
    _driven = 0
    _outbox: Outbox | None = None
    _heard = 0
    """When exporters were last looked at."""

    def put(self, alerts: Iterable[Alert], now: int) -> int:
        """Keep alerts, each project and key once; return how many are new. ``now``: ns since the epoch."""
        from outlay.ledger.alerts import put

        with transaction(self._database):
            return put(self._database, alerts, now)

    def alert(self, delivery: Delivery | None, now: int, timeout: float | None = None) -> None:
        """Raise what the ledger knows of itself, and let ``delivery`` send what is due and note down what was sent.

        ``timeout``: seconds to wait for what is being sent; without it nothing is waited for. Where the database is
        in the way, all of it happens the next time.
        """
        with contextlib.suppress(sqlite3.OperationalError):
            self._raise_unpriced(now)
            self._raise_silent(now)
            self._add_drivers(now)
            if delivery is None:
                return
            if timeout is None:
                delivery.step(self.outbox(), now)
            else:
                delivery.finish(self.outbox(), timeout)

    def outbox(self) -> Outbox:
        """Return what says which alerts are to be sent, and takes down how that went."""
        if self._outbox is None:
            from outlay.ledger.outbox import Outbox

            self._outbox = Outbox(self._database)
        return self._outbox

    def _raise_unpriced(self, now: int) -> None:
        """Raise an alert for each model that went without a price for the first time."""
        with in_use:
            newest = self._database.execute("SELECT coalesce(max(number), 0) FROM labels").fetchone()[0]
        if newest != self._known_labels:
            from outlay.ledger.unpriced import raise_unpriced

            with transaction(self._database):
                raise_unpriced(self._database, now)
            self._known_labels = newest

    def _raise_silent(self, now: int) -> None:
        """Raise an alert for each exporter that has got nothing through for a while, once an outage."""
        if now - self._heard < SECONDS_BETWEEN * 10**9:
            return
        self._heard = now
        from outlay.ledger.silent_exporters import raise_silent, silent

        with in_use:
            found = silent(self._database, now)
        if found:
            with transaction(self._database):
                raise_silent(self._database, found, now)

    def _add_drivers(self, now: int) -> None:
        """Say in alerts that are new who drives them."""
        with in_use:
            newest = self._database.execute("SELECT coalesce(max(seq), 0) FROM alerts").fetchone()[0]
        if newest != self._driven:
            from outlay.ledger.drivers import add_drivers

            add_drivers(self._database, self._driven, now)
            self._driven = newest

    def told(self, *, since: int | None = None, limit: int = 20, undelivered: bool = False) -> list[Told]:
        """Return alerts raised from ``since`` on, the latest first, each with where it went and how that was."""
        from outlay.ledger.told import read_told

        return read_told(self._database, since, limit, undelivered=undelivered)

    def silences(self) -> list[Silence]:
        """Return the channels that alerts don't get through to."""
        from outlay.ledger.told import read_silences

        return read_silences(self._database)
