"""Days of made-up traffic in a ledger, with what goes wrong in them: the same in every run."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from outlay.records import Call, Cost, Usage

SECOND = 10**9
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MONDAY = int(datetime(2026, 9, 7, tzinfo=UTC).timestamp()) * SECOND

PRICES = {"gpt-4o-mini": (150_000, 600_000), "gpt-4o": (2_500_000, 10_000_000), "o4-mini": (1_100_000, 4_400_000)}
"""Pico-USD of a token read and of one written."""


@dataclass(frozen=True)
class Habit:
    """How a feature usually calls."""

    feature: str
    model: str
    per_hour: float
    input: float
    output: float
    user: str = "u-1"
    site: str = "app.py:10"


@dataclass(frozen=True)
class Trouble:
    """What goes wrong in a feature for a while: each factor multiplies."""

    feature: str
    since: int
    until: int
    calls: float = 1.0
    input: float = 1.0
    model: str | None = None
    failing: float = 0.0
    run: str | None = None
    """The one run that all calls are of."""


SHOP = (
    Habit("answer", "gpt-4o-mini", 240.0, 2_000.0, 300.0, site="shop/answer.py:31"),
    Habit("research", "gpt-4o-mini", 90.0, 4_000.0, 600.0, "u-2", "shop/research.py:8"),
    Habit("summarise", "gpt-4o-mini", 120.0, 6_000.0, 200.0, "u-3", "shop/summarise.py:77"),
)


def calls(since: int, until: int, habits: tuple[Habit, ...] = SHOP, troubles: tuple[Trouble, ...] = ()) -> list[Call]:
    """Return the calls of a time, in their order: busier at noon than at night, no two alike."""
    found = [call for habit in habits for call in _of(habit, since, until, troubles)]
    return sorted(found, key=lambda call: call.start)


def _of(habit: Habit, since: int, until: int, troubles: tuple[Trouble, ...]) -> Iterator[Call]:
    for minute in range(since, until, MINUTE):
        # Seeded by the minute: what goes wrong in one changes nothing in the others.
        chance = random.Random(f"{habit.feature} {minute}")
        now = [
            trouble
            for trouble in troubles
            if trouble.feature == habit.feature and trouble.since <= minute < trouble.until
        ]
        trouble = now[0] if now else Trouble(habit.feature, since, until)
        day = 1 + 0.5 * math.cos((minute % DAY / DAY - 0.58) * 2 * math.pi)
        for number in range(_poisson(chance, habit.per_hour / 60 * day * trouble.calls)):
            yield _call(habit, trouble, minute, number, chance)


def _call(habit: Habit, trouble: Trouble, minute: int, number: int, chance: random.Random) -> Call:
    start = minute + chance.randrange(MINUTE)
    model = trouble.model or habit.model
    read = round(habit.input * trouble.input * chance.lognormvariate(-0.08, 0.4))
    written = round(habit.output * chance.lognormvariate(-0.08, 0.4))
    failed = chance.random() < max(0.005, trouble.failing)
    usage = None if failed else Usage(classes={"input": read, "output": written})
    price = PRICES[model]
    parts = {} if failed else {"input": read * price[0], "output": written * price[1]}
    name = f"{random.Random(f'{habit.feature} {minute} {number}').getrandbits(64):016x}"
    return Call(
        id=name,
        trace_id=trouble.run or name * 2,
        project="shop",
        feature=habit.feature,
        path=habit.feature,
        site=habit.site,
        tags={"user": habit.user},
        provider="openai",
        api="openai.chat",
        operation="chat",
        transport="httpx",
        host="api.openai.com",
        request_model=model,
        response_model=model,
        start=start,
        end=start + round(chance.lognormvariate(0, 0.3) * SECOND),
        outcome="error" if failed else "ok",
        status=500 if failed else 200,
        error_type="500" if failed else None,
        finish_reasons=() if failed else ("stop",),
        usage=usage,
        cost=Cost(status="free", amount=0)
        if failed
        else Cost(status="priced", amount=sum(parts.values()), by_class=parts, model=model),
    )


def _poisson(chance: random.Random, mean: float) -> int:
    limit, count, product = math.exp(-mean), 0, chance.random()
    while product > limit:
        count += 1
        product *= chance.random()
    return count


Write = Callable[[list[Call]], None]
