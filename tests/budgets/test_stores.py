"""The stores: each keeps the one law, and all answer alike."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from outlay.budgets.opening import store_of
from outlay.budgets.stores.memory import MemoryStore
from outlay.budgets.stores.sqlite import SqliteStore
from outlay.budgets.trade import Account, Remains, Reply, Step, Store
from outlay.config import Settings
from outlay.errors import ConfigError
from tests.budgets.asks import a_project

LIMIT = 1000


@pytest.fixture(params=["sqlite", "redis", "cluster", "postgres"])
def other(request: pytest.FixtureRequest, tmp_path: Path, patience: None) -> Iterator[Store]:
    """Give a store, which may hold what other tests have put there."""
    if request.param == "sqlite":
        made: Store = SqliteStore(tmp_path / "budgets.db")
    else:
        made = store_of(Settings(budget_store=request.getfixturevalue(f"{request.param}_url")), tmp_path)
    yield made
    made.close()


def step(account: Account, lease: str = "a", seq: int = 1, **given: object) -> Step:
    """Return a step of a lease under a limit of ``LIMIT``."""
    settings: dict[str, object] = {"limit": LIMIT, "percent": 100, "total": 0, "alerts": (50, 100), **given}
    return Step(account=account, lease=lease, seq=seq, **settings)  # type: ignore[arg-type]  # made of keywords


def account(project: str, window: str = "total") -> Account:
    """Return an account of a project."""
    return Account(project, "budget", "tenant=a|b:{c}%", window)


amounts = st.integers(0, 400)
moves = st.tuples(
    st.sampled_from("abc"),
    st.integers(0, 3),
    st.fixed_dictionaries({
        "spent": amounts, "flight": amounts, "give": amounts, "need": amounts, "wish": st.integers(0, 5000),
        "close": st.sampled_from((False, False, False, True)), "limit": st.sampled_from((LIMIT, LIMIT, 700)),
        "percent": st.sampled_from((100, 100, 90, None)),
        "opening": st.sampled_from(((), (), ((20_001, 20), (20_002, 10)), None)),
        "began": st.sampled_from((0, 7)),
        "rolling": st.just(0), "day": st.integers(20_000, 20_003), "late": st.booleans(), "lose": st.booleans(),
        "confirmed": st.sampled_from(((), (50,), (50, 100))), "once": st.sampled_from(("", "", "x", "y")),
        "end": st.just(4 * 10**12),
    }),
)  # fmt: skip


class Fleet:
    """Leases that spend, and tell it to a store in steps, some of which come twice or too late."""

    def __init__(self, store: Store, project: str) -> None:
        self.store, self.project = store, project
        self.seq = dict.fromkeys("abc", 0)
        self.lives = dict.fromkeys("abc", 0)
        self.total = dict.fromkeys("abc", 0)

    def move(self, lease: str, again: int, given: dict[str, object]) -> list[Reply]:
        """Do a step, and do it ``again``."""
        given = dict(given)
        late, lose, spent, once = (given.pop(name) for name in ("late", "lose", "spent", "once"))
        self.seq[lease] += 2 if late and self.seq[lease] else 1
        self.total[lease] += int(str(spent))
        if once and spent:
            given["once"] = ((f"call:{once}", spent, self.total[lease]),)
        done = step(
            account(self.project), f"{lease}{self.lives[lease]}", self.seq[lease], total=self.total[lease], **given
        )
        replies = [self.store.trade([done])[0] for _ in range(again + 1)]
        if lose and late:
            left = Remains(account=done.account, lease=done.lease, total=self.total[lease] + 5, flight=7)
            self.store.recover([left])
        if any(reply.lost for reply in replies) or given["close"] or (lose and late):
            self.seq[lease], self.total[lease] = 0, 0
            self.lives[lease] += 1
        return replies


@given(st.lists(moves, min_size=1, max_size=12))
@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # to shrink takes minutes, on a server
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_every_store_answers_as_the_bookkeeping_does(
    other: Store, given: list[tuple[str, int, dict[str, object]]]
) -> None:
    """Whatever the steps, in whatever order, once or twice; and its counters are what its entries add up to."""
    project = a_project()
    ours, theirs = Fleet(MemoryStore(), project), Fleet(other, project)
    for move in given:
        assert theirs.move(*move) == ours.move(*move)
    (kept,), (wanted,) = other.figures(project), ours.store.figures(project)
    assert msgspec.structs.replace(kept, declared=()) == msgspec.structs.replace(wanted, declared=())
    assert other.audit(project).differences == ()
    assert ours.store.audit().differences == ()


@given(st.lists(moves, min_size=1, max_size=40))
@settings(max_examples=200, deadline=None)
def test_grants_never_pass_the_limit(given: list[tuple[str, int, dict[str, object]]]) -> None:
    """What is settled and leased is at most the limit, but for what was spent beyond what was held."""
    store = MemoryStore()
    fleet = Fleet(store, "p")
    before: tuple[int, int] = (0, 0)
    for move in given:
        fleet.move(*move)
        (found,) = store.figures("p")
        if found.leased > before[1]:
            assert found.settled + found.leased <= LIMIT
        before = (found.settled, found.leased)
        assert found.leased >= 0
        assert store.audit().differences == ()


def test_a_step_that_comes_late_is_void(store: Store, project: str) -> None:
    """The answer says how things stand, and nothing is granted or given back."""
    store.trade([step(account(project), need=100, wish=100)])
    store.trade([step(account(project), seq=3, total=60)])
    (reply,) = store.trade([step(account(project), seq=2, total=50, give=40, need=300)])
    assert (reply.hold, reply.reported, reply.settled, reply.leased) == (40, 60, 60, 40)


def test_a_lease_that_ran_out_stays_charged_until_its_holder_tells(store: Store, project: str) -> None:
    """Without evidence no money comes back; with it, it does."""
    store.trade([step(account(project), need=900, ttl=-1500)])
    (reply,) = store.trade([step(account(project), "b", need=200)])
    assert (reply.refused, reply.settled, reply.leased) == (True, 900, 0)
    assert [each.suspense for each in store.figures(project)] == [900]
    store.trade([step(account(project), seq=2, total=100, give=500)])
    (reply,) = store.trade([step(account(project), "b", 2, need=200)])
    assert (reply.refused, reply.settled, reply.leased, reply.hold) == (False, 100, 500, 200)
    assert [each.suspense for each in store.figures(project)] == [0]


def test_the_evidence_of_a_dead_process_brings_back_the_rest(store: Store, project: str) -> None:
    """What it had spent and in flight stays charged; to hear of it again changes nothing."""
    store.trade([step(account(project), need=600)])
    store.trade([step(account(project), seq=2, total=100, flight=50)])
    left = Remains(account=account(project), lease="a", total=150, flight=50)
    for _ in range(2):
        store.recover([left])
        assert [(each.settled, each.leased) for each in store.figures(project)] == [(200, 0)]


def test_the_evidence_of_a_lease_that_was_never_heard_of_is_charged_once(store: Store, project: str) -> None:
    """Its process was killed before its first word arrived; to hear of it again changes nothing."""
    left = Remains(account=account(project), lease="a", total=150, flight=50, shape="s", began=1, day=20_000)
    for _ in range(2):
        store.recover([left])
        assert [(each.settled, each.leased) for each in store.figures(project)] == [(200, 0)]
    (reply,) = store.trade([step(account(project), "b", need=801)])
    assert (reply.refused, reply.settled) == (True, 200)
    assert store.audit(project).differences == ()


def test_the_evidence_of_a_closed_lease_is_charged_where_it_goes_beyond(store: Store, project: str) -> None:
    """It spent on between its last step and its death."""
    store.trade([step(account(project), need=600)])
    store.trade([step(account(project), seq=2, total=100, close=True)])
    for total in (100, 130, 130):
        store.recover([Remains(account=account(project), lease="a", total=total, flight=0)])
        assert [(each.settled, each.leased) for each in store.figures(project)] == [(total, 0)]


def test_a_lease_that_is_over_is_told_what_of_it_is_counted(store: Store, project: str) -> None:
    """So that its holder tells the rest, and nothing twice, under another; of one never heard of it is nothing."""
    store.trade([step(account(project), need=600)])
    store.trade([step(account(project), seq=2, total=100, close=True)])
    (late,) = store.trade([step(account(project), seq=3, total=130)])
    (never,) = store.trade([step(account(project), "b", seq=5, total=70)])
    assert [(each.lost, each.reported, each.hold) for each in (late, never)] == [(True, 100, 0), (True, 0, 0)]


def test_a_lease_that_was_forgotten_is_not_charged_again(store: Store, project: str) -> None:
    """More than a day after its last word, be it by its journal or by itself."""
    long_ago = -2 * 86_400_000
    store.trade([step(account(project), total=100, ttl=long_ago)])
    store.trade([step(account(project), "b", total=40, ttl=long_ago)])
    store.trade([step(account(project), "c")])
    store.recover([Remains(account=account(project), lease="a", total=110, flight=0)])
    (reply,) = store.trade([step(account(project), "b", seq=2, total=45)])
    assert (reply.lost, reply.reported, reply.settled) == (True, 40, 150)


def test_a_window_that_had_begun_is_opened_once_with_what_it_had_cost(store: Store, project: str) -> None:
    """Asked for since when, be that told by evidence; what comes second is ignored, and a later window needs none."""
    where = account(project, "2026-11")
    asking: dict[str, Any] = {"shape": "s", "began": 5_000, "start": 1_000, "day": 20_003, "opening": None, "need": 10}
    store.recover([Remains(account=where, lease="dead", total=7, flight=0, shape="s", began=4_000, day=20_002)])
    (reply,) = store.trade([step(where, **asking)])
    assert (reply.unopened, reply.since, reply.hold, reply.settled) == (True, 4_000, 0, 7)
    for lease, found in (("a", ((20_001, 30), (20_002, 10), (20_009, 1))), ("b", ((20_001, 99),))):
        (reply,) = store.trade([step(where, lease, **{**asking, "opening": found})])
        assert (reply.unopened, reply.hold, reply.settled) == (False, 10, 48)
    (figure,) = store.figures(project)
    assert (figure.opening, figure.days) == (41, {20_001: 30, 20_002: 17, 20_003: 1})
    (opening,) = store.audit(project).openings
    assert (opening.key, opening.amount) == (where.key, 41)
    (later,) = store.trade([step(account(project, "2026-12"), "c", **{**asking, "start": 9_000})])
    (other,) = store.trade([step(account(project, "2027-01"), "d", **{**asking, "start": 9_000, "shape": "t"})])
    assert (later.unopened, later.hold) == (False, 10)
    assert (other.unopened, other.hold) == (False, 10)
    asking |= {"start": 9_000, "shape": "u", "began": 9_999}
    (new,) = store.trade([step(account(project, "2027-02"), "e", **asking)])
    assert (new.unopened, new.since) == (True, 9_999)
    assert store.audit(project).differences == ()


def test_a_threshold_is_claimed_once_and_again_if_nobody_confirms(project: str) -> None:
    """A process may die between the claim and the alert."""
    now = [10**12]
    store = MemoryStore(lambda: now[0])
    steps = [step(account(project), total=600), step(account(project), "b"), step(account(project), "b", 2)]
    assert [store.trade([each])[0].fired for each in steps] == [(50,), (), ()]
    now[0] += 61_000
    assert store.trade([step(account(project), "b", 3)])[0].fired == (50,)
    store.trade([step(account(project), "b", 4, confirmed=(50,))])
    now[0] += 61_000
    assert store.trade([step(account(project), "b", 5)])[0].fired == ()


def test_a_rolling_window_forgets_what_lies_wholly_outside(project: str) -> None:
    """A minute at a time, for one of an hour."""
    now = [10**12]
    store = MemoryStore(lambda: now[0])
    minute = 60_000
    store.trade([step(account(project, "rolling"), need=900, rolling=minute)])
    store.trade([step(account(project, "rolling"), seq=2, total=900, rolling=minute)])
    for minutes, refused in ((59, True), (1, True), (1, False)):
        now[0] += minutes * minute
        (reply,) = store.trade([step(account(project, "rolling"), uuid.uuid4().hex, need=200, rolling=minute)])
        assert reply.refused is refused
    assert store.audit().differences == ()


def test_what_nobody_touches_is_let_go_of(store: Store, project: str) -> None:
    """Runs sooner than windows; in Redis the keys know their time themselves."""
    store.trade([step(account(project, "run:1"), need=10), step(account(project, "2026-11"), "b", need=10)])
    later = time.time_ns() // 10**6 + 10_000
    store.prune(later, 0)
    windows = [each.account.window for each in store.figures(project)]
    assert "2026-11" in windows
    assert ("run:1" in windows) is (type(store).__name__ == "RedisStore")
    assert store.audit(project).differences == ()


def test_rolling_windows_roll_in_every_store(store: Store, project: str) -> None:
    """On the store's own clock: here one of sixty milliseconds."""
    store.trade([step(account(project, "rolling"), need=900, rolling=1)])
    store.trade([step(account(project, "rolling"), seq=2, total=900, rolling=1)])
    time.sleep(0.1)
    (reply,) = store.trade([step(account(project, "rolling"), "b", need=900, rolling=1)])
    assert (reply.refused, reply.settled) == (False, 0)
    assert store.audit(project).differences == ()


