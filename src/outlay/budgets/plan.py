"""A budget made ready for being asked: which calls are its own, in which window they fall, and under which limit."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from hashlib import blake2b
from zoneinfo import ZoneInfo

from outlay.budgets.actions import Block
from outlay.budgets.budget import Budget
from outlay.budgets.decision import Ask
from outlay.budgets.leases import Lease
from outlay.budgets.trade import Account
from outlay.budgets.windows import CALENDAR, SLOTS, Window, before, day_of, rolling_length, window_at

NANO = 10**9
NONE = "(none)"
"""The value of a scope's tag that a call does not have."""
LONGEST = 120
"""Characters of a tag's value in an account's name; what is longer is cut and told apart by a hash."""


class Lacking(Exception):
    """Tell which tag a call lacks, and which budget lets none pass without it."""

    def __init__(self, budget: Budget, tag: str) -> None:
        super().__init__(tag)
        self.budget, self.tag = budget, tag


class Plan:
    """A budget with what it needs at each call worked out once."""

    def __init__(self, budget: Budget, project: str, zone: str = "UTC", *, new: bool = False) -> None:
        """Make the plan of ``budget`` in ``project``; ``zone`` is used where the budget names none.

        ``new``: nothing can have been spent before it is first counted.
        """
        self.budget = budget
        self.zone = ZoneInfo(budget.timezone or zone)
        self.limit = int(budget.limit * NANO)
        self.ceiling = None if budget.ceiling is None else -int(-budget.ceiling * NANO)
        self.rolling = (rolling_length(budget.per) or 0) // SLOTS // 10**6
        self.actions = tuple(item for item in reversed(budget.at) if not isinstance(item[1][0], Block))
        """What is done below the percent that blocks, the highest first; to block is the reservation's part."""
        self.leases: dict[tuple[str, ...], Lease] = {}
        """The leases of the window that is open, by the values of the scope and the run."""
        self.shape = _shape(budget, self.zone.key)
        """What tells one way to count this budget from another."""
        self._project = project
        self._new = new or budget.per == "run"
        self._window: Window | None = None
        self._everything = not budget.where and budget.per != "run"
        self._patterns = [(key, _pattern(patterns)) for key, patterns in budget.where.items()]

    def covers(self, ask: Ask, model: str | None) -> bool:
        """Return whether a call, sent to ``model``, is this budget's."""
        if self._everything:
            return True
        if self.budget.per == "run" and self._run(ask) is None:
            return False
        for key, matches in self._patterns:
            if key == "feature":
                if not any(map(matches, (ask.feature, *ask.path.split("/")))):
                    return False
            elif not matches(self._value(ask, key, model) or ""):
                return False
        return True

    def counts(self, lease: Lease, ask: Ask) -> bool:
        """Return whether a call, in the window of ``lease``, falls under it."""
        values = {name: _told(self._value(ask, name, ask.model)) for name in self.budget.scope}
        return values == lease.values and self.covers(ask, ask.model)

    def lease(self, ask: Ask, model: str | None) -> Lease:
        """Return the lease that the call falls under, made here if need be. Raises ``Lacking``."""
        window = self.window(ask.at)
        if not self.budget.scope and self.budget.per != "run":
            key: tuple[str, ...] = (window.id,)
        else:
            key = (
                window.id,
                self._run(ask) or "",
                *(self._scope_value(ask, name, model) for name in self.budget.scope),
            )
        lease = self.leases.get(key)
        return lease if lease is not None else self._made(key, window, ask.at)

    def window(self, moment: int) -> Window:
        """Return the window that a moment lies in."""
        window = self._window
        if window is not None and window.start <= moment and (window.end is None or moment < window.end):
            return window
        per = self.budget.per
        if per == "run":
            window = Window("run", 0, None)
        elif self.rolling:
            window = Window("rolling", 0, None)
        else:
            window = window_at(moment, per, self.zone, self.budget.first_weekday)
        self._window = window
        return window

    def day(self, lease: Lease, moment: int) -> int:
        """Return the day that is charged for what a lease spends at ``moment``, one of its window's."""
        if self.rolling:
            return 0
        last = moment if lease.end is None else min(moment, lease.end - 1)
        return day_of(max(last, lease.start), self.zone)

    def start(self, lease: Lease, moment: int) -> int:
        """Return from when on, in ms since the epoch, spend counts in a lease's window as it is at ``moment``."""
        return (moment - (rolling_length(self.budget.per) or 0) if self.rolling else lease.start) // 10**6

    def earlier(self, lease: Lease) -> tuple[str, int]:
        """Return id and start (milliseconds) of the window whose remainder is carried over; nothing without."""
        if not self.budget.carry_over or lease.end is None:
            return "", 0
        found = before(
            Window(lease.account.window, lease.start, lease.end), self.budget.per, self.zone, self.budget.first_weekday
        )
        return found.id, found.start // 10**6

    def _made(self, key: tuple[str, ...], window: Window, at: int) -> Lease:
        values = dict(zip(self.budget.scope, key[2:], strict=True)) if self.budget.scope else {}
        scope = ",".join(f"{name}={_named(value)}" for name, value in values.items())
        name = f"run:{key[1]}" if self.budget.per == "run" else window.id
        lease = Lease(self, Account(self._project, self.budget.name, scope, name), values, key)
        lease.start, lease.end, lease.began = window.start, window.end, at // 10**6
        if self._new:
            lease.opening = ()
        return self.leases.setdefault(key, lease)

    def forget(self, lease: Lease) -> None:
        """Forget a lease that holds nothing any more."""
        if self.leases.get(lease.key) is lease:
            del self.leases[lease.key]

    def _run(self, ask: Ask) -> str | None:
        return ask.run if self.budget.run is None else ask.spans.get(self.budget.run)

    def _scope_value(self, ask: Ask, name: str, model: str | None) -> str:
        value = self._value(ask, name, model)
        if value is None and self.budget.missing == "deny":
            raise Lacking(self.budget, name)
        return _told(value)

    def _value(self, ask: Ask, name: str, model: str | None) -> str | None:
        if name == "model":
            return model
        if name == "provider":
            return ask.provider
        return ask.feature if name == "feature" else ask.tags.get(name)


def follows(budget: Budget) -> bool:
    """Return whether a budget's windows follow each other on a calendar."""
    return budget.per in CALENDAR


def _shape(budget: Budget, zone: str) -> str:
    said = (budget.per, zone, budget.first_weekday, budget.scope, sorted(budget.where.items()), budget.run)
    return blake2b(repr(said).encode(), digest_size=6).hexdigest()


def _pattern(patterns: tuple[str, ...]) -> Callable[[str], object]:
    return re.compile("|".join(f"(?:{fnmatch.translate(pattern)})" for pattern in patterns)).match


def _told(value: str | None) -> str:
    """Return a scope's value: who is called ``(none)`` is not those without a name."""
    if value is None:
        return NONE
    return f"\\{value}" if value.lstrip("\\") == NONE else value


def _named(value: str) -> str:
    """Return a value as accounts are named: no two combinations of values have one name."""
    short = _short(value)
    return short if value == NONE else re.sub(r"[\\,=]", r"\\\g<0>", short)


def _short(value: str) -> str:
    if len(value) <= LONGEST:
        return value
    return f"{value[:LONGEST]}…{blake2b(value.encode(), digest_size=8).hexdigest()}"
