"""What a window will have cost when it ends: by the level, the weekdays and the trend of late, with an 80 % interval.

With less than two weeks of history it is the pace so far. Amounts are in whatever unit they are given in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Literal

import msgspec

LONG_ENOUGH = 14
"""Days of history from which on weekdays are told apart."""
LOOK_BACK = 56
HALF_LIFE = 7
"""Days after which a day counts half, for the level."""
PULL = 0.3
"""Days of an average weekday that each weekday's own factor is mixed with."""
TRUSTED = 0.6
"""Share of a growth that is taken to go on."""
DAMPING = 0.92
"""Share of a trend that is left after each day."""
Z = 1.2816
"""Standard deviations to either side that 80 % lie within."""
WANDERING = 0.0085
"""Standard deviation of the daily growth that nobody foresees."""
LASTING = 2.5
"""What is known beforehand of how long a good or a bad day lasts: the variance of a week beside that of seven days."""

Status = Literal["on track", "at risk", "will exceed", "exceeded"]


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """Spend at a window's end."""

    amount: float
    lower: float
    """One in ten ends below."""
    upper: float
    """One in ten ends above."""
    passes: date | None = None
    """The day on which the limit is passed, as it looks; None where it is not."""
    basis: Literal["weekdays", "pace"]


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a window has come."""

    spent: float
    first: date
    last: date
    """The window's last day."""
    today: date
    passed: float
    """Share of today that is over, from 0 to 1."""
    days: Mapping[date, float] = {}
    """Spend by day, in this window and before it; today's is not whole."""


def forecast(progress: Progress, limit: float) -> Forecast:
    """Return what the window will have cost when it ends, and when it passes ``limit``."""
    history = _history(progress)
    if len(history) < LONG_ENOUGH:
        return _by_pace(progress, limit, history)
    return _by_weekdays(progress, limit, history)


def status(spent: float, limit: float, found: Forecast | None) -> Status:
    """Return how a limit stands: ``at risk`` where one end in ten is above it."""
    if spent >= limit:
        return "exceeded"
    if found is None:
        return "on track"
    if found.amount > limit:
        return "will exceed"
    return "at risk" if found.upper > limit else "on track"


def sentence(state: Status, found: Forecast | None, today: date) -> str:
    """Return the status as one reads it: ``will exceed on Thursday``."""
    if state != "will exceed" or found is None or found.passes is None:
        return state
    day = found.passes
    if day == today:
        return f"{state} today"
    return f"{state} on {day:%A}" if (day - today).days < 7 else f"{state} on {day.isoformat()}"


def _history(progress: Progress) -> list[tuple[date, float]]:
    """Return whole days in their order, from the first one with any spend."""
    begun = min((day for day, amount in progress.days.items() if amount > 0), default=progress.today)
    begun = max(begun, progress.today - timedelta(days=LOOK_BACK))
    count = (progress.today - begun).days
    days = (begun + timedelta(days=offset) for offset in range(count))
    return [(day, progress.days.get(day, 0.0)) for day in days]


def _by_pace(progress: Progress, limit: float, history: Sequence[tuple[date, float]]) -> Forecast:
    elapsed = (progress.today - progress.first).days + progress.passed
    left = max(0.0, (progress.last - progress.first).days + 1 - elapsed)
    pace = progress.spent / elapsed if elapsed > 0 else 0.0
    amounts = [amount for day, amount in history if day >= progress.first]
    mean = sum(amounts) / len(amounts) if amounts else pace
    if len(amounts) > 2 and mean > 0:
        spread = math.sqrt(sum((amount - mean) ** 2 for amount in amounts) / (len(amounts) - 1))
    else:
        spread = pace  # nothing is known yet of how days differ
    off = Z * spread * math.sqrt(left + left**2 / max(1.0, elapsed))
    coming = [(day, pace * share) for day, share in _coming(progress)]
    return _told(progress, limit, coming, off, "pace")


