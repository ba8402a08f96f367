"""A ledger with four days of history, and a watch over the days after them."""

from __future__ import annotations

from outlay.alerts.alert import Alert
from outlay.ledger.ledger import Ledger
from outlay.spikes.watch import Watch
from tests.spikes.days import DAY, HOUR, MINUTE, MONDAY, SECOND, SHOP, Habit, Trouble, calls

BEGIN = MONDAY + 4 * DAY
"""A Friday, with four days of history."""
HABITS = SHOP[:2]
SURGE = Trouble("research", BEGIN + 10 * HOUR, BEGIN + 12 * HOUR, calls=5, input=2)


def watch(ledger: Ledger, told: list[Alert], holder: str = "one") -> Watch:
    """Return a watch that knows what is usual."""
    return Watch(ledger, told.append, holder=holder, tags=("user",))


def live(
    ledger: Ledger, made: Watch, since: int, until: int, *troubles: Trouble, habits: tuple[Habit, ...] = HABITS
) -> None:
    """Let time pass: write the calls of each bucket, and look."""
    for at in range(since, until, 5 * MINUTE):
        ledger.write(calls(at, at + 5 * MINUTE, habits, troubles))
        made.step(at + 5 * MINUTE + 20 * SECOND)


def spikes(told: list[Alert]) -> list[Alert]:
    """Return those that tell of incidents."""
    return [alert for alert in told if alert.key.startswith("spike:")]
