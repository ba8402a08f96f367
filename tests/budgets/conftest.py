"""Stores, each as its users have it, and gates that are closed again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from outlay.alerts.alert import Alert
from outlay.budgets.budget import Budget
from outlay.budgets.gate import Budgets
from outlay.budgets.stores.memory import MemoryStore
from outlay.budgets.stores.sqlite import SqliteStore
from outlay.budgets.trade import Store

Opener = Callable[..., Budgets]


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Give a store that holds nothing yet."""
    made: Store = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "budgets.db")
    yield made
    made.close()


@pytest.fixture
def alerts() -> list[Alert]:
    """Give the list that alerts come into."""
    return []


@pytest.fixture
def gate(store: Store, alerts: list[Alert]) -> Iterator[Opener]:
    """Give a function that makes a gate on the store, like another process would."""
    made: list[Budgets] = []

    def opened(*budgets: Budget, **settings: Any) -> Budgets:
        given: dict[str, Any] = {"project": "shop", "sink": alerts.append, **settings}
        made.append(Budgets(budgets, given.pop("store", store), **given))
        return made[-1]

    yield opened
    for each in made:
        each.close()
