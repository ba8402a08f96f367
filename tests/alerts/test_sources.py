"""What raises alerts, and what the ledger adds to them before anybody is told."""

from __future__ import annotations

import json
import time

import msgspec
import pytest

from outlay.alerts import Alert, raised
from outlay.budgets.budget import Budget
from outlay.budgets.gate import Budgets
from outlay.budgets.stores.memory import MemoryStore
from outlay.ledger.ledger import Ledger
from outlay.records import Call, Cost, Record, Usage
from tests.alerts.receivers import Web
from tests.alerts.samples import DAY, HOUR, NOON, Desk, alert
from tests.budgets.asks import spend
from tests.ledger import samples

DOLLAR = 10**12


def bought(amount: int, *, feature: str, model: str = "gpt-4o", start: int = NOON - HOUR, **tags: str) -> Call:
    """Return a call of the project that cost so many dollars."""
    cost = Cost(status="priced", amount=amount * DOLLAR, model=model)
    return samples.call(project="shop", feature=feature, start=start, tags=tags, cost=cost)


def test_the_ledger_says_who_drives_it(ledger: Ledger) -> None:
    """Features, models and users of the calls that the alert is about: since then, of this project and scope."""
    seen: list[Alert] = []
    ledger.write(
        [
            bought(6, feature="answer", user="u-1", tenant="acme"),
            bought(2, feature="answer", user="u-2", tenant="acme", model="o4-mini"),
            bought(1, feature="summarise", user="u-2", tenant="acme"),
            bought(50, feature="other", user="u-3", tenant="else"),
            bought(50, feature="old", user="u-4", tenant="acme", start=NOON - 9 * DAY),
        ]
    )
    desk = Desk(ledger, seen.append)
    desk.put(alert(drivers=(), scope={"tenant": "acme"}, amount=9 * DOLLAR, since=NOON - DAY))
    ledger.alert(None, NOON)
    desk.step()
    assert [(one.dimension, one.value, one.amount // DOLLAR) for one in seen[0].drivers] == [
        ("feature", "answer", 8), ("model", "gpt-4o", 7), ("user", "u-1", 6), ("user", "u-2", 3),
        ("model", "o4-mini", 2), ("feature", "summarise", 1),
    ]  # fmt: skip


def test_what_was_told_stays_as_it_was_told(ledger: Ledger, web: Web) -> None:
    """A repetition must not differ from the first try; an alert that says who drives it is believed."""
    ledger.write([bought(6, feature="answer")])
    desk = Desk(ledger, f"webhook+http://{web.host}/")
    desk.put(alert(drivers=(), scope={}), alert(scope={}))
    desk.step()
    before = [told.alert for told in ledger.told()]
    ledger.alert(None, NOON)
    assert [told.alert for told in ledger.told()] == before
    assert json.loads(web.requests[0].body)["data"]["alerts"][0]["drivers"] == []


def test_an_alert_that_can_not_be_read_is_a_loss(ledger: Ledger) -> None:
    """Counted, as all that is lost; one of a newer outlay is kept as far as it is understood."""
    newer = json.loads(msgspec.json.encode(alert(key="newer"))) | {"kind": "weather", "severity": "mild", "since": "x"}
    records: list[Record] = [raised(alert(key="fine", title="half a \ud800 letter"))]
    records += [
        msgspec.structs.replace(records[0], alert=msgspec.Raw(text)) for text in (json.dumps(newer).encode(), b"[]")
    ]
    ledger.write(records)
    told = {one.alert.key: one.alert for one in ledger.told()}
    assert set(told) == {"fine", "newer"}
    assert told["fine"].title == "half a ? letter"
    assert (told["newer"].kind, told["newer"].severity, told["newer"].amount) == ("other", "warning", 160 * DOLLAR)
    assert [(lost.records, lost.reason) for lost in ledger.losses()] == [(1, "an alert could not be read")]


@pytest.mark.parametrize(
    ("call", "title"),
    [
        ({"cost": Cost(status="unknown"), "request_model": "m-1"}, "m-1 (openai) has no price"),
        (
            {"cost": Cost(status="partial", amount=1, unpriced=("web_search",), model="m-1")},
            "m-1 (openai) has no price for web_search",
        ),
        ({"cost": Cost(status="unknown"), "usage": None}, None),
        ({"cost": Cost(status="unknown"), "usage": None, "outcome": "pending"}, None),
        ({"cost": Cost(status="free", amount=0)}, None),
        ({}, None),
    ],
)
def test_a_model_without_a_price_raises_one_alert(ledger: Ledger, call: dict[str, object], title: str | None) -> None:
    """And nothing that has a price, is free, or told no usage does."""
    for feature in ("answer", "summarise"):
        ledger.write([samples.call(project="shop", feature=feature, **call) for _ in range(3)])
        ledger.alert(None, NOON)
    assert [told.alert.title for told in ledger.told()] == ([] if title is None else [title])


def test_each_project_hears_of_the_model_once(ledger: Ledger) -> None:
    """Whoever opens the ledger: the cursor stands in it."""
    for project in ("shop", "lab", "shop"):
        ledger.write([samples.call(project=project, cost=Cost(status="unknown"), usage=Usage(classes={"input": 5}))])
        with Ledger.open(ledger.path) as other:
            other.alert(None, NOON)
    assert sorted(told.alert.project for told in ledger.told()) == ["lab", "shop"]


def test_an_unnamed_host_is_told_to_be_named(ledger: Ledger) -> None:
    """Nobody can have a price where nobody knows who bills."""
    ledger.write([samples.call(provider="unknown", host="llm.corp.example", cost=Cost(status="unknown"))])
    ledger.alert(None, NOON)
    (told,) = ledger.told()
    assert told.alert.advice.startswith("Name who bills for llm.corp.example under [hosts] in outlay.toml")


def test_a_budget_tells_its_thresholds_once_and_who_drove_it(ledger: Ledger, web: Web) -> None:
    """Two gates on one store, as two processes have them; what the ledger knows of the scope stands in the message."""
    store = MemoryStore()
    desk = Desk(ledger, f"webhook+http://{web.host}/", alert_group_seconds=0)
    desk.now = time.time_ns()
    budget = Budget("tenant", limit=10, scope="tenant", alerts=[50, 80])
    gates = [Budgets((budget,), store, project="shop", sink=desk.put) for _ in range(2)]
    try:
        for gate, dollars in zip(gates, (6, 3), strict=True):
            ledger.write([bought(dollars, feature="answer", tenant="acme", start=time.time_ns())])
            assert spend(gate, dollars, tags={"tenant": "acme"})
            for other in gates:
                other.flush()
    finally:
        for gate in gates:
            gate.close()
    desk.now = time.time_ns()
    ledger.alert(None, desk.now)
    desk.step()
    told = [one for request in web.requests for one in json.loads(request.body)["data"]["alerts"]]
    assert [one["facts"]["percent"] for one in told] == [50, 80]
    assert [one["amount_usd"] for one in told] == ["6", "9"]
    assert told[1]["drivers"][0] == {"dimension": "feature", "value": "answer", "amount_usd": "9"}


def test_an_exporter_that_gets_nothing_through_is_told_of_once_an_outage(ledger: Ledger) -> None:
    """After a quarter of an hour and three attempts; the next outage is another one."""
    minute = 60 * 10**9

    def failed(at: int) -> list[str]:
        backlog.fail("connection refused", now=at, retry_at=at)
        ledger.alert(None, at)
        return [told.alert.title for told in ledger.told() if told.alert.kind == "exporter"]

    backlog = ledger.backlog("otlp")
    backlog.begin(NOON, NOON)
    assert failed(NOON) == failed(NOON + 2 * minute) == failed(NOON + 14 * minute) == []
    once = ["The exporter otlp has got nothing through for 16 minutes"]
    assert failed(NOON + 16 * minute) == failed(NOON + 40 * minute) == once
    (told,) = ledger.told()
    assert "connection refused" in told.alert.text
    assert told.alert.advice.startswith("See `outlay export status`")
