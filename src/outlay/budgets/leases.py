"""What this process may spend without asking: reserving and settling touch integers under one lock, and nothing else.

Amounts are nano-USD. A lease's ``free`` is what it holds, less what was spent since the store was told, less what calls
in flight have reserved. A call that costs more than its reservation may take it below zero: that is repaid before
anything else is reserved.
"""

from __future__ import annotations

import threading
from time import monotonic_ns, time_ns
from typing import TYPE_CHECKING

from outlay.budgets.journal import Journal, Kept
from outlay.budgets.trade import Account
from outlay.guard import logger
from outlay.ids import span_id

if TYPE_CHECKING:
    from outlay.budgets.plan import Plan

NEVER = 2**63


class Lease:
    """This process's part of one account."""

    __slots__ = (
        "account", "asked", "began", "closing", "denied", "denied_until", "end", "expires", "flight",
        "flight_elsewhere", "free", "hold", "id", "key", "leased", "limit", "low", "memory",
        "once", "opening", "place", "plan", "refilled", "report_at", "reported", "risk", "seq", "settled", "size",
        "soft", "start", "tell", "told", "total", "values", "watches", "wish",
    )  # fmt: skip

    def __init__(self, plan: Plan, account: Account, values: dict[str, str], key: tuple[str, ...]) -> None:
        self.plan, self.account, self.values, self.key = plan, account, values, key
        self.id = span_id()
        self.soft = not plan.budget.blocks
        self.watches = self.soft and not plan.actions and plan.budget.on_store_down == "open"
        """Whether nothing that the store may say changes what becomes of a call: it is told, and never waited for."""
        self.start: int = 0
        self.end: int | None = None
        self.began: int = 0
        """Milliseconds since the epoch of its first call."""
        self.opening: tuple[tuple[int, int], ...] | None = None
        self.seq = self.hold = self.reported = self.total = self.flight = self.free = self.risk = 0
        self.settled = self.leased = self.flight_elsewhere = self.limit = self.told = 0
        self.expires = self.denied = self.denied_until = self.refilled = 0
        self.wish = self.size = self.low = 0
        self.report_at = NEVER
        if self.soft:
            self.low = -NEVER
        self.asked = self.closing = False
        self.tell = False
        """Whether so much was spent that it is to be told at once."""
        self.once: list[tuple[str, int, int]] = []
        """Calls that were not told yet and that other processes may tell of too, as in ``Step``."""
        self.memory: memoryview | None = None
        self.place = 0

    @property
    def spent(self) -> int:
        """Return what the fleet has spent as far as is known here."""
        return self.settled + self.total - self.reported

    @property
    def held(self) -> int:
        """Return what calls of the fleet have reserved as far as is known here."""
        return self.flight_elsewhere + self.flight

    @property
    def held_or_leased(self) -> int:
        """Return what is held in the fleet but for what is free here: what a refusal has to explain."""
        return max(self.held, self.leased + self.reported - self.total - max(self.free, 0))

    @property
    def room(self) -> int | None:
        """Return what the store had left to give when it was last asked; None where nothing is ever refused."""
        percent = self.plan.budget.blocks_at
        return None if percent is None else self.limit * percent // 100 - self.settled - self.leased

    def covers(self, amount: int, *, late: bool) -> bool:
        """Return whether ``amount`` is free; ``late``: also beyond the lease's end."""
        return self.free >= amount and bool(self.seq) and (late or monotonic_ns() < self.expires)

    def denies(self, amount: int) -> bool:
        """Return whether the store has just refused what ``amount`` would take."""
        return self.denied_until > monotonic_ns() and amount - self.free >= self.denied


class Held:
    """What one call has reserved: to be settled once, in the process that reserved it."""

    __slots__ = ("call", "done", "generation", "most", "parts")

    def __init__(
        self, parts: list[tuple[Lease, int]], most: int, generation: int, call: tuple[str, str, int] | None
    ) -> None:
        self.parts, self.most, self.generation, self.call = parts, most, generation, call
        self.done = False