def test_budgets_live_where_a_cluster_has_them(cluster_url: str, project: str) -> None:
    """Each on one server of three, all counted in one go; what is asked of all of them is added up."""
    import redis

    store = store_of(Settings(budget_store=cluster_url), Path())
    store.trade([step(account(project), need=1)])
    with redis.Redis.from_url(cluster_url) as client:
        client.script_flush()  # by somebody who keeps other things there
    steps = [step(Account(project, f"budget {n}", "", "total"), str(n), need=n + 1) for n in range(12)]
    assert [reply.hold for reply in store.trade(steps)] == [n + 1 for n in range(12)]
    store.override(project, "budget 7", 5, None)
    assert len(store.figures(project)) == 13
    assert store.audit(project) == store.audit(project)
    assert store.audit().accounts >= 12
    store.close()
    with redis.Redis.from_url(cluster_url, decode_responses=True) as client:
        servers = [primary[1] for _, _, primary, *_ in client.execute_command("CLUSTER SLOTS")]
        keys = [key for port in servers for key in _keys(cluster_url, port, f"outlay:{{{project}|*}}:accounts")]
    assert len(servers) == 3
    assert len(keys) == 13
    assert max(sum(port == each for port, _ in keys) for each in servers) < 13


def _keys(url: str, port: int, pattern: str) -> list[tuple[int, str]]:
    import redis

    with redis.Redis.from_url(urlsplit(url)._replace(netloc=f"127.0.0.1:{port}").geturl()) as client:
        return [(port, key) for key in client.scan_iter(match=pattern)]


@pytest.mark.parametrize(
    ("url", "complaint"),
    [("mysql://db", "mysql:// is no store of budgets"), ("sqlite:////x?synchronous=maybe", "must be normal or full")],
)
def test_a_store_that_there_is_not_is_an_error_at_once(url: str, complaint: str, tmp_path: Path) -> None:
    """One sentence."""
    with pytest.raises(ConfigError, match=complaint):
        store_of(Settings(budget_store=url), tmp_path)
