"""Two hundred callers of the real SDK at one limit: what they spend together stays under it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest

from outlay.errors import BudgetExceeded
from outlay.loopback import ModelHost
from tests.budgets.double import CountingGate, gated
from tests.conformance import bill
from tests.conformance.openai_shapes import CHAT, STREAM

CALLERS = 200
ASKED: dict[str, Any] = {"max_completion_tokens": 60}
ROOM = 100
"""Calls that the limit has room for, at what they turn out to cost: half of them. Quoted are twenty times as much."""


@pytest.fixture
def host() -> Iterator[ModelHost]:
    """Answer as OpenAI does."""
    with ModelHost() as running:
        yield running


def limit_for(host: ModelHost) -> int:
    """Return a limit with room for some of the callers, by what one call does cost."""
    gate = CountingGate()
    client = openai.OpenAI(base_url=host.openai_url, api_key="none")
    with gated(gate, host):
        client.chat.completions.create(**CHAT, **ASKED)
    client.close()
    limit, quoted = gate.spent * ROOM, gate.only.quote()
    host.requests.clear()
    host.billed.clear()
    assert quoted is not None
    assert 2 * gate.spent < quoted < limit / 2
    return limit


def check(host: ModelHost, gate: CountingGate, refused: int) -> None:
    """Hold what was spent to the limit, and what was sent to what was let through."""
    spent = sum(bill.amount(billed) for billed in host.billed)
    assert spent == gate.spent
    assert spent <= gate.limit
    assert gate.held == {}
    assert 0 < refused < CALLERS
    assert len(host.requests) == CALLERS - refused


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "stream"])
def test_two_hundred_threads_do_not_overshoot(streamed: bool, host: ModelHost) -> None:
    """Each request has an output limit, so nothing is dearer than what was reserved for it."""
    gate = CountingGate(limit_for(host))
    client = openai.OpenAI(base_url=host.openai_url, api_key="none", max_retries=2)
    start = threading.Barrier(CALLERS)

    def call(_: int) -> bool:
        start.wait(30)
        try:
            answer = client.chat.completions.create(**(STREAM if streamed else CHAT), **ASKED)
            if streamed:
                for _ in answer:
                    pass
        except BudgetExceeded:
            return True
        return False

    with gated(gate, host), ThreadPoolExecutor(CALLERS) as threads:
        refused = sum(threads.map(call, range(CALLERS)))
    client.close()
    check(host, gate, refused)


@pytest.mark.parametrize("trips", [False, True], ids=["known here", "by a trip"])
def test_two_hundred_tasks_do_not_overshoot(trips: bool, host: ModelHost) -> None:
    """The same on one event loop, whether or not a store has to be asked each time."""
    gate = CountingGate(limit_for(host), trips=trips)

    async def run() -> int:
        async with openai.AsyncOpenAI(base_url=host.openai_url, api_key="none", max_retries=2) as client:
            results = await asyncio.gather(
                *(client.chat.completions.create(**CHAT, **ASKED) for _ in range(CALLERS)), return_exceptions=True
            )
        assert all(isinstance(result, BudgetExceeded) for result in results if isinstance(result, BaseException))
        return sum(isinstance(result, BudgetExceeded) for result in results)

    with gated(gate, host):
        refused = asyncio.run(run())
    check(host, gate, refused)
