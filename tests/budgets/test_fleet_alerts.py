"""Alerts over a fleet: hosts that share nothing but the budgets' store raise each once, and none dies with a host."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from outlay.budgets.budget import Budget
from outlay.budgets.forecast import Forecast
from outlay.budgets.gate import Budgets
from outlay.budgets.opening import store_of
from outlay.budgets.standing import Standing
from outlay.budgets.trade import Store
from outlay.config import Settings
from tests.alerts.receivers import Web, web_server
from tests.alerts.samples import SECRET
from tests.budgets.asks import NANO, a_project, spend
from tests.budgets.conftest import Opener
from tests.house.sources import ROOT

pytestmark = pytest.mark.slow

HOST = """
import os, signal, sys, time
import outlay
from outlay import app
from outlay.budgets.teller import Teller
url, project, channel, calls, mode = sys.argv[1:]

def die(self):
    if self.due:
        os.kill(os.getpid(), signal.SIGKILL)

def put(self, alert):
    type(self).keep(self, app.raised(alert))
    os.kill(os.getpid(), signal.SIGKILL)

if mode == "dies with the claim":
    Teller.raise_due = die
if mode == "dies with the alert written":
    app.Outlay.put = put
outlay.init(project=project, budget_store=url, alert_channels=[channel], alert_group_seconds=0,
    budgets=[outlay.Budget("month", limit=10, alerts=[50] if mode else [50, 80, 100])])
for _ in range(int(calls)):
    outlay.record(provider="openai", model="gpt-4o", cost="1")
    time.sleep(0.05)
"""
"""An application on a host of its own."""


@pytest.fixture
def web() -> Iterator[Web]:
    """Give who receives the alerts of all hosts."""
    with web_server() as made:
        yield made


def host(url: str, project: str, web: Web, folder: Path, calls: int, mode: str = "") -> subprocess.Popen[str]:
    """Start an application with a data folder of its own."""
    command = [sys.executable, "-c", HOST, url, project, f"webhook+http://{web.host}/", str(calls), mode]
    environment = {"OUTLAY_DATA": str(folder), "OUTLAY_ALERT_WEBHOOK_SECRET": SECRET}
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | environment, text=True)


def told(web: Web) -> list[int]:
    """Return the percents that were told of, in order."""
    alerts = [one for request in web.requests for one in json.loads(request.body)["data"]["alerts"]]
    assert len({one["key"] for one in alerts}) == len(alerts)
    return sorted(one["facts"]["percent"] for one in alerts)


def told_by(web: Web, wanted: list[int], run: Callable[[], int]) -> None:
    """Run hosts until that was told: on a busy machine one may not reach its store, and leave it to the next."""
    for _ in range(5):
        assert run() == 0
        if told(web) == wanted:
            return
    assert told(web) == wanted


def age_claims(url: str, project: str) -> None:
    """Have more than a minute pass for claims that nobody has confirmed."""
    if url.startswith("redis"):
        import redis

        with redis.Redis.from_url(url, decode_responses=True) as client:
            for key in client.scan_iter(match=f"outlay:{{{project}|*}}:account:*"):
                for name, text in client.hgetall(key).items():
                    if name.startswith("c:"):
                        at, confirmed = text.split()
                        client.hset(key, name, f"{int(at) - 61_000} {confirmed}")
    elif url.startswith("postgres"):
        import psycopg

        with psycopg.connect(url) as connection:
            connection.execute(
                "UPDATE outlay_budget_claims SET at = at - 61000 WHERE account LIKE %s", (f"{project}|%",)
            )
    else:
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database, database:
            for key, text in database.execute("SELECT key, state FROM accounts").fetchall():
                state = json.loads(text)
                state["claims"] = {name: [at - 61_000, sure] for name, (at, sure) in state.get("claims", {}).items()}
                database.execute("UPDATE accounts SET state = ? WHERE key = ?", (json.dumps(state), key))


def test_each_threshold_is_told_of_once_by_hosts_that_share_no_ledger(url: str, web: Web, tmp_path: Path) -> None:
    """Four of them spend twelve dollars of ten."""
    project = a_project()
    hosts = [host(url, project, web, tmp_path / str(number), 3) for number in range(4)]
    assert [each.wait(120) for each in hosts] == [0] * 4
    told_by(web, [50, 80, 100], lambda: host(url, project, web, tmp_path / "1", 1).wait(120))


def test_a_claim_outlives_the_host_that_made_it(url: str, web: Web, tmp_path: Path) -> None:
    """Killed before it had written the alert down: another host raises it, a minute later."""
    project = a_project()
    assert host(url, project, web, tmp_path / "dies", 6, "dies with the claim").wait(120) == -signal.SIGKILL
    assert host(url, project, web, tmp_path / "too soon", 1, "lives").wait(120) == 0
    assert told(web) == []
    age_claims(url, project)
    told_by(web, [50], lambda: host(url, project, web, tmp_path / "lives", 1, "lives").wait(120))
    age_claims(url, project)
    assert host(url, project, web, tmp_path / "too late", 1, "lives").wait(120) == 0
    assert told(web) == [50]


def test_an_alert_that_is_written_down_is_told_of_by_who_comes_next(url: str, web: Web, tmp_path: Path) -> None:
    """Killed with the alert in its spool, and before the store has heard so: the host's next process sends it."""
    project = a_project()
    assert host(url, project, web, tmp_path / "one", 6, "dies with the alert written").wait(120) == -signal.SIGKILL
    assert told(web) == []
    told_by(web, [50], lambda: host(url, project, web, tmp_path / "one", 1, "lives").wait(120))


def foreseeing(gate: Opener) -> Budgets:
    """Return the gate of a host that foresees that a limit will not last."""
    budgets = gate(Budget("total", limit=100, per="total"))
    assert spend(budgets, 40)
    budgets.flush()
    fields: dict[str, Any] = dict.fromkeys(Standing.__struct_fields__)
    fields |= {"budget": "total", "scope": "", "window": "total", "limit": 100 * NANO, "spent": 40 * NANO}
    fields |= {
        "status": "will exceed",
        "sentence": "will exceed on Thursday",
    }
    told = Forecast(amount=120, lower=105, upper=140, passes=date(2026, 11, 26), basis="weekdays")
    budgets.status = lambda: [Standing(**fields | {"forecast": told})]  # type: ignore[method-assign]  # it takes weeks
    return budgets


def test_a_forecast_is_told_of_once_by_hosts_that_share_no_ledger(gate: Opener, store: Store, project: str) -> None:
    """Whoever claims it first; at each look anew nothing more comes."""
    first, second = foreseeing(gate), foreseeing(gate)
    assert [alert.key for alert in first.foresee()] == ["budget:total::total:foreseen"]
    for budgets in (first, second, first):
        assert list(budgets.foresee()) == []
    assert store.audit(project).differences == ()


def test_a_forecast_whose_host_died_is_told_of_by_another(url: str, tmp_path: Path, project: str) -> None:
    """It had claimed it, and not raised it."""
    stores = [store_of(Settings(budget_store=url), tmp_path) for _ in range(2)]
    made = [foreseeing(lambda *given, of=each: Budgets(given, of, project=project)) for each in stores]
    assert next(iter(made[0].foresee())).key == "budget:total::total:foreseen"
    age_claims(url, project)
    assert [alert.key for alert in made[1].foresee()] == ["budget:total::total:foreseen"]
    for budgets in made:
        budgets.close()
