"""Stores, each as its users have it, and gates that are closed again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from outlay.alerts.alert import Alert
from outlay.budgets.budget import Budget
from outlay.budgets.gate import Budgets
from outlay.budgets.opening import store_of
from outlay.budgets.stores import connecting, nodes, postgres, redis, sqlite
from outlay.budgets.stores.memory import MemoryStore
from outlay.budgets.stores.sqlite import SqliteStore
from outlay.budgets.trade import Store
from outlay.config import Settings
from tests.budgets import servers
from tests.budgets.asks import a_project

Opener = Callable[..., Budgets]


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the URL of a Redis that runs."""
    with servers.redis(tmp_path_factory) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Give the URL of a PostgreSQL that runs."""
    with servers.postgres() as url:
        yield url


@pytest.fixture(scope="session")
def cluster_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the URL of one server of a Redis Cluster that is started for these tests."""
    pytest.importorskip("redis", reason="redis-py is not installed")
    cluster = servers.Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.start()
        yield cluster.url
    finally:
        cluster.close()


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for stores as long as it takes: a machine with much to do is no store that is down."""
    for module in (connecting, nodes, postgres, redis, sqlite):
        monkeypatch.setattr(module, "DEADLINE", 10.0)


@pytest.fixture(params=["memory", "sqlite", "redis", "cluster", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path, patience: None) -> Iterator[Store]:
    """Give a store in which the project of this test has nothing yet."""
    if request.param == "memory":
        made: Store = MemoryStore()
    elif request.param == "sqlite":
        made = SqliteStore(tmp_path / "budgets.db")
    else:
        made = store_of(Settings(budget_store=request.getfixturevalue(f"{request.param}_url")), tmp_path)
    yield made
    made.close()


@pytest.fixture(params=["sqlite", "redis", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of a store that programs can share; SQLite's is for those with a common volume."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'shared.db'}"
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def project() -> str:
    """Give the name of a project that no other test has: servers are shared."""
    return a_project()


@pytest.fixture
def alerts() -> list[Alert]:
    """Give the list that alerts come into."""
    return []


@pytest.fixture
def gate(store: Store, alerts: list[Alert], project: str) -> Iterator[Opener]:
    """Give a function that makes a gate on the store, like another process would."""
    made: list[Budgets] = []

    def opened(*budgets: Budget, **settings: Any) -> Budgets:
        given: dict[str, Any] = {"project": project, "sink": alerts.append, **settings}
        made.append(Budgets(budgets, given.pop("store", store), **given))
        return made[-1]

    yield opened
    for each in made:
        each.close()
