"""Budgets as an application sets them, through the real SDKs: no part of outlay is a double here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

import outlay
import outlay.testing
from outlay.budgets.stores.sqlite import SqliteStore
from outlay.loopback import ModelHost
from outlay.money import usd
from tests.budgets.asks import NANO
from tests.conformance import bill
from tests.conformance.openai_shapes import CHAT, STREAM
from tests.conformance.runs import address

CALLERS = 200


@pytest.fixture
def host() -> Iterator[ModelHost]:
    """Answer as OpenAI and Anthropic do."""
    with ModelHost() as running:
        yield running


@pytest.fixture
def client(host: ModelHost) -> Iterator[openai.OpenAI]:
    """Give the OpenAI SDK as it comes, retries included."""
    with openai.OpenAI(base_url=host.openai_url, api_key="none") as made:
        yield made


def metered(host: ModelHost, *budgets: outlay.Budget, **settings: Any) -> Any:
    """Meter into a test's ledger, held to these budgets."""
    return outlay.testing.ledger(hosts={address(host): "openai"}, budgets=budgets, **settings)


def billed(host: ModelHost) -> Decimal:
    """Return the USD that the host bills."""
    return usd(sum(bill.amount(each) for each in host.billed))


@pytest.mark.parametrize("store", ["memory", None], ids=["memory", "SQLite"])
def test_a_budget_that_blocks_is_not_overshot_by_two_hundred_threads(
    store: str | None, host: ModelHost, client: openai.OpenAI
) -> None:
    """Every request has an output limit; what the host bills stays under the budget's limit, to the last digit."""
    budget = outlay.Budget("race", limit="0.0012", per="total", block=True)

    def call(number: int) -> bool:
        try:
            asked = STREAM if number % 2 else CHAT
            answer: Any = client.chat.completions.create(**asked, max_completion_tokens=60)
            for _ in answer if number % 2 else ():
                pass
        except outlay.BudgetExceeded:
            return True
        return False

    with metered(host, budget, budget_store=store, ask_usage=True), ThreadPoolExecutor(CALLERS) as threads:
        refused = sum(threads.map(call, range(CALLERS)))
    assert billed(host) <= Decimal("0.0012")
    assert 0 < refused < CALLERS
    assert len(host.requests) == CALLERS - refused


def test_a_budget_that_blocks_is_not_overshot_by_two_hundred_tasks(host: ModelHost) -> None:
    """The same by the asynchronous SDK, on one event loop."""
    budget = outlay.Budget("race", limit="0.0008", per="total", block=True)

    async def run() -> list[Any]:
        async with openai.AsyncOpenAI(base_url=host.openai_url, api_key="none") as sdk:
            return await asyncio.gather(
                *(sdk.chat.completions.create(**CHAT, max_completion_tokens=60) for _ in range(CALLERS)),
                return_exceptions=True,
            )

    with metered(host, budget):
        answers = asyncio.run(run())
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert all(isinstance(answer, outlay.BudgetExceeded) for answer in refused)
    assert billed(host) <= Decimal("0.0008")
    assert 0 < len(refused) < CALLERS
    assert len(host.requests) == CALLERS - len(refused)


def test_a_call_without_an_output_limit_is_held_to_its_models_longest_answer(
    host: ModelHost, client: openai.OpenAI
) -> None:
    """16,384 tokens of gpt-4o-mini may cost two cents: one cent has no room for it, five have."""
    with metered(host, outlay.Budget("small", limit="0.01", block=True)), pytest.raises(outlay.BudgetExceeded):
        client.chat.completions.create(**CHAT)
    with metered(host, outlay.Budget("larger", limit="0.05", block=True)):
        client.chat.completions.create(**CHAT)


def test_a_budget_downgrades_then_blocks(host: ModelHost, client: openai.OpenAI) -> None:
    """From half of the limit on the cheaper model, and nothing once it is used up."""
    budget = outlay.Budget(
        "steps", limit="0.0028", per="total", at={50: outlay.downgrade("gpt-4.1-nano"), 100: outlay.block}
    )
    models = []
    with metered(host, budget) as ledger:
        for _ in range(1000):
            try:
                client.chat.completions.create(**{**CHAT, "model": "gpt-4.1"}, max_completion_tokens=20)
            except outlay.BudgetExceeded:
                break
            models.append(ledger.calls[-1].request_model)
        assert ledger.cost <= Decimal("0.0028")
    assert set(models) == {"gpt-4.1", "gpt-4.1-nano"}
    assert models == sorted(models)
    assert len(models) < 1000


