"""What a budget's window had cost before calls were first counted in it, as the ledger of this machine knows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from outlay.budgets.decision import Ask
from outlay.budgets.windows import EPOCH
from outlay.config import Settings
from outlay.errors import LedgerError
from outlay.guard import guard, logger

if TYPE_CHECKING:
    from outlay.budgets.leases import Lease
    from outlay.ledger.ledger import Ledger
    from outlay.ledger.questions import Line

CARRYING = 1.0
"""Seconds in which what waits in the spool is carried to the ledger before; a first call may wait for that."""
MS = 10**6
KEYS = {"model": ("request_model",), "feature": ("feature", "path"), "provider": ("provider",)}
"""What of a report tells what budgets go by; anything else is a tag."""

_looking = guard("looking up what a budget had cost before")


class Earlier:
    """Look it up when a window is first counted: ``budgets.teller.Opening``."""

    def __init__(self, settings: Settings, folder: Path, project: str) -> None:
        """Ask the ledger in outlay's data ``folder`` about the calls of ``project``."""
        self._settings, self._folder, self._project = settings, folder, project

    def __call__(self, lease: Lease, until: int) -> tuple[tuple[int, int], ...]:
        """Return what calls from the window's start to ``until`` (milliseconds since the epoch) cost, by day or slot.

        Of an estimate its upper bound counts, as it does for budgets everywhere; a call without a price costs nothing
        here. Where the ledger can't be read that is said, and it is nothing.
        """
        found: dict[int, int] = {}
        with _looking:
            try:
                for place, amount in self._looked_up(lease, until):
                    found[place] = found.get(place, 0) + amount
            except LedgerError as error:
                name = lease.account.budget
                logger.warning("outlay's budget %s does not know what was spent before it was set: %s", name, error)
        return tuple((place, -(-amount // 1000)) for place, amount in sorted(found.items()) if amount)

    def _looked_up(self, lease: Lease, until: int) -> Iterator[tuple[int, int]]:
        """Yield (day or slot, pico-USD)."""
        since = lease.plan.start(lease, until * MS)
        if since >= until or not self._holds_something():
            return
        from outlay.ledger.ledger import Ledger  # sqlite, for those who have called before
        from outlay.reviver import reviver

        with Ledger.open(self._folder / "ledger.db", reviver(self._settings)) as ledger:
            ledger.ingest(self._folder / "spool", deadline=time.monotonic() + CARRYING)
            for line in self._lines(ledger, lease, since, until):
                yield _place(lease, str(line.key[0]), until), max(line.cost, line.upper)

    def _holds_something(self) -> bool:
        return (self._folder / "ledger.db").exists() or any((self._folder / "spool").glob("*"))

    def _lines(self, ledger: Ledger, lease: Lease, since: int, until: int) -> Iterator[Line]:
        plan = lease.plan
        asked = [key for name in (*plan.budget.scope, *plan.budget.where) for key in KEYS.get(name, (f"tag:{name}",))]
        keys = tuple(dict.fromkeys(asked))
        report = ledger.report(
            ("hour" if plan.rolling else "day", *keys),
            since=since * MS,
            until=until * MS,
            filters={"project": self._project},
            zone=plan.zone.key,
            exact=bool(keys),
        )
        for line in report.lines:
            if plan.counts(lease, _asked(dict(zip(keys, line.key[1:], strict=True)))):
                yield line


def _asked(values: dict[str, str | None]) -> Ask:
    """Return the question that calls of which a report knows ``values`` have been."""
    return Ask(
        id="", provider=values.get("provider") or "", model=values.get("request_model"),
        feature=values.get("feature") or "", path=values.get("path") or "", run=None, at=0, quote=_nothing,
        tags={key[4:]: value for key, value in values.items() if key.startswith("tag:") and value is not None},
        output_limit=None,
    )  # fmt: skip


def _nothing(model: str | None = None, output_limit: int | None = None) -> None:
    """Quote nothing: it is over."""


def _place(lease: Lease, name: str, until: int) -> int:
    """Return the day, or the slot of a rolling window, that an hour or a day is counted in: rather late than early."""
    if not lease.plan.rolling:
        return date.fromisoformat(name).toordinal() - EPOCH
    end = int(datetime.fromisoformat(name).timestamp() * 1000) + 3_600_000
    return min(end, until) // lease.plan.rolling
