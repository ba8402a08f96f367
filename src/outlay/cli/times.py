"""Moments as people write them: ``2026-11-01``, ``yesterday``, ``7d``, ``month``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import click

_AGO = re.compile(r"(\d{1,6})\s*(min|m|h|d|w)(?:\s+ago)?")
_UNITS = {"min": "minutes", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
YEARS = range(1970, 2262)
"""Years whose nanoseconds since the epoch fit into the ledger."""

zone_option = click.option("--zone", help="IANA zone of days and months; the setting `timezone` where not given.")


def moment(text: str, zone: tzinfo, now: datetime) -> datetime:
    """Return the moment that ``text`` names in ``zone``; ``now`` is what it counts from.

    ``week`` is the last Monday, ``month`` the first of the month, both at midnight.
    """
    try:
        found = _read(text.strip(), zone, now.astimezone(zone))
        at = found.astimezone(zone)
    except (ValueError, OverflowError):
        raise click.UsageError(
            f"{text!r} is no time: write a date (2026-11-01), a time (2026-11-01T14:00), today, yesterday, week, "
            "month, or how long ago (30min, 24h, 7d, 2w)."
        ) from None
    if at.year not in YEARS:
        raise click.UsageError(f"{text!r} is not in the ledger's time: write a year from 1970 to 2261.")
    return at


def _read(text: str, zone: tzinfo, local: datetime) -> datetime:
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    named = {
        "now": local,
        "today": midnight,
        "yesterday": _days_before(midnight, 1),
        "week": _days_before(midnight, midnight.weekday()),
        "month": midnight.replace(day=1),
    }
    if text.lower() in named:
        return named[text.lower()]
    ago = _AGO.fullmatch(text.lower())
    if ago:
        return (local.astimezone(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})).astimezone(zone)
    given = datetime.fromisoformat(text)
    return given if given.tzinfo else given.replace(tzinfo=zone)


def _days_before(midnight: datetime, days: int) -> datetime:
    # Calendar days, not 24 hours: a day of daylight saving has 23 or 25.
    return (midnight.replace(tzinfo=None) - timedelta(days=days)).replace(tzinfo=midnight.tzinfo)


def period(since: str, until: str, zone: tzinfo, now: datetime) -> tuple[datetime, datetime]:
    """Return the time from ``since`` to ``until``, which must not be before it."""
    first, last = moment(since, zone, now), moment(until, zone, now)
    if first > last:
        raise click.UsageError(f"--since {since} is after --until {until}: change them over.")
    return first, last


def nanoseconds(at: datetime) -> int:
    """Return a moment in nanoseconds since the epoch."""
    since = at.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000


def zone_named(name: str) -> ZoneInfo:
    """Return the zone of this IANA name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise click.UsageError(f"{name!r} is no IANA zone: write one like Europe/Berlin or UTC.") from None
