"""The detector: silent where nothing is wrong, soon and right about the reason where something is."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator

import pytest

from outlay.spikes.detector import BUCKET, THRESHOLD, Bucket, Detector
from outlay.spikes.state import pack, unpack

DAY = 288
LEARNED = 9 * DAY
"""Buckets of history before anything goes wrong."""
START = 20_458 * 86_400
"""A Monday."""

Change = Callable[[Bucket], Bucket]


def usual(at: int, calls: float = 40.0) -> Bucket:
    """Return an ordinary bucket: a day and a week of calls, and calls that are not alike."""
    chance = random.Random(at)
    day = 1 + 0.5 * math.cos((at % DAY / DAY - 0.6) * 2 * math.pi)
    week = 0.4 if at // DAY % 7 >= 5 else 1.0
    mean = calls * day * week
    number = max(0, round(chance.gauss(mean, math.sqrt(mean + 0.004 * mean * mean))))
    noise = 1 / math.sqrt(max(number, 1))
    errors = sum(chance.random() < 0.01 for _ in range(number))
    read = number * 2000 * math.exp(chance.gauss(0, 0.8 * noise))
    written = (number - errors) * 300 * math.exp(chance.gauss(0, 0.6 * noise))
    return priced(
        Bucket(
            number,
            errors,
            read,
            0.6 * read,
            written,
            0.0,
            (number - errors) * 2 * math.exp(chance.gauss(0, 0.4 * noise)),
        )
    )


def priced(bucket: Bucket) -> Bucket:
    """Return a bucket with what it costs."""
    cost = (bucket.input - bucket.cached) * 2.5e-6 + bucket.cached * 0.25e-6 + bucket.output * 1e-5
    return bucket._replace(cost=cost)


def times(factor: float, bucket: Bucket) -> Bucket:
    """Return so many times the bucket."""
    return Bucket(*[factor * part for part in bucket])


TROUBLES: dict[str, tuple[str, Change]] = {
    "twice the calls": ("calls", lambda b: times(2, b)),
    "prompts half as long again": ("input", lambda b: priced(b._replace(input=1.5 * b.input, cached=0.9 * b.input))),
    "answers twice as long": ("output", lambda b: priced(b._replace(output=2 * b.output))),
    "a dearer model": ("price", lambda b: b._replace(cost=1.6 * b.cost)),
    "a cache that is lost": ("misses", lambda b: priced(b._replace(cached=0.0))),
    "answers that take twice as long": ("latency", lambda b: b._replace(seconds=2 * b.seconds)),
    "a fifth of the calls failing": ("errors", lambda b: b._replace(errors=round(0.2 * b.calls))),
    "a fifth of the calls tried again": ("retries", lambda b: b._replace(retries=round(0.2 * b.calls))),
}


def scores(detector: Detector, since: int, until: int, change: Change | None = None) -> Iterator[float]:
    """Yield the scores of buckets, changed from the first to the last by ``change``."""
    for at in range(since, until):
        bucket = usual(at)
        yield detector.update(START + at * BUCKET, bucket if change is None else change(bucket))


@pytest.fixture(scope="module")
def learned() -> bytes:
    """Return a detector that has seen nine usual days, as bytes."""
    detector = Detector()
    assert max(scores(detector, 0, LEARNED)) < THRESHOLD
    return pack(detector)


def waken(state: bytes) -> Detector:
    """Return the detector."""
    detector = unpack(state)
    assert detector is not None
    return detector


def test_nothing_is_said_in_usual_weeks(learned: bytes) -> None:
    """The first day, week and weekend are not known, and silent all the same; so are the days after."""
    assert max(scores(waken(learned), LEARNED, LEARNED + 7 * DAY)) < THRESHOLD


@pytest.mark.parametrize(("driver", "change"), TROUBLES.values(), ids=list(TROUBLES))
def test_a_rise_is_found_within_half_an_hour_and_named(learned: bytes, driver: str, change: Change) -> None:
    """In a channel of its own, with the bucket in which it began."""
    detector = waken(learned)
    since = LEARNED + DAY // 2
    assert max(scores(detector, LEARNED, since)) < THRESHOLD
    delay = next(at for at, score in enumerate(scores(detector, since, since + 6, change)) if score >= THRESHOLD)
    assert (detector.driver, detector.began()) == (driver, delay + 1)


def test_what_is_over_is_silent_soon(learned: bytes) -> None:
    """An hour after the last bad bucket, though the windows still hold it."""
    detector = waken(learned)
    list(scores(detector, LEARNED, LEARNED + 12, TROUBLES["twice the calls"][1]))
    assert max(list(scores(detector, LEARNED + 12, LEARNED + 60))[12:]) < THRESHOLD


def test_a_new_level_that_stays_becomes_the_usual_one(learned: bytes) -> None:
    """A prompt that is longer for good alarms for half a day, and not for ever; nor does its end alarm."""
    detector = waken(learned)
    change = TROUBLES["prompts half as long again"][1]
    first = list(scores(detector, LEARNED, LEARNED + DAY, change))
    assert first[10] >= THRESHOLD
    assert max(first[-DAY // 3 :]) < THRESHOLD
    assert max(scores(detector, LEARNED + DAY, LEARNED + 2 * DAY)) < THRESHOLD


def test_a_nightly_batch_is_told_of_once(learned: bytes) -> None:
    """The second night, the same burst at the same time is a habit."""
    detector = waken(learned)
    nights = []
    for day in range(3):
        begin = LEARNED + day * DAY
        list(scores(detector, begin, begin + 24))
        batch = ((at, usual(at, 160.0)) for at in range(begin + 24, begin + 36))
        nights.append(max(detector.update(START + at * BUCKET, bucket) for at, bucket in batch))
        list(scores(detector, begin + 36, begin + DAY))
    assert nights[0] >= THRESHOLD > max(nights[1:])


def test_few_calls_are_no_evidence() -> None:
    """A tenant with a call an hour does not scream over one long prompt, or three calls at once."""
    detector = Detector()
    chance = random.Random(3)
    found = []
    for at in range(14 * DAY):
        number = int(chance.random() < 1 / 12) + (2 if at == 10 * DAY else 0)
        read = number * 2000 * math.exp(chance.gauss(0, 1))
        found.append(
            detector.update(START + at * BUCKET, priced(Bucket(number, 0, read, 0, number * 300, 0, number * 2)))
        )
    assert max(found) < THRESHOLD


def test_one_request_that_fails_with_its_retries_is_no_news() -> None:
    """Three failures of a function with three calls in five minutes; nor are three calls where there is hardly one."""
    detector, found = Detector(), []
    for at in range(LEARNED + 12):
        few = priced(Bucket(3, 3 if at == LEARNED else 0, 6000, 0, 900, 0, 6, 2 if at == LEARNED else 0))
        found.append(detector.update(START + at * BUCKET, few))
    for at in range(LEARNED + 12, 2 * LEARNED):
        number = 3 if at == LEARNED + 2 * DAY + 7 else int(at % 100 == 0)
        some = priced(Bucket(number, 0, 2000 * number, 0, 300 * number, 0, 2 * number))
        found.append(detector.update(START + at * BUCKET, some))
    assert max(found) < THRESHOLD


@pytest.mark.parametrize(("failing", "buckets", "delay"), [(2, 1, None), (1, 24, 20), (2, 12, 6), (8, 1, 1)])
def test_what_never_fails_is_told_of_when_it_does(failing: int, buckets: int, delay: int | None) -> None:
    """However many calls there were before: two of forty once are no news, one or two for long are, eight at once."""
    detector, found = Detector(), []
    for at in range(LEARNED + 24):
        errors = failing if LEARNED <= at < LEARNED + buckets else 0
        found.append(detector.update(START + at * BUCKET, usual(at % DAY)._replace(errors=errors)))
    assert max(found[:LEARNED]) < THRESHOLD
    told = next((at + 1 for at, score in enumerate(found[LEARNED:]) if score >= THRESHOLD), None)
    assert told == delay if delay is None else told is not None and told <= delay


def test_a_detector_goes_on_where_it_was_kept(learned: bytes) -> None:
    """A restart changes no score, and a series takes no more than 8 KB."""
    assert len(learned) <= 8 * 1024
    whole, restarted = waken(learned), waken(learned)
    change = TROUBLES["twice the calls"][1]
    for at in range(LEARNED, LEARNED + DAY, 12):
        restarted = waken(pack(restarted))
        pairs = itertools.zip_longest(scores(whole, at, at + 12, change), scores(restarted, at, at + 12, change))
        assert all(math.isclose(one, other, abs_tol=1e-3) for one, other in pairs)


def test_a_damaged_state_is_learned_anew(learned: bytes) -> None:
    """Nobody is told of it: the watch begins again."""
    assert unpack(learned[:-10]) is None
    assert unpack(b"") is None


def lumpy(chance: random.Random, calls: int, share: float, fee: float) -> Bucket:
    """Return a bucket of which some calls have a fee that is many times what the tokens of one cost."""
    read, written, cost = 0.0, 0.0, 0.0
    for _ in range(calls):
        tokens = chance.lognormvariate(7, 0.5), chance.lognormvariate(5.3, 0.5)
        read, written = read + tokens[0], written + tokens[1]
        cost += tokens[0] * 0.15e-6 + tokens[1] * 0.6e-6 + (fee if chance.random() < share else 0.0)
    return Bucket(calls, 0, read, 0.0, written, cost, calls * 1.0)


@pytest.mark.parametrize(("share", "fee"), [(0.05, 0.01), (0.05, 0.001), (0.01, 0.01)])
def test_fees_of_some_calls_are_no_rise_in_price(share: float, fee: float) -> None:
    """Two weeks from the first bucket on: one call can be a bucket's whole rise, so it is no news before the next."""
    raised = []
    for seed in range(4):
        detector, chance = Detector(), random.Random(seed)
        for number in range(14 * DAY):
            calls = sum(chance.random() < 0.033 for _ in range(100))
            score = detector.update(START + number * BUCKET, lumpy(chance, calls, share, fee) if calls else Bucket())
            raised.append(score >= THRESHOLD)
    assert sum(now and not before for before, now in itertools.pairwise(raised)) <= 12  # in eight weeks; they were 283


def test_a_dearer_model_is_told_with_its_second_bucket() -> None:
    """Every call costs more then."""
    detector = Detector()
    for number in range(LEARNED):
        detector.update(START + number * BUCKET, usual(number))
    scores = []
    for number in range(LEARNED, LEARNED + 2):
        bucket = usual(number)
        scores.append(detector.update(START + number * BUCKET, bucket._replace(cost=4 * bucket.cost)))
    assert [score >= THRESHOLD for score in scores] == [False, True]
    assert detector.driver == "price"