def test_what_a_byte_of_input_is_was_learned_from_the_calls_before(host: ModelHost, client: openai.OpenAI) -> None:
    """A prompt for which a token a byte is too much fits once the model was seen to make fewer of it."""
    long: dict[str, Any] = {**CHAT, "messages": [{"role": "user", "content": "Why is it so? " * 3000}]}
    for bound, passes in (("bytes", False), ("learned", True)):
        budget = outlay.Budget("day", limit="0.006", per="day", block=True, input_bound=bound)  # type: ignore[arg-type] # one of both
        with metered(host, budget) as ledger:
            for _ in range(40):
                client.chat.completions.create(**CHAT, max_completion_tokens=20)
            try:
                client.chat.completions.create(**long, max_completion_tokens=20)
            except outlay.BudgetExceeded:
                assert not passes
            assert ledger.cost <= Decimal("0.006")
            assert (ledger.calls[-1].outcome == "ok") is passes


def test_an_output_ceiling_is_sent(host: ModelHost, client: openai.OpenAI) -> None:
    """It makes a bound of what had none."""
    with metered(host, outlay.Budget("capped", limit=1, block=True, output_ceiling=50)) as ledger:
        client.chat.completions.create(**CHAT)
        assert "budget_capped" in ledger.only.marks
    assert host.requests[0].json()["max_completion_tokens"] == 50


def test_no_request_is_changed_where_the_user_wants_none_changed(host: ModelHost, client: openai.OpenAI) -> None:
    """``budget_rewrites=False``: what can't be done is said in the record."""
    budget = outlay.Budget("capped", limit=1, output_ceiling=50)
    with metered(host, budget, budget_rewrites=False) as ledger:
        client.chat.completions.create(**CHAT)
        assert "budget_impossible" in ledger.only.marks
    assert host.requests[0].json() == CHAT


def test_each_run_has_a_limit_of_its_own(host: ModelHost, client: openai.OpenAI) -> None:
    """The outermost span is a run: a loop that spends too much is stopped, the next one begins anew."""
    made = []
    with metered(host, outlay.Budget("agent run", limit="0.0004", per="run", block=True)):
        for _ in range(2):
            with outlay.track("agent"):
                for number in range(100):
                    try:
                        client.chat.completions.create(**CHAT, max_completion_tokens=60)
                    except outlay.BudgetExceeded as error:
                        made.append((number, error.budget))
                        break
    assert len(made) == 2
    assert made[0] == made[1]
    assert 0 < made[0][0] < 100


def test_each_tenant_has_a_limit_of_its_own(host: ModelHost) -> None:
    """One that spent its own does not spend another's."""
    with metered(host, outlay.Budget("tenant", limit="0.003", scope="tenant", block=True)):
        sdk = anthropic.Anthropic(base_url=host.anthropic_url, api_key="none")
        asked: dict[str, Any] = {"model": "gpt-4o-mini", "max_tokens": 9, "messages": CHAT["messages"][1:]}
        refused = None
        with outlay.tags(tenant="acme"):
            for _ in range(1000):
                try:
                    sdk.messages.create(**asked)
                except outlay.BudgetExceeded as error:
                    refused = error
                    break
        with outlay.tags(tenant="other"):
            sdk.messages.create(**asked)
        sdk.close()
    assert refused is not None
    assert refused.scope == {"tenant": "acme"}


def test_a_refusal_names_the_setting_that_a_host_lacks(host: ModelHost, client: openai.OpenAI) -> None:
    """Of a host that nobody named no price is known, so a budget that blocks lets nothing pass to it."""
    budget = outlay.Budget("strict", limit=1, block=True)
    with outlay.testing.ledger(budgets=(budget,)), pytest.raises(outlay.BudgetExceeded, match=r"\[hosts\]"):
        client.chat.completions.create(**CHAT)


