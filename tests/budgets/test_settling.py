"""A plain answer is read when it is needed: what a budget holds for it stands in until then, and is never less."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import openai
import pytest

import outlay
from outlay import app
from outlay.budgets.budget import Budget
from outlay.loopback import ModelHost
from outlay.testing.stage import Instance
from outlay.wire.exchange import WAITING, settle_waiting
from outlay.worker import Worker
from tests.budgets.asks import ask, decided
from tests.budgets.conftest import Opener
from tests.budgets.test_real_calls import CALLERS, billed, metered
from tests.conformance.openai_shapes import CHAT


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelHost]:
    """Answer as OpenAI does; what is answered is noted, and nobody's turn comes to read it but who needs it."""
    monkeypatch.setattr(Instance, "settles_later", True)
    monkeypatch.setattr(Instance, "keep_all", lambda held, records: [held.keep(record) for record in records])
    monkeypatch.setattr(Worker, "wake", lambda _: None)
    with ModelHost() as running:
        yield running
        settle_waiting()


@pytest.fixture
def client(host: ModelHost) -> Iterator[openai.OpenAI]:
    """Give the OpenAI SDK as it comes."""
    with openai.OpenAI(base_url=host.openai_url, api_key="none") as made:
        yield made


def call(client: openai.OpenAI, **more: Any) -> Any:
    """Make one call with an output limit."""
    return client.chat.completions.create(**{**CHAT, **more}, max_completion_tokens=60)


def test_the_caller_of_a_plain_call_does_not_read_its_answer(host: ModelHost, client: openai.OpenAI) -> None:
    """It waits, its reservation held; who asks what was spent finds it settled."""
    with metered(host, Budget("month", limit=100, block=True)) as ledger:
        call(client)
        gate = app.current().gate()  # type: ignore[union-attr] # there is one, and budgets are set
        assert gate is not None
        assert WAITING.qsize() == 1
        (lease,) = gate._leases.live  # noqa: SLF001 - what is held in this process is shown nowhere else
        assert (lease.flight > 0, lease.total) == (True, 0)
        cost = ledger.only.cost.amount
        assert cost is not None
        assert (lease.flight, lease.total) == (0, -(-cost // 1000))


def test_a_call_that_needs_what_is_held_too_long_gets_it(host: ModelHost, client: openai.OpenAI) -> None:
    """The limit has room for two reservations and for many calls: all of these are made, and no more."""
    budget = Budget("run", limit="0.0004", per="total", block=True)
    with metered(host, budget):
        while True:
            try:
                call(client)
            except outlay.BudgetExceeded:
                break
    assert Decimal("0.0002") < billed(host) <= Decimal("0.0004")


def test_two_hundred_threads_do_not_overshoot(host: ModelHost, client: openai.OpenAI) -> None:
    """Each settles what the others have left, and reserves."""
    budget = Budget("race", limit="0.0012", per="total", block=True)

    def refused(_: int) -> bool:
        try:
            call(client)
        except outlay.BudgetExceeded:
            return True
        return False

    with metered(host, budget), ThreadPoolExecutor(CALLERS) as threads:
        count = sum(threads.map(refused, range(CALLERS)))
    assert billed(host) <= Decimal("0.0012")
    assert 0 < count < CALLERS
    assert len(host.requests) == CALLERS - count


def test_a_threshold_is_not_reached_by_what_only_waits_to_be_settled(host: ModelHost, client: openai.OpenAI) -> None:
    """Two reservations are more than half of the limit; what two calls did cost is a fraction of it."""
    budget = Budget(
        "month", limit="0.0006", per="total", at={50: outlay.downgrade("gpt-4.1-nano")}, input_bound="bytes"
    )
    with metered(host, budget) as ledger:
        for _ in range(5):
            call(client)
        assert {made.request_model for made in ledger.calls} == {CHAT["model"]}


def test_a_note_names_the_model_that_was_asked(host: ModelHost, client: openai.OpenAI) -> None:
    """Not the one that a budget has sent the call away from."""
    budget = Budget("month", limit=1, per="total", at={1: outlay.downgrade("gpt-4.1-nano")})
    with metered(host, budget) as ledger:
        outlay.record(provider="openai", model="gpt-4o", cost="0.5")
        call(client)
        assert WAITING.qsize() == 1
        slots = app.current().spool.journal  # type: ignore[union-attr] # as above
        assert slots is not None
        assert b"gpt-4.1-nano" in slots.path.read_bytes().replace(b"gpt-4.1-nano-", b"")
        assert ledger.calls[-1].request_model == "gpt-4.1-nano"


def test_a_gate_decides_nothing_by_what_may_turn_out_to_be_less(gate: Opener) -> None:
    """Neither a refusal nor a threshold's action, until who asks has settled what waits."""
    budgets = gate(Budget("month", limit=10, at={50: outlay.cap(5), 100: outlay.block}))
    held = decided(budgets, ask(6)).held
    capped = ask(limit=100, unsettled=True)
    assert budgets.decide(capped, wait=False) is None
    assert decided(budgets, capped).output_limit == 5
    dear = ask(9, unsettled=True, can_limit=False)
    assert budgets.decide(dear, wait=False) is None
    assert decided(budgets, dear).refusal is not None
    budgets.settle(held, 0)
