"""A store that hangs, is locked or is gone: decided within 300 ms, connecting included, and by a breaker after that."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from outlay.budgets.budget import Budget
from outlay.budgets.gate import Budgets
from outlay.budgets.opening import store_of, tell_of_a_store_that_is_down
from outlay.budgets.trade import Reply, Step, Store, StoreDown
from outlay.config import Settings
from outlay.errors import BudgetExceeded
from tests.budgets import servers
from tests.budgets.asks import a_project, ask, decided, reached, spend

WITHIN = 0.3
"""Seconds."""
TIMES = 5
"""A machine with much to do makes waits longer, and none shorter: the quickest of so many shows what is waited for."""

Hang = Callable[[], None]


def in_time(budgets: Budgets) -> bool:
    """Return whether a call is refused before a clock rings that was wound up as it began."""
    rang = threading.Event()
    clock = threading.Timer(WITHIN, rang.set)
    clock.start()
    refusal = decided(budgets, ask(60)).refusal
    found = not rang.is_set()
    clock.cancel()
    assert isinstance(refusal, BudgetExceeded)
    assert "can't be reached" in str(refusal)
    return found


def gate(store: Store) -> Budgets:
    """Return a gate that asks its store about each call, and reports nothing by itself."""
    return Budgets([Budget("month", limit=100, block=True)], store, ttl=3600)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[tuple[str, Hang]]:
    """Give a Redis, and what makes it hang."""
    pytest.importorskip("redis", reason="redis-py is not installed")
    server = servers.Redis(tmp_path)
    server.start()
    yield server.url, server.pause
    server.close()


@pytest.fixture
def postgres() -> Iterator[tuple[str, Hang]]:
    """Give a PostgreSQL, and what makes it hang."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    server = servers.Postgres()
    server.start()
    yield server.url, server.pause
    server.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[tuple[str, Hang]]:
    """Give a database, and what locks it."""
    other = sqlite3.connect(tmp_path / "b.db", isolation_level=None)

    def lock() -> None:
        other.execute("BEGIN IMMEDIATE")

    yield f"sqlite:///{tmp_path / 'b.db'}", lock
    other.close()


@pytest.fixture(params=["sqlite", "redis", "postgres"])
def hanging(request: pytest.FixtureRequest) -> tuple[str, Hang]:
    """Give the URL of a store of one's own, and what makes it hang."""
    found: tuple[str, Hang] = request.getfixturevalue(request.param)
    return found


def opened(url: str) -> Store:
    """Open a store."""
    return store_of(Settings(budget_store=url), Path())


def test_a_store_that_hangs_is_decided_about_in_time(hanging: tuple[str, Hang]) -> None:
    """By who is connected to it."""
    url, hang = hanging
    gates = [gate(reached(opened(url))) for _ in range(TIMES)]
    assert all(spend(budgets, 1) for budgets in gates)
    hang()
    assert any(in_time(budgets) for budgets in gates)
    for budgets in gates:
        budgets.store.close()


def test_a_store_that_hangs_from_the_beginning_is_decided_about_in_time(hanging: tuple[str, Hang]) -> None:
    """By who has to connect to it first."""
    url, hang = hanging
    first = gate(reached(opened(url)))
    assert spend(first, 1)
    first.close()
    hang()
    gates = [gate(opened(url)) for _ in range(TIMES)]
    assert any(in_time(budgets) for budgets in gates)
    for budgets in gates:
        budgets.store.close()


def test_a_locked_database_is_decided_about_in_time_though_the_machine_has_started_anew(
    sqlite: tuple[str, Hang], tmp_path: Path
) -> None:
    """The first process since then has something to write down when it opens it."""
    url, hang = sqlite
    first = gate(reached(opened(url)))
    assert spend(first, 1)
    first.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "b.db", isolation_level=None)) as database:
        database.execute("DELETE FROM clock")
    hang()
    assert any(in_time(gate(opened(url))) for _ in range(TIMES))


@pytest.mark.parametrize("scheme", ["redis", "postgresql"])
def test_a_host_that_accepts_and_says_nothing_is_decided_about_in_time(scheme: str) -> None:
    """Nobody is behind it."""
    pytest.importorskip("redis" if scheme == "redis" else "psycopg", reason="its client is not installed")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"{scheme}://127.0.0.1:{silent.getsockname()[1]}/0"
        gates = [gate(opened(url)) for _ in range(TIMES)]
        assert any(in_time(budgets) for budgets in gates)
        for budgets in gates:
            budgets.store.close()


