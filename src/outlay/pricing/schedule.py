"""Which rows hold at an instant, and until when: dates, daily windows, weekdays and holidays, all in UTC."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from outlay.pricing.table import Price

SECOND = 10**9
DAY = 86_400 * SECOND
ALWAYS = (-(2**63), 2**63)
"""A span of nanoseconds that holds every instant."""

Calendars = Mapping[str, frozenset[str]]


@lru_cache(maxsize=4096)
def instant(text: str) -> int:
    """Return the nanoseconds since the epoch of an ISO date or instant; one without a zone is UTC."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


def dates(since: str, until: str) -> tuple[int, int]:
    """Return the span between two instants, either of them empty for open, in nanoseconds since the epoch."""
    return instant(since) if since else ALWAYS[0], instant(until) if until else ALWAYS[1]


@lru_cache(maxsize=256)
def window(text: str) -> tuple[int, int]:
    """Return the nanoseconds of the day at which the window ``HH:MM-HH:MM`` begins and ends."""
    begin, _, end = text.partition("-")
    return _time(begin), _time(end)


def holds(row: Price, at: int, calendars: Calendars) -> bool:
    """Return whether the row's time conditions hold at ``at``."""
    if (row.since and at < instant(row.since)) or (row.until and at >= instant(row.until)):
        return False
    if not (row.daily or row.weekdays or row.holidays):
        return True
    day, time = divmod(at, DAY)
    for begin, end in map(window, row.daily or ("00:00-24:00",)):
        if begin < end:
            opened = day if begin <= time < end else None
        else:  # over midnight: the day on which it began decides
            opened = day if time >= begin else day - 1 if time < end else None
        if opened is not None and _opens(row, opened, calendars):
            return True
    return False


def span(rows: Iterable[Price], at: int) -> tuple[int, int]:
    """Return the longest span around ``at`` that is sure to hold no change of any row's conditions."""
    start, end = ALWAYS
    for edge in _edges(rows, at):
        if edge <= at:
            start = max(start, edge)
        else:
            end = min(end, edge)
    return start, end


def _edges(rows: Iterable[Price], at: int) -> Iterable[int]:
    midnight = at - at % DAY
    for row in rows:
        since = instant(row.since) if row.since else None
        until = instant(row.until) if row.until else None
        yield from (edge for edge in (since, until) if edge is not None)
        begun = since is None or since <= at
        if begun and (until is None or at < until) and (row.daily or row.weekdays or row.holidays):
            yield midnight
            yield midnight + DAY
            for times in map(window, row.daily):
                yield from (midnight + time for time in times)


def _opens(row: Price, day: int, calendars: Calendars) -> bool:
    """Return whether a window of the row may begin on this day, counted from the epoch."""
    moment = date(1970, 1, 1) + timedelta(days=day)
    if row.weekdays and str(moment.isoweekday()) not in row.weekdays:
        return False
    return not row.holidays or moment.isoformat() not in calendars[row.holidays]


def _time(text: str) -> int:
    hours, _, minutes = text.strip().partition(":")
    return (int(hours) * 60 + int(minutes)) * 60 * SECOND


def in_force(rows: Sequence[Price], at: int, calendars: Calendars) -> Price | None:
    """Return the standing price at ``at``: the last row without terms that holds."""
    for row in reversed(rows):
        if not row.when and holds(row, at, calendars):
            return row
    return None
