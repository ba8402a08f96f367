"""Reports, single calls, and what the ledger says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlay.ledger import queries, rollups
from outlay.ledger.calendar import DAY
from outlay.ledger.ledger import Ledger
from outlay.ledger.spool import Spool
from outlay.money import PICO, usd
from outlay.records import Call, Cost, Coverage, Loss, Usage
from tests.ledger.samples import HOUR, START, call

UNKNOWN = Cost(status="unknown")


def at(text: str) -> int:
    """Return a UTC time in nanoseconds since the epoch."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


MONTH = {"gpt-4o-mini": (45_230, 12_300_000, 2460), "gpt-4o": (8_420, 4_100_000, 8200), "gpt-4": (320, 200_000, 1200)}
"""Requests, tokens and cents of a month by model, at the end of its 25th day."""


def month() -> Iterator[Call]:
    """Yield the calls that ``MONTH`` is the sum of."""
    for model, (requests, tokens, cents) in MONTH.items():
        amount = cents * PICO // 100
        for number in range(requests):
            yield call(
                request_model=model,
                usage=Usage(classes={"input": tokens // requests + (number < tokens % requests)}),
                cost=Cost(status="priced", amount=amount // requests + (number < amount % requests)),
                start=at("2025-11-01") + 25 * DAY * number // requests,
            )


def test_the_month_of_the_mission_comes_out_as_printed() -> None:
    """53,970 requests, 16.6M tokens, $118.60 at the end of day 25 of 30, which leads to $142.32."""
    with Ledger.open(":memory:") as ledger:
        ledger.write(month())
        report = ledger.report(["model"], since=at("2025-11-01"), until=at("2025-11-26"))
        pace = ledger.pace(at("2025-11-26"))
    assert {line.key[0]: (line.requests, line.total_tokens, line.spend) for line in report.lines} == {
        "gpt-4o-mini": (45_230, 12_300_000, Decimal("24.6")),
        "gpt-4o": (8_420, 4_100_000, Decimal(82)),
        "gpt-4": (320, 200_000, Decimal(12)),
    }
    assert [line.key[0] for line in report.lines] == ["gpt-4o", "gpt-4o-mini", "gpt-4"]
    assert (report.total.requests, report.total.total_tokens) == (53_970, 16_600_000)
    assert (usd(pace.spent), usd(pace.projected)) == (Decimal("118.6"), Decimal("142.32"))
    assert pace.days == 25
    assert pace.of_days == 30


TIMES = st.integers(at("2020-01-01"), at("2030-01-01"))


@given(
    st.integers(0, 10**12), st.integers(at("2020-01-01"), at("2030-01-01")), st.sampled_from(["UTC", "Asia/Kolkata"])
)
def test_a_month_that_has_passed_is_projected_as_it_was(spent: int, now: int, zone: str) -> None:
    """A projection is never below what is spent, and equals it at the month's end."""
    start, end = queries.month_of(now, ZoneInfo(zone))
    assert start <= now < end
    assert queries.project(spent, now, ZoneInfo(zone)).projected >= (spent if now > start else 0)
    assert queries.project(spent, end - 1, ZoneInfo(zone)).projected - spent <= spent // 10**12 + 1


def test_attempts_requests_errors_and_what_has_no_price_stand_side_by_side() -> None:
    """A retried call is one request; a call that failed without usage is not unpriced."""
    estimate = Usage(classes={"input": 5, "output": 2}, estimated=True)
    made = [
        call(outcome="error", status=429, usage=None, cost=UNKNOWN),
        call(outcome="ok", attempt=2),
        call(outcome="abandoned", usage=estimate, cost=Cost(status="priced", amount=10, lower=4, upper=90)),
        call(outcome="abandoned", usage=estimate, cost=Cost(status="priced", amount=10, lower=4)),
        call(outcome="ok", cost=UNKNOWN),
        call(outcome="ok", usage=None, cost=UNKNOWN),
        call(
            usage=Usage(classes={"input": 3, "web_search": 2}),
            cost=Cost(status="partial", amount=1, unpriced=("web_search",)),
        ),
        call(outcome="cancelled", usage=None, cost=UNKNOWN),
        call(outcome="pending", usage=None, cost=UNKNOWN),
    ]
    with Ledger.open(":memory:") as ledger:
        ledger.write(made)
        total = ledger.report().total
    assert (total.attempts, total.requests, total.errors) == (9, 6, 1)
    assert (total.unpriced_calls, total.unpriced_tokens) == (4, 18)
    assert (total.estimated_calls, total.unbounded_calls) == (2, 1)
    assert total.cost == 5_850_000 + 21
    assert total.lower == 5_850_000 + 9
    assert total.spend.upper is None
    assert not total.spend.complete


def test_a_pending_call_is_settled_by_the_record_that_comes_later() -> None:
    """Its cost replaces the unknown one in rows and rollups, and exporters see it again; repeats change nothing."""
    pending = call(id="a", outcome="pending", usage=None, cost=UNKNOWN, tags={"user": "u"})
    settled = call(id="a", outcome="ok", tags={"user": "u"})
    with Ledger.open(":memory:") as ledger:
        ledger.write([pending, call(id="b")])
        ledger.write([settled, settled])
        ledger.write([settled, pending, call(id="b", cost=Cost(status="priced", amount=9))])
        ledger.write([call(id="c", outcome="pending"), call(id="c"), call(id="c", outcome="pending")])
        rows = ledger.calls_after(0)
        assert [kept.id for _, kept in rows] == ["b", "a", "c"]
        assert [kept.id for _, kept in ledger.calls_after(2)] == ["a", "c"]
        assert ledger.report(["tag:user"]).lines == ledger.report(["tag:user"], exact=True).lines
        assert ledger.report().total.cost == 3 * 5_850_000
        assert ledger.report().total.unpriced_calls == 0


def test_values_beyond_the_width_of_a_rollup_fold_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums stay right; ``exact`` tells the folded values apart; a filter never misses one of them."""
    monkeypatch.setattr(rollups, "WIDTH", {1: 3, 24: 5})
    with Ledger.open(":memory:") as ledger:
        for number in range(12):
            ledger.write([call(tags={"user": f"u-{number % 8}"}, start=START + number % 2 * HOUR)])
        report = ledger.report(["tag:user"])
        assert report.folded
        assert report.total.attempts == 12
        assert len(report.lines) == 7
        assert "(other)" in {line.key[0] for line in report.lines}
        exact = ledger.report(["tag:user"], exact=True)
        assert (len(exact.lines), exact.folded) == (8, False)
        for number in range(8):
            asked = ledger.report(filters={"tag:user": f"u-{number}"})
            assert asked.total.attempts == (2 if number < 4 else 1)


def test_a_question_that_makes_no_sense_is_refused_in_one_sentence() -> None:
    """It names what can be asked."""
    with Ledger.open(":memory:") as ledger:
        with pytest.raises(ValueError, match=r"knows no 'modell': use hour, day, week, month, project, .* or tag:NAME"):
            ledger.report(["modell"])
        with pytest.raises(ValueError, match=r"one unit of time"):
            ledger.report(["day", "week"])
        with pytest.raises(ValueError, match=r"calls have no 'x; DROP'"):
            ledger.calls(filters={"x; DROP": "1"})


def test_reading_calls_can_be_followed() -> None:
    """From 0 to 1, without going back."""
    seen: list[float] = []
    with Ledger.open(":memory:") as ledger:
        ledger.write([call(start=START + hour * HOUR, host=f"h{hour % 3}") for hour in range(200)])
        assert len(ledger.report(["host"], exact=True, progress=seen.append).lines) == 3
    assert seen == sorted(seen)
    assert len(seen) > 50
    assert seen[-1] == 1


def test_calls_are_found_by_order_filter_time_and_the_beginning_of_their_id() -> None:
    """The latest, the dearest, the failed; and one by as much of its id as it takes."""
    made = [
        call(id=f"{number:x}" * 16, start=START + number, cost=Cost(status="priced", amount=100 - number))
        for number in range(1, 10)
    ]
    made.append(call(id="e" * 16, outcome="error", start=START, cost=UNKNOWN, tags={"user": "u"}))
    with Ledger.open(":memory:") as ledger:
        ledger.write(made)
        assert [found.id[0] for found in ledger.calls("latest", 3)] == ["9", "8", "7"]
        assert [found.id[0] for found in ledger.calls("dearest", 2)] == ["1", "2"]
        assert [found.id[0] for found in ledger.calls("failed")] == ["e"]
        assert [found.id[0] for found in ledger.calls(since=START + 4, until=START + 6)] == ["5", "4"]
        assert [found.id[0] for found in ledger.calls(filters={"tag:user": "u"})] == ["e"]
        assert ledger.find("5")[0] == made[4]
        assert ledger.find("5" * 17) == []
        assert len(ledger.find("")) == 10


def test_coverage_losses_and_what_waits_are_told(tmp_path: Path) -> None:
    """Requests that were missed come first; a spool shows how much of it is carried."""
    spool = Spool(tmp_path)
    for at_hour, requests, metered, free in ((0, 5, 3, 1), (1, 2, 2, 0)):
        spool.append(
            Coverage(
                at=START + at_hour * HOUR, provider="openai", host="h", method="POST", path="/v1/chat",
                requests=requests, metered=metered, free=free,
            )
        )  # fmt: skip
    spool.append(Coverage(at=START, provider="groq", host="g", method="GET", path="/", requests=1, metered=1))
    spool.append(Loss(at=START, records=3, reason="no room"))
    spool.append(Loss(at=START + 9, records=4, reason="no room"))
    with Ledger.open(":memory:") as ledger:
        (waiting,) = ledger.waiting(tmp_path)
        assert waiting.carried == 0 < waiting.size
        ledger.ingest(tmp_path, own=spool)
        (waiting,) = ledger.waiting(tmp_path)
        assert waiting.carried == waiting.size
        first, second = ledger.coverage()
        assert (first.host, first.requests, first.metered, first.free, first.missed) == ("h", 7, 5, 1, 1)
        assert second.missed == 0
        assert [row.requests for row in ledger.coverage(since=START + HOUR)] == [2]
        assert ledger.losses() == [queries.Lost("no room", 7, START + 9)]


def test_what_is_pruned_stays_in_reports(tmp_path: Path) -> None:
    """Calls go by age, rollups stay; a border inside an hour that has no calls any more is said to be approximate."""
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        ledger.write([call(start=START + day * DAY) for day in range(6)])
        before = ledger.report(["day", "model"])
        assert ledger.prune(before=START + 3 * DAY, keep_from=3) == 2
        assert ledger.prune(before=START + 3 * DAY) == 1
        assert len(ledger.calls()) == 3
        assert ledger.report(["day", "model"]) == before
        assert not ledger.report(since=START + 4 * DAY).approximate
        cut = ledger.report(since=START + DAY)
        assert cut.approximate
        assert ledger.report(exact=True).total.attempts == 3


def test_a_ledger_that_is_too_large_loses_its_oldest_calls_and_its_bytes(tmp_path: Path) -> None:
    """Whole days go, the file shrinks, what was spent stays known."""
    path = tmp_path / "ledger.db"
    with Ledger.open(path) as ledger:
        ledger.write([call(start=START + number * HOUR // 10, feature="x" * 200) for number in range(2000)])
        ledger.prune()
        size = path.stat().st_size
        gone = ledger.prune(max_bytes=size * 6 // 10)
        assert 0 < gone < 2000
        assert path.stat().st_size <= size * 6 // 10
        assert ledger.report().total.attempts == 2000
        assert ledger.calls()[0].start == START + 1999 * HOUR // 10


def test_who_is_forgotten_is_nowhere_in_the_ledgers_bytes(tmp_path: Path) -> None:
    """Calls keep money, model and time; tags, trace and the provider's ids go, in rollups and on the disk too."""
    secret = {"user": "mallory-4711", "session": "session-4711"}
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        ledger.write([call(tags=secret, response_id="resp-4711", start=START - 9 * DAY)])
        ledger.prune(before=START - DAY)
        ledger.write([call(tags=secret, response_id="resp-4711", trace_id="trace-4711") for _ in range(5)])
        ledger.write([call(tags={"user": "bob"}), call()])
        before = ledger.report(["model"])
        assert ledger.forget({"user": "mallory-4711"}) == 5
        assert ledger.report(["model"]) == before
        assert {line.key[0]: line.attempts for line in ledger.report(["tag:user"]).lines} == {None: 7, "bob": 1}
        assert ledger.report(["tag:session"], since=START - HOUR).lines[0].key == (None,)
        assert sum("forgotten" in found.marks for found in ledger.calls()) == 5
        assert ledger.forget({"user": "mallory-4711"}) == 0
        for path in tmp_path.iterdir():
            assert b"mallory-4711" not in path.read_bytes()
            assert b"resp-4711" not in path.read_bytes()
        with pytest.raises(ValueError, match="name at least one tag"):
            ledger.forget({})
