"""The watch over a ledger: what goes wrong in a day is told within minutes, once, with a reason that adds up."""

from __future__ import annotations

import math
from decimal import Decimal

import msgspec
import pytest

from outlay.alerts.alert import Alert
from outlay.ledger.ledger import Ledger
from outlay.money import pico
from outlay.records import Cost
from outlay.spikes.cause import find_cause
from outlay.spikes.incidents import Incident
from outlay.spikes.series import OTHER, WHOLE, Amount, key_of, name_of
from outlay.spikes.watch import LEASE, Told, Watch
from tests.spikes.days import DAY, HOUR, MINUTE, MONDAY, SECOND, Trouble, calls
from tests.spikes.watching import BEGIN, HABITS, SURGE, live, spikes, watch


def test_a_quiet_day_is_a_quiet_day(ledger: Ledger) -> None:
    """Nothing is told of."""
    told: list[Alert] = []
    live(ledger, watch(ledger, told), BEGIN, BEGIN + DAY)
    assert told == []


def test_a_surge_is_one_incident_from_its_first_bucket_to_its_end(ledger: Ledger) -> None:
    """Opened within ten minutes, closed within an hour; seen in all calls, the feature and the user, told as one."""
    told: list[Alert] = []
    live(ledger, watch(ledger, told), BEGIN + 9 * HOUR, BEGIN + 15 * HOUR, SURGE)
    opened, *between, closed = spikes(told)
    assert [alert.facts["event"] for alert in told] == ["opened", *["grown"] * len(between), "closed"]
    assert opened.at - SURGE.since <= 11 * MINUTE
    assert opened.since == SURGE.since
    assert opened.facts["channel"] in ("calls", "input")
    assert opened.facts["series"] == "research on gpt-4o-mini"
    assert len(between) <= 1
    (kept,) = ledger.incidents(0)
    incident = msgspec.json.decode(kept.body, type=Told).incident
    assert {key[0] for key in incident.series} == {"model", "feature", "tag", "whole"}
    assert incident.closed is not None
    assert incident.closed - SURGE.until <= HOUR
    assert closed.severity == "info"


@pytest.mark.parametrize("hours", [1, 2])
def test_what_is_over_is_told_no_second_time_and_what_comes_again_is(ledger: Ledger, hours: int) -> None:
    """For hours after a surge the longer windows of what it showed in have it still; the next surge is another."""
    told: list[Alert] = []
    over = BEGIN + (9 + hours) * HOUR
    surges = [
        Trouble("research", BEGIN + 9 * HOUR, over, calls=5, input=2),
        Trouble("research", over + 3 * HOUR, over + 4 * HOUR, calls=5, input=2),
    ]
    for at in (BEGIN + 8 * HOUR, over + 2 * HOUR):  # by another process in the end
        made = watch(ledger, told)
        live(ledger, made, at, over + (2 if at < over else 7) * HOUR, *surges)
        made.leave()
    opened = [alert for alert in spikes(told) if alert.facts["event"] == "opened"]
    assert [(alert.facts["series"], alert.since) for alert in opened] == [
        ("research on gpt-4o-mini", surge.since) for surge in surges
    ]


def test_the_parts_of_an_alert_add_up_to_its_amount(ledger: Ledger) -> None:
    """And its carriers, function and examples are those of the surge."""
    told: list[Alert] = []
    live(ledger, watch(ledger, told), BEGIN + 9 * HOUR, BEGIN + 11 * HOUR, SURGE)
    alert = spikes(told)[-1]
    parts = {name: amount for name, amount in alert.facts.items() if name.endswith("_usd")}
    assert sum(pico(Decimal(str(amount))) for amount in parts.values()) == alert.amount
    assert pico(Decimal(str(parts["volume_usd"]))) > 0 < pico(Decimal(str(parts["input_usd"])))
    assert {(driver.dimension, driver.value) for driver in alert.drivers} >= {
        ("site", "shop/research.py:8"),
        ("user", "u-2"),
    }
    told_ids = [call.id for call in ledger.calls("latest", 10_000, filters={"feature": "research"}, since=SURGE.since)]
    incident = ledger.incidents(0)[0]
    cause = msgspec.json.decode(incident.body, type=Told).cause
    assert cause is not None
    assert len(cause.examples) == 3
    assert set(cause.examples) <= set(told_ids)


def test_another_process_goes_on_where_one_ended(ledger: Ledger) -> None:
    """In the middle of an incident: nothing is told twice, and its end is told."""
    told: list[Alert] = []
    first = watch(ledger, told)
    live(ledger, first, BEGIN + 9 * HOUR, BEGIN + 11 * HOUR, SURGE)
    first.leave()
    live(ledger, watch(ledger, told, "two"), BEGIN + 11 * HOUR, BEGIN + 15 * HOUR, SURGE)
    keys = [alert.key for alert in spikes(told)]
    assert len(set(keys)) == len(keys)
    assert [alert.facts["event"] for alert in spikes(told) if alert.facts["event"] != "grown"] == ["opened", "closed"]


