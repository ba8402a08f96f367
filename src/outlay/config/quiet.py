"""Quiet hours: ``22:00-07:00``, ``mon-fri 20:00-08:00, sat-sun Europe/Berlin``. The clock on the wall decides."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = r"(?:(mon|tue|wed|thu|fri|sat|sun)(?:-(mon|tue|wed|thu|fri|sat|sun))?)?\s*(?:(\d\d?):(\d\d)-(\d\d?):(\d\d))?"
_ZONE = r"(.*?)\s+([A-Z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*)"
_DAY = 24 * 60


class Span(msgspec.Struct, frozen=True):
    """A time of the day, in minutes, on some days of the week; one that ends before it begins ends on the next day."""

    days: frozenset[int]
    first: int
    end: int

    def covers(self, day: int, minute: int) -> bool:
        """Return whether the span covers this minute of this day (0: Monday)."""
        if self.first < self.end:
            return day in self.days and self.first <= minute < self.end
        return (day in self.days and minute >= self.first) or ((day - 1) % 7 in self.days and minute < self.end)


class QuietHours(msgspec.Struct, frozen=True):
    """When alerts that are not critical wait."""

    spans: tuple[Span, ...] = ()
    zone: str = "UTC"

    @classmethod
    def read(cls, text: str, zone: str) -> QuietHours:
        """Read what was set, in ``zone`` unless it names its own; ValueError for what is no time."""
        named = re.fullmatch(_ZONE, text.strip())
        if named:
            text, zone = named.groups()
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, OSError):
            raise ValueError(zone) from None
        return cls(tuple(_spans(text)), zone)

    def cover(self, at: int) -> bool:
        """Return whether it is quiet at ``at`` (nanoseconds since the epoch)."""
        if not self.spans:
            return False
        local = datetime.fromtimestamp(at // 10**9, ZoneInfo(self.zone))
        return any(span.covers(local.weekday(), local.hour * 60 + local.minute) for span in self.spans)


def _spans(text: str) -> Iterator[Span]:
    for part in filter(None, (part.strip().lower() for part in text.split(","))):
        found = re.fullmatch(_SPAN, part)
        if found is None:
            raise ValueError(part)
        first, last, *clock = found.groups()
        times = [int(number) for number in clock if number is not None] or [0, 0, 24, 0]
        begin, end = (times[at] * 60 + times[at + 1] for at in (0, 2))
        if max(begin, end) > _DAY or max(times[1], times[3]) > 59 or begin == end:
            raise ValueError(part)
        yield Span(_days(first, last), begin, end)


def _days(first: str | None, last: str | None) -> frozenset[int]:
    if first is None:
        return frozenset(range(7))
    begin, end = _DAYS.index(first), _DAYS.index(last or first)
    return frozenset((begin + number) % 7 for number in range((end - begin) % 7 + 1))
