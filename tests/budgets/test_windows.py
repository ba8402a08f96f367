"""Windows: each moment lies in exactly one, in every zone."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outlay.budgets import windows
from outlay.budgets.windows import CALENDAR, DAY, HOUR, SECOND, WEEKDAYS, Window, before, window_at

ZONES = sorted(available_timezones() - {"localtime", "Factory"})

moments = st.integers(0, int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()) * SECOND)
turns = st.sampled_from(("hour", "day", "week", "month", "quarter", "year"))
LONGEST = {"hour": HOUR, "day": 25 * HOUR, "week": 7 * DAY, "month": 31 * DAY, "quarter": 92 * DAY, "year": 366 * DAY}


def at(text: str, zone: str = "UTC") -> int:
    """Return the moment that ``text`` names on the clock of ``zone``."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * SECOND


def hours(window: Window) -> float:
    """Return the length of a window that ends."""
    assert window.end is not None
    return (window.end - window.start) / HOUR


@given(moments, st.sampled_from(ZONES), turns, st.integers(0, 6))
@settings(max_examples=400, deadline=None)
def test_each_moment_lies_in_exactly_one_window(moment: int, zone: str, per: str, first_weekday: int) -> None:
    """Its first and its last moment name the same window, and the moments beside it the neighbours."""
    place = ZoneInfo(zone)
    window = window_at(moment, per, place, first_weekday)
    assert window.end is not None
    assert window.start <= moment < window.end
    assert window_at(window.start, per, place, first_weekday) == window
    assert window_at(window.end - 1, per, place, first_weekday) == window
    after = window_at(window.end, per, place, first_weekday)
    assert after.start == window.end
    assert before(after, per, place, first_weekday) == window
    assert len({window.id, after.id, before(window, per, place, first_weekday).id}) == 3
    assert window.end - window.start <= LONGEST[per] + 26 * HOUR * (per != "hour")


@pytest.mark.parametrize("per", CALENDAR)
@pytest.mark.parametrize(
    "zone", ["America/Santiago", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe", "Europe/Berlin"]
)
def test_windows_fill_a_year_without_a_gap(zone: str, per: str) -> None:
    """From the window of its first moment to that of its last, each begins where the one before it ended."""
    place = ZoneInfo(zone)
    moment, end = at("2025-01-01", zone), at("2026-01-01", zone)
    total = 0
    first = window_at(moment, per, place)
    moment = first.start
    while moment < end:
        window = window_at(moment, per, place)
        assert window.start == moment
        assert window.end is not None
        total += window.end - window.start
        moment = window.end
    assert total == moment - first.start


@pytest.mark.parametrize(
    ("zone", "moment", "per", "expected", "length"),
    [
        ("Europe/Berlin", "2026-03-29T12:00", "day", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25T12:00", "day", "2026-10-25", 25),
        ("Australia/Lord_Howe", "2026-04-05T12:00", "day", "2026-04-05", 24.5),
        ("Australia/Lord_Howe", "2026-04-05T01:45", "hour", "2026-04-05T01:00+11:00", 1),
        ("America/Santiago", "2026-09-06T12:00", "day", "2026-09-06", 23),
        ("Pacific/Apia", "2011-12-31T12:00", "day", "2011-12-31", 24),
        ("UTC", "2026-02-10T00:00", "month", "2026-02", 28 * 24),
        ("UTC", "2024-02-10T00:00", "quarter", "2024-Q1", 91 * 24),
        ("Asia/Tokyo", "2026-06-01T00:00", "year", "2026", 365 * 24),
        ("UTC", "2026-11-24T00:00", "week", "week of 2026-11-23", 7 * 24),
    ],
)
def test_a_window_is_as_long_as_its_zone_makes_it(
    zone: str, moment: str, per: str, expected: str, length: float
) -> None:
    """Days of daylight saving have 23, 24.5 or 25 hours; months, quarters and years their own number of days."""
    window = window_at(at(moment, zone), per, ZoneInfo(zone))
    assert (window.id, hours(window)) == (expected, length)


@pytest.mark.parametrize("first", range(7))
def test_a_week_begins_on_the_day_chosen(first: int) -> None:
    """Whichever it is, and the day before it belongs to the week before."""
    window = window_at(at("2026-11-24T13:00"), "week", ZoneInfo("UTC"), first)
    assert datetime.fromtimestamp(window.start / SECOND, UTC).strftime("%A").lower() == WEEKDAYS[first]


@pytest.mark.parametrize(
    ("per", "length"),
    [("7d", 7 * DAY), ("24h", DAY), ("30min", HOUR // 2), ("2w", 14 * DAY), ("0d", None), ("x", None)],
)
def test_a_rolling_window_has_its_length_in_its_name(per: str, length: int | None) -> None:
    """A window of no length is none."""
    assert windows.rolling_length(per) == length


def test_what_is_neither_a_calendar_window_nor_rolling_does_not_end() -> None:
    """The total holds for ever; a rolling window moves along."""
    now = at("2026-11-24")
    assert window_at(now, "total", ZoneInfo("UTC")) == Window("total", 0, None)
    assert window_at(now, "7d", ZoneInfo("UTC")) == Window("rolling", now - 7 * DAY, None)