def test_a_crash_loses_nothing_of_the_calls(ledger: Ledger) -> None:
    """What came after the state was kept is read again: both end with the same state."""
    told: list[Alert] = []
    crashed = watch(ledger, told)
    live(ledger, crashed, BEGIN + 9 * HOUR, BEGIN + 9 * HOUR + 50 * MINUTE)  # saved in between, not at the end
    again = Watch(ledger, told.append, holder="two", tags=("user",))
    live(ledger, again, BEGIN + 9 * HOUR + 50 * MINUTE, BEGIN + 10 * HOUR + 30 * MINUTE)
    assert told == []
    assert again.board is not None
    amounts = again.board.series[WHOLE].amounts[-18:]
    until = BEGIN + 10 * HOUR + 30 * MINUTE
    spent = sum(
        cost for slot, cost in ledger.courses({}, BEGIN + 8 * HOUR, until) if slot * 5 * MINUTE >= until - 90 * MINUTE
    )
    assert math.isclose(sum(amount.cost for amount in amounts), spent / 1e12, rel_tol=1e-5)


def test_one_process_of_many_watches(ledger: Ledger) -> None:
    """The others wait until it is gone, or its lease has run out."""
    told: list[Alert] = []
    now = BEGIN + 9 * HOUR
    one, two = watch(ledger, told), watch(ledger, told, "two")
    one.step(now)
    assert ledger.take_lease("spikes", "one", now, LEASE)
    two.step(now + SECOND)
    assert not ledger.take_lease("spikes", "two", now + SECOND, LEASE)
    one.leave()
    two.step(now + 2 * SECOND)
    assert not ledger.take_lease("spikes", "one", now + 3 * SECOND, LEASE)
    assert ledger.take_lease("spikes", "one", now + 2 * LEASE, LEASE)


def test_calls_that_come_late_count(ledger: Ledger) -> None:
    """From a machine whose spool waited: in the bucket that is open when they come."""
    told: list[Alert] = []
    made = watch(ledger, told)
    live(ledger, made, BEGIN + 9 * HOUR, BEGIN + 10 * HOUR)
    for at in range(BEGIN + 10 * HOUR, BEGIN + 12 * HOUR, 5 * MINUTE):
        made.step(at + MINUTE)
    ledger.write(calls(BEGIN + 10 * HOUR, BEGIN + 12 * HOUR, HABITS))
    made.step(BEGIN + 12 * HOUR + MINUTE)
    assert {alert.facts["channel"] for alert in spikes(told)} == {"calls"}


@pytest.mark.parametrize(("word", "events"), [("acknowledged", ["closed"]), ("muted", []), ("dismissed", [])])
def test_what_people_say_is_heard(ledger: Ledger, word: str, events: list[str]) -> None:
    """Acknowledged: told when it is over. Muted: nothing. Dismissed: nothing, and it is the usual from then on."""
    told: list[Alert] = []
    made = watch(ledger, told)
    live(ledger, made, BEGIN + 9 * HOUR, BEGIN + 10 * HOUR + 30 * MINUTE, SURGE)
    ledger.review(spikes(told)[0].subject, word, 2**62)  # type: ignore[arg-type]  # one of the words
    told.clear()
    live(ledger, made, BEGIN + 10 * HOUR + 30 * MINUTE, BEGIN + 15 * HOUR, SURGE)
    assert [alert.facts["event"] for alert in spikes(told)] == events


def test_a_deploy_shortly_before_is_named(ledger: Ledger) -> None:
    """One that was marked, and one that the calls' release tells."""
    told: list[Alert] = []
    ledger.mark(SURGE.since - 5 * MINUTE, "new prompt")
    ledger.write(
        [msgspec.structs.replace(calls(SURGE.since - 4 * MINUTE, SURGE.since, HABITS)[0], id="0" * 16, release="1.4")]
    )
    live(ledger, watch(ledger, told), BEGIN + 9 * HOUR, BEGIN + 11 * HOUR, SURGE)
    assert "new prompt at" in spikes(told)[0].text
    assert "release 1.4 at" in spikes(told)[0].text


def test_a_look_ends_when_its_time_is_up() -> None:
    """Learning from history is done a little at a time, and is done in the end."""
    with Ledger.open(":memory:") as ledger:
        ledger.write(calls(MONDAY, MONDAY + DAY, HABITS[1:]))
        made, looks = watch(ledger, []), 1
        while made.step(MONDAY + DAY, deadline=0.0):
            looks += 1
        assert looks > 288
        assert ledger.watch_cursor() == ledger.last_seq()


