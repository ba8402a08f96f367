"""Stretches of time: the hours, days, weeks and months of a zone, and how rollups cover them."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from outlay.ledger.rollups import HOUR

Unit = Literal["hour", "day", "week", "month"]
SECOND = 10**9
DAY = 24 * HOUR


class Stretch(msgspec.Struct, frozen=True):
    """A named part of a report's time, in nanoseconds since the epoch, ``end`` not included."""

    name: str
    start: int
    end: int


class Piece(msgspec.Struct, frozen=True):
    """A part of a stretch that one kind of row answers: ``hours`` is 24, 1, or 0 for the calls themselves."""

    stretch: int
    hours: int
    start: int
    end: int


def divide(unit: Unit | None, start: int, end: int, zone: ZoneInfo) -> list[Stretch]:
    """Return the ``unit``s of ``zone`` that lie in the time from ``start`` to ``end``, the outer ones cut to it."""
    if start >= end:
        return []
    if unit is None:
        return [Stretch("", start, end)]
    found = []
    for name, first, last in _hours(start, end, zone) if unit == "hour" else _dates(unit, start, end, zone):
        found.append(Stretch(name, max(first, start), min(last, end)))
    return found


def cover(stretches: list[Stretch]) -> Iterator[Piece]:
    """Cut each stretch into whole UTC days, whole hours, and what is left at its ends."""
    for index, stretch in enumerate(stretches):
        first, last = -(-stretch.start // HOUR) * HOUR, stretch.end // HOUR * HOUR
        if first >= last:
            yield Piece(index, 0, stretch.start, stretch.end)
            continue
        first_day, last_day = -(-first // DAY) * DAY, last // DAY * DAY
        if first_day >= last_day:
            first_day = last_day = last
        for hours, start, end in (
            (0, stretch.start, first),
            (1, first, first_day),
            (24, first_day, last_day),
            (1, last_day, last),
            (0, last, stretch.end),
        ):
            if start < end:
                yield Piece(index, hours, start, end)


def split(pieces: Iterable[Piece], days: Container[int]) -> list[Piece]:
    """Return ``pieces`` as whole ``days`` (hours since the epoch at which they begin), and calls for all else."""
    found: list[Piece] = []
    for piece in pieces:
        for start in range(piece.start, piece.end, DAY):
            end = min(start + DAY, piece.end)
            hours = 24 if piece.hours == 24 and start // HOUR in days else 0
            last = found[-1] if found else None
            if last is not None and (last.stretch, last.hours, last.end) == (piece.stretch, hours, start):
                found[-1] = Piece(piece.stretch, hours, last.start, end)
            else:
                found.append(Piece(piece.stretch, hours, start, end))
    return found


def midnight(day: date, zone: ZoneInfo) -> int:
    """Return when ``day`` begins in ``zone``; where its midnight is skipped, the moment of the skip."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * SECOND


def local_date(moment: int, zone: ZoneInfo) -> date:
    """Return the date in ``zone`` at ``moment`` (nanoseconds since the epoch)."""
    return datetime.fromtimestamp(moment // SECOND, zone).date()


def first_day(unit: Unit, day: date) -> date:
    """Return the first day of the week (Monday) or month that ``day`` is in."""
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit == "month" else day


def next_first(unit: Unit, first: date) -> date:
    """Return the first day of the day, week or month after the one that begins with ``first``."""
    if unit == "month":
        return (first + timedelta(days=31)).replace(day=1)
    return first + timedelta(days=7 if unit == "week" else 1)


def _dates(unit: Unit, start: int, end: int, zone: ZoneInfo) -> Iterator[tuple[str, int, int]]:
    first = first_day(unit, local_date(start, zone))
    while (moment := midnight(first, zone)) < end:
        following = next_first(unit, first)
        if (until := midnight(following, zone)) > max(moment, start):
            yield _date_name(unit, first), moment, until
        first = following


def _date_name(unit: Unit, first: date) -> str:
    if unit == "week":
        year, week, _ = first.isocalendar()
        return f"{year}-W{week:02d}"
    return f"{first:%Y-%m}" if unit == "month" else first.isoformat()


def _hours(start: int, end: int, zone: ZoneInfo) -> Iterator[tuple[str, int, int]]:
    moment = start - _past_the_hour(start, zone)
    while moment < end:
        # An offset that changes by half an hour makes a short or a long hour of its own.
        until = moment + HOUR
        until -= _past_the_hour(until, zone)
        if until <= moment:
            until += HOUR
        local = datetime.fromtimestamp(moment // SECOND, UTC).astimezone(zone)
        yield local.isoformat(timespec="minutes"), moment, until
        moment = until


def _past_the_hour(moment: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(moment // SECOND, zone).utcoffset() or timedelta()
    return (moment + int(offset.total_seconds()) * SECOND) % HOUR
