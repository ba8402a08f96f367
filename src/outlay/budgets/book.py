"""The bookkeeping of one account: what a step does to it. Every store but Redis, whose script says the same, runs this.

The one law: ``settled + leased`` grows beyond the limit by nothing but calls that cost more than was reserved for them.
Money that a dead process held stays charged, as suspense, until its journal or the process itself tells what it spent.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from outlay.budgets.identity import DECLARED, Identity
from outlay.budgets.trade import Account, Figures, Remains, Reply, Step
from outlay.budgets.windows import SLOTS

GRACE = 1_000
"""Milliseconds by which the store lets a lease live longer than its holder does."""
UNCONFIRMED = 60_000
"""Milliseconds after which an alert that nobody confirmed is given to another process to raise."""
DAY_MS = 86_400_000
SUSPENDED = 30 * DAY_MS
"""Milliseconds after which evidence on a lease that ran out is no longer waited for: what it held stays charged."""


CLOSED = 2**52
"""What is put for the number of a closed lease's last step, so that whatever comes late is void."""
REMEMBERED = 600_000
"""Milliseconds for which a closed lease is remembered."""


class Lease(msgspec.Struct, array_like=True):
    """A part of an account that one process spends on its own."""

    hold: int = 0
    reported: int = 0
    seq: int = 0
    expires: int = 0
    suspense: int = 0
    slot: int = 0
    flight: int = 0
    risk: int = 0


class State(msgspec.Struct, omit_defaults=True):
    """An account."""

    settled: int = 0
    leased: int = 0
    extra: int = 0
    """Carried over from the window before."""
    limit: int = 0
    """In force at the last step."""
    opened: bool = False
    opening: int = 0
    """Of ``settled``: spent before the budget was first counted."""
    refused: bool = False
    end: int | None = None
    at: int = 0
    """When it was last touched, where the store keeps that here."""
    leases: dict[str, Lease] = {}
    claims: dict[int, tuple[int, bool]] = {}
    """Threshold → (claimed at, confirmed)."""
    slots: dict[int, int] = {}
    """Settled by day, or by the slot of a rolling window."""


class Entry(msgspec.Struct, frozen=True):
    """One change of an account's counters, never changed and never taken away."""

    id: str
    kind: str
    """``step``, ``opening``, ``suspense`` (a lease ran out), ``revived`` (its holder lives), ``recovered`` (by the
    journal of a dead one), ``left`` (a slot of a rolling window)."""
    settled: int
    leased: int
    at: int


