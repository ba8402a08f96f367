"""Windows of time: pure functions of a moment, a zone and the day that a week begins with.

Moments are nanoseconds since the epoch. Calendar windows follow each other without a gap and without an overlap in
every zone: a day of daylight saving has 23 or 25 hours, a midnight that is skipped is the moment of the skip, and a day
that a zone leaves out has no window.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

SECOND = 10**9
HOUR = 3600 * SECOND
DAY = 24 * HOUR

CALENDAR = ("hour", "day", "week", "month", "quarter", "year")
OTHERS = ("run", "total")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_ROLLING = re.compile(r"(\d{1,5})(min|h|d|w)")
_UNITS = {"min": HOUR // 60, "h": HOUR, "d": DAY, "w": 7 * DAY}
SLOTS = 60
"""Parts that a rolling window is counted in; a part leaves when all of it lies outside, so never too early."""


class Window(msgspec.Struct, frozen=True):
    """A stretch of time in which a budget's limit holds once, ``end`` not included."""

    id: str
    """What tells it from the others: ``2026-11`` for a month, ``2026-11-24`` for a day, ``rolling``, ``total``."""
    start: int
    end: int | None
    """None where the window does not end at a moment that is known: rolling ones, runs, and the total."""


def rolling_length(per: str) -> int | None:
    """Return the nanoseconds of a rolling window like ``7d`` or ``24h``; None where ``per`` is none."""
    found = _ROLLING.fullmatch(per)
    return int(found[1]) * _UNITS[found[2]] or None if found else None


def window_at(moment: int, per: str, zone: ZoneInfo, first_weekday: int = 0) -> Window:
    """Return the window that ``moment`` lies in; ``per`` is one of ``CALENDAR``, ``total``, or a rolling length.

    ``first_weekday`` counts from 0, Monday. A run's window is its own id, and the caller's to name.
    """
    if per == "total":
        return Window("total", 0, None)
    if per == "hour":
        return _hour(moment, zone)
    length = rolling_length(per)
    if length is not None:
        return Window("rolling", moment - length, None)
    first = first_day(per, datetime.fromtimestamp(moment // SECOND, zone).date(), first_weekday)
    # Where clocks go back over midnight, the local date alone does not tell on which side of it a moment is.
    while midnight(first, zone) > moment:
        first = first_day(per, first - timedelta(days=1), first_weekday)
    while (end := midnight(next_first(per, first), zone)) <= moment:
        first = next_first(per, first)
    return Window(_name(per, first), midnight(first, zone), end)


def before(window: Window, per: str, zone: ZoneInfo, first_weekday: int = 0) -> Window:
    """Return the calendar window that ends where ``window`` begins."""
    return window_at(window.start - 1, per, zone, first_weekday)


def midnight(day: date, zone: ZoneInfo) -> int:
    """Return when ``day`` begins in ``zone``; where its midnight is skipped, the moment of the skip."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * SECOND


def day_of(moment: int, zone: ZoneInfo) -> int:
    """Return the date in ``zone`` at ``moment``, as days since the epoch."""
    return datetime.fromtimestamp(moment // SECOND, zone).date().toordinal() - EPOCH


EPOCH = date(1970, 1, 1).toordinal()


def first_day(per: str, day: date, first_weekday: int = 0) -> date:
    """Return the first day of the day, week, month, quarter or year that ``day`` is in."""
    if per == "day":
        return day
    if per == "week":
        return day - timedelta(days=(day.weekday() - first_weekday) % 7)
    if per == "year":
        return day.replace(month=1, day=1)
    return day.replace(month=day.month if per == "month" else (day.month - 1) // 3 * 3 + 1, day=1)


def next_first(per: str, first: date) -> date:
    """Return the first day of the window after the one that begins with ``first``."""
    if per == "day":
        return first + timedelta(days=1)
    if per == "week":
        return first + timedelta(days=7)
    months = first.year * 12 + first.month - 1 + {"month": 1, "quarter": 3, "year": 12}[per]
    return date(months // 12, months % 12 + 1, 1)


def _name(per: str, first: date) -> str:
    if per == "month":
        return f"{first:%Y-%m}"
    if per == "quarter":
        return f"{first:%Y}-Q{(first.month + 2) // 3}"
    return f"{first:%Y}" if per == "year" else first.isoformat() if per == "day" else f"week of {first}"


def _hour(moment: int, zone: ZoneInfo) -> Window:
    start = moment - _past_the_hour(moment, zone)
    end = start + HOUR
    if turn := _odd_turn(start, moment, zone):
        start = turn
        end = turn + HOUR - _past_the_hour(turn, zone)
    elif turn := _odd_turn(moment, end - 1, zone):
        end = turn
    name = datetime.fromtimestamp(start // SECOND, UTC).astimezone(zone).isoformat(timespec="minutes")
    return Window(name, start, end)


def _past_the_hour(moment: int, zone: ZoneInfo) -> int:
    return (moment + _offset(moment, zone)) % HOUR


def _offset(moment: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(moment // SECOND, zone).utcoffset() or timedelta()
    return int(offset.total_seconds()) * SECOND


def _odd_turn(first: int, last: int, zone: ZoneInfo) -> int | None:
    """Return when, after ``first`` and not after ``last``, the clock is put by other than whole hours; None if never.

    There an hour ends early, or another begins: Lord Howe's summer time is half an hour.
    """
    low, high = first // SECOND, last // SECOND
    before = _offset(low * SECOND, zone)
    if (_offset(high * SECOND, zone) - before) % HOUR == 0:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(middle * SECOND, zone) == before else (low, middle)
    return high * SECOND
