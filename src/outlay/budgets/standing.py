"""How the budgets stand: spent, held, left, when each starts anew, and where it will end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from outlay.budgets.book import State, figures
from outlay.budgets.budget import Budget
from outlay.budgets.forecast import Forecast, Progress, Status, forecast, sentence, status
from outlay.budgets.identity import Identity
from outlay.budgets.trade import Account, Figures, Store
from outlay.budgets.windows import CALENDAR, EPOCH, midnight, window_at

NANO = 10**9


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One limit in the window that is open now. Amounts are nano-USD."""

    budget: str
    scope: str
    window: str
    limit: int
    spent: int
    held: int
    """By calls in flight."""
    leased: int
    """By processes, calls in flight included."""
    suspense: int
    """Of what is spent: held by processes that died without a trace of what they spent."""
    opening: int
    """Of what is spent: before the budget was first counted, as a ledger knew it."""
    overshoot: int
    """What calls in flight may cost beyond their reservations at most."""
    blocks: bool
    refused: bool
    resets: datetime | None
    forecast: Forecast | None
    status: Status
    sentence: str
    override: int | None
    override_until: datetime | None
    declared: tuple[int, ...]
    """Limits of processes that run now, where they disagree."""

    @property
    def left(self) -> int:
        """What can still be spent."""
        return max(0, self.limit - self.spent - self.held)


def read_standings(store: Store, project: str, budgets: Sequence[Budget], now: int, zone: str) -> list[Standing]:
    """Return how each limit of a project stands at ``now``. Raises ``StoreDown``."""
    return standings(budgets, store.figures(project), store.identities(project), now, zone)


def standings(
    budgets: Sequence[Budget], found: Iterable[Figures], known: Mapping[str, Identity], now: int, zone: str = "UTC"
) -> list[Standing]:
    """Return how each limit stands at ``now``; a budget that nothing was spent on has one line too.

    ``known``: what is declared of the budgets, by name: an override holds before the first call of a window too.
    """
    by_budget: dict[str, dict[str, dict[str, Figures]]] = {}
    for each in found:
        account = each.account
        by_budget.setdefault(account.budget, {}).setdefault(account.scope, {})[account.window] = each
    lines = []
    for budget in budgets:
        place = ZoneInfo(budget.timezone or zone)
        scopes = by_budget.get(budget.name, {})
        own = [line for scope in sorted(scopes) for line in _lines(budget, scope, scopes[scope], now, place)]
        if not own and not budget.scope and budget.per != "run":
            blank = _untouched(budget, known.get(budget.name, Identity()), now, place)
            own = [_line(budget, "", blank, {}, now, place)]
        lines += own
    return lines


def _untouched(budget: Budget, identity: Identity, now: int, zone: ZoneInfo) -> Figures:
    """Return the account of a window in which nothing was spent yet, as it will begin."""
    account = Account("", budget.name, "", window_at(now, budget.per, zone, budget.first_weekday).id)
    found = figures(account, State(), identity, now // 10**6)
    return msgspec.structs.replace(found, limit=identity.limit(int(budget.limit * NANO), now // 10**6))


def _lines(budget: Budget, scope: str, windows: dict[str, Figures], now: int, zone: ZoneInfo) -> list[Standing]:
    if budget.per == "run":
        return [_line(budget, scope, each, {}, now, zone) for each in windows.values() if each.leased or each.refused]
    current = windows.get(window_at(now, budget.per, zone, budget.first_weekday).id)
    if current is None:
        return []
    days: dict[int, int] = {}
    for each in windows.values() if budget.per in CALENDAR else ():
        for day, amount in each.days.items():
            days[day] = days.get(day, 0) + amount
    return [_line(budget, scope, current, days, now, zone)]


def _line(budget: Budget, scope: str, found: Figures, days: dict[int, int], now: int, zone: ZoneInfo) -> Standing:
    limit, spent = found.limit, found.settled
    window = None if budget.per == "run" else window_at(now, budget.per, zone, budget.first_weekday)
    end = window.end if window else None
    told = _forecast(budget, window.start if window else 0, end, days, spent, limit, now, zone)
    state = status(spent, limit, told)
    until = found.override_until
    return Standing(
        budget=budget.name, scope=scope, window=found.account.window, limit=limit, spent=spent, held=found.flight,
        leased=found.leased, suspense=found.suspense, opening=found.opening, overshoot=found.risk, blocks=budget.blocks,
        refused=found.refused, resets=_moment(end, zone), forecast=told, status=state,
        sentence=sentence(state, told, _today(now, zone)), override=found.override,
        override_until=None if until is None else datetime.fromtimestamp(until / 1000, UTC),
        declared=found.declared if len(found.declared) > 1 else (),
    )  # fmt: skip


def _forecast(
    budget: Budget, start: int, end: int | None, days: dict[int, int], spent: int, limit: int, now: int, zone: ZoneInfo
) -> Forecast | None:
    if end is None or budget.per == "hour":
        return None
    today = _today(now, zone)
    begun, over = midnight(today, zone), midnight(today + timedelta(days=1), zone)
    progress = Progress(
        spent=spent / NANO,
        first=_today(start, zone),
        last=_today(end - 1, zone),
        today=today,
        passed=min(1.0, max(0.0, (now - begun) / (over - begun))),
        days={date.fromordinal(day + EPOCH): amount / NANO for day, amount in days.items()},
    )
    return forecast(progress, limit / NANO)


def _today(moment: int, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(moment // NANO, zone).date()


def _moment(end: int | None, zone: ZoneInfo) -> datetime | None:
    return None if end is None else datetime.fromtimestamp(end // NANO, zone)
