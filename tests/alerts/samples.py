"""Alerts, ledgers and deliveries for tests."""

from __future__ import annotations

import itertools
from typing import Any

from outlay.alerts import Alert, Driver
from outlay.alerts.delivery import Delivery
from outlay.config import load
from outlay.ledger.ledger import Ledger

SECOND = 10**9
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
NOON = 1_763_812_800 * SECOND
"""2025-11-22 12:00 UTC, a Saturday."""
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

_numbers = itertools.count(1)


def alert(**fields: Any) -> Alert:
    """Return an alert with a key of its own; ``fields`` replaces what matters to the test."""
    number = next(_numbers)
    plain: dict[str, Any] = {
        "key": f"budget:month:{number}:80",
        "kind": "budget",
        "project": "shop",
        "at": NOON,
        "since": NOON - DAY,
        "subject": "month",
        "title": "month: $160.00 of $200.00 spent (80 %)",
        "text": "At this pace it is used up on Thursday.",
        "advice": "See `outlay report --by feature`.",
        "amount": 160 * 10**12,
        "limit": 200 * 10**12,
        "drivers": (
            Driver(dimension="feature", value="answer", amount=120 * 10**12),
            Driver(dimension="model", value="gpt-4o", amount=100 * 10**12),
            Driver(dimension="user", value="u-17", amount=32 * 10**12),
        ),
    }
    return Alert(**(plain | fields))


class Desk:
    """One process's delivery over a ledger, and a clock that the test turns."""

    def __init__(
        self,
        ledger: Ledger,
        *channels: Any,
        project: str = "shop",
        lease: int = MINUTE,
        patience: int = MINUTE,
        **given: Any,
    ) -> None:
        settings = load(
            {"alert_channels": list(channels), "alert_webhook_secret": SECRET, "data": "unused", **given}, {}
        )
        self.ledger = ledger
        self.outbox = ledger.outbox()
        self.delivery = Delivery(settings, project, lease=lease, patience=patience, chance=lambda: 1.0)
        self.now = NOON

    def put(self, *alerts: Alert) -> None:
        """Have alerts come to the ledger now."""
        self.ledger.put(alerts, self.now)

    def step(self, after: int = 0) -> None:
        """Turn the clock, begin what is due, wait until it is done, and note down how it went."""
        self.now += after
        self.delivery.step(self.outbox, self.now)
        self.delivery.wait(20)
        self.delivery.step(self.outbox, self.now)
        self.delivery.wait(20)
        self.delivery.step(self.outbox, self.now)

    @property
    def states(self) -> list[tuple[str, str]]:
        """How each delivery stands, the oldest alert first: its state, and its trouble."""
        return [(one.state, one.trouble) for told in reversed(self.ledger.told()) for one in told.deliveries]