def test_a_name_that_takes_long_to_be_looked_up_is_decided_about_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that does not answer is no better than a host that does not; PostgreSQL's client asks it by itself."""
    pytest.importorskip("redis", reason="redis-py is not installed")
    patient = threading.Event()

    def lookup(*_: object, **__: object) -> list[object]:
        patient.wait(5)
        raise socket.gaierror("nobody knows it")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    found = [in_time(gate(opened("redis://budgets.example/0"))) for _ in range(TIMES)]
    patient.set()
    assert any(found)


@pytest.mark.parametrize("name", ["redis", "postgres"])
def test_a_store_that_is_gone_is_decided_about_in_time(name: str, tmp_path: Path) -> None:
    """By who was connected to it, and by who was not."""
    pytest.importorskip("redis" if name == "redis" else "psycopg", reason="its client is not installed")
    server = servers.Redis(tmp_path) if name == "redis" else servers.Postgres()
    server.start()
    gates = [gate(opened(server.url)) for _ in range(2 * TIMES)]
    try:
        assert all(spend(budgets, 1) for budgets in gates[:TIMES] if reached(budgets.store))
        server.stop()
        for some in (gates[:TIMES], gates[TIMES:]):
            assert any(in_time(budgets) for budgets in some)
    finally:
        for budgets in gates:
            budgets.store.close()
        server.close()


def test_the_breaker_keeps_callers_from_waiting(hanging: tuple[str, Hang]) -> None:
    """The store is left alone for half a second, then for twice as long: of a second of calls, two wait at most."""
    url, hang = hanging
    budgets = gate(reached(opened(url)))
    assert spend(budgets, 100)
    hang()
    trips: list[Sequence[Step]] = []
    trade = budgets.store.trade

    def counted(steps: Sequence[Step]) -> list[Reply]:
        trips.append(steps)
        return trade(steps)

    budgets.store.trade = counted  # type: ignore[method-assign]  # it is watched
    until = time.monotonic() + 1
    calls = 0
    while time.monotonic() < until:
        assert isinstance(decided(budgets, ask(1)).refusal, BudgetExceeded)
        calls += 1
    assert 1 <= len(trips) <= 2
    assert calls > 100
    budgets.store.close()


def test_threads_that_meet_while_redis_is_connected_to_wait_for_it(
    redis_url: str, tmp_path: Path, patience: None
) -> None:
    """One connects, and the others go on by its connection: a store that is being reached is not down."""
    for _ in range(10):
        store, ready = store_of(Settings(budget_store=redis_url), tmp_path), threading.Barrier(4)
        failed: list[Exception] = []

        def ask(store: Store = store, ready: threading.Barrier = ready, failed: list[Exception] = failed) -> None:
            ready.wait()
            try:
                store.override(a_project(), "budget", 1, None)
            except StoreDown as error:
                failed.append(error)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        store.close()
        assert failed == []


def test_a_store_that_is_closed_is_closed_under_no_thread_that_is_at_it(redis_url: str, tmp_path: Path) -> None:
    """What is under way ends as it would have; the connection goes with the last that used it."""
    failed: list[Exception] = []
    for _ in range(30):
        store, ready = store_of(Settings(budget_store=redis_url), tmp_path), threading.Barrier(2)

        def ask(store: Store = store, ready: threading.Barrier = ready) -> None:
            store.override(a_project(), "budget", 1, None)
            ready.wait()
            try:
                for _ in range(20):
                    store.override(a_project(), "budget", 1, None)
            except Exception as error:  # noqa: BLE001 - it must be none at all
                failed.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        ready.wait()
        time.sleep(0.001)
        store.close()
        thread.join()
        store.close()
    assert failed == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://:secret@127.0.0.1:1/0", "127.0.0.1:1 (Connection refused)"),
        ("postgresql://postgres:secret@127.0.0.1:1,127.0.0.1:2/budgets", "127.0.0.1:2 (Connection refused)"),
        ("sqlite:////nowhere/b.db", None),
        ("memory", None),
    ],
)
def test_a_store_that_is_not_there_is_told_before_any_call(
    url: str, said: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """One sentence with what to do, and without the password."""
    tell_of_a_store_that_is_down(Settings(budget_store=url))
    assert (said in caplog.text and "correct budget_store" in caplog.text) if said else not caplog.records
    assert "secret" not in caplog.text


def test_a_store_that_is_there_is_no_news(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is looked for by a connection that is closed again."""
    tell_of_a_store_that_is_down(Settings(budget_store=redis_url))
    assert not caplog.records
