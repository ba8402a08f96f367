"""The way to the store and back: what leases have spent is told, what they need is fetched, one trip at a time."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Sequence
from operator import itemgetter
from queue import SimpleQueue
from time import monotonic_ns, time_ns

import msgspec

from outlay.alerts.alert import Alert
from outlay.budgets.breaker import Breaker
from outlay.budgets.leases import NEVER, Lease, Leases
from outlay.budgets.notices import disagreement, threshold
from outlay.budgets.trade import Reply, Step, Store, StoreDown
from outlay.guard import guard, logger
from outlay.ids import span_id

DENIAL = 50 * 10**6
"""Nanoseconds for which a refusal is taken for the answer to the next call too."""
EARLY = 1_000
"""Milliseconds by which a holder lets go of its lease before the store does."""
BRISK = 10**9
"""Nanoseconds within which a second refill shows that more is wanted."""
FIRST_WISH = 16
"""Calls of this size that are asked for at first, where there is plenty."""
MANY = 1_000
"""Calls told with one step of which others may tell too: a batch has up to 100,000."""
ROUNDS = 200
"""Steps in a row by which a lease tells all that it has to tell."""
TELL = 200
"""Part of a limit that is told at once when it was spent, so that alerts are not late."""

SENSELESS = (LookupError, TypeError, ValueError, msgspec.MsgspecError)
"""What reading an answer raises that is none: such a store is no better than one that is down."""

_raising = guard("raising an alert")

Sink = Callable[[Alert], object]
Opening = Callable[[Lease, int], tuple[tuple[int, int], ...]]
"""What had been spent in a lease's account by calls before a moment (milliseconds since the epoch), which is when they
were first counted: (day since the epoch, or slot of a rolling window; nano-USD)."""


def logged(alert: Alert) -> None:
    """Put an alert into the log, where there are no channels for it."""
    logger.warning("%s. %s", alert.title, alert.advice)


class Teller:
    """Takes steps to the store, and their replies to the leases."""

    def __init__(self, store: Store, leases: Leases, *, ttl: int, sink: Sink, opening: Opening | None = None) -> None:
        """Make a teller; ``ttl``: milliseconds for which a lease lives without a word from its holder."""
        self.breaker = Breaker()
        self._store, self._leases, self._ttl, self._sink, self._opening = store, leases, ttl, sink, opening
        self._on_its_way = threading.Lock()
        self._safe: set[tuple[Lease, int]] = set()
        """Alerts that were raised, of which the store is to hear so."""
        self._due: SimpleQueue[tuple[Lease, Reply]] = SimpleQueue()

    def forked(self) -> None:
        """Start afresh in a child."""
        self._on_its_way = threading.Lock()
        self._safe = set()
        self._due = SimpleQueue()

    def fetch(self, parts: Sequence[tuple[Lease, int]], *, need: bool = True) -> None:
        """Fetch what ``parts`` are short of; without ``need`` as much as is good to have. Raises ``StoreDown``."""
        with self._on_its_way:
            short = [part for part in parts if not need or self._short(*part)]
            for _ in range(3):  # again for a lease that is lost, and for an account that was never opened
                if not short:
                    return
                again = self._trip([(lease, amount, need) for lease, amount in short])
                short = [part for part in short if part[0] in again]

    def report(self, leases: Sequence[Lease], *, closing: bool = False) -> None:
        """Tell what leases have spent, and give back what they do not use. Raises ``StoreDown``."""
        with self._on_its_way:
            for start in range(0, len(leases), 100):
                some = list(leases[start : start + 100])
                for _ in range(ROUNDS):
                    if not some:
                        break
                    some = self._trip([(lease, 0, False) for lease in some], spare=True, closing=closing)

    def _short(self, lease: Lease, amount: int) -> bool:
        now = monotonic_ns()
        return not lease.seq or lease.free < amount or now >= lease.expires

    def _trip(
        self, wanted: Sequence[tuple[Lease, int, bool]], *, spare: bool = False, closing: bool = False
    ) -> list[Lease]:
        """Do one round trip; return the leases whose step is to be done again."""
        if self.breaker.open:
            raise StoreDown(self.breaker.reason)
        with self._leases.lock:
            steps = [self._step(lease, amount, need, spare=spare, closing=closing) for lease, amount, need in wanted]
        sent = monotonic_ns()
        try:
            replies = self._store.trade(steps)
        except (StoreDown, *SENSELESS) as error:
            down = isinstance(error, StoreDown)
            reason = str(error) if down else f"what the store holds makes no sense ({type(error).__name__})."
            if self.breaker.failed(reason):
                logger.warning("outlay's budgets can't reach their store: %s", reason)
            if down:
                raise
            raise StoreDown(reason) from error
        self.breaker.worked()
        again: list[Lease] = []
        with self._leases.lock:
            for (lease, _, _), step, reply in zip(wanted, steps, replies, strict=True):
                if self._take_in(lease, step, reply, sent):
                    again.append(lease)
        for (lease, _, _), reply in zip(wanted, replies, strict=True):
            if reply.unopened:
                lease.opening = self._looked_up(lease, reply.since)
            if reply.fired or reply.disagree:
                self._due.put((lease, reply))
        return again

    def _looked_up(self, lease: Lease, since: int) -> tuple[tuple[int, int], ...]:
        """Return what was spent before any call was counted that leases have told of, or are to tell of yet."""
        until = min(since, self._leases.begun(lease))
        while self._opening is not None:
            found = self._opening(lease, until)
            if (first := self._leases.begun(lease)) >= until:  # no other process has begun meanwhile
                return found
            until = first
        return ()

    def _step(self, lease: Lease, amount: int, need: bool, *, spare: bool, closing: bool) -> Step:  # noqa: FBT001 - a part of what is wanted
        budget = lease.plan.budget
        self._leases.enter(lease)
        lease.seq += 1
        idle = lease.total == lease.told
        give = self._spare(lease, whole=closing) if spare else 0
        once, rest = tuple(lease.once[:MANY]), len(lease.once) > MANY
        total = once[-1][2] if rest else lease.total
        lease.closing = not (lease.flight or rest) and (closing or (spare and idle))
        if lease.closing:
            lease.free = min(lease.free, 0)  # the store takes all of it: none may be reserved meanwhile
        if not need and not spare:  # low, and not in want yet
            amount = 0
        wish = 0 if spare or lease.soft else self._wish(lease, amount)
        deficit = max(0, lease.flight + lease.total - lease.reported - lease.hold) if amount else 0
        carry, since = lease.plan.earlier(lease)
        return Step(
            account=lease.account, lease=lease.id, seq=lease.seq, total=total, once=once, flight=lease.flight,
            risk=lease.risk, give=give, need=0 if lease.soft else self._need(lease, amount), wish=wish + deficit,
            close=lease.closing, ttl=self._ttl, limit=lease.plan.limit, percent=budget.blocks_at, alerts=budget.alerts,
            confirmed=tuple(percent for of, percent in list(self._safe) if of is lease), rolling=lease.plan.rolling,
            day=lease.plan.day(lease, time_ns()), carry=carry,
            carry_since=since, shape=lease.plan.shape, began=lease.began, start=lease.plan.start(lease, time_ns()),
            opening=lease.opening if self._opening else (),
            end=None if lease.end is None else lease.end // 10**6,
        )  # fmt: skip

    def _need(self, lease: Lease, amount: int) -> int:
        """Return what must be granted so that ``amount`` is free: deficits are repaid first."""
        return max(0, amount - lease.free) if amount else 0

    def _wish(self, lease: Lease, amount: int) -> int:
        """Return what is wanted beside what is free: more each time, where refills follow each other quickly."""
        if not amount and not lease.asked:
            return 0
        now = monotonic_ns()
        lease.size = amount or lease.size
        if not lease.wish:
            lease.wish = FIRST_WISH * amount
        elif now - lease.refilled < BRISK:
            lease.wish = min(lease.wish * 4, lease.plan.limit)
        lease.refilled = now
        return max(lease.wish - max(lease.free, 0), amount)

    def _spare(self, lease: Lease, *, whole: bool) -> int:
        """Return what is free beyond twice what was spent since the last report, and wish for less from now on."""
        used = 0 if whole else lease.total - lease.told
        lease.told = lease.total
        give = max(0, lease.free - 2 * used)
        if give and not lease.soft:
            lease.free -= give
            lease.wish = max(2 * used, lease.wish // 4)
            return give
        return 0

    def _take_in(self, lease: Lease, step: Step, reply: Reply, sent: int) -> bool:
        """Bring a lease up to date; return whether its step is to be done again. The lock is held."""
        lease.asked = lease.tell = False
        if reply.unopened:
            lease.seq = 0
            return True
        if reply.lost:
            lease.reported = min(reply.reported, lease.total)
            if step.close:
                self._closed(lease)
                return lease in self._leases.live
            self._begin_anew(lease)
            return True
        self._safe.difference_update([(lease, percent) for percent in step.confirmed])
        lease.hold, lease.reported = reply.hold, reply.reported
        lease.free = reply.hold - (lease.total - reply.reported) - lease.flight
        lease.settled, lease.leased, lease.limit = reply.settled, reply.leased, reply.limit
        lease.flight_elsewhere = max(0, reply.flight - (0 if step.close else step.flight))
        lease.expires = sent + (self._ttl - EARLY) * 10**6
        # Where the store gives little at a time there is little left: none of it is fetched before it is needed.
        lease.low = -NEVER if lease.soft else reply.hold // 4 if reply.hold > 8 * lease.size else 0
        lease.report_at = step.total + max(1, reply.limit // TELL)
        if lease.total >= lease.report_at:  # spent while the step was under way
            lease.tell = self._leases.wanting = True
        if reply.refused:
            lease.denied, lease.denied_until = step.need, monotonic_ns() + DENIAL
        _told(lease)
        if step.close:
            self._closed(lease)
        return bool(lease.once)

    def _closed(self, lease: Lease) -> None:
        used = lease.flight or lease.total != lease.reported  # since the step was made
        if not used:
            self._leases.leave(lease)
            lease.plan.forget(lease)
        self._begin_anew(lease)

    def _begin_anew(self, lease: Lease) -> None:
        """Give a lease another identity, under which it tells only what of its spend is not in the counters."""
        _told(lease)
        lease.once = [(identity, amount, total - lease.reported) for identity, amount, total in lease.once]
        lease.total -= lease.reported
        lease.told = lease.reported = lease.hold = lease.seq = lease.low = 0
        before, lease.id = lease.id, span_id()
        lease.free = -lease.total - lease.flight
        lease.report_at = lease.total + 1
        if lease in self._leases.live:
            self._leases.succeed(lease, before)

    def raise_due(self) -> None:
        """Raise the alerts that it fell to this process to raise; those that can't be are given to another later."""
        while not self._due.empty():
            lease, reply = self._due.get()
            at = time_ns()
            if reply.disagree:
                with _raising:
                    self._sink(disagreement(lease, reply.disagree, at))
            for percent in reply.fired:
                with _raising:
                    self._sink(threshold(lease, percent, at))
                    self._safe.add((lease, percent))

    def confirm(self) -> None:
        """Tell the store which alerts are safe: until it knows, others may raise them. Raises ``StoreDown``."""
        with self._on_its_way:
            for lease in dict.fromkeys(lease for lease, _ in list(self._safe)):
                self._trip([(lease, 0, False)], closing=lease not in self._leases.live)

    @property
    def due(self) -> bool:
        """Whether there are alerts to be raised."""
        return not self._due.empty()


def _told(lease: Lease) -> None:
    """Forget the calls that are in what a lease has reported."""
    if lease.once:
        del lease.once[: bisect_right(lease.once, lease.reported, key=itemgetter(2))]
