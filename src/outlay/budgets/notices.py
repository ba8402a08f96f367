"""The alerts that budgets raise: a threshold reached, a limit that will not last, processes that disagree about one."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from decimal import Decimal

from outlay.alerts.alert import Alert
from outlay.budgets.leases import Lease
from outlay.budgets.standing import Standing


def dollars(nano: int) -> Decimal:
    """Turn nano-USD into USD."""
    return Decimal(nano).scaleb(-9).normalize() + 0


def money(nano: int) -> str:
    """Write an amount as people do: in cents, and below a dollar with up to four digits that count."""
    amount = dollars(nano)
    if 0 < abs(amount) < 1 and (exact := round(amount, 3 - amount.adjusted())) != round(exact, 2):
        return f"${exact.normalize():f}"
    return f"${amount:,.2f}"


def whose(lease: Lease) -> str:
    """Return a lease's budget and the tag values that it is for, as one reads them."""
    values = ", ".join(f"{name} {value}" for name, value in lease.values.items())
    return f"{lease.account.budget} ({values})" if values else lease.account.budget


def threshold(lease: Lease, percent: int, at: int) -> Alert:
    """Return the alert that ``percent`` of a limit were reached."""
    budget, account = lease.plan.budget, lease.account
    spent, limit = lease.spent, lease.limit
    over = percent >= 100
    consequence = "Calls that do not fit are refused." if budget.blocks and over else "Calls go on."
    return Alert(
        key=f"budget:{account.key}:{percent}",
        kind="budget",
        severity="critical" if over else "warning",
        project=account.project,
        at=at,
        since=lease.start or None,
        subject=budget.name,
        title=f"Budget {whose(lease)}: {percent} % of {money(limit)} reached, {money(spent)} spent",
        text=f"{money(spent)} of {money(limit)} are spent in {account.window}, {money(lease.held)} are held by calls in"
        f" flight{_until(lease)}. {consequence}",
        advice=f"See `outlay budgets`; `outlay budgets set {shlex.quote(budget.name)} LIMIT` sets another one.",
        amount=spent * 1000,
        limit=limit * 1000,
        scope=None if budget.where or budget.per == "run" else dict(lease.values),  # what the ledger can tell apart
        facts={"percent": percent, "window": account.window, **lease.values},
    )


def foreseen(standing: Standing, project: str, at: int) -> Alert | None:
    """Return the alert that a limit will not last until its window ends; None while one end in ten is within it."""
    told = standing.forecast
    if told is None or standing.status != "will exceed" or told.lower * 10**9 <= standing.limit:
        return None
    name = f"{standing.budget} ({standing.scope})" if standing.scope else standing.budget
    amount, least, most = (money(round(each * 10**9)) for each in (told.amount, told.lower, told.upper))
    return Alert(
        key=f"budget:{standing.budget}:{standing.scope}:{standing.window}:foreseen",
        kind="budget",
        project=project,
        at=at,
        subject=standing.budget,
        title=f"Budget {name}: {standing.sentence}, {money(standing.spent)} of {money(standing.limit)} spent",
        text=f"As it goes {amount} will have been spent when {standing.window} is over; in eight cases of ten it is"
        f" between {least} and {most}.",
        advice="See what is spent on: `outlay explain --since 24h`; `outlay budgets` shows the forecast.",
        amount=standing.spent * 1000,
        limit=standing.limit * 1000,
    )


def disagreement(lease: Lease, limits: tuple[int, ...], at: int) -> Alert:
    """Return the alert that processes declare different limits of one budget."""
    account = lease.account
    day = datetime.fromtimestamp(at / 1e9, UTC).date()
    return Alert(
        key=f"limits:{account.project}:{account.budget}:{'/'.join(map(str, limits))}:{day}",
        kind="limits",
        project=account.project,
        at=at,
        subject=account.budget,
        title=f"Budget {account.budget}: processes disagree about its limit",
        text=f"It is set to {', '.join(map(money, limits))} by processes that run now; the lowest holds.",
        advice="Deploy one limit, or put one in place for all by `outlay budgets set`.",
        limit=min(limits) * 1000,
    )


def _until(lease: Lease) -> str:
    if lease.end is None:
        return ""
    return f" until {datetime.fromtimestamp(lease.end / 1e9, lease.plan.zone):%Y-%m-%d %H:%M %Z}"
