"""Moments as people write them: ``2026-11-01``, ``yesterday``, ``7d``, ``month``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import click

_AGO = re.compile(r"(\d{1,6})\s*(min|m|h|d|w)")
_UNITS = {"min": "minutes", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
FORMS = "a date (2026-11-01), a time (2026-11-01T14:00), today, yesterday, week, month, or 30min, 24h, 7d, 2w ago"


def moment(text: str, zone: tzinfo, now: datetime) -> datetime:
    """Return the moment that ``text`` names in ``zone``; ``now`` is what it counts from.

    ``week`` is the last Monday, ``month`` the first of the month, both at midnight. Raises ``click.BadParameter``.
    """
    word = text.strip().lower()
    local = now.astimezone(zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    named = {
        "now": local,
        "today": midnight,
        "yesterday": _days_before(midnight, 1),
        "week": _days_before(midnight, midnight.weekday()),
        "month": midnight.replace(day=1),
    }
    if word in named:
        return named[word]
    ago = _AGO.fullmatch(word)
    if ago:
        return local - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        given = datetime.fromisoformat(text.strip())
    except ValueError:
        raise click.BadParameter(f"{text!r} is no time: write {FORMS}.") from None
    return given if given.tzinfo else given.replace(tzinfo=zone)


def nanoseconds(at: datetime) -> int:
    """Return a moment in nanoseconds since the epoch."""
    since = at.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000


def month_of(at: datetime) -> tuple[datetime, datetime]:
    """Return the first moment of the month that ``at`` is in, and of the next, in ``at``'s own zone."""
    first = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return first, following


def elapsed_share(first: datetime, following: datetime, at: datetime) -> float:
    """Return the share of a month that has passed at ``at``, by the clock of its zone: daylight saving counts no hour."""
    return (at.replace(tzinfo=None) - first.replace(tzinfo=None)) / (
        following.replace(tzinfo=None) - first.replace(tzinfo=None)
    )


def _days_before(midnight: datetime, days: int) -> datetime:
    # Calendar days, not 24 hours: a day of daylight saving has 23 or 25.
    return (midnight.replace(tzinfo=None) - timedelta(days=days)).replace(tzinfo=midnight.tzinfo)


def zone_named(name: str) -> ZoneInfo:
    """Return the zone of this IANA name. Raises ``click.BadParameter``."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise click.BadParameter(f"{name!r} is no IANA zone: write one like Europe/Berlin or UTC.") from None