def test_a_model_of_unknown_length_is_refused_for_that(host: ModelHost, client: openai.OpenAI) -> None:
    """And not for a price that is known."""
    asked: dict[str, Any] = {**CHAT, "model": "deepseek-chat"}
    budget = outlay.Budget("strict", limit=1, block=True)
    with outlay.testing.ledger(budgets=(budget,), hosts={address(host): "deepseek"}):
        with pytest.raises(outlay.BudgetExceeded, match="no output limit"):
            client.chat.completions.create(**asked)
        client.chat.completions.create(**asked, max_tokens=50)


def test_a_call_that_nothing_bounds_is_refused_with_the_reason(host: ModelHost, client: openai.OpenAI) -> None:
    """Unless the budget has a ceiling to reserve for it."""
    asked: dict[str, Any] = {"model": "gpt-4o-mini", "input": "What?", "previous_response_id": "resp_1"}
    with metered(host, outlay.Budget("strict", limit=1, block=True)), pytest.raises(outlay.BudgetExceeded) as caught:
        client.responses.create(**asked)
    assert "previous_response_id" in str(caught.value)
    assert host.requests == []
    with metered(host, outlay.Budget("lenient", limit=1, block=True, ceiling="0.10")):
        client.responses.create(**asked)


def test_asking_costs_nothing_and_reserves_nothing(host: ModelHost, client: openai.OpenAI) -> None:
    """``outlay.check`` says what would happen to a call here and now."""
    assert outlay.check("gpt-4o-mini", input_tokens=10**9, output_limit=10) is None
    with metered(host, outlay.Budget("day", limit="0.01", per="day", block=True)):
        assert outlay.check("gpt-4o-mini", input_tokens=1000, output_limit=100) is None
        refused = outlay.check("gpt-4o-mini", input_tokens=100_000, output_limit=100)
        assert isinstance(refused, outlay.BudgetExceeded)
        assert outlay.check("gpt-4o-mini", cost="0.02") is not None
        assert outlay.check("of-my-own", provider="vllm", cost="0.002") is None
        client.chat.completions.create(**CHAT, max_completion_tokens=60)
    assert len(host.requests) == 1


def test_what_is_told_is_counted_too(host: ModelHost, client: openai.OpenAI) -> None:
    """``outlay.record`` refuses nothing, since it was spent already; the next call is refused for it."""
    with metered(host, outlay.Budget("day", limit="0.01", per="day", block=True)):
        client.chat.completions.create(**CHAT, max_completion_tokens=60)
        outlay.record(provider="openai", model="gpt-4o-mini", cost="0.03")
        with pytest.raises(outlay.BudgetExceeded) as caught:
            client.chat.completions.create(**CHAT, max_completion_tokens=60)
    assert caught.value.spent >= Decimal("0.03")


def test_what_was_spent_is_told_by_who_flushes(tmp_path: Path) -> None:
    """Before a function freezes, say; and without that, by the first call that spends much of a limit."""
    shown = SqliteStore(tmp_path / "shared.db")
    for limit, flush, wait in ((10_000, True, 0), (10, False, 8)):
        budget = outlay.Budget("month", limit=limit)
        outlay.init(project=str(limit), budgets=[budget], budget_store=f"sqlite:///{tmp_path / 'shared.db'}")
        outlay.record(provider="openai", model="gpt-4o", cost="7")
        if flush:
            assert outlay.flush() == 0
        until = time.monotonic() + wait
        while (found := [each.settled for each in shown.figures(str(limit))]) != [
            7 * NANO
        ] and time.monotonic() < until:
            time.sleep(0.05)
        outlay.uninstrument()
        assert found == [7 * NANO]
    shown.close()


def test_a_budget_that_can_not_be_used_is_said_at_the_start() -> None:
    """Not with the first call."""
    with pytest.raises(outlay.ConfigError, match="limit"):
        outlay.init(budgets=[{"name": "month"}])
    with pytest.raises(outlay.ConfigError, match="two budgets"):
        outlay.init(budgets=[outlay.Budget("a", limit=1), outlay.Budget("a", limit=2)])
