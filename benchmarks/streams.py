"""Six weeks of made-up LLM traffic with labelled incidents: what the watch for spikes is measured on.

One stream is one series, simulated by the minute and summed up in buckets of five. Base 0.5 to 150 calls a minute, a
day of two harmonics, weekends, growth, a slow wander, bursts, log-normal call sizes; benign: batches at night or once a
week, deploys, batches out of the order. Incidents come in weeks 3 to 6. The order in which chance is asked makes the
stream: a seed gives the same one for ever, so nothing here may be moved.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Chance: TypeAlias = np.random.Generator

START = int(datetime(2026, 1, 5, tzinfo=UTC).timestamp())
"""Seconds since the epoch at which every stream begins: a Monday."""
WEEKS = 6
BUCKET = 5
"""Minutes of a bucket."""
DAY = 1440
MINUTES = WEEKS * 7 * DAY
LEARNING = 14 * DAY
"""Minutes without an incident."""
KINDS = (
    "agent_loop",
    "prompt_regression",
    "dearer_model",
    "retry_storm",
    "cache_collapse",
    "latency_regression",
    "error_burst",
    "slow_leak",
    "call_surge",
)
PRICES = ((0.15, 0.6), (2.5, 10.0), (3.0, 15.0), (1.25, 10.0))
"""USD for a million tokens read and written."""


@dataclass
class Incident:
    """What went wrong, from one minute to another, and how much."""

    since: int
    until: int
    kind: str
    factor: float


@dataclass
class Stream:
    """One stream: a column a bucket, what went wrong, and when an alarm is neither right nor wrong."""

    seed: int
    calls: Floats
    cost: Floats
    input: Floats
    output: Floats
    cached: Floats
    errors: Floats
    latency: Floats
    excess: Floats
    """USD beyond what would have been spent."""
    minutes: dict[str, Floats] = field(default_factory=dict)
    """The same columns by the minute."""
    incidents: list[Incident] = field(default_factory=list)
    neutral: list[tuple[int, int]] = field(default_factory=list)
    """Minutes."""


@dataclass
class _Rates:
    """What drives the traffic, by the minute."""

    calls: Floats
    input: Floats
    output: Floats
    hits: Floats
    price: Floats
    errors: Floats
    latency: Floats

    def copy(self) -> _Rates:
        return _Rates(*(column.copy() for column in vars(self).values()))


def stream(seed: int) -> Stream:
    """Return the stream of ``seed``."""
    chance = np.random.default_rng(seed)
    base, peak, rates = _usual(chance)
    read, written = PRICES[chance.integers(4)]
    rates.errors = np.full(MINUTES, _between(chance, 0.002, 0.03))
    cycle = 1 + 0.15 * np.cos((_hours() - peak) / 24 * 2 * np.pi)
    rates.latency = np.full(MINUTES, _between(chance, 0.6, 8.0)) * cycle
    size, bursts = chance.uniform(0.6, 1.3), chance.uniform(0.02, 0.2)
    neutral = _benign(chance, base, rates)
    clean = rates.copy()
    incidents = _incidents(chance, rates)
    made = _simulate(chance, rates, size, bursts, (read, written))
    usual = (
        clean.calls
        * clean.price
        * (clean.input * (1 - 0.9 * clean.hits) * read + clean.output * (1 - clean.errors) * written)
        / 1e6
    )
    columns = {name: _summed(column) for name, column in made.items()}
    by_minute = dict(made)
    columns["latency"] = columns["latency"] / np.maximum(columns["calls"], 1)
    excess = _summed(np.maximum(0, made["cost"] - usual))
    return Stream(seed=seed, **columns, excess=excess, minutes=by_minute, incidents=incidents, neutral=neutral)


def _between(chance: Chance, least: float, most: float) -> float:
    return float(np.exp(chance.uniform(np.log(least), np.log(most))))


def _hours() -> Floats:
    return (np.arange(MINUTES) / 60.0) % 24


def _summed(column: Floats) -> Floats:
    summed: Floats = column.reshape(-1, BUCKET).sum(1)
    return summed


def _usual(chance: Chance) -> tuple[float, float, _Rates]:
    """Return the base rate, the hour of the peak, and the rates, without errors and latency."""
    minutes, hours = np.arange(MINUTES), _hours()
    base, peak, amplitude = _between(chance, 0.5, 150), chance.uniform(9, 21), chance.uniform(0.2, 0.9)
    weekend, growth = chance.uniform(0.15, 0.9), chance.uniform(-0.02, 0.08)
    day = (
        1
        + amplitude * np.cos((hours - peak) / 24 * 2 * np.pi)
        + 0.25 * amplitude * np.cos((hours - peak) / 12 * 2 * np.pi)
    )
    rest = np.where((minutes // DAY) % 7 >= 5, weekend, 1.0)
    calls = base * np.maximum(day, 0.03) * rest * (1 + growth) ** (minutes / 10080)
    wander = chance.normal(0, 1, MINUTES // 30 + 2)
    for at in range(1, len(wander)):
        wander[at] = 0.9 * wander[at - 1] + math.sqrt(1 - 0.9 * 0.9) * wander[at]
    calls = calls * np.exp(chance.uniform(0.03, 0.15) * np.interp(minutes, np.arange(len(wander)) * 30, wander))
    read = np.full(MINUTES, _between(chance, 300, 12000))
    written = np.full(MINUTES, _between(chance, 50, 1500))
    hits = np.full(MINUTES, chance.choice([0.0, chance.uniform(0.3, 0.85)]))
    empty = np.zeros(MINUTES)
    return base, peak, _Rates(calls, read, written, hits, np.ones(MINUTES), empty, empty)


def _benign(chance: Chance, base: float, rates: _Rates) -> list[tuple[int, int]]:
    """Add batches and deploys; return when they are neutral."""
    neutral: list[tuple[int, int]] = []
    extra = np.zeros(MINUTES)
    if chance.random() < 0.6:
        hour = int(chance.integers(0, 6)) * 60 + int(chance.integers(0, 60))
        length, height = int(chance.integers(15, 120)), _between(chance, 2, 12) * base
        weekly, on = chance.random() < 0.4, int(chance.integers(7))
        for day in range(WEEKS * 7):
            if weekly and day % 7 != on:
                continue
            since = day * DAY + hour + int(chance.integers(0, 6))
            extra[since : since + length] += height
            if day < 14:
                neutral.append((since, since + length + 30))
    for _ in range(chance.poisson(1.0)):
        since, length = int(chance.integers(14 * DAY, MINUTES - 600)), int(chance.integers(20, 180))
        extra[since : since + length] += _between(chance, 2, 10) * base
        neutral.append((since, since + length + 60))
    rates.calls = rates.calls + extra
    for _ in range(chance.poisson(1.2)):
        since, factor = int(chance.integers(3 * DAY, MINUTES - 3000)), _between(chance, 0.65, 1.5)
        which = chance.integers(3)
        (rates.calls if which == 0 else rates.input if which == 1 else rates.latency)[since:] *= factor
        neutral.append((since, since + DAY))
    return neutral


def _incidents(chance: Chance, rates: _Rates) -> list[Incident]:
    found = []
    at = LEARNING + int(chance.integers(300, 1800))
    order = [str(kind) for kind in chance.permutation(KINDS)] * 2
    while at < MINUTES - 2 * DAY and order:
        kind = order.pop(0)
        if kind == "cache_collapse" and rates.hits[0] < 0.3:
            continue
        length, factor = _strike(chance, rates, kind, at)
        found.append(Incident(at, at + length, kind, factor))
        at += length + int(chance.integers(1440, 4320))
    return found


def _strike(chance: Chance, rates: _Rates, kind: str, at: int) -> tuple[int, float]:
    """Let ``kind`` happen from the minute ``at`` on; return for how long, and how much."""
    least, most, mild, grave = _SHAPES[kind]
    length = int(chance.integers(least, most)) if kind == "slow_leak" else int(_between(chance, least, most))
    factor = _between(chance, mild, grave) if grave else 0.0
    time, left = slice(at, at + length), MINUTES - at
    if kind == "agent_loop":
        ramp = int(chance.integers(3, 30))
        growth = 1 + (factor - 1) * np.minimum(1, np.arange(length) / ramp)
        rates.calls[time] *= np.sqrt(growth)[:left]
        rates.input[time] *= np.sqrt(growth)[:left]
    elif kind == "retry_storm":
        rates.calls[time] *= factor
        rates.errors[time] = np.maximum(0.15, 1 - 1 / factor) * chance.uniform(0.6, 1)
        rates.latency[time] *= chance.uniform(1, 2)
    elif kind == "cache_collapse":
        rates.hits[time] *= chance.uniform(0, 0.2)
    elif kind == "error_burst":
        rates.errors[time] = np.minimum(0.95, rates.errors[time] * factor)
    elif kind == "slow_leak":
        rates.input[time] *= np.exp(np.log(factor) * np.arange(length) / length)[:left]
    else:
        _MOVED[kind](rates)[time] *= factor
    return length, factor


_MOVED = {
    "prompt_regression": lambda rates: rates.input,
    "dearer_model": lambda rates: rates.price,
    "latency_regression": lambda rates: rates.latency,
    "call_surge": lambda rates: rates.calls,
}
_SHAPES: dict[str, tuple[int, int, float, float]] = {
    "agent_loop": (30, 480, 2, 30),
    "prompt_regression": (360, 2880, 1.4, 5),
    "dearer_model": (360, 2880, 1.5, 15),
    "retry_storm": (20, 180, 1.5, 5),
    "cache_collapse": (240, 1440, 0, 0),
    "latency_regression": (60, 1440, 1.5, 6),
    "error_burst": (15, 240, 4, 40),
    "slow_leak": (1440, 3600, 1.6, 4),
    "call_surge": (30, 600, 2, 12),
}
"""Least and most minutes, and least and most factor."""


def _simulate(
    chance: Chance, rates: _Rates, size: float, bursts: float, prices: tuple[float, float]
) -> dict[str, Floats]:
    """Return what the rates lead to, by the minute."""
    shape = 1 / bursts
    number = chance.poisson(rates.calls * chance.gamma(shape, 1 / shape, MINUTES))
    some = np.maximum(number, 1)

    def total(mean: Floats, spread: float) -> Floats:
        noise = chance.normal(0, 1, MINUTES) * spread / np.sqrt(some)
        made: Floats = number * mean * np.exp(noise - spread * spread / 2 / some)
        return made

    read, written = total(rates.input, size), total(rates.output, size * 0.8)
    errors = chance.binomial(number, np.clip(rates.errors, 0, 1))
    cached, written = read * rates.hits, written * (1 - errors / some)
    paid = (read - cached) * prices[0] + cached * prices[0] * 0.1 + written * prices[1]
    latency = rates.latency * np.exp(chance.normal(0, 1, MINUTES) * 0.5 / np.sqrt(some))
    return {
        "calls": number.astype(float),
        "cost": rates.price * paid / 1e6,
        "input": read,
        "output": written,
        "cached": cached,
        "errors": errors.astype(float),
        "latency": latency * number,
    }
