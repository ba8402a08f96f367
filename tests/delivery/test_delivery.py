"""Every record reaches the backend, whatever it answers, and none stands in the way of another."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlay.delivery.delivery import LONGEST_PAUSE, pause
from outlay.export import Batch, Delivered, Later, Refused, Rejected, Result
from outlay.ledger.ledger import Ledger
from outlay.records import Call, Span
from tests.delivery.backends import SECOND, Post, Recorder, asked, calls, ids, span
from tests.ledger.samples import call


def test_all_is_delivered_once_in_batches_and_in_order(ledger: Ledger) -> None:
    """Nothing comes twice, nor when there is nothing new."""
    made = calls(25)
    ledger.write(made)
    post = Post(ledger, Recorder())
    post.run()
    assert post.recorder.order == ids(made)
    assert [len(batch.records) for batch in post.recorder.batches] == [10, 10, 5]
    post.run()
    later = calls(3)
    ledger.write(later)
    post.run()
    assert post.recorder.order == ids([*made, *later])
    assert (post.state.delivered, post.left) == (28, 0)


def test_a_new_exporter_begins_with_what_comes_after_it_was_asked_for(ledger: Ledger) -> None:
    """By the time when calls began: the ledger may have got them before anybody opened it for the exporter."""
    before, after = call(start=10 * SECOND), call(start=30 * SECOND)
    ledger.write([before, after])
    backlog = ledger.backlog("late")
    backlog.begin(20 * SECOND, 40 * SECOND)
    assert ids([due.record for due in backlog.new(10)]) == [after.id]
    backlog.begin(50 * SECOND, 60 * SECOND)  # it has its place
    assert ids([due.record for due in backlog.new(10)]) == [after.id]


def test_what_can_not_be_taken_now_comes_again_after_growing_pauses(ledger: Ledger) -> None:
    """Meanwhile nothing is asked of the backend; at the first success the count begins anew."""
    recorder = Recorder(lambda _: Later("503"))
    ledger.write(calls(3))
    post = Post(ledger, recorder)
    waited = []
    for _ in range(5):
        post.run()
        post.run()
        waited.append((post.state.retry_at - post.clock.now) / SECOND)
        post.clock.sleep(waited[-1])
    assert waited == [1, 2, 4, 8, 16]
    assert len(recorder.batches) == 5
    assert (post.state.failures, post.state.trouble, post.left) == (5, "503", 3)
    recorder.answer = lambda _: Delivered()
    post.run()
    assert (post.state.failures, post.state.trouble, post.state.retry_at, post.left) == (0, "", 0, 0)


@given(st.integers(0, 100), st.none() | st.floats(0, 10**7, allow_nan=False), st.floats(0, 1))
def test_a_pause_is_bounded_and_no_shorter_than_asked_for(failures: int, after: float | None, chance: float) -> None:
    """Up to five minutes of our own, up to a day (and a tenth) of a backend's."""
    found = pause(failures, after, chance)
    assert 0.5 <= found <= max(LONGEST_PAUSE, min(after or 0, 86_400) * 1.1)
    assert found >= min(after or 0, 86_400)


def test_retry_after_is_honoured(ledger: Ledger) -> None:
    """Also where it is longer than our own pause would be."""
    ledger.write(calls(1))
    post = Post(ledger, Recorder(lambda _: Later("429", after=90)))
    post.run()
    assert post.state.retry_at - post.clock.now >= 90 * SECOND


def test_a_bad_record_is_set_aside_and_the_rest_goes_on(ledger: Ledger) -> None:
    """A backend that takes batches whole or not at all: the bad one is found by halves."""
    made = calls(40)
    bad = {made[3].id, made[17].id, made[18].id}

    def answer(batch: Batch) -> Result:
        return Refused("a span has no name") if bad & set(ids(batch.records)) else Delivered()

    ledger.write(made)
    post = Post(ledger, Recorder(answer))
    post.run()
    assert post.aside == dict.fromkeys(bad, "a span has no name")
    assert set(post.recorder.got) == set(ids(made)) - bad
    assert set(post.recorder.got.values()) == {1}
    assert (post.left, post.state.delivered) == (0, 37)


def test_records_that_the_backend_names_are_set_aside(ledger: Ledger) -> None:
    """Without another request; and those that it counts only are counted."""
    made = calls(5)
    rejected = (Rejected(made[2].id, "too long"),)
    ledger.write(made)
    post = Post(ledger, Recorder(lambda _: Delivered(rejected=rejected, unnamed=2, reason="two of them are odd")))
    post.run()
    assert (len(post.recorder.batches), post.aside, post.state.unnamed, post.left) == (
        1,
        {made[2].id: "too long"},
        2,
        0,
    )


