"""A day through the real OpenAI SDK: an agent's loop, a prompt that grew, and another model, each found and explained.

The calls are made against a model host on this machine, by tracked functions, with real bodies and real prices. Their
records are then dealt out over days: time is an argument here as everywhere.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import openai
import pytest

import outlay
import outlay.testing
from outlay.alerts.alert import Alert
from outlay.ledger.ledger import Ledger
from outlay.loopback import ModelHost
from outlay.money import pico
from outlay.records import Call
from outlay.spikes.watch import Watch
from tests.spikes.days import DAY, HOUR, MINUTE, MONDAY, SECOND

BEGIN = MONDAY + 3 * DAY
"""A Thursday, with three days of history."""
LOOP, PROMPT, MODEL = BEGIN + 9 * HOUR, BEGIN + 13 * HOUR, BEGIN + 18 * HOUR
"""When each trouble begins; it lasts an hour and a half."""
LENGTH = 90 * MINUTE
PER_BUCKET = {"answer": 14, "research": 6, "summarise": 8}
"""Calls of each function in five minutes."""

Decks = dict[str, list[Call]]


def ask(client: openai.OpenAI, words: int, model: str = "gpt-4o-mini") -> Any:
    """Make a call with a prompt of so many words."""
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": "word " * words}])


@pytest.fixture(scope="module")
def decks() -> Decks:
    """Return what the SDK's calls became, by what they were."""

    @outlay.track(feature="answer")
    def answer(client: openai.OpenAI, words: int) -> None:
        ask(client, words)

    @outlay.track(feature="research")
    def research(client: openai.OpenAI, words: int) -> None:
        ask(client, words)

    @outlay.track(feature="summarise")
    def summarise(client: openai.OpenAI, words: int, model: str = "gpt-4o-mini") -> None:
        ask(client, words, model)

    made: Decks = {}
    with (
        ModelHost() as host,
        outlay.testing.ledger(hosts={"127.0.0.1": "openai"}) as seen,
        openai.OpenAI(base_url=host.openai_url, api_key="none") as client,
        outlay.tags(user="u-7"),
    ):
        for name, run, more in (
            ("answer", answer, 1),
            ("answer, grown", answer, 3),
            ("research", research, 1),
            ("research, looping", research, 4),
            ("summarise", summarise, 1),
            ("summarise, gpt-4o", partial(summarise, model="gpt-4o"), 1),
        ):
            seen.clear()
            for words in range(300, 540, 10):
                run(client, more * words)
            made[name] = list(seen.calls)
    assert all(len(deck) == 24 and all(call.cost.amount for call in deck) for deck in made.values())
    return made


def deal(decks: Decks, since: int, until: int) -> Iterator[Call]:
    """Yield the calls of a time: each is one that the SDK made, with a time, a duration and an id of its own."""
    for bucket in range(since, until, 5 * MINUTE):
        chance = random.Random(bucket)
        for feature, usual in PER_BUCKET.items():
            name, number = feature, usual + chance.randrange(-2, 3)
            if feature == "research" and LOOP <= bucket < LOOP + LENGTH:
                name, number = "research, looping", 5 * number
            elif feature == "answer" and PROMPT <= bucket < PROMPT + LENGTH:
                name = "answer, grown"
            elif feature == "summarise" and bucket >= MODEL:
                name = "summarise, gpt-4o"
            for call in chance.choices(decks[name], k=number):
                start = bucket + chance.randrange(5 * MINUTE - 10 * SECOND)
                end = start + chance.randrange(600, 900) * SECOND // 1000  # how busy this machine was is no trouble
                own = f"{chance.getrandbits(64):016x}"
                yield msgspec.structs.replace(call, id=own, trace_id=own * 2, parent_id=None, start=start, end=end)


def test_a_day_with_three_troubles_is_three_explained_spikes(decks: Decks, tmp_path: Path) -> None:
    """Each is told within ten minutes, names its cause and its function, and its parts add up to the cent and below."""
    told: list[Alert] = []
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        ledger.write(deal(decks, MONDAY, BEGIN))
        watch = Watch(ledger, told.append, tags=("user",))
        watch.step(BEGIN)
        for at in range(BEGIN, MODEL + LENGTH, 5 * MINUTE):
            ledger.write(deal(decks, at, at + 5 * MINUTE))
            watch.step(at + 5 * MINUTE + 20 * SECOND)
        spent = ledger.report(since=MODEL, until=MODEL + LENGTH, filters={"feature": "summarise"}).total.cost
    opened = [alert for alert in told if alert.facts.get("event") == "opened"]
    assert [alert.since for alert in opened] == [LOOP, PROMPT, MODEL]
    assert all(alert.at - (alert.since or 0) <= 11 * MINUTE for alert in opened)
    assert [alert.facts["series"] for alert in opened] == [
        "research on gpt-4o-mini",
        "answer on gpt-4o-mini",
        "all calls",  # of a price a minute or a bucket of eight calls says nothing yet, of all calls it does
    ]
    # A loop makes more calls and longer ones: which of them is named first is a matter of chance.
    assert opened[0].facts["channel"] in ("calls", "input")
    assert [alert.facts["channel"] for alert in opened[1:]] == ["input", "price"]
    for alert in told:
        if alert.key.startswith("spike:"):
            parts = {name: Decimal(str(value)) for name, value in alert.facts.items() if _is_part(name)}
            assert sum(map(pico, parts.values())) == alert.amount
    loop, prompt, model = (_largest(alert) for alert in opened)
    assert loop in ("volume_usd", "input_usd")
    assert (prompt, model) == ("input_usd", "model_usd")
    for alert, function in zip(opened, ("research", "answer", "summarise"), strict=True):
        site = next(driver.value for driver in alert.drivers if driver.dimension == "site")
        assert site.partition(":")[0].endswith("test_sdk_day.py")
        carried = [driver.value for driver in alert.drivers if driver.dimension == "feature"]
        assert carried == [function] if alert.facts["series"] == "all calls" else function in alert.title
    assert spent > 0
    assert {alert.facts["rule"] for alert in told if "rule" in alert.facts} == {"new_model"}


def _is_part(name: str) -> bool:
    return name.endswith("_usd")


def _largest(alert: Alert) -> str:
    parts = {name: Decimal(str(value)) for name, value in alert.facts.items() if _is_part(name)}
    return max(parts, key=lambda name: parts[name])
