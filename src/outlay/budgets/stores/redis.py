"""Counters of a fleet in Redis, or what speaks its protocol: one script does all that changes an account."""

from __future__ import annotations

import importlib.resources
import os
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from outlay.budgets.book import Identity, Lease, State, figures
from outlay.budgets.stores import shelf
from outlay.budgets.trade import Account, Audit, Figures, Remains, Reply, Step, StoreDown
from outlay.errors import MissingExtra

DEADLINE = 0.25
"""Seconds that connecting, and each answer, may take. The client's own retries would take four seconds to fail."""


class RedisStore:
    """Accounts as hashes, their entries as streams; all keys of one budget share a hash tag, for clusters."""

    def __init__(self, url: str, replicas: int = 0) -> None:
        """Use the Redis at ``url``, connected to with the first step.

        ``replicas``: how many must have a step before it counts (``WAIT``), so that a failover loses none of it.
        """
        try:
            import redis  # an extra, loaded by those who have their budgets there
        except ImportError:
            raise MissingExtra("Budgets in Redis need redis-py: pip install 'outlay[redis]'.") from None
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self._error = redis.RedisError
        self._replicas = replicas
        self._redis: Any = redis.Redis.from_url(
            url, socket_timeout=DEADLINE, socket_connect_timeout=DEADLINE, retry=Retry(NoBackoff(), 0),
            decode_responses=True, health_check_interval=0,
        )  # fmt: skip
        self._script = importlib.resources.files(__package__).joinpath("account.lua").read_text(encoding="utf-8")
        self._sha: str | None = None
        self._known: set[tuple[str, str]] = set()
        self._pid = os.getpid()

    def trade(self, steps: Sequence[Step]) -> list[Reply]:
        """Do ``steps``, each by the script."""
        for step in steps:
            self._introduce(step.account)
        replies = self._run("step", [(step.account, step, step.carry) for step in steps])
        if self._replicas:
            self._wait()
        return [_reply(reply) for reply in replies]

    def recover(self, remains: Sequence[Remains]) -> None:
        """Settle what leases of a dead process had left."""
        self._run("recover", [(left.account, left, "") for left in remains])

    def figures(self, project: str) -> list[Figures]:
        """Return the accounts of a project."""
        with self._reaching():
            now = self._now()
            budgets = sorted(self._redis.smembers(_budgets_key(project)))
            return [
                figures(account, _state(fields), self._identity(project, budget), now)
                for budget in budgets
                for account, fields in self._accounts(project, budget)
            ]

    def override(self, project: str, budget: str, limit: int | None, until: int | None) -> None:
        """Put a limit in place of the declared ones."""
        key = _key(project, budget, "budget")
        with self._reaching(), self._redis.pipeline() as pipeline:
            pipeline.hdel(key, "override", "until")
            if limit is not None:
                pipeline.hset(key, mapping={"override": limit} | ({} if until is None else {"until": until}))
            pipeline.sadd(_budgets_key(project), budget)
            pipeline.execute()

    def audit(self, project: str | None = None) -> Audit:
        """Compare the counters with their entries."""
        entries = 0
        rows: list[tuple[str, State, int, int]] = []
        with self._reaching():
            every = _budgets_key(project) if project else "outlay:budgets:*"
            for index in [every] if project else self._redis.scan_iter(match=every, count=1000):
                for budget in self._redis.smembers(index):
                    for account, fields in self._accounts(index.removeprefix("outlay:budgets:"), budget):
                        found = self._redis.xrange(_account_key(account, "entries"))
                        entries += len(found)
                        sums = [sum(int(entry[name]) for _, entry in found) for name in ("settled", "leased")]
                        rows.append((account.key, _state(fields), sums[0], sums[1]))
        return shelf.audited(rows, entries)

    def prune(self, runs: int, windows: int) -> None:
        """Leave it to Redis: each key says when its time is over."""

    def close(self) -> None:
        """Close the connections."""
        if self._pid == os.getpid():
            self._redis.close()

    def forked(self) -> None:
        """Leave the parent's connection alone: it is known by the process that made it."""

    def _run(self, verb: str, given: Sequence[tuple[Account, Step | Remains, str]]) -> list[Any]:
        """Run the script once for each of ``given``, in one round trip."""
        with self._reaching():
            for again in (False, True):
                if self._sha is None or again:
                    self._sha = self._redis.script_load(self._script)
                with self._redis.pipeline(transaction=False) as pipeline:
                    for account, what, carry in given:
                        keys = (
                            _account_key(account), _key(account.project, account.budget, "budget"),
                            _account_key(account, "entries"),
                            _account_key(msgspec.structs.replace(account, window=carry)),
                            _key(account.project, account.budget, "accounts"),
                        )  # fmt: skip
                        pipeline.evalsha(self._sha, len(keys), *keys, verb, msgspec.json.encode(what))
                    replies = pipeline.execute(raise_on_error=False)
                errors = [reply for reply in replies if isinstance(reply, Exception)]
                if errors and not (_unknown_script(errors) and not again):
                    raise errors[0]
                if not errors:
                    return list(replies)
        raise StoreDown("Redis forgets the budgets' script as soon as it is loaded.")

    def _introduce(self, account: Account) -> None:
        name = (account.project, account.budget)
        if name not in self._known:
            with self._reaching():
                self._redis.sadd(_budgets_key(account.project), account.budget)
            self._known.add(name)

    def _wait(self) -> None:
        with self._reaching():
            reached = self._redis.wait(self._replicas, int(DEADLINE * 600))
        if reached < self._replicas:
            raise StoreDown(f"only {reached} of {self._replicas} replicas of Redis have the budgets' last step.")

    def _accounts(self, project: str, budget: str) -> Iterator[tuple[Account, dict[str, str]]]:
        index = _key(project, budget, "accounts")
        for key in sorted(self._redis.smembers(index)):
            fields = self._redis.hgetall(key)
            if fields:
                scope, window = (_plain(part) for part in key.rsplit(":", 1)[1].split("|"))
                yield Account(project, budget, scope, window), fields
            else:
                self._redis.srem(index, key)  # its time was over

    def _identity(self, project: str, budget: str) -> Identity:
        fields = self._redis.hgetall(_key(project, budget, "budget"))
        return Identity(
            since=int(fields.get("since", 0)),
            declared={int(name[2:]): int(seen) for name, seen in fields.items() if name.startswith("m:")},
            override=int(fields["override"]) if "override" in fields else None,
            until=int(fields["until"]) if "until" in fields else None,
        )

    def _now(self) -> int:
        seconds, microseconds = self._redis.time()
        return int(seconds) * 1000 + int(microseconds) // 1000

    def _reaching(self) -> _Reaching:
        return _Reaching(self._error)