def test_a_row_that_can_not_be_read_is_set_aside_too(ledger: Ledger) -> None:
    """A damaged ledger costs the record and not the exporter, also where it is the last one."""
    made = calls(3)
    ledger.write(made)
    with closing(sqlite3.connect(ledger.path)) as database, database:
        database.execute("UPDATE entries SET tags = 'torn' WHERE id IN (?, ?)", (made[1].id, made[2].id))
    database.close()
    post = Post(ledger, Recorder())
    for _ in range(2):
        post.run()
    assert post.recorder.order == [made[0].id]
    assert [(one.seq, one.reason) for one in ledger.set_aside("recorder")] == [
        (3, "its row in the ledger can't be read"),
        (2, "its row in the ledger can't be read"),
    ]
    later = calls(2)
    ledger.write(later)
    post.run()
    assert post.recorder.order == [made[0].id, *ids(later)]
    assert post.left == 0
    ledger.write(calls(20))
    with closing(sqlite3.connect(ledger.path)) as database, database:
        database.execute("UPDATE entries SET tags = 'torn' WHERE seq > 5")
    database.close()
    for _ in range(3):
        post.run()
    assert post.left == 0, "whole batches of them are passed as well"


def test_what_was_set_aside_can_be_tried_again(ledger: Ledger) -> None:
    """When the backend has learnt, or its trouble is over."""
    made = calls(3)
    ledger.write(made)
    post = Post(ledger, Recorder(lambda _: Refused("no")))
    post.run()
    assert len(post.aside) == 3
    assert ledger.retry("recorder") == 3
    post.recorder.answer = lambda _: Delivered()
    post.run()
    assert (sorted(post.recorder.got), post.aside, post.left) == (sorted(ids(made)), {}, 0)


def test_an_exception_is_the_backends_trouble_until_it_keeps_coming_for_some_records_alone(ledger: Ledger) -> None:
    """A client that can't write a record raises TypeError: three times it may be the backend."""
    made = calls(8)

    def answer(batch: Batch) -> Result:
        if made[5].id in ids(batch.records):
            raise TypeError("Decimal is not JSON serializable")
        return Delivered()

    ledger.write(made)
    post = Post(ledger, Recorder(answer))
    for _ in range(3):
        post.run()
        assert post.left == 8
        post.clock.sleep(1000)
    post.run()
    assert (post.aside, post.left) == ({made[5].id: "TypeError: Decimal is not JSON serializable"}, 0)
    assert len(post.recorder.got) == 7


def test_an_exception_for_every_record_sets_nothing_aside(ledger: Ledger) -> None:
    """A client's own exception for a backend that is down must not empty the ledger into a heap of bad records."""

    def answer(_: Batch) -> Result:
        raise ValueError("garbage")

    ledger.write(calls(8))
    post = Post(ledger, Recorder(answer))
    for _ in range(8):
        post.run()
        post.clock.sleep(1000)
    assert (post.aside, post.left) == ({}, 8)
    post.recorder.answer = lambda _: Delivered()
    post.run()
    assert post.left == 0


def test_what_was_accepted_before_the_trouble_is_not_sent_again(ledger: Ledger) -> None:
    """Within a process; after a restart it is, and has the same id."""
    made = calls(4)
    ledger.write(made)
    recorder = Recorder(lambda _: Later("the second request failed", accepted=frozenset((made[1].id, made[3].id))))
    post = Post(ledger, recorder)
    post.run()
    recorder.answer = lambda _: Delivered()
    post.clock.sleep(10)
    post.run()
    assert ids(recorder.batches[-1].records) == [made[0].id, made[2].id]
    assert (post.left, post.state.delivered) == (0, 4)


def test_history_is_delivered_when_somebody_asks(ledger: Ledger) -> None:
    """From before the exporter existed, beside what is new, and each record once."""
    old = calls(25, start=100 * SECOND)
    ledger.write([*old, call(start=50 * SECOND)])
    post = Post(ledger, Recorder())
    post.run()
    post.recorder.got.clear()
    assert ledger.backfill("recorder", 90 * SECOND, 10**18) == 25
    assert ledger.backfill("recorder", 90 * SECOND, 10**18) == 0
    new = calls(12)
    ledger.write(new)
    assert post.left == 37
    post.run()
    assert set(post.recorder.got) == set(ids([*old, *new]))
    assert set(post.recorder.got.values()) == {1}
    assert len(post.recorder.batches[-1].records) == 5, "what is new does not wait for history"


