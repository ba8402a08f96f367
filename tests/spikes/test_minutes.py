"""One-minute series: what runs away is told of within a minute or two, and is counted once."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

import pytest

from outlay.alerts.alert import Alert
from outlay.ledger.ledger import Ledger
from outlay.spikes.detector import BUCKET, Bucket, Detector
from outlay.spikes.minutes import BUSY, LONGEST, MINUTE, rush
from outlay.spikes.series import name_of
from outlay.spikes.watch import Watch
from tests.spikes.days import HOUR, SECOND, Trouble, calls
from tests.spikes.days import MINUTE as NANO_MINUTE
from tests.spikes.watching import BEGIN, HABITS, live, spikes, watch

SINCE = BEGIN + 10 * HOUR
START = 20_458 * 86_400
"""A Monday."""


def by_minutes(ledger: Ledger, made: Watch, since: int, until: int, trouble: Trouble) -> None:
    """Let time pass minute by minute."""
    for at in range(since, until, NANO_MINUTE):
        ledger.write(calls(at, at + NANO_MINUTE, HABITS, (trouble,)))
        made.step(at + NANO_MINUTE + 11 * SECOND)


@pytest.mark.parametrize("after", range(5))
def test_a_surge_is_told_within_two_minutes_wherever_in_a_bucket_it_begins(ledger: Ledger, after: int) -> None:
    """With the minute in which it began, and once: the end of its bucket changes nothing."""
    told: list[Alert] = []
    made, since = watch(ledger, told), SINCE + after * NANO_MINUTE
    live(ledger, made, BEGIN + 9 * HOUR, SINCE)
    by_minutes(ledger, made, SINCE, since + 20 * NANO_MINUTE, Trouble("answer", since, since + HOUR, calls=8))
    opened, *others = [alert for alert in spikes(told) if alert.facts["event"] == "opened"]
    assert (opened.since, opened.facts["series"]) == (since, "answer on gpt-4o-mini")
    assert opened.facts["channel"] == "calls"
    assert opened.at - since <= 2 * NANO_MINUTE + 11 * SECOND
    assert others == []


@pytest.mark.parametrize(("trouble", "channel"), [({"model": "gpt-4o"}, "price"), ({"input": 12.0}, "input")])
def test_dearer_calls_are_told_within_minutes(ledger: Ledger, trouble: dict[str, object], channel: str) -> None:
    """Though there are no more of them: another model, longer prompts."""
    told: list[Alert] = []
    made = watch(ledger, told)
    live(ledger, made, BEGIN + 9 * HOUR, SINCE)
    by_minutes(ledger, made, SINCE, SINCE + 4 * NANO_MINUTE, Trouble("answer", SINCE, SINCE + HOUR, **trouble))  # type: ignore[arg-type]  # fields of Trouble
    (opened,) = spikes(told)
    assert (opened.facts["event"], opened.facts["channel"]) == ("opened", channel)
    assert opened.facts["series"] in ("answer", "answer on gpt-4o-mini")


def test_what_was_counted_of_a_bucket_is_counted_once(ledger: Ledger) -> None:
    """What an incident costs is what its buckets cost beyond the usual, though it was told in the middle of one."""
    told: list[Alert] = []
    made = watch(ledger, told)
    live(ledger, made, BEGIN + 9 * HOUR, SINCE)
    by_minutes(ledger, made, SINCE, SINCE + 21 * NANO_MINUTE, Trouble("answer", SINCE, SINCE + HOUR, calls=8))
    assert spikes(told)[0].at < SINCE + BUCKET * SECOND
    assert made.board is not None
    (incident,) = made._incidents.open  # noqa: SLF001 - what it counts is told in an hour only
    amounts = made.board.series[incident.subject].amounts[-4:]
    counted = incident.excess[name_of(incident.subject)]
    assert math.isclose(counted, sum(amount.cost - amount.usual for amount in amounts), rel_tol=1e-5)


def usual(at: int, calls: float) -> Bucket:
    """Return an ordinary minute, of which a weekend's has a quarter of the calls."""
    chance = random.Random(at)
    mean = calls * (0.25 if (at // 86_400 + 3) % 7 >= 5 else 1.0)
    number = max(1.0, round(chance.gauss(mean, mean**0.5)))
    size = math.exp(chance.gauss(0, 0.8 / number**0.5))
    return Bucket(number, 0, number * 2000 * size, 0, number * 300, number * (0.005 * size + 0.003), number * 2)


def minutes(calls: float, days: int) -> Iterator[tuple[int, list[Bucket], Detector]]:
    """Yield each minute of some days, the latest minutes, and the detector that has seen the buckets before."""
    detector, latest = Detector(), [Bucket()] * LONGEST
    for at in range(START, START + days * 86_400, MINUTE):
        latest = [usual(at, calls), *latest[: LONGEST - 1]]
        yield at, latest, detector
        if (at + MINUTE) % BUCKET == 0:
            detector.update(at + MINUTE - BUCKET, Bucket(*map(sum, zip(*latest, strict=True))))


def test_nothing_is_said_in_usual_weeks() -> None:
    """Neither by chance nor at midnight, when a weekend begins of which far fewer calls are expected."""
    assert [at for at, latest, detector in minutes(20.0, 15) if rush(detector, at, latest)] == []


def test_few_calls_are_left_to_their_buckets() -> None:
    """A minute of a series that has fewer than 20 calls in five can tell nothing, whatever comes."""
    *_, (at, latest, detector) = minutes(BUSY / LONGEST - 1.0, 3)
    flood = [Bucket(*[100 * part for part in latest[0]])] * LONGEST
    assert rush(detector, at, flood) is None
    *_, (at, latest, detector) = minutes(BUSY / LONGEST + 1.0, 3)
    assert rush(detector, at, flood) is not None