class Book:
    """An account's state with what is being written about it."""

    def __init__(self, state: State, now: int) -> None:
        self.state = state
        self.now = now
        self.entries: list[Entry] = []
        self.forgotten: dict[str, int] = {}
        """Leases that are not kept any more, and calls that may be told of again → what of them is in the counters."""

    def note(self, identity: str, kind: str, settled: int, leased: int, *, slot: int | None = None) -> None:
        """Change the counters, and write the entry that says so."""
        state = self.state
        state.settled += settled
        state.leased += leased
        if settled and slot is not None:
            state.slots[slot] = state.slots.get(slot, 0) + settled
        if settled or leased:
            self.entries.append(Entry(identity, kind, settled, leased, self.now))

    def step(self, step: Step, limit: int, since: int, counted: Callable[[str], int]) -> Reply:
        """Do a step under the ``limit`` in force, and return how things stand then.

        ``since``: when calls were first counted by a budget of this shape. ``counted`` returns what is in the counters
        of a call, or of the spend of a lease that was forgotten.
        """
        state = self.state
        slot = self.now // step.rolling if step.rolling else step.day
        if not state.opened and not self._open(step, since, slot):
            return self._reply(Lease(), unopened=True, since=since)
        state.limit, state.end = limit + state.extra, step.end
        self._expire(slot)
        if step.rolling:
            self._leave(slot - SLOTS)
        lease = state.leases.get(step.lease)
        if lease is None and step.seq > 1:
            lease = self._bury(step.lease, counted(step.lease))
        if lease is None:
            lease = state.leases[step.lease] = Lease()
        elif lease.seq == CLOSED:
            return self._reply(lease, lost=True)
        elif step.seq <= lease.seq:
            return self._reply(lease)
        refused = self._do(step, lease, slot, counted)
        return self._reply(lease, refused=refused, fired=self._claim(step))

    def recover(self, remains: Remains, counted: Callable[[str], int]) -> None:
        """Charge what the lease of a dead process had spent and in flight, and give back the rest."""
        lease = self.state.leases.get(remains.lease)
        if lease is None:
            lease = Lease(reported=counted(remains.lease))
            lease.slot = self.now // remains.rolling if remains.rolling else remains.day
        self._revive(remains.lease, lease)
        charged = max(0, remains.total + remains.flight - lease.reported)
        self.note(f"{remains.lease}:recovered:{lease.seq}", "recovered", charged, -lease.hold, slot=lease.slot)
        self._bury(remains.lease, lease.reported + charged, lease.slot)

    def _open(self, step: Step, since: int, slot: int) -> bool:
        """Take in what was spent before, where that is told or nothing can have been; return whether it was."""
        if step.opening is None and since > step.start:
            return False
        found = step.opening or ()
        amount = self.state.opening = sum(part for _, part in found)
        for place, part in found:
            at = min(place, slot)
            self.state.slots[at] = self.state.slots.get(at, 0) + part
        self.state.opened = True
        self.note("opening", "opening", amount, 0)
        return True

    def _do(self, step: Step, lease: Lease, slot: int, counted: Callable[[str], int]) -> bool:
        """Take in what was spent, give back, grant; return whether the least that is needed was refused."""
        state = self.state
        self._revive(step.lease, lease)
        spent = max(0, step.total - lease.reported) - self._told_before(step, lease.reported, counted)
        hold = max(0, lease.hold - spent)
        hold -= min(step.give, hold)
        if step.close:
            hold = 0
        granted = self._granted(step, state.settled + spent, state.leased + hold - lease.hold)
        self.note(f"{step.lease}:{step.seq}", "step", spent, hold + granted - lease.hold, slot=slot)
        lease.hold, lease.reported, lease.seq = hold + granted, max(step.total, lease.reported), step.seq
        lease.expires, lease.flight, lease.risk, lease.slot = self.now + step.ttl + GRACE, step.flight, step.risk, slot
        if step.close:
            self._bury(step.lease, lease.reported, slot)
        refused = granted < step.need
        state.refused = refused or (state.refused and not step.need)
        return refused

    def _told_before(self, step: Step, reported: int, counted: Callable[[str], int]) -> int:
        """Return what calls cost that are new of this lease, but that others have told of; note those that are new."""
        known = 0
        for identity, amount, total in step.once:
            if total > reported:
                if identity in self.forgotten or counted(identity):
                    known += amount
                else:
                    self.forgotten[identity] = amount
        return known

    def _bury(self, identity: str, counted: int, slot: int = 0) -> Lease:
        """Close a lease for good, with what of its spend is in the counters."""
        buried = Lease(reported=counted, seq=CLOSED, slot=slot, expires=self.now - DAY_MS + REMEMBERED)
        self.state.leases[identity] = buried
        return buried

    def _granted(self, step: Step, settled: int, leased: int) -> int:
        if step.percent is None or step.close:
            return 0
        room = self.state.limit * step.percent // 100 - settled - leased
        return max(step.need, min(step.wish, room // 16)) if room >= step.need and room > 0 else 0

    def _expire(self, slot: int) -> None:
        for identity, lease in list(self.state.leases.items()):
            if lease.hold <= 0 and self.now > lease.expires + (SUSPENDED if lease.suspense else DAY_MS):
                self.forgotten[identity] = lease.reported + lease.suspense
                del self.state.leases[identity]
            elif lease.hold and self.now > lease.expires:
                held, lease.hold = lease.hold, 0
                lease.suspense, lease.slot = held, slot
                lease.flight = lease.risk = 0
                self.note(f"{identity}:{lease.seq}:suspense", "suspense", held, -held, slot=slot)

    def _revive(self, identity: str, lease: Lease) -> None:
        held, lease.suspense = lease.suspense, 0
        if held and lease.slot in self.state.slots:
            lease.hold += held
            self.note(f"{identity}:{lease.seq}:revived", "revived", -held, held, slot=lease.slot)

    def _leave(self, oldest: int) -> None:
        for slot in [slot for slot in self.state.slots if slot < oldest]:
            gone = self.state.slots.pop(slot)
            self.state.opening = max(0, self.state.opening - gone)  # it is the oldest
            self.note(f"{slot}:left:{self.now}", "left", -gone, 0)

    def _claim(self, step: Step) -> tuple[int, ...]:
        claims, now = self.state.claims, self.now
        for percent in step.confirmed:
            if percent in claims:
                claims[percent] = (claims[percent][0], True)
        fired = []
        for percent in step.alerts:
            at, confirmed = claims.get(percent, (0, False))
            reached = self.state.settled * 100 >= percent * self.state.limit or (percent == 100 and self.state.refused)
            if (reached and not at) or (at and not confirmed and now - at > UNCONFIRMED):
                claims[percent] = (now, False)
                fired.append(percent)
        return tuple(fired)

    def _reply(
        self,
        lease: Lease,
        *,
        refused: bool = False,
        fired: tuple[int, ...] = (),
        lost: bool = False,
        unopened: bool = False,
        since: int = 0,
    ) -> Reply:
        state = self.state
        return Reply(
            hold=lease.hold, reported=lease.reported, settled=state.settled, leased=state.leased,
            flight=sum(each.flight for each in state.leases.values()),
            limit=state.limit, refused=refused, fired=fired, lost=lost, unopened=unopened, since=since,
        )  # fmt: skip


def figures(account: Account, state: State, identity: Identity, now: int) -> Figures:
    """Return an account as reports show it."""
    live = state.leases.values()
    active = identity.override is not None and (identity.until is None or now < identity.until)
    return Figures(
        account=account,
        limit=identity.limit(min(identity.declared, default=state.limit - state.extra), now) + state.extra,
        settled=state.settled,
        leased=state.leased,
        flight=sum(lease.flight for lease in live),
        risk=sum(lease.risk for lease in live),
        suspense=sum(lease.suspense for lease in live),
        opening=state.opening,
        refused=state.refused,
        days=dict(state.slots),
        end=state.end,
        override=identity.override if active else None,
        override_until=identity.until if active else None,
        declared=tuple(sorted(limit for limit, seen in identity.declared.items() if now - seen < DECLARED)),
    )
