"""What is to be reserved for a call: its bound, what such calls have cost of late, or what the budget's policy says."""

from __future__ import annotations

from collections.abc import Sequence

from outlay.budgets.course import Course
from outlay.budgets.decision import Ask
from outlay.budgets.learned import Learned
from outlay.budgets.leases import Lease
from outlay.budgets.refusals import unbounded
from outlay.errors import BudgetExceeded


def amounts_of(
    ask: Ask, course: Course, leases: Sequence[Lease], learned: Learned
) -> tuple[list[tuple[Lease, int]], int, BudgetExceeded | None]:
    """Return (what to reserve in each lease, what the call can cost at most, a refusal).

    Where nothing bounds the call the second is 0.
    """
    rewritten = (
        course.model if course.model != ask.model else None,
        course.output_limit if course.output_limit != ask.output_limit else None,
    )
    most = ask.quote(*rewritten)
    if most is None or ask.unbounded is not None:
        return _unbounded(ask, course, leases, learned)
    nano = -(-most // 1000)
    if course.output_limit is None:
        top = learned.top(ask.feature, course.model or "")
        amount = nano if top is None else min(nano, max(0, expected(ask) + top))
        return [(lease, amount) for lease in leases], nano, None
    parts = [(lease, nano) for lease in leases if lease.plan.budget.input_bound == "bytes"]
    if len(parts) < len(leases):
        less = None if ask.likely is None else ask.likely(*rewritten)
        amount = nano if less is None else min(nano, -(-less // 1000))
        parts = [(lease, nano if lease.plan.budget.input_bound == "bytes" else amount) for lease in leases]
    return parts, nano, None


def _unbounded(
    ask: Ask, course: Course, leases: Sequence[Lease], learned: Learned
) -> tuple[list[tuple[Lease, int]], int, BudgetExceeded | None]:
    """Return what the budgets' policies say is to be reserved for a call that nothing bounds."""
    parts = []
    for lease in leases:
        plan = lease.plan
        if plan.ceiling is not None:
            parts.append((lease, plan.ceiling))
        elif plan.budget.unbounded == "deny":
            return [], 0, unbounded(lease, ask, course.model)
        else:
            top = learned.top(ask.feature, course.model or "")
            parts.append((lease, max(0, expected(ask) + (top or 0))))
    return parts, 0, None


def expected(ask: Ask) -> int:
    """Return nano-USD that the input alone is likely to cost at most; 0 where that is not known."""
    return -(-ask.expected // 1000) if ask.expected is not None else 0
