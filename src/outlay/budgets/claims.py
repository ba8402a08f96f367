"""Claims of alerts that no call brings about: who gets one raises the alert, and nobody else of the fleet does."""

from __future__ import annotations

from collections.abc import Iterator
from time import time_ns

import msgspec

from outlay.alerts.alert import Alert
from outlay.budgets.leases import Lease
from outlay.budgets.notices import foreseen
from outlay.budgets.plan import Plan
from outlay.budgets.standing import Standing
from outlay.budgets.trade import Account, Step, Store

FORESEEN = 0
"""Stands among the thresholds of a window for the forecast that its limit will not last: always reached."""


class Claims:
    """What this process has claimed, or knows to be claimed by another."""

    def __init__(self, store: Store, project: str) -> None:
        self._store, self._project = store, project
        self._known: set[Account] = set()

    def foreseen(self, plans: dict[str, Plan], standings: list[Standing]) -> Iterator[Alert]:
        """Yield the alerts of limits that will not last which are this process's to raise. Raises ``StoreDown``.

        When the next is asked for, the one before counts as raised; else another process raises it a minute later.
        """
        now = time_ns()
        for standing in standings:
            account = Account(self._project, standing.budget, standing.scope, standing.window)
            alert = foreseen(standing, self._project, now)
            if alert is None or account in self._known:
                continue
            self._known.add(account)
            claim = _claim(plans[standing.budget], account, now)
            if FORESEEN in self._store.trade([claim])[0].fired:
                yield alert
            done = msgspec.structs.replace(claim, seq=2, close=True, alerts=(), confirmed=(FORESEEN,))
            self._store.trade([done])


def _claim(plan: Plan, account: Account, now: int) -> Step:
    """Return a step that spends nothing and claims the alert."""
    lease, window = Lease(plan, account, {}, ()), plan.window(now)
    lease.start, lease.end = window.start, window.end
    return Step(
        account=account, lease=lease.id, seq=1, total=0, limit=plan.limit, alerts=(FORESEEN,), shape=plan.shape,
        began=now // 10**6, start=plan.start(lease, now), day=plan.day(lease, now), rolling=plan.rolling,
        end=None if lease.end is None else lease.end // 10**6,
    )  # fmt: skip
