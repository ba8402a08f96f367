"""Months as they are spent: weekdays, growth, noise that lasts for days, and now and then a day that is out of line."""

from __future__ import annotations

import math
import random
from datetime import date, timedelta

from outlay.budgets.forecast import Forecast, Progress, forecast

FIRST = date(2026, 6, 1)


def month(seed: int, history: int) -> tuple[dict[date, float], int]:
    """Return spend by day, from ``history`` days before a month to its end, and the number of its days."""
    chance = random.Random(seed)
    length = 30
    weekend = chance.uniform(0.2, 0.8)
    growth = chance.gauss(0.003, 0.004)
    noise = chance.uniform(0.1, 0.3)
    level, lasting = chance.uniform(5, 500), 0.0
    days = {}
    for offset in range(-history, length):
        day = FIRST + timedelta(days=offset)
        lasting = 0.5 * lasting + chance.gauss(0, noise / 2)
        factor = weekend if day.weekday() >= 5 else 1 + 0.1 * math.sin(day.weekday())
        burst = chance.uniform(1.5, 3) if chance.random() < 0.015 else 1
        days[day] = level * factor * math.exp(growth * offset + lasting + chance.gauss(0, noise)) * burst
    return days, length


def seen(days: dict[date, float], length: int, number: int) -> Progress:
    """Return what is known when day ``number`` of the month is over."""
    today = FIRST + timedelta(days=number)
    past = {day: amount for day, amount in days.items() if day < today}
    spent = sum(amount for day, amount in past.items() if day >= FIRST)
    return Progress(
        spent=spent, first=FIRST, last=FIRST + timedelta(days=length - 1), today=today, passed=0.0, days=past
    )


def errors(number: int, history: int, months: int = 300, first: int = 10_000) -> tuple[float, float, float]:
    """Return (mean error, mean error of the pace so far, share of ends within the interval) after so many days.

    The forecast was made with the months of other seeds in view.
    """
    off, pace_off, within = 0.0, 0.0, 0
    for seed in range(first, first + months):
        days, length = month(seed, history)
        end = sum(amount for day, amount in days.items() if day >= FIRST)
        progress = seen(days, length, number)
        found: Forecast = forecast(progress, math.inf)
        off += abs(found.amount - end) / end
        pace_off += abs(progress.spent / number * length - end) / end
        within += found.lower <= end <= found.upper
    return off / months, pace_off / months, within / months
