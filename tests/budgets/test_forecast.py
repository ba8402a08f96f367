"""Forecasts: how far off they are on simulated months, and what they say."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from outlay.budgets.forecast import Progress, forecast, sentence, status
from tests.budgets.months import errors

MONDAY = date(2026, 11, 2)


@pytest.mark.parametrize(("day", "most"), [(10, 0.07), (20, 0.04)])
def test_eight_weeks_of_history_make_a_forecast_good(day: int, most: float) -> None:
    """Better than the pace so far; and the interval holds what it promises, eighty in a hundred."""
    off, by_pace, within = errors(day, history=56)
    assert off <= most
    assert off < by_pace + 0.002  # which is as good, once two thirds of a month are over
    assert 0.75 <= within <= 0.85


def test_without_history_it_is_the_pace_so_far() -> None:
    """Spend / days elapsed x days of the window."""
    first = date(2026, 11, 1)
    found = forecast(
        Progress(spent=118.6, first=first, last=date(2026, 11, 30), today=date(2026, 11, 26), passed=0.0), 200
    )
    assert round(found.amount, 2) == 142.32
    assert found.basis == "pace"
    assert found.lower < found.amount < found.upper


def even(amount: float, days: int) -> Progress:
    """Return a month in which each weekday costs ``amount`` and weekends cost nothing, after so many days."""
    first = MONDAY - timedelta(days=56)
    dates = [first + timedelta(days=number) for number in range(56 + days)]
    past = {day: amount if day.weekday() < 5 else 0.0 for day in dates}
    spent = sum(each for day, each in past.items() if day >= MONDAY)
    today = MONDAY + timedelta(days=days)
    return Progress(spent=spent, first=MONDAY, last=MONDAY + timedelta(days=27), today=today, passed=0.0, days=past)


def test_weekends_are_known() -> None:
    """After five working days the pace so far would say 28 days of them; twenty there will be."""
    found = forecast(even(10, 5), 1000)
    assert found.basis == "weekdays"
    assert abs(found.amount - 200) < 8


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (1000, "on track"),
        (105, "will exceed on 2026-11-16"),
        (75, "will exceed on Wednesday"),
        (50, "exceeded"),
    ],
)
def test_a_status_says_when(limit: float, expected: str) -> None:
    """A weekday within a week, a date beyond it."""
    progress = even(10, 5)
    found = forecast(progress, limit)
    assert sentence(status(progress.spent, limit, found), found, progress.today) == expected


def test_a_limit_within_the_interval_is_at_risk() -> None:
    """Above the forecast, and below what one in ten ends above."""
    progress = even(10, 5)
    found = forecast(progress, 1000)
    assert status(progress.spent, (found.amount + found.upper) / 2, found) == "at risk"


def test_a_limit_that_today_will_pass_says_so() -> None:
    """By its name."""
    progress = even(10, 4)
    found = forecast(progress, 45)
    assert sentence(status(progress.spent, 45, found), found, progress.today) == "will exceed today"


def test_what_nothing_was_spent_on_is_on_track() -> None:
    """Nor is anything divided by nothing."""
    progress = Progress(spent=0, first=MONDAY, last=MONDAY, today=MONDAY, passed=0.0)
    found = forecast(progress, 10)
    assert (found.amount, status(0, 10, found), status(0, 10, None)) == (0, "on track", "on track")
