"""Sixty-four processes race for one limit: it holds, whoever is killed, and whatever becomes of clocks and stores."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.budgets import servers
from tests.budgets.asks import a_project
from tests.budgets.race import Outcome, Race
from tests.house.sources import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="racers are forked")

FEW = pytest.param(2, 64, marks=pytest.mark.slow, id="few")
SOME = pytest.param(5, 64, marks=pytest.mark.slow, id="some")
LONG = pytest.param(20, 64, marks=[pytest.mark.slow, pytest.mark.long], id="full")
SHORT = pytest.param(1, 16, id="short")
STORES = ("sqlite", "redis", "postgres")


@pytest.fixture(params=STORES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of a store that processes can share."""
    if request.param == "sqlite":
        return str(tmp_path / "budgets.db")
    return str(request.getfixturevalue(f"{request.param}_url"))


def raced(race: Race) -> Outcome:
    """Run a race in a process of its own, so that what is forked is small."""
    given = msgspec.json.encode(race).decode()
    command = [sys.executable, "-m", "tests.budgets.race", given]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return msgspec.json.decode(done.stdout, type=Outcome)


def races(url: str, folder: Path, times: int, racers: int, **given: Any) -> list[Outcome]:
    """Run a race several times, and return what came of each; the counters are always what their entries add up to."""
    found = []
    for seed in range(times):
        journals = str(folder / f"leases-{seed}")
        race = Race(store=url, journals=journals, project=a_project(), racers=racers, seed=seed, **given)
        outcome = raced(race)
        assert outcome.differences == 0
        assert len(outcome.spent) == (2 if race.jumps else 1)
        for spent, settled in zip(outcome.spent, outcome.settled, strict=True):
            assert spent <= settled + 1e-9
        found.append(outcome)
    return found


@pytest.mark.parametrize(("times", "racers"), [SHORT, SOME, LONG])
def test_no_race_passes_the_limit(url: str, tmp_path: Path, times: int, racers: int) -> None:
    """And next to nothing of it is left over."""
    for outcome in races(url, tmp_path, times, racers):
        assert 20 * 0.995 <= outcome.spent[0] <= 20
        assert outcome.leased == [0]


@pytest.mark.parametrize(("times", "racers"), [SOME, LONG])
def test_responses_dearer_than_reserved_pass_it_by_what_is_in_flight(
    url: str, tmp_path: Path, times: int, racers: int
) -> None:
    """Each racer has two calls in flight, and each response costs a fifth more than was reserved for it."""
    dearest = 0.004 * 1.5
    bound = racers * 2 * dearest * 0.2
    for outcome in races(url, tmp_path, times, racers, dearer=1.2):
        assert 20 * 0.995 <= outcome.spent[0] <= 20 + bound


@pytest.mark.parametrize(("times", "racers"), [SHORT, SOME, LONG])
def test_no_kill_lets_a_race_pass_the_limit(url: str, tmp_path: Path, times: int, racers: int) -> None:
    """A third of the racers are killed while they run; what they had not spent comes back by their journals."""
    for outcome in races(url, tmp_path, times, racers, kills=racers // 3, call=0.001):
        assert outcome.killed > 0
        assert outcome.spent[0] <= 20
        assert outcome.suspense == 0


@pytest.mark.parametrize(("times", "racers"), [FEW, LONG])
def test_what_was_spent_is_counted_once_whatever_a_store_forgets_and_whoever_is_killed(
    url: str, tmp_path: Path, times: int, racers: int
) -> None:
    """It goes back to an old state, in which it knows no lease or little of what they spent; then racers are killed."""
    call = 0.016 / racers
    for outcome in races(url, tmp_path, times, racers, rewinds=True, pause=0.005, kills=racers // 3, call=call):
        assert outcome.killed > 0
        twice = outcome.killed * 3 * call * 1.5  # a call that a kill finds being settled may count twice, never not
        assert outcome.settled[0] <= outcome.spent[0] + outcome.suspense + twice
        assert outcome.suspense == 0


@pytest.mark.parametrize(("times", "racers"), [SOME, LONG])
def test_no_clock_lets_a_race_pass_the_limit(url: str, tmp_path: Path, times: int, racers: int) -> None:
    """Calls jump between two months, each of which has the limit for itself, and leases run out at random."""
    for outcome in races(url, tmp_path, times, racers, jumps=True):
        assert all(spent <= 20 for spent in outcome.spent)
        assert max(outcome.spent) >= 20 * 0.98


Shake = Callable[[], None]


@contextlib.contextmanager
def shaken(shake: Shake) -> Iterator[None]:
    """Do something to a store again and again, while racers run."""
    over = threading.Event()

    def run() -> None:
        for pause in itertools.cycle((0.3, 0.5, 3)):
            if over.wait(pause):
                return
            shake()

    shaking = threading.Thread(target=run)
    shaking.start()
    try:
        yield
    finally:
        over.set()
        shaking.join()


def locked(path: Path) -> None:
    """Hold a database for longer than anybody waits for it."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as database:
        database.execute("BEGIN IMMEDIATE")
        time.sleep(0.6)
        database.execute("ROLLBACK")


@pytest.mark.parametrize("name", ["redis", "postgres"])
@pytest.mark.parametrize(("times", "racers"), [SOME, LONG])
def test_no_store_that_is_killed_lets_a_race_pass_the_limit(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, name: str, times: int, racers: int
) -> None:
    """It is started again with what it had written down, some time later; and some racers are killed too."""
    server = servers.Redis(tmp_path_factory.mktemp(name)) if name == "redis" else servers.Postgres()
    server.start()

    def shake() -> None:
        server.stop()
        time.sleep(0.2)
        server.start()

    try:
        with shaken(shake):
            given: dict[str, Any] = {"patience": 4.0, "call": 0.001, "kills": racers // 8}
            for outcome in races(server.url, tmp_path, times, racers, **given):
                assert outcome.spent[0] <= 20
    finally:
        server.close()


@pytest.mark.parametrize(("times", "racers"), [SOME, LONG])
def test_no_lock_on_the_database_lets_a_race_pass_the_limit(tmp_path: Path, times: int, racers: int) -> None:
    """SQLite has no server that could be killed; somebody may hold its file for too long."""
    with shaken(lambda: locked(tmp_path / "b.db")):
        given: dict[str, Any] = {"patience": 4.0, "call": 0.001, "kills": racers // 8}
        for outcome in races(str(tmp_path / "b.db"), tmp_path, times, racers, **given):
            assert outcome.spent[0] <= 20


@pytest.mark.parametrize(("times", "racers"), [SOME, LONG])
def test_nothing_that_was_spent_disappears_with_a_database_that_is_removed(
    tmp_path: Path, times: int, racers: int
) -> None:
    """Whoever holds a lease tells all of it anew; until then the new one can give out what is spent already."""
    for seed in range(times):
        new, old = tmp_path / str(seed) / "new", tmp_path / str(seed) / "old"

        def remove(new: Path = new, old: Path = old) -> None:
            while not (new / "b.db").exists():
                time.sleep(0.05)
            time.sleep(1)
            new.rename(old)  # all of it at once, as with the folder

        removing = threading.Thread(target=remove)
        removing.start()
        (outcome,) = races(str(new / "b.db"), tmp_path / str(seed), 1, racers, patience=4.0, call=0.001)
        removing.join()
        assert 20 * 0.99 <= outcome.spent[0] <= 20 * 2
