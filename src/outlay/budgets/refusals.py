"""The refusals, and how a budget stands, in the words of whoever reads them."""

from __future__ import annotations

from datetime import datetime

from outlay.budgets.actions import Standing
from outlay.budgets.budget import Budget
from outlay.budgets.decision import Ask
from outlay.budgets.leases import Lease
from outlay.budgets.notices import dollars, money, whose
from outlay.errors import BudgetExceeded


def exceeded(lease: Lease, amount: int) -> BudgetExceeded:
    """Return the refusal of a call that does not fit; ``amount`` is what it may cost, 0 where the budget is blocked."""
    needs = f"this call may cost {money(amount)}" if amount else "it blocks from here on"
    return _refusal(
        lease,
        f"Budget {whose(lease)}: {money(lease.spent)} of {money(lease.limit or lease.plan.limit)} are spent and"
        f" {money(lease.held_or_leased)} held by calls in flight, and {needs}{_resets(lease)}.",
    )


def unbounded(lease: Lease, ask: Ask, model: str | None) -> BudgetExceeded:
    """Return the refusal of a call whose cost nothing bounds."""
    why = f"no price is known for {model!r}"
    if ask.unbounded:
        why = f"nothing bounds what it costs ({ask.unbounded})"
    elif ask.expected is not None:
        why = f"nothing bounds what it costs (it has no output limit, and the longest answer of {model!r} is not known)"
    return _refusal(
        lease,
        f"Budget {whose(lease)} lets no call pass of which {why}: give the budget a ceiling= to reserve instead, or"
        " unbounded='allow'.",
    )


def unreachable(lease: Lease, reason: str) -> BudgetExceeded:
    """Return the refusal of a call while the store is down."""
    return _refusal(
        lease,
        f"Budget {whose(lease)}: its store can't be reached, and this process holds too little for the call"
        f" ({reason.rstrip('.')}); on_store_down='open' would let it pass.",
    )


def lacking(budget: Budget, tag: str) -> BudgetExceeded:
    """Return the refusal of a call without a tag that a budget wants."""
    return BudgetExceeded(
        budget=budget.name, scope={}, limit=budget.limit, spent=dollars(0), held=dollars(0), resets=None,
        reason=f"Budget {budget.name} lets no call pass that has no {tag}: set the tag, or missing='none'.",
    )  # fmt: skip


def worthless(reason: str) -> BudgetExceeded:
    """Return the refusal of a call that is to spend a slice which is over, or none of ours."""
    return BudgetExceeded(budget="slice", limit=dollars(0), spent=dollars(0), reason=reason)


def stands(lease: Lease, ask: Ask) -> Standing:
    """Return how a budget stands as ``ask`` comes, for a function of the user's."""
    most = ask.quote()
    limit = lease.limit or lease.plan.limit
    return Standing(
        budget=lease.account.budget, scope=lease.values, window=lease.account.window, limit=dollars(limit),
        spent=dollars(lease.spent), held=dollars(lease.held), amount=dollars(-(-most // 1000) if most else 0),
        percent=(lease.spent + lease.held) * 100 / limit, provider=ask.provider, model=ask.model, feature=ask.feature,
        tags=ask.tags,
    )  # fmt: skip


def _refusal(lease: Lease, reason: str) -> BudgetExceeded:
    return BudgetExceeded(
        budget=lease.account.budget, scope=dict(lease.values), limit=dollars(lease.limit or lease.plan.limit),
        spent=dollars(lease.spent), held=dollars(lease.held_or_leased), resets=_end(lease), reason=reason,
    )  # fmt: skip


def _end(lease: Lease) -> datetime | None:
    return None if lease.end is None else datetime.fromtimestamp(lease.end / 1e9, lease.plan.zone)


def _resets(lease: Lease) -> str:
    end = _end(lease)
    return "" if end is None else f"; it resets at {end:%Y-%m-%d %H:%M %Z}"
