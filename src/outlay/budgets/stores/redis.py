"""Counters of a fleet in Redis, or what speaks its protocol: one script does all that changes an account."""

from __future__ import annotations

import hashlib
import importlib.resources
import os
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from outlay.budgets.book import Lease, State, figures
from outlay.budgets.identity import Identity
from outlay.budgets.stores import shelf
from outlay.budgets.stores.nodes import DEADLINE, Command, Nodes
from outlay.budgets.trade import Account, Audit, Figures, Remains, Reply, Step, StoreDown
from outlay.errors import MissingExtra


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
        self._error = redis.RedisError
        self._after = ("WAIT", replicas, int(DEADLINE * 400)) if replicas else ()
        self._script = importlib.resources.files(__package__).joinpath("account.lua").read_text(encoding="utf-8")
        self._nodes = Nodes(url, ("SCRIPT", "LOAD", self._script))
        self._sha = hashlib.sha1(self._script.encode(), usedforsecurity=False).hexdigest()
        self._known: set[tuple[str, str]] = set()
        self._pid = os.getpid()

    def trade(self, steps: Sequence[Step]) -> list[Reply]:
        """Do ``steps``, each by the script."""
        replies = self._run("step", [(step.account, step, step.carry) for step in steps], self._after)
        return [_reply(reply) for reply in replies]

    def recover(self, remains: Sequence[Remains]) -> None:
        """Settle what leases of a dead process had left."""
        self._run("recover", [(left.account, left, "") for left in remains])

    def figures(self, project: str) -> list[Figures]:
        """Return the accounts of a project."""
        with self._reaching():
            seconds, microseconds = self._nodes.clients()[0].time()
            now = int(seconds) * 1000 + int(microseconds) // 1000
            return [
                figures(account, _state(fields), self._identity(project, budget), now)
                for budget in sorted(self._read("SMEMBERS", _budgets_key(project)))
                for account, fields in self._accounts(project, budget)
            ]

    def identities(self, project: str) -> dict[str, Identity]:
        """Return what is declared of each budget of a project."""
        with self._reaching():
            budgets = self._read("SMEMBERS", _budgets_key(project))
            return {budget: self._identity(project, budget) for budget in budgets}

    def override(self, project: str, budget: str, limit: int | None, until: int | None) -> None:
        """Put a limit in place of the declared ones."""
        key = _key(project, budget, "budget")
        put = ["override", limit] + ([] if until is None else ["until", until])
        commands = [("HDEL", key, "override", "until")] + ([] if limit is None else [("HSET", key, *put)])
        with self._reaching():
            self._done([_command(*words) for words in (*commands, ("SADD", _budgets_key(project), budget))])

    def audit(self, project: str | None = None) -> Audit:
        """Compare the counters with their entries."""
        entries = 0
        rows: list[tuple[str, State, int, int, int]] = []
        with self._reaching():
            for name in [project] if project else self._projects():
                for budget in self._read("SMEMBERS", _budgets_key(name)):
                    for account, fields in self._accounts(name, budget):
                        found = self._read("XRANGE", _account_key(account, "entries"), "-", "+")
                        entries += len(found)
                        sums = [sum(int(entry[name]) for _, entry in found) for name in ("settled", "leased")]
                        opening = sum(int(entry["settled"]) for _, entry in found if entry["kind"] == "opening")
                        rows.append((account.key, _state(fields), sums[0], sums[1], opening))
        return shelf.audited(rows, entries)

    def prune(self, runs: int, windows: int) -> None:
        """Leave it to Redis: each key says when its time is over."""

    def close(self) -> None:
        """Close the connections."""
        if self._pid == os.getpid():
            self._nodes.close()

    def forked(self) -> None:
        """Leave the parent's connection alone: it is known by the process that made it."""
        self._nodes.forked()

    def _run(
        self, verb: str, given: Sequence[tuple[Account, Step | Remains, str]], after: tuple[Any, ...] = ()
    ) -> list[Any]:
        """Run the script once for each of ``given``, in one round trip."""
        new = {(account.project, account.budget) for account, _, _ in given} - self._known
        commands = [_command("SADD", _budgets_key(project), budget) for project, budget in sorted(new)]
        commands += [self._scripted(verb, *each) for each in given]
        with self._reaching():
            replies = self._nodes.run(commands, after=after)
            if any(map(_unknown_script, replies)):  # somebody has flushed it
                again = [index for index, reply in enumerate(replies) if _unknown_script(reply)]
                loads = [Command(commands[index].tag, ("SCRIPT", "LOAD", self._script)) for index in again]
                done = self._nodes.run([*loads, *(commands[index] for index in again)], after=after)
                for index, reply in zip(again, done[len(loads) :], strict=True):
                    replies[index] = reply
            _raise(replies)
        self._known |= new
        return replies[len(new) :]

    def _scripted(self, verb: str, account: Account, what: Step | Remains, carry: str) -> Command:
        keys = (
            _account_key(account), _key(account.project, account.budget, "budget"), _account_key(account, "entries"),
            _account_key(msgspec.structs.replace(account, window=carry)),
            _key(account.project, account.budget, "accounts"), _account_key(account, "forgotten"),
        )  # fmt: skip
        words = ("EVALSHA", self._sha, len(keys), *keys, verb, msgspec.json.encode(what))
        return Command(_tag(keys[0]), words)

    def _done(self, commands: Sequence[Command]) -> list[Any]:
        replies = self._nodes.run(commands)
        _raise(replies)
        return replies

    def _read(self, *words: Any) -> Any:
        return self._done([_command(*words)])[0]

    def _projects(self) -> list[str]:
        found: set[str] = set()
        for client in self._nodes.clients():
            keys = client.scan_iter(match=_budgets_key("*"), count=1000)
            found.update(key.removeprefix(_budgets_key("")) for key in keys)
        return sorted(found)

    def _accounts(self, project: str, budget: str) -> Iterator[tuple[Account, dict[str, str]]]:
        index = _key(project, budget, "accounts")
        for key in sorted(self._read("SMEMBERS", index)):
            fields = self._read("HGETALL", key)
            if fields:
                scope, window = (_plain(part) for part in key.rsplit(":", 1)[1].split("|"))
                yield Account(project, budget, scope, window), fields
            else:
                self._read("SREM", index, key)  # its time was over

    def _identity(self, project: str, budget: str) -> Identity:
        fields = self._read("HGETALL", _key(project, budget, "budget"))
        return Identity(
            declared={int(name[2:]): int(seen) for name, seen in fields.items() if name.startswith("m:")},
            override=int(fields["override"]) if "override" in fields else None,
            until=int(fields["until"]) if "until" in fields else None,
        )

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


