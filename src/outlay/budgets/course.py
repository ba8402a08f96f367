"""How a call is to be sent, by the thresholds that its budgets have reached."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import msgspec

from outlay.budgets.actions import Action, Block, Cap, Chooser, Downgrade, Steps, usable
from outlay.budgets.decision import Ask
from outlay.budgets.leases import Lease
from outlay.budgets.refusals import stands
from outlay.guard import guard

_choosing = guard("asking a budget's function")


class Course(msgspec.Struct):
    """How a call is to be sent, as far as it is decided."""

    model: str | None
    output_limit: int | None
    blocked: Lease | None = None
    """The lease of the budget that blocks it."""
    marks: tuple[str, ...] = ()


def course_of(ask: Ask, leases: Sequence[Lease]) -> Course:
    """Return how the call is to be sent; of each budget the highest threshold counts that was reached."""
    course = Course(ask.model, ask.output_limit)
    for lease in leases:
        ceiling = lease.plan.budget.output_ceiling
        if ceiling is not None and ask.output_limit is None:
            _apply(course, ask, (Cap(ceiling),), lease)
        steps = reached(lease)
        if steps is not None:
            _apply(course, ask, steps, lease)
    return course


def reached(lease: Lease) -> Steps | None:
    """Return what a budget does at the highest threshold that it has reached; None below all of them."""
    for percent, steps in lease.plan.actions if lease.limit else ():
        if (lease.spent + lease.held) * 100 >= percent * lease.limit:
            return steps
    return None


def _apply(course: Course, ask: Ask, steps: Sequence[Action | Chooser], lease: Lease) -> None:
    """Take the first of ``steps`` that can be taken."""
    for step in steps:
        action: Action | None = None
        if isinstance(step, Block | Cap | Downgrade):
            action = step
        else:
            with _choosing:
                action = _action(step(stands(lease, ask)))
        if action is None or _taken(course, ask, action, lease):
            return
    course.marks += ("budget_impossible",)


def _action(chosen: object) -> Action | None:
    """Return what a budget's function has chosen; what is no action that can be taken counts as if it had raised.

    Here, inside the guard: what is found wrong later stops the call's other budgets too.
    """
    if chosen is None:
        return None
    if isinstance(chosen, Block | Cap | Downgrade) and usable(chosen):
        return chosen
    if inspect.iscoroutine(chosen):
        chosen.close()
    raise TypeError(f"a budget's function returns outlay.block, downgrade(…), cap(…) or None, not {chosen!r}")


def _taken(course: Course, ask: Ask, action: Action, lease: Lease) -> bool:
    """Take an action; return whether the request allows it."""
    if isinstance(action, Block):
        course.blocked = course.blocked or lease
        return True
    if isinstance(action, Downgrade):
        if action.model != ask.model and ask.can_downgrade:
            course.model = action.model
            course.marks += ("budget_downgraded",)
        return ask.can_downgrade or action.model == ask.model
    if _within(course.output_limit, action.output_tokens):
        return True
    if ask.can_limit:
        course.output_limit = action.output_tokens
        course.marks += ("budget_capped",)
    return ask.can_limit


def _within(limit: int | None, most: int) -> bool:
    return limit is not None and limit <= most