def _by_weekdays(progress: Progress, limit: float, history: Sequence[tuple[date, float]]) -> Forecast:
    factors = _factors(history)
    level, trend = _level(history, factors)
    coming, drift = [], 0.0
    for ahead, (day, share) in enumerate(_coming(progress), start=1):
        drift += trend * DAMPING**ahead
        coming.append((day, level * factors[day.weekday()] * math.exp(drift) * share))
    noise = _noise(history, factors, level, trend)
    rest = sum(amount for _, amount in coming)
    single = sum(amount**2 for _, amount in coming)
    # Days differ by themselves; the level is known from about as many days as three half-lives hold; it moves on.
    known = min(len(history), 3 * HALF_LIFE)
    off = Z * math.sqrt(noise * (single + rest**2 / known) + (rest * WANDERING * len(coming) / 2) ** 2)
    return _told(progress, limit, coming, off, "weekdays")


def _told(
    progress: Progress,
    limit: float,
    coming: Sequence[tuple[date, float]],
    off: float,
    basis: Literal["weekdays", "pace"],
) -> Forecast:
    amount = progress.spent + sum(each for _, each in coming)
    total, passes = progress.spent, None
    for day, each in coming:
        total += each
        if total > limit and passes is None:
            passes = day
    return Forecast(
        amount=amount, lower=max(progress.spent, amount - off), upper=amount + off, passes=passes, basis=basis
    )


def _coming(progress: Progress) -> list[tuple[date, float]]:
    """Return the days that are left, each with the share of it that is."""
    count = (progress.last - progress.today).days
    return [
        (progress.today + timedelta(days=ahead), 1 - progress.passed if not ahead else 1.0)
        for ahead in range(count + 1)
    ]


def _factors(history: Sequence[tuple[date, float]]) -> list[float]:
    """Return what each weekday costs beside an average day, Monday first; drawn to 1 where little is known."""
    mean = sum(amount for _, amount in history) / len(history)
    sums, counts = [0.0] * 7, [0] * 7
    for day, amount in history:
        sums[day.weekday()] += amount / mean if mean else 1.0
        counts[day.weekday()] += 1
    factors = [(total + PULL) / (count + PULL) for total, count in zip(sums, counts, strict=True)]
    average = sum(factors) / 7
    return [max(factor / average, 0.01) for factor in factors]


def _level(history: Sequence[tuple[date, float]], factors: Sequence[float]) -> tuple[float, float]:
    """Return an average day's cost as of now, and its daily growth (as a logarithm)."""
    weights = [0.5 ** ((len(history) - index) / HALF_LIFE) for index in range(1, len(history) + 1)]
    spent = sum(weight * amount for weight, (_, amount) in zip(weights, history, strict=True))
    level = spent / sum(weight * factors[day.weekday()] for weight, (day, _) in zip(weights, history, strict=True))
    plain = [amount for _, amount in history]  # by whole weeks, in which each weekday is once
    weeks = [sum(plain[end - 7 : end]) / 7 for end in range(len(plain), 6, -7)]
    if len(weeks) < 4 or min(weeks) <= 0:
        return level, 0.0
    recent, older = sum(weeks[: len(weeks) // 2]), sum(weeks[len(weeks) // 2 : len(weeks) // 2 * 2])
    growth = max(-0.02, min(0.02, math.log(recent / older) / (len(weeks) // 2 * 7))) * TRUSTED
    age = sum(weight * age for weight, age in zip(reversed(weights), range(len(weights)), strict=True)) / sum(weights)
    return level * math.exp(growth * age), growth


def _noise(history: Sequence[tuple[date, float]], factors: Sequence[float], level: float, trend: float) -> float:
    """Return the variance by which days stray from what is expected of them, as if each strayed on its own."""
    if level <= 0:
        return 1.0
    ages = range(len(history), 0, -1)
    grown = [math.exp(-trend * age) for age in ages]
    expected = [level * factors[day.weekday()] * part for part, (day, _) in zip(grown, history, strict=True)]
    off = [amount / each - 1 for each, (_, amount) in zip(expected, history, strict=True)]
    mean = sum(off) / len(off)
    off = [each - mean for each in off]
    single = sum(each**2 for each in off) / (len(off) - 1)
    weeks = [sum(off[end - 7 : end]) ** 2 / 7 for end in range(len(off), 6, -7)]
    lasting = (sum(weeks) / single + LASTING * 4) / (len(weeks) + 4) if single else 1.0
    return single * lasting
