"""Slices where they are meant for: in processes and on workers elsewhere, through a real SDK."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import openai
import pytest

import outlay
from outlay import app, testing
from outlay.budgets.trade import Figures
from outlay.loopback import ModelHost
from outlay.money import usd
from tests.budgets.asks import NANO, a_project
from tests.conformance import bill
from tests.conformance.openai_shapes import CHAT
from tests.conformance.runs import address
from tests.house.sources import ROOT

KEY = "a secret that parent and child have in common"
WORKER = """
import sys, openai, outlay
from tests.conformance.openai_shapes import CHAT
project, host, store, url = sys.argv[1:]
outlay.init(project=project, hosts={host: "openai"}, budget_store=store)
client = openai.OpenAI(base_url=url, api_key="none")
for number in range(1000):
    try:
        client.chat.completions.create(**CHAT, max_completion_tokens=60)
    except outlay.BudgetExceeded as refusal:
        assert refusal.budget.startswith("slice ")
        break
print(number)
"""
"""It has no budgets of its own, and spends the slice that it finds in its environment."""


@pytest.fixture
def host() -> Iterator[ModelHost]:
    """Answer as OpenAI does."""
    with ModelHost() as running:
        yield running


@pytest.fixture
def project(host: ModelHost, url: str) -> Iterator[str]:
    """Give the project of a parent that may spend a cent a day."""
    name = a_project()
    budget = outlay.Budget("day", limit="0.01", per="total", block=True)
    outlay.init(project=name, budgets=[budget], budget_key=KEY, budget_store=url, hosts={address(host): "openai"})
    yield name
    outlay.uninstrument()


def figures(project: str) -> dict[str, Figures]:
    """Return how the parent's budgets stand, by their names."""
    current = app.current()
    assert current is not None
    gate = current.gate()
    assert gate is not None
    gate.flush()
    return {each.account.budget.split()[0]: each for each in gate.store.figures(project)}


def spent(host: ModelHost) -> Decimal:
    """Return what the host bills, in USD."""
    return usd(sum(bill.amount(each) for each in host.billed))


def work(project: str, host: ModelHost, url: str, value: str, data: Path) -> int:
    """Have a worker with a data folder of its own spend a slice; return the number of its calls."""
    command = [sys.executable, "-c", WORKER, project, address(host), url, host.openai_url]
    handed = {"OUTLAY_DATA": str(data), "OUTLAY_BUDGET_KEY": KEY, "OUTLAY_BUDGET_SLICE": value}
    done = subprocess.run(command, cwd=ROOT, env=os.environ | handed, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_a_worker_elsewhere_spends_its_slice_and_the_rest_comes_back(
    host: ModelHost, url: str, project: str, tmp_path: Path
) -> None:
    """No host of a model ever sees the value."""
    with outlay.share("0.0005") as part:
        assert outlay.check("gpt-4o-mini", cost="0.0096") is not None
        calls = work(project, host, url, part.value, tmp_path / "elsewhere")
    assert calls == len(host.requests) > 0
    assert 0 < spent(host) <= Decimal("0.0005")
    found = figures(project)
    assert found["day"].settled == found["slice"].settled == pytest.approx(float(spent(host)) * NANO, rel=1e-3)
    assert outlay.check("gpt-4o-mini", cost="0.0094") is None
    for request in host.requests:
        said = repr((request.headers, request.body, request.path))
        assert part.value not in said
        assert KEY not in said


def test_a_thread_spends_its_slice(host: ModelHost, project: str) -> None:
    """And the thread beside it, which has none, what is left."""
    refused: list[str] = []

    def call(value: str | None) -> None:
        with openai.OpenAI(base_url=host.openai_url, api_key="none") as client:
            try:
                if value is None:
                    client.chat.completions.create(**CHAT, max_completion_tokens=60)
                    return
                with outlay.spending(value):
                    for _ in range(1000):
                        client.chat.completions.create(**CHAT, max_completion_tokens=60)
            except outlay.BudgetExceeded as refusal:
                refused.append(refusal.budget.split()[0])

    with outlay.share("0.0003") as part:
        threads = [threading.Thread(target=call, args=(value,)) for value in (part.value, None)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert refused == ["slice"]
    assert figures(project)["slice"].settled <= 3 * NANO // 10_000


def test_a_check_without_an_output_limit_is_as_the_call_would_be() -> None:
    """By the longest answer that the model gives, at its dearest rate; nothing bounds what nobody knows."""
    with testing.ledger(budgets=[outlay.Budget("month", limit="0.02", block=True)]):
        assert outlay.check("gpt-4o-mini", input_tokens=10) is None
        assert "may cost $0.51" in str(outlay.check("gpt-4o", input_tokens=10, output_limit=30_000))
        assert "this call may cost" in str(outlay.check("gpt-4o", input_tokens=10))
        assert "is not known" in str(outlay.check("mistral-large-latest", input_tokens=10))
        assert outlay.check("text-embedding-3-small", input_tokens=10) is None


@pytest.mark.parametrize("wrong", [{"cost": -1}, {"cost": "abc"}, {"output_limit": -5}, {"input_tokens": 1.5}], ids=str)
def test_a_check_of_numbers_that_cannot_be_is_an_error(wrong: dict[str, Any]) -> None:
    """It names them."""
    budgets = [outlay.Budget("month", limit=1, block=True)]
    with testing.ledger(budgets=budgets), pytest.raises(ValueError, match=next(iter(wrong))):
        outlay.check("gpt-4o-mini", **wrong)
