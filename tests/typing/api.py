"""The public API as a user types it. Type checkers read this file (``nox -s typing``); nothing runs it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import assert_type

import anthropic
import openai

import outlay

outlay.init()
outlay.init(project="support-bot")
outlay.init(alert_channels=["log://", print], alert_webhook_secret="s", alert_quiet_hours="sat-sun")
outlay.init(
    budgets=[
        outlay.Budget("month", limit=200, per="month", timezone="Europe/Berlin", alerts=[50, 80, 100]),
        outlay.Budget("gpt-4", limit=20, per="7d", at={80: outlay.downgrade("gpt-4o-mini"), 100: outlay.block}),
        {"name": "run", "limit": "0.50", "per": "run"},
    ],
    budget_store="memory",
    budget_rewrites=False,
)
assert_type(outlay.check("gpt-4o-mini", input_tokens=10, output_limit=5), outlay.BudgetExceeded | None)
assert_type(outlay.refusal(ValueError()), outlay.BudgetExceeded | None)


@outlay.track
def bare(document: str, *, limit: int = 3) -> list[str]:
    return [document] * limit


@outlay.track()
def called(document: str) -> bytes:
    return document.encode()


@outlay.track(feature="summarise")
async def coroutine(document: str) -> int:
    return len(document)


@outlay.track("letters")
def generator(document: str) -> Iterator[str]:
    yield from document


@outlay.track(feature="letters")
async def async_generator(document: str) -> AsyncIterator[str]:
    for letter in document:
        yield letter


class Desk:
    @outlay.track(feature="answer")
    def method(self, question: str) -> str:
        return question

    @outlay.track
    @classmethod
    def of_class(cls, question: str) -> str:
        return question

    @outlay.track
    @staticmethod
    def static(question: str) -> str:
        return question

    @property
    @outlay.track
    def size(self) -> int:
        return 1


# A tracked function keeps its signature.
assert_type(bare("a", limit=2), list[str])
assert_type(called("a"), bytes)
assert_type(generator("a"), Iterator[str])
assert_type(async_generator("a"), AsyncIterator[str])
assert_type(Desk().method("why"), str)
assert_type(Desk.of_class("why"), str)
assert_type(Desk.static("why"), str)
assert_type(Desk().size, int)


async def awaits() -> None:
    assert_type(await coroutine("a"), int)
    async for letter in async_generator("a"):
        assert_type(letter, str)


# A wrong call of a tracked function is still wrong.
bare(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - a document is a str
bare("a", limits=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue] - no such argument

with outlay.track("nightly") as span:
    called("a")
assert_type(span.calls, int)
assert_type(span.cost, outlay.Spend)
assert_type(span.cost + Decimal(1), Decimal)
assert_type(span.cost.unpriced_calls, int)
assert_type(span.usage.input_tokens, int)
assert_type(span.usage.output_tokens, int)

with outlay.tags(user="u-42", tenant=7):
    called("a")


@outlay.tags(team="desk")
def tagged(question: str) -> str:
    return question


assert_type(tagged("why"), str)

carried = outlay.carry(called)
assert_type(carried("a"), bytes)

assert_type(outlay.compare("o1", "o3", output_tokens=1000, token_ratios={"o3": 2})[0].cost, Decimal | None)
assert_type(outlay.calculate_cost("gpt-4o-mini", input_tokens=1000, output_tokens=200), Decimal)
assert_type(
    outlay.calculate_cost(
        "claude-sonnet-4-5",
        input_tokens=1000,
        output_tokens=200,
        cache_read_input_tokens=500,
        cache_write_input_tokens=300,
        cache_write_1h_input_tokens=100,
        reasoning_output_tokens=50,
        provider="anthropic",
        at=datetime(2026, 1, 1, tzinfo=UTC),
        tier="batch",
    ),
    Decimal,
)

outlay.record(provider="openai", model="gpt-4o-mini", input_tokens=1000, output_tokens=200)

assert_type(outlay.instrument(openai.OpenAI()), openai.OpenAI)
assert_type(outlay.instrument(anthropic.AsyncAnthropic()), anthropic.AsyncAnthropic)
outlay.uninstrument()
outlay.flush(timeout=5)

try:
    outlay.calculate_cost("no-such-model")
except outlay.UnknownPrice as error:
    assert_type(str(error), str)
except outlay.OutlayError:
    pass
