"""The worker watches: what it finds is an alert in the ledger, on its way to people."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import pytest

from outlay.ledger.ledger import Ledger
from outlay.ledger.spool import Spool
from outlay.spikes.watch import Watch
from outlay.wire.recognise import Recogniser
from outlay.worker import Worker
from tests.spikes.days import DAY, HOUR, MINUTE, SHOP, Trouble, calls


def test_a_spike_is_an_alert_of_the_project(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Told in the log too, as no channel is set; the lease is given back when the worker ends."""
    now = time.time_ns() // MINUTE * MINUTE
    surge = Trouble("research", now - HOUR, now, calls=6)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        ledger.write(calls(now - 3 * DAY, now - HOUR, SHOP[1:2]))
        first = Watch(ledger, lambda alert: pytest.fail(alert.title))
        first.step(now - HOUR)
        first.leave()
        ledger.write(calls(now - HOUR, now, SHOP[1:2], (surge,)))
    worker = Worker(tmp_path / "ledger.db", Spool(tmp_path / "spool"), Recogniser((), {}, {}))
    worker.spikes = ("shop", ("user",), {})
    with caplog.at_level(logging.WARNING, "outlay"):
        for _ in range(20):  # each look ends after 50 ms, wherever it is
            worker._look_at = 0.0  # noqa: SLF001 - ten seconds later
            worker._work()  # noqa: SLF001 - one second of its thread
    worker.stop(1.0)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        told = [one.alert for one in ledger.told(since=0)]
        assert ledger.take_lease("spikes", "another", time.time_ns(), 10**9)
    (alert,) = [alert for alert in told if alert.kind == "spike"]
    assert (alert.project, alert.facts["series"]) == ("shop", "research on gpt-4o-mini")
    assert alert.title in caplog.text