def test_who_is_forgotten_is_no_series_any_more(ledger: Ledger) -> None:
    """Not in the states, not in the incidents, and not by the hand of a watch that runs meanwhile: it learns anew."""
    told: list[Alert] = []
    made = watch(ledger, told)
    live(ledger, made, BEGIN + 9 * HOUR, BEGIN + 10 * HOUR + 15 * MINUTE, SURGE)
    assert made.board is not None
    assert ("tag", "user", "u-2") in {key_of(name) for name in ledger.states() if name != "watch"} | set(
        made.board.series
    )
    ledger.forget({"user": "u-2"})
    assert ledger.incidents(0) == []
    live(ledger, made, BEGIN + 10 * HOUR + 15 * MINUTE, BEGIN + 11 * HOUR, habits=HABITS[:1])
    kept = b"".join([*ledger.states().values(), *(name.encode() for name in ledger.states())])
    assert b"u-2" not in kept
    assert ledger.watch_cursor() is not None


def test_a_gross_surge_is_told_within_minutes(ledger: Ledger) -> None:
    """Before its first bucket is over, and once: the bucket's end changes nothing."""
    told: list[Alert] = []
    made = watch(ledger, told)
    live(ledger, made, BEGIN + 9 * HOUR, SURGE.since)
    flood = (Trouble("answer", SURGE.since, SURGE.until, calls=12, input=3),)
    for at in range(SURGE.since, SURGE.since + 20 * MINUTE, MINUTE):
        ledger.write(calls(at, at + MINUTE, HABITS, flood))
        made.step(at + MINUTE + 10 * SECOND)
    opened, *others = [alert for alert in spikes(told) if alert.facts["event"] == "opened"]
    assert opened.at - SURGE.since <= 3 * MINUTE
    assert opened.facts["series"] == "answer on gpt-4o-mini"
    assert others == []


def test_what_all_others_cost_is_explained_by_all_others(ledger: Ledger) -> None:
    """Those for which there is no room: the explanation leaves out the calls of the series that there are."""
    ledger.write(calls(BEGIN, BEGIN + 12 * HOUR, HABITS, (SURGE,)))
    incident = Incident(
        id="0" * 8,
        series=[OTHER],
        driver="calls",
        opened=SURGE.since,
        raised=SURGE.until,
        last=SURGE.until,
        score=0.5,
        days_known=4.0,
        usual={name_of(OTHER): Amount(0.0, 0.2, 200.0)},
    )
    cause = find_cause(ledger, incident, (WHOLE, OTHER, ("feature", "answer"), ("model", "answer", "gpt-4o-mini")))
    spent = ledger.spent(incident.opened, incident.last, {"feature": "research"})
    assert cause.explanation.after == sum(part.cost for part in spent.values()) > 0
    assert 0 < cause.explanation.before < cause.explanation.after / 3
    assert {carrier.value for carrier in cause.carriers if carrier.dimension == "feature"} == {"research"}
    examples = {call.id for call in ledger.calls("latest", 10_000, filters={"feature": "research"}, since=SURGE.since)}
    assert set(cause.examples) <= examples


def test_a_release_is_new_once(ledger: Ledger) -> None:
    """The first call of it makes a mark, and no later one: not on the same day, nor when its calls were pruned."""
    made = calls(BEGIN, BEGIN + 3 * HOUR, HABITS)
    ledger.write([msgspec.structs.replace(call, release="1.4") for call in made])
    first = made[0].start
    assert ledger.releases(BEGIN, BEGIN + HOUR) == [(first, "1.4")]
    assert ledger.releases(BEGIN + HOUR, BEGIN + 2 * HOUR) == []
    later = calls(BEGIN + 2 * DAY, BEGIN + 2 * DAY + HOUR, HABITS)
    ledger.write([msgspec.structs.replace(call, release="1.4") for call in later])
    ledger.prune(before=BEGIN + DAY)
    assert ledger.releases(BEGIN + 2 * DAY, BEGIN + 3 * DAY) == []


def test_a_state_that_can_not_be_read_is_learned_anew(ledger: Ledger) -> None:
    """Of another outlay, or damaged: the watch goes on, and keeps a new one."""
    ledger._database.execute("UPDATE spike_states SET state = x'00' WHERE name = 'watch'")  # noqa: SLF001 - no way of the ledger's own damages it
    told: list[Alert] = []
    made = watch(ledger, told)
    live(ledger, made, BEGIN + 9 * HOUR, BEGIN + 10 * HOUR + 30 * MINUTE, SURGE)
    assert [alert.facts["event"] for alert in spikes(told)] == ["opened"]
    assert ledger.states()["watch"] != b"\0"


def test_what_guards_see_in_a_new_ledger_is_told_if_it_is_news() -> None:
    """The watch first looks some seconds after the first call; of what was last week nobody is told."""
    dear = [
        msgspec.structs.replace(one, id=f"{at:016x}", start=at, end=at, cost=Cost(status="priced", amount=6 * 10**12))
        for one, at in zip(calls(MONDAY, MONDAY + HOUR, HABITS), (BEGIN - 7 * DAY, BEGIN - MINUTE), strict=False)
    ]
    told: list[Alert] = []
    with Ledger.open(":memory:") as ledger:
        ledger.write(dear)
        watch(ledger, told).step(BEGIN)
    assert [(alert.facts["rule"], alert.facts["call"]) for alert in told] == [("dear_call", f"{BEGIN - MINUTE:016x}")]
