"""What is known of a budget beside its accounts: the limits declared for it, an override, and since when it counts."""

from __future__ import annotations

import msgspec

from outlay.budgets.trade import Step

DECLARED = 120_000
"""Milliseconds for which a limit counts as declared after a process last did so."""
FRESH = 10_000
"""Milliseconds for which a declaration need not be written down again."""
DAY_MS = 86_400_000


class Identity(msgspec.Struct, omit_defaults=True):
    """A budget as its processes declare it: one for each (project, name)."""

    shapes: dict[str, int] = {}
    """Shape → when calls were first counted by a budget of this shape."""
    declared: dict[int, int] = {}
    """Limit → when a process last declared it."""
    override: int | None = None
    until: int | None = None
    told: int = 0
    """When it was last told that processes disagree."""

    def limit(self, own: int, now: int) -> int:
        """Return the limit in force: an override, else the lowest that was declared of late."""
        if self.override is not None and (self.until is None or now < self.until):
            return self.override
        return min([own, *(limit for limit, seen in self.declared.items() if now - seen < DECLARED)])

    def count(self, shape: str, began: int, now: int) -> bool:
        """Note that calls are counted from ``began`` on by a budget of this shape; return whether that is new."""
        if shape in self.shapes:
            return False
        self.shapes[shape] = min(began, now)
        return True

    def declare(self, limit: int, now: int) -> bool:
        """Note that a process declares ``limit``; return whether that is worth writing down."""
        if 0 <= now - self.declared.get(limit, -FRESH) < FRESH:
            return False
        self.declared = {known: seen for known, seen in self.declared.items() if now - seen < DECLARED} | {limit: now}
        return True

    def disagreement(self, now: int) -> tuple[int, ...]:
        """Return the limits that differ, once a day; empty where there is nothing to tell."""
        if len(self.declared) < 2 or now - self.told < DAY_MS:
            return ()
        self.told = now
        return tuple(sorted(self.declared))


def carried(before: int | None, identity: Identity, step: Step, limit: int) -> int:
    """Return what a new account is given of the window before it: all of the limit where nobody called then.

    ``before`` is what was left there; None where there is no such account.
    """
    if not step.carry:
        return 0
    if before is not None:
        return max(0, min(limit, before))
    return limit if identity.shapes[step.shape] <= step.carry_since else 0
