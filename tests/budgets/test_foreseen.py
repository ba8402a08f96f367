"""A limit that will not last is told of before it is reached, once a window, and only where that is all but sure."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from outlay import worker
from outlay.alerts import Alert
from outlay.budgets.forecast import Forecast, Status
from outlay.budgets.notices import foreseen
from outlay.budgets.standing import Standing
from outlay.ledger.spool import Spool
from outlay.wire.recognise import Recogniser

NANO = 10**9


def standing(lower: float, amount: float, status: Status = "will exceed", scope: str = "") -> Standing:
    """Return how a limit of 100 USD stands of which 40 are spent."""
    told = Forecast(amount=amount, lower=lower, upper=amount * 1.2, passes=date(2026, 11, 26), basis="weekdays")
    return Standing(
        budget="month", scope=scope, window="2026-11", limit=100 * NANO, spent=40 * NANO, held=0, leased=0, suspense=0,
        opening=0, overshoot=0, blocks=False, refused=False, resets=datetime(2026, 12, 1, tzinfo=UTC), forecast=told,
        status=status, sentence="will exceed on Thursday", override=None, override_until=None, declared=(),
    )  # fmt: skip


def test_it_says_when_how_much_and_between_what() -> None:
    """And what to type."""
    alert = foreseen(standing(105, 120, scope="tenant=acme"), "shop", 1)
    assert alert is not None
    assert alert.title == "Budget month (tenant=acme): will exceed on Thursday, $40.00 of $100.00 spent"
    assert "$120.00 will have been spent" in alert.text
    assert "between $105.00 and $144.00" in alert.text
    assert (alert.kind, alert.amount, alert.limit) == ("budget", 40 * 10**12, 100 * 10**12)
    again = foreseen(standing(110, 130, scope="tenant=acme"), "shop", 2)
    assert again is not None
    assert again.key == alert.key


@pytest.mark.parametrize(
    ("lower", "amount", "status"), [(95, 120, "will exceed"), (90, 95, "at risk"), (120, 150, "exceeded")]
)
def test_it_is_silent_while_it_may_be_wrong_or_is_known_already(lower: float, amount: float, status: Status) -> None:
    """One end in ten within the limit is enough to wait; a limit that is reached has an alert of its own."""
    assert foreseen(standing(lower, amount, status), "shop", 1) is None


def test_the_worker_looks_ahead_and_keeps_what_it_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each ten minutes, on its own thread; a second look changes nothing."""
    monkeypatch.setattr(worker, "FORESEE", 0.0)
    made = worker.Worker(tmp_path / "ledger.db", Spool(tmp_path / "spool"), Recogniser((), (), {}))
    alert = foreseen(standing(105, 120), "shop", time.time_ns())
    assert alert is not None
    asked: list[Alert] = []

    def foresee() -> list[Alert]:
        asked.append(alert)
        return [alert]

    made.foresee = foresee
    for _ in range(2):
        made._work()  # noqa: SLF001 - what its thread does once a second
    assert len(asked) == 2
    assert made._ledger is not None  # noqa: SLF001 - the same
    told = made._ledger.told()  # noqa: SLF001 - the same
    assert [each.alert.key for each in told] == ["budget:month::2026-11:foreseen"]
    made.stop(5)