def test_a_call_in_the_background_comes_when_it_is_settled(ledger: Ledger) -> None:
    """Once, whole; or after a day as it is."""
    pending = call(outcome="pending", usage=None)
    other = call(outcome="pending", usage=None)
    ledger.write([pending, other])
    post = Post(ledger, Recorder())
    post.clock.now = pending.start + 60 * SECOND
    post.run()
    assert (post.recorder.got, post.left) == ({}, 2)
    ledger.write([call(id=pending.id)])
    post.run()
    assert post.recorder.order == [pending.id]
    assert post.recorder.batches[0].calls[0].outcome == "ok"
    post.clock.sleep(86_400)
    post.run()
    assert post.recorder.order == [pending.id, other.id]
    assert post.left == 0


def test_a_tree_waits_for_the_spans_around_it_and_comes_parents_first(ledger: Ledger) -> None:
    """Calls end before their spans, and inner spans before outer ones."""
    inside = call(parent_id="b", path="g/f", start=2 * SECOND, end=3 * SECOND)
    post = Post(ledger, Recorder(), asked(tree=True))
    post.clock.now = 4 * SECOND
    ledger.write([inside])
    post.run()
    ledger.write([span("b", "a", start=1 * SECOND)])
    post.run()
    assert (post.recorder.order, post.left) == ([], 2)
    ledger.write([span("a")])
    post.run()
    assert sorted(post.recorder.order) == sorted(["a", "b", inside.id])
    last = post.recorder.batches[-1]
    assert ids(last.records)[-1] == inside.id
    assert ids(last.lineage(inside)) == ["a", "b"]
    assert post.left == 0


def test_a_span_that_never_ends_holds_its_calls_up_for_a_while_only(ledger: Ledger) -> None:
    """Its process was killed; after the backend's patience they go with the lineage that is known."""
    inside = call(parent_id="b", path="g/f", start=2 * SECOND, end=3 * SECOND)
    outside = call(parent_id="otel", path="", start=2 * SECOND, end=3 * SECOND)
    ledger.write([inside, outside])
    post = Post(ledger, Recorder(), asked(tree=True))
    post.clock.now = 4 * SECOND
    post.run()
    assert post.recorder.order == [outside.id], "its parent is none of ours: nothing to wait for"
    post.clock.sleep(900)
    post.run()
    assert post.recorder.order == [outside.id, inside.id]
    assert (post.recorder.batches[-1].lineage(inside), post.left) == ((), 0)


def test_a_tree_that_was_ready_when_the_backend_failed_is_ready_again(ledger: Ledger) -> None:
    """The arrival of its span is no event that is seen once and missed."""
    inside = call(parent_id="a", path="f", start=2 * SECOND, end=3 * SECOND)
    recorder = Recorder()
    post = Post(ledger, recorder, asked(tree=True))
    post.clock.now = 4 * SECOND
    ledger.write([inside])
    post.run()
    ledger.write([span("a")])
    recorder.answer = lambda _: Later("down")
    for _ in range(3):
        post.run()
        post.clock.sleep(5)
    recorder.answer = lambda _: Delivered()
    post.run()
    assert (sorted(recorder.got), post.left) == (sorted(["a", inside.id]), 0)


def test_a_backend_sees_the_tags_that_it_is_allowed_to(ledger: Ledger) -> None:
    """Of calls and of spans; the ledger keeps all."""
    ledger.write([call(tags={"user": "u-1", "team": "search"}), span("a", tags={"user": "u-1"})])
    post = Post(ledger, Recorder(), asked(tags=("team",)))
    post.run()
    assert sorted(str(record.tags) for record in post.recorder.batches[0].records) == ["{'team': 'search'}", "{}"]


@pytest.mark.parametrize("seed", range(5))
def test_whatever_a_backend_does_each_record_comes_to_its_end(ledger: Ledger, seed: int) -> None:
    """Refusals, troubles, partial successes, exceptions and restarts at random: nothing is lost, good ones arrive."""
    chance = random.Random(seed)
    made: list[Call | Span] = [*calls(60), *(span(f"s{number}") for number in range(30))]
    bad = {record.id for record in chance.sample(made, 6)}

    def answer(batch: Batch) -> Result:
        found = set(ids(batch.records))
        throw = chance.random()
        if throw < 0.15:
            return Later("busy", accepted=frozenset(one for one in found - bad if chance.random() < 0.5))
        if throw < 0.25:
            raise ConnectionError("reset")
        if bad & found:
            if throw < 0.5:
                return Delivered(rejected=tuple(Rejected(one, "bad") for one in bad & found))
            return Refused("one of them is bad")
        return Delivered()

    post = Post(ledger, Recorder(answer), asked(batch=7))
    left = list(made)
    for _ in range(400):
        some, left = left[:5], left[5:]
        ledger.write(some)
        post.run()
        if chance.random() < 0.05:
            post.again()
        post.clock.sleep(chance.random() * 400)
        if not left and not post.left:
            break
    assert post.left == 0
    assert set(post.aside) == bad