def _unknown_script(reply: Any) -> bool:
    return isinstance(reply, Exception) and ("NOSCRIPT" in str(reply) or type(reply).__name__ == "NoScriptError")


def _raise(replies: Sequence[Any]) -> None:
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply


def _command(*words: Any) -> Command:
    """Return a command on the key that is its second word."""
    return Command(_tag(words[1]), words)


def _tag(key: str) -> str:
    """Return what says where a key belongs in a cluster."""
    begin = key.find("{")
    end = key.find("}", begin + 1)
    return key[begin + 1 : end] if -1 < begin < end - 1 else key


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
    hold, reported, settled, leased, flight, limit, refused, lost, unopened, fired, disagree, since = found
    return Reply(
        hold=hold, reported=reported, settled=settled, leased=leased, flight=flight, limit=limit, refused=bool(refused),
        lost=bool(lost), unopened=bool(unopened), fired=tuple(fired), disagree=tuple(disagree),
        since=since,
    )  # fmt: skip


def _state(fields: dict[str, str]) -> State:
    return State(
        settled=int(fields.get("settled", 0)),
        leased=int(fields.get("leased", 0)),
        extra=int(fields.get("extra", 0)),
        limit=int(fields.get("limit", 0)),
        opening=int(fields.get("opening", 0)),
        refused=fields.get("refused") == "1",
        end=int(fields["end"]) if "end" in fields else None,
        leases={name[2:]: Lease(*map(int, text.split())) for name, text in fields.items() if name.startswith("l:")},
        slots={int(name[2:]): int(amount) for name, amount in fields.items() if name.startswith("d:")},
    )