class _Reaching:
    """Tell of any trouble with Redis as ``StoreDown``."""

    def __init__(self, error: type[Exception]) -> None:
        self._error = error

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, self._error | OSError):
            raise StoreDown(f"Redis can't be used ({error or type(error).__name__}).") from error


def _unknown_script(errors: Sequence[Exception]) -> bool:
    return any("NOSCRIPT" in str(error) or type(error).__name__ == "NoScriptError" for error in errors)


def _safe(part: str) -> str:
    for mark in "%|:{}":
        part = part.replace(mark, f"%{ord(mark):02X}")
    return part


def _plain(part: str) -> str:
    for mark in "|:{}%":
        part = part.replace(f"%{ord(mark):02X}", mark)
    return part


def _budgets_key(project: str) -> str:
    return f"outlay:budgets:{project}"


def _key(project: str, budget: str, kind: str) -> str:
    return f"outlay:{{{_safe(project)}|{_safe(budget)}}}:{kind}"


def _account_key(account: Account, kind: str = "account") -> str:
    return _key(account.project, account.budget, kind) + f":{_safe(account.scope)}|{_safe(account.window)}"


def _reply(found: Sequence[Any]) -> Reply:
    hold, reported, settled, leased, flight, limit, refused, lost, unopened, fired, disagree = found
    return Reply(
        hold=hold, reported=reported, settled=settled, leased=leased, flight=flight, limit=limit, refused=bool(refused),
        lost=bool(lost), unopened=bool(unopened), fired=tuple(fired), disagree=tuple(disagree),
    )  # fmt: skip


def _state(fields: dict[str, str]) -> State:
    return State(
        settled=int(fields.get("settled", 0)),
        leased=int(fields.get("leased", 0)),
        extra=int(fields.get("extra", 0)),
        limit=int(fields.get("limit", 0)),
        refused=fields.get("refused") == "1",
        end=int(fields["end"]) if "end" in fields else None,
        leases={name[2:]: Lease(*map(int, text.split())) for name, text in fields.items() if name.startswith("l:")},
        slots={int(name[2:]): int(amount) for name, amount in fields.items() if name.startswith("d:")},
    )
