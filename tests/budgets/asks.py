"""Calls to be asked about, with prices that one can count on: a dollar is a dollar."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Mapping
from typing import Any

from outlay.budgets.decision import Ask, Decision
from outlay.budgets.gate import Budgets
from outlay.budgets.trade import Store, StoreDown

SESSION = uuid.uuid4().hex[:8]

PICO = 10**12
NANO = 10**9

TOKEN = PICO // 1000
"""An output token of the model ``dear`` costs a tenth of a cent; of ``cheap``, a tenth of that."""
PRICES = {"dear": TOKEN, "cheap": TOKEN // 10}
LONGEST = 1000
"""Tokens that a model writes at most."""


def a_project() -> str:
    """Return the name of a project that no other test has; servers are swept of this session's at its end."""
    return f"test-{SESSION}-{uuid.uuid4().hex[:8]}"


def ask(
    dollars: float | None = None,
    *,
    model: str = "dear",
    limit: int | None = None,
    tags: Mapping[str, str] | None = None,
    at: int | None = None,
    **others: Any,
) -> Ask:
    """Return a call that costs ``dollars`` at most; without, by its model and the tokens of its output's ``limit``."""

    def quote(other: str | None = None, output_limit: int | None = None) -> int | None:
        if dollars is not None:
            return round(dollars * PICO)
        price = PRICES.get(other or model)
        return None if price is None else price * (output_limit or limit or LONGEST)

    given = {
        "id": "0" * 16, "provider": "openai", "feature": "", "path": "", "run": None,
        "output_limit": limit if dollars is None else 10, "expected": 0,
    }  # fmt: skip
    moment = time.time_ns() if at is None else at
    return Ask(**{**given, **others}, model=model, tags=tags or {}, at=moment, quote=quote)  # type: ignore[arg-type]  # a mixed dictionary


def reached(store: Store) -> Store:
    """Return a store that is connected to by now, however much this machine has to do."""
    for _ in range(100):
        with contextlib.suppress(StoreDown):
            store.audit("nobody's")
            return store
        time.sleep(0.1)
    raise TimeoutError("the store is not to be reached")


def decided(budgets: Budgets, call: Ask) -> Decision:
    """Return what is decided about a call, which waits for the store."""
    decision = budgets.decide(call)
    assert decision is not None
    return decision


def spend(budgets: Budgets, dollars: float, cost: float | None = None, **others: Any) -> bool:
    """Make a call of ``dollars`` that costs ``cost``, or as much as was reserved; return whether it was let pass."""
    decision = decided(budgets, ask(dollars, **others))
    if decision.refusal is not None:
        return False
    budgets.settle(decision.held, round((dollars if cost is None else cost) * PICO))
    return True
