"""Quiet hours go by the clock on the wall, in whatever zone, on days with 23, 24 and 25 hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlay.config.quiet import QuietHours

MOMENTS = st.integers(1_700_000_000, 1_900_000_000).map(lambda seconds: seconds * 10**9)
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago"])
MINUTES = st.integers(0, 24 * 60 - 1)


def at(text: str, zone: str = "Europe/Berlin") -> int:
    """Return a local time as nanoseconds since the epoch."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 10**9


@given(MOMENTS, ZONES, MINUTES, MINUTES)
def test_it_is_quiet_exactly_while_the_clock_says_so(moment: int, zone: str, first: int, end: int) -> None:
    """A span from one time of day to another, over midnight or not."""
    if first == end:
        return
    text = f"{first // 60}:{first % 60:02}-{end // 60}:{end % 60:02}"
    local = datetime.fromtimestamp(moment // 10**9, ZoneInfo(zone))
    minute = local.hour * 60 + local.minute
    inside = first <= minute < end if first < end else minute >= first or minute < end
    assert QuietHours.read(text, zone).cover(moment) is inside


@given(MOMENTS, ZONES, MINUTES, MINUTES)
def test_a_span_and_its_complement_partition_time(moment: int, zone: str, first: int, end: int) -> None:
    """It is never both, and never neither."""
    if first == end:
        return
    one, other = (f"{a // 60}:{a % 60:02}-{b // 60}:{b % 60:02}" for a, b in ((first, end), (end, first)))
    assert QuietHours.read(one, zone).cover(moment) is not QuietHours.read(other, zone).cover(moment)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 8), ("2026-10-25", 10), ("2026-06-15", 9)])
def test_a_night_is_as_long_as_its_clock_makes_it(day: str, hours: int) -> None:
    """22:00 to 07:00 lasts eight hours where clocks go forward, ten where they go back."""
    quiet = QuietHours.read("22:00-07:00", "Europe/Berlin")
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    minutes = [noon - timedelta(minutes=number) for number in range(24 * 60)]
    assert sum(quiet.cover(int(moment.timestamp()) * 10**9) for moment in minutes) == hours * 60


@pytest.mark.parametrize(
    ("text", "quiet", "loud"),
    [
        ("sat-sun", ["2026-11-21T00:00", "2026-11-22T23:59"], ["2026-11-20T23:59", "2026-11-23T00:00"]),
        ("fri 22:00-07:00", ["2026-11-20T22:00", "2026-11-21T06:59"], ["2026-11-20T06:00", "2026-11-21T22:00"]),
        ("fri-mon", ["2026-11-20T12:00", "2026-11-23T12:00"], ["2026-11-24T12:00", "2026-11-19T12:00"]),
        ("mon-fri 20:00-08:00, sat-sun", ["2026-11-21T12:00", "2026-11-23T20:00"], ["2026-11-23T12:00"]),
        ("12:00-24:00", ["2026-11-20T23:59"], ["2026-11-20T00:00", "2026-11-20T11:59"]),
        ("", [], ["2026-11-20T03:00"]),
    ],
)
def test_days_can_be_named(text: str, quiet: list[str], loud: list[str]) -> None:
    """A span over midnight belongs to the day that it begins on."""
    hours = QuietHours.read(text, "Europe/Berlin")
    assert [moment for moment in quiet if not hours.cover(at(moment))] == []
    assert [moment for moment in loud if hours.cover(at(moment))] == []


def test_a_zone_of_their_own_goes_before_the_reports() -> None:
    """Reports may go by UTC, as invoices do, and people not."""
    hours = QuietHours.read("22:00-07:00 America/New_York", "UTC")
    assert hours.cover(at("2026-11-20T23:00", "America/New_York"))
    assert not hours.cover(at("2026-11-20T23:00", "UTC"))


@pytest.mark.parametrize(
    "text", ["night", "22-7", "24:30-07:00", "22:60-07:00", "07:00-07:00", "xyz 22:00-07:00", "mon-"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """Rather than to be silent at another time than was meant, or never."""
    with pytest.raises(ValueError, match=r".*"):
        QuietHours.read(text, "UTC")
