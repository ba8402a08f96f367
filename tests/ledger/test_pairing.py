"""Past days summed up by a tag and label: reports by both read no calls, and say what the calls say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from outlay.ledger import pairing, reading
from outlay.ledger.calendar import DAY
from outlay.ledger.ledger import Ledger
from outlay.ledger.questions import Report
from outlay.records import Call
from tests.ledger.samples import HOUR, START, call

NOW = START + 30 * DAY
BY = ("tag:user", "model")


def made(days: int = 3, users: int = 4) -> list[Call]:
    """Return calls of several days, users and models; some have no user."""
    return [
        call(
            start=START + day * DAY + number * HOUR,
            tags={"user": f"u-{number % users}", "team": "a"} if number % 5 else {},
            request_model=f"gpt-{number % 3}",
            project="shop" if number % 2 else "blog",
        )
        for day in range(days)
        for number in range(12)
    ]


def ask(ledger: Ledger, *, reads: bool, **how: Any) -> Report:
    """Return a report by user and model that is right, and ``reads`` calls or does not."""
    told: list[float] = []
    report = ledger.report(BY, progress=told.append, **how)
    assert bool(told) is reads
    exact = ledger.report(BY, exact=True, **how)
    assert sorted(report.lines, key=str) == sorted(exact.lines, key=str)
    return report


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """Yield a ledger of three days."""
    with Ledger.open(":memory:") as ledger:
        ledger.write(made())
        yield ledger


def test_days_that_are_over_are_answered_without_a_look_at_calls(ledger: Ledger) -> None:
    """An hour after their end, whatever is asked beside the tag; before, calls are read."""
    ask(ledger, reads=True)
    ledger.sum_up(START + 2 * DAY)
    ask(ledger, reads=True)
    assert not ledger.sum_up(NOW)
    assert {line.key[0] for line in ask(ledger, reads=False).lines} == {"u-0", "u-1", "u-2", "u-3", None}
    ask(ledger, reads=False, filters={"project": "shop"})
    ask(ledger, reads=False, filters={"tag:user": "u-2"})
    ask(ledger, reads=False, filters={"tag:user": None})
    ask(ledger, reads=True, filters={"tag:team": "a"})


def test_a_call_that_comes_late_is_not_missing(ledger: Ledger) -> None:
    """Its day is read again until it is summed up again; so it is where a call is settled."""
    ledger.write([call(id="a", outcome="pending", usage=None, tags={"user": "u-1"})])
    ledger.sum_up(NOW)
    ask(ledger, reads=False)
    ledger.write([call(id="a", tags={"user": "u-1"})])
    ask(ledger, reads=True)
    assert not ledger.sum_up(NOW + DAY)
    ask(ledger, reads=False)


def test_what_changes_while_a_day_is_summed_up_is_seen(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day that was begun before a call came is not written down: it is begun again."""
    monkeypatch.setattr(pairing, "_CALLS", 1)
    for _ in range(11):
        assert ledger.sum_up(NOW, deadline=0.0)
    ledger.write([call(start=START + 2 * DAY - 8 * HOUR, tags={"user": "u-9"})])
    assert not ledger.sum_up(NOW)
    assert "u-9" in {line.key[0] for line in ask(ledger, reads=False).lines}


def test_a_day_that_another_process_has_begun_is_left_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it must have died; then somebody else does it."""
    path = tmp_path / "ledger.db"
    with Ledger.open(path) as first, Ledger.open(path) as second:
        first.write([call(tags={"user": "u"})])
        monkeypatch.setattr(pairing, "_CALLS", 0)
        assert first.sum_up(NOW, deadline=0.0)
        assert not second.sum_up(NOW + 1, deadline=0.0)
        assert not second.sum_up(NOW + 2 * HOUR)
        ask(second, reads=False)
        assert not first.sum_up(NOW + 3 * HOUR)
        ask(first, reads=False)


def test_who_is_forgotten_is_in_no_pair_either(ledger: Ledger) -> None:
    """Neither among days that have calls, nor among those whose calls were pruned: their money stays, untagged."""
    ledger.sum_up(NOW)
    before = ledger.report(["model"])
    ledger.prune(before=START + DAY)
    ledger.forget({"user": "u-1"})
    kept = ledger.report(BY)
    assert "u-1" not in {line.key[0] for line in kept.lines}
    assert kept.total == before.total
    ledger.sum_up(NOW + DAY)
    assert ledger.report(BY).lines == kept.lines


def test_a_project_that_is_removed_is_in_no_pair(ledger: Ledger) -> None:
    """The others stay."""
    ledger.sum_up(NOW)
    ledger.remove("shop")
    ask(ledger, reads=False)
    assert ledger.report(BY).total.attempts == ledger.report(filters={"project": "blog"}).total.attempts == 18


def test_a_tag_of_many_values_is_left_to_the_calls(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pairs would be as many as calls."""
    monkeypatch.setattr(pairing, "WIDTH", 3)
    assert not ledger.sum_up(NOW)
    ask(ledger, reads=True)


def test_several_threads_read_what_one_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each slice once, in order, by names that JSON paths can't write too; progress is told as ever."""
    monkeypatch.setattr(reading, "MANY", 0)
    monkeypatch.setattr(reading, "_processors", lambda: 3)
    told: list[float] = []
    names = ("tag:user", 'tag:od"d', "model")
    with Ledger.open(tmp_path / "ledger.db") as ledger, Ledger.open(":memory:") as other:
        for one in (ledger, other):
            one.write(
                [call(id=f"{at:x}", start=START + at * HOUR, tags={"user": "u", 'od"d': "x"}) for at in range(300)]
            )
        assert ledger.report(names, progress=told.append) == other.report(names)
        assert ledger.amounts(names) == other.amounts(names)
    assert told == sorted(told)
    assert told[-1] == 1
