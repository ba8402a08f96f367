"""The gate that every call passes: it decides before a byte leaves, and settles when the cost is known."""

from __future__ import annotations

import contextlib
import os
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import time_ns

from outlay.alerts.alert import Alert
from outlay.budgets.amounts import amounts_of, expected
from outlay.budgets.budget import Budget
from outlay.budgets.claims import Claims
from outlay.budgets.course import Course, course_of, reached
from outlay.budgets.decision import Ask, Decision
from outlay.budgets.journal import Journal
from outlay.budgets.keeper import Keeper
from outlay.budgets.learned import Learned
from outlay.budgets.leases import Held, Lease, Leases
from outlay.budgets.plan import Lacking, Plan
from outlay.budgets.refusals import exceeded, lacking, unreachable, worthless
from outlay.budgets.slices import Cuts, Slice, Terms, here, signed
from outlay.budgets.standing import Standing, read_standings
from outlay.budgets.teller import Opening, Sink, Teller, logged
from outlay.budgets.trade import Store, StoreDown
from outlay.errors import BudgetExceeded, ConfigError

NOTHING = Decision()


class Budgets:
    """The budgets of one project, in one process."""

    def __init__(  # noqa: PLR0913 - each is a keyword
        self,
        budgets: Sequence[Budget],
        store: Store,
        *,
        project: str = "",
        timezone: str = "UTC",
        journals: Path | None = None,
        sink: Sink = logged,
        opening: Opening | None = None,
        ttl: float = 30.0,
        key: str | None = None,
        slice_: str | None = None,
    ) -> None:
        """Make the gate.

        Args:
            budgets: what holds here.
            store: where the fleet's counters are.
            project: together with a budget's name its identity.
            timezone: IANA zone of budgets that name none.
            journals: folder for what a killed process leaves as evidence; one for each store. None: what it held stays
                charged.
            sink: takes alerts, on the budgets' own thread.
            opening: says what a window had cost before its budget was first counted; nothing without it.
            ttl: seconds for which a lease lives without a word from its holder.
            key: what slices are signed with.
            slice_: the slice that this whole process spends.

        """
        self.plans = [Plan(budget, project, timezone) for budget in budgets]
        self.project, self._timezone = project, timezone
        self.store = store
        self._leases = Leases(Journal(journals) if journals is not None else None)
        self._teller = Teller(store, self._leases, ttl=int(ttl * 1000), sink=sink, opening=opening)
        self._keeper = Keeper(self._leases, self._teller, store, journals, beat=ttl / 3)
        self._learned = Learned()
        self._claims = Claims(store, project)
        self._key, self._slice = key, slice_
        self._cuts = Cuts(key)
        if slice_ is not None:
            self._cuts.plan(slice_)  # an error in it is said now
        _made.add(self)

    def decide(self, ask: Ask, *, wait: bool = True) -> Decision | None:
        """Reserve what the call may cost in every budget that it falls under, or decide otherwise.

        With ``wait=False`` return None where that takes a trip to the store, or where calls that wait to be settled may
        turn out to have cost less than is held for them, so that it would be decided otherwise.
        """
        try:
            return self._decide(ask, wait=wait)
        except (Lacking, ConfigError) as error:
            return Decision(refusal=_nobodys(error))

    def _decide(self, ask: Ask, *, wait: bool) -> Decision | None:
        leases = self._falls_under(ask, ask.model)
        if not leases:
            return NOTHING
        premature = ask.unsettled and not wait
        if not self._acquaint(leases, wait=wait) or (premature and any(map(reached, leases))):
            return None
        course = course_of(ask, leases)
        if course.blocked is not None:
            return Decision(refusal=exceeded(course.blocked, 0), marks=course.marks)
        if course.model != ask.model:
            leases = self._falls_under(ask, course.model)
        parts, most, refusal = amounts_of(ask, course, leases, self._learned)
        reserved = refusal or self._reserve(parts, most, wait=wait)
        if isinstance(reserved, BudgetExceeded) and not premature:
            return Decision(refusal=reserved, marks=course.marks)
        return self._decided(ask, course, parts, most) if reserved is True else None

    def settle(self, held: object, cost: int | None) -> None:
        """Put what the call did cost (pico-USD) in place of what was reserved; None where it is not known."""
        if not isinstance(held, Held):
            return
        nano = None if cost is None else -(-cost // 1000)
        self._leases.settle(held, nano)
        if nano is not None and held.call is not None:
            feature, model, expected = held.call
            self._learned.add((feature, model), nano - expected)
        if self._leases.wanting:
            self._keeper.wake()

    def count(self, ask: Ask, cost: int, *, once: bool = False) -> None:
        """Count the cost (pico-USD) of a call that was not asked about, whatever room there is for it.

        ``once``: others may count the same call, by the same id.
        """
        try:
            leases = self._falls_under(ask, ask.model)
        except (Lacking, ConfigError):  # it can't be refused any more, and is nobody's
            return
        self._leases.charge([(lease, -(-cost // 1000)) for lease in leases], f"call:{ask.id}" if once else None)
        if self._leases.wanting:
            self._keeper.wake()

    def check(self, ask: Ask) -> BudgetExceeded | None:
        """Return why a call would be refused now, or None; nothing is reserved, and nothing alerted."""
        try:
            leases = self._falls_under(ask, ask.model)
        except (Lacking, ConfigError) as error:
            return _nobodys(error)
        for lease in leases:
            if not lease.seq:
                self._teller.fetch([(lease, 0)], need=False)
        course = course_of(ask, leases)
        if course.blocked is not None:
            return exceeded(course.blocked, 0)
        parts, _, refusal = amounts_of(ask, course, leases, self._learned)
        for lease, amount in parts if refusal is None else ():
            room = lease.room
            if room is not None and max(lease.free, 0) + max(room, 0) < amount:
                return exceeded(lease, amount)
        return refusal

    def status(self) -> list[Standing]:
        """Return how each limit stands in the window that is open now. Raises ``StoreDown``."""
        budgets = [plan.budget for plan in self.plans]
        return read_standings(self.store, self.project, budgets, time_ns(), self._timezone)

    def foresee(self) -> Iterator[Alert]:
        """Yield the alerts of limits that will not last which are this process's to raise. Raises ``StoreDown``."""
        return self._claims.foreseen({plan.budget.name: plan for plan in self.plans}, self.status())

    def tell(self) -> None:
        """Tell the store what was spent until now, if it can be reached."""
        with contextlib.suppress(StoreDown):  # said by the breaker
            self.flush()

    def flush(self) -> None:
        """Tell the store what was spent until now, and raise what alerts are due. Raises ``StoreDown``."""
        self._keeper.beat()
        self._teller.raise_due()
        self._teller.confirm()

    def close(self) -> None:
        """Give back what is not spent, and stop. What calls in flight hold stays charged until evidence comes."""
        _made.discard(self)
        self._keeper.stop()
        live = list(self._leases.live)
        try:
            if live:
                self._teller.report(live, closing=True)
            self._teller.raise_due()
            self._teller.confirm()
            keep = any(lease.flight or lease.total != lease.reported for lease in live)
        except StoreDown:
            keep = True
        self._leases.close(keep=keep)
        self.store.close()

    def forked(self) -> None:
        """Own nothing in a forked child."""
        self.store.forked()
        self._leases.forked()
        self._teller.forked()
        self._keeper.forked()
        self._learned.forked()
        self._cuts.forked()
        for plan in self.plans:
            plan.leases.clear()

    def _falls_under(self, ask: Ask, model: str | None) -> list[Lease]:
        value = here.get()
        if value is None and (value := self._slice) is None:
            return [plan.lease(ask, model) for plan in self.plans if plan.covers(ask, model)]
        terms, cut = self._cuts.plan(value)
        plans = [plan for plan in self.plans if plan.budget.name not in terms.covered]
        return [plan.lease(ask, model) for plan in (*plans, cut) if plan.covers(ask, model)]

    def share(self, ask: Ask, until: int) -> Slice:
        """Reserve what ``ask`` quotes, and return it as a slice. Raises ``BudgetExceeded``, and ``ConfigError``."""
        if not self._key:
            raise ConfigError("to share a budget, set budget_key: a secret that parents and children have in common.")
        decision = self.decide(ask)
        if decision is not None and decision.refusal is not None:
            raise decision.refusal
        held = decision.held if decision is not None else None
        covered = tuple(lease.account.budget for lease, _ in held.parts) if isinstance(held, Held) else ()
        terms = Terms(ask.id, self.project, -(-(ask.quote() or 0) // 1000), until, covered)
        value = signed(terms, self._key)
        return Slice(value, terms, self.store, self._release, lambda cost: self.settle(held, cost))

    def _release(self, value: str) -> None:
        """Give back what this process itself holds of a slice and no call in flight needs. Raises ``StoreDown``."""
        if held := [lease for lease in self._cuts.drop(value) if lease in self._leases.live]:
            self._teller.report(held, closing=True)

    def _acquaint(self, leases: Sequence[Lease], *, wait: bool) -> bool:
        """See to it that each account's standing is known, where something is done by it; return whether it is."""
        # A first step may be under way: what it will tell is waited for. A limit is never 0.
        new = [(lease, 0) for lease in leases if not (lease.seq and lease.limit) and lease.plan.actions]
        if not new or self._teller.breaker.open:
            return True
        if not wait:
            return False
        try:
            self._teller.fetch(new, need=False)
        except StoreDown:  # what follows is the budget's policy, in _reserve
            return True
        return True

    def _reserve(self, parts: list[tuple[Lease, int]], most: int, *, wait: bool) -> BudgetExceeded | bool | None:
        """Reserve all parts or none; return True, a refusal, or None where that takes a trip that must not be made."""
        short = self._leases.reserve(parts, most)
        if not short:
            if self._leases.wanting:
                self._keeper.wake()
            return True
        amounts = dict(parts)
        for _ in range(8):  # others may take what was fetched, before it is reserved
            denied = next((lease for lease in short if lease.denies(amounts[lease])), None)
            if denied is not None:
                return exceeded(denied, amounts[denied])
            if not wait and not self._teller.breaker.open:
                return None
            try:
                self._teller.fetch([(lease, amounts[lease]) for lease in short])
            except StoreDown as error:
                return self._without_store(parts, most, str(error))
            short = self._leases.reserve(parts, most)
            if not short:
                self._keeper.wake()
                return True
        return exceeded(short[0], amounts[short[0]])

    def _without_store(self, parts: list[tuple[Lease, int]], most: int, reason: str) -> BudgetExceeded | bool:
        """Do as the budgets say for when their store is down: all of them must let the call pass."""
        for lease, amount in parts:
            policy = lease.plan.budget.on_store_down
            if policy == "open" or lease.covers(amount, late=policy == "lease_only"):
                continue
            return unreachable(lease, reason)
        self._leases.reserve(parts, most, force=True)
        return True

    def _decided(self, ask: Ask, course: Course, parts: list[tuple[Lease, int]], most: int) -> Decision:
        call = (ask.feature, course.model or "", expected(ask)) if course.output_limit is None else None
        return Decision(
            model=course.model if course.model != ask.model else None,
            output_limit=course.output_limit if course.output_limit != ask.output_limit else None,
            held=Held(parts, most, self._leases.generation, call),
            marks=course.marks,
        )


def _nobodys(error: Lacking | ConfigError) -> BudgetExceeded:
    """Return the refusal of a call that lacks a tag, or is to spend a slice that is over or not ours."""
    return lacking(error.budget, error.tag) if isinstance(error, Lacking) else worthless(str(error))


_made: weakref.WeakSet[Budgets] = weakref.WeakSet()


def _forked() -> None:
    for budgets in list(_made):
        budgets.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