class Leases:
    """All leases of this process, and the lock that they share."""

    def __init__(self, journal: Journal | None = None) -> None:
        self.lock = threading.Lock()
        self.live: set[Lease] = set()
        """Those that hold something, or have something to tell."""
        self.generation = 0
        self.wanting = False
        """Whether a lease has become low, or has something to tell."""
        self._journal = journal
        self._without = False
        """Whether it was said that the journal can't be written."""

    def reserve(
        self, parts: list[tuple[Lease, int]], most: int = 0, *, force: bool = False, late: bool = False
    ) -> list[Lease]:
        """Take all of ``parts`` or none; return the leases that are short of it, none where it was taken.

        ``most``: what the call can cost; by what a part is less than that, the limit may be passed. ``force`` takes it
        whatever is there; ``late`` lets a lease be used beyond its end.
        """
        now = monotonic_ns()
        with self.lock:
            if not force:
                short = [
                    lease
                    for lease, amount in parts
                    if not (lease.seq or lease.watches)
                    or (not lease.soft and (lease.free < amount or (now >= lease.expires and not late)))
                ]
                if short:
                    return short
            for lease, amount in parts:
                if not lease.seq and lease not in self.live:
                    self.enter(lease)
                    lease.tell = self.wanting = True
                lease.flight += amount
                lease.free -= amount
                lease.risk += max(0, most - amount)
                if lease.memory is not None:
                    lease.memory[lease.place + 1] = lease.flight
                if lease.free < lease.low and not lease.asked:
                    lease.asked = self.wanting = True
        return []

    def settle(self, held: Held, cost: int | None) -> None:
        """Put ``cost`` in place of what was reserved; None leaves what was reserved as spent."""
        with self.lock:
            if held.done or held.generation != self.generation:
                return
            held.done = True
            for lease, amount in held.parts:
                spent = amount if cost is None else cost
                lease.total += spent
                lease.flight -= amount
                lease.free += amount - spent
                lease.risk -= max(0, held.most - amount)
                if lease.memory is not None:  # a kill in between counts the call twice, never not at all
                    lease.memory[lease.place] = lease.total
                    lease.memory[lease.place + 1] = lease.flight
                if lease.total >= lease.report_at:
                    lease.report_at = NEVER
                    lease.tell = self.wanting = True

    def charge(self, parts: list[tuple[Lease, int]], once: str | None = None) -> None:
        """Take ``parts`` as spent, whatever room there is; with an id ``once``, once over all who tell of it."""
        with self.lock:
            for lease, amount in parts:
                if lease not in self.live:
                    self.enter(lease)
                    lease.tell = self.wanting = True
                lease.total += amount
                lease.free -= amount
                if once is not None:
                    lease.once.append((once, amount, lease.total))
                if lease.memory is not None:
                    lease.memory[lease.place] = lease.total
                if lease.total >= lease.report_at or lease.free < lease.low:
                    lease.report_at = NEVER
                    lease.tell = self.wanting = True

    def enter(self, lease: Lease) -> None:
        """Have a lease that is about to hold something written to the journal. The lock is held."""
        self.live.add(lease)
        if lease.memory is None:
            self._write(lease)

    def succeed(self, lease: Lease, before: str) -> None:
        """Have a lease, which has another identity now than ``before``, written anew. The lock is held."""
        old = None if lease.memory is None else (lease.memory, lease.place)
        lease.memory = None
        self._write(lease, before)  # first: whenever a kill comes, what is not told yet is written once
        if self._journal is not None and old is not None:
            self._journal.leave(old)

    def begun(self, lease: Lease) -> int:
        """Return when the first call was made that is counted on this machine by the budget of a lease, in ms."""
        account = lease.account
        with self.lock:
            own = [each.began for each in self.live if each.plan is lease.plan]
        kept = None if self._journal is None else self._journal.begun(account.project, account.budget)
        return min([lease.began, *own, *([] if kept is None else [kept])])

    def _write(self, lease: Lease, after: str = "") -> None:
        if self._journal is None:
            return
        plan = lease.plan
        kept = Kept(
            lease.id, lease.account, plan.shape, lease.began, plan.day(lease, time_ns()), plan.rolling,
            None if lease.end is None else lease.end // 10**6, after,
        )  # fmt: skip
        try:
            lease.memory, lease.place = self._journal.enter(kept, lease.total, lease.flight)
        except OSError as error:
            if not self._without:
                self._without = True
                logger.warning("outlay can't note what budgets hold (%s): if it is killed, that stays charged.", error)

    def leave(self, lease: Lease) -> None:
        """Forget a lease that holds nothing any more. The lock is held."""
        self.live.discard(lease)
        if self._journal is not None and lease.memory is not None:
            self._journal.leave((lease.memory, lease.place))
            lease.memory = None

    def close(self, *, keep: bool) -> None:
        """Let go of the journal, which is kept as evidence where something is still held."""
        with self.lock:
            self.generation += 1
            self.live.clear()
            if self._journal is not None:
                self._journal.close(keep=keep)

    def forked(self) -> None:
        """Own nothing in a child: what its parent holds is its parent's."""
        self.lock = threading.Lock()
        self.live = set()
        self.generation += 1
        self.wanting = False
        if self._journal is not None:
            self._journal.forked()
