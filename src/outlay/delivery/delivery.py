"""One exporter's way from the ledger to its backend, a batch at a time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence

from outlay.content.capture import CAPTURED
from outlay.content.store import Store
from outlay.delivery.asked import Asked
from outlay.delivery.handover import PATIENCE, Handover, Records, Verdict
from outlay.delivery.lineage import FOREIGN_PATIENCE, Lineage
from outlay.export import Batch, Content, Exporter, Later
from outlay.ledger.backlog import Backlog, Due, Waiting
from outlay.records import Call, Span

SHORTEST_PAUSE = 1.0
LONGEST_PAUSE = 300.0
"""Seconds between two attempts, after the first failure and after many."""
LONGEST_WISH = 86_400.0
"""Seconds that a backend may ask us to wait."""
SECOND = 10**9
CONTENT_PATIENCE = 30 * SECOND
"""Time that a call waits for its content, which another process may be reading."""
DAY = 86_400 * SECOND
"""Time after which a call that runs in the background is delivered though it is not settled."""


def pause(failures: int, after: float | None, chance: float) -> float:
    """Return the seconds to wait after ``failures`` attempts: twice as long each time, with jitter.

    ``after`` is what the backend asked for, ``chance`` a random number from 0 to 1, so that many processes do not come
    back at once.
    """
    longest = min(LONGEST_PAUSE, SHORTEST_PAUSE * 2 ** min(failures, 20))
    return float(max(longest * (0.5 + chance / 2), min(after or 0.0, LONGEST_WISH) * (1 + chance / 10)))


def note_trouble(
    backlog: Backlog,
    trouble: Later,
    *,
    clock: Callable[[], int] = time.time_ns,
    chance: Callable[[], float] = random.random,
) -> None:
    """Note that an attempt failed, and let the exporter rest for a while."""
    state = backlog.state()
    seconds = pause(0 if state is None else state.failures, trouble.after, chance())
    now = clock()
    backlog.fail(trouble.reason, now=now, retry_at=now + int(seconds * SECOND))


def _is_captured(record: Call | Span) -> bool:
    return isinstance(record, Call) and CAPTURED in record.marks


class Delivery:
    """An exporter that is open, and its backlog. One thread at a time."""

    def __init__(
        self,
        asked: Asked,
        backlog: Backlog,
        exporter: Exporter,
        *,
        content: Store | None = None,
        clock: Callable[[], int] = time.time_ns,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Make a delivery; ``clock`` tells nanoseconds since the epoch, ``chance`` a random number from 0 to 1."""
        self._asked = asked
        self._content = content
        self._backlog = backlog
        self._exporter = exporter
        self._clock = clock
        self._chance = chance
        self._accepted: set[str] = set()
        """Ids that the backend has, though the place could not move past them yet."""
        self._strange = 0

    def run(self, deadline: float | None = None) -> None:
        """Deliver until nothing is left that could go now, or there is trouble, or ``deadline`` (monotonic) is over."""
        while not self._backlog.resting(self._clock()) and self._round(deadline):
            pass

    def _round(self, deadline: float | None) -> bool:
        """Deliver a batch of what is new, then one of the queue, so that old history holds up nothing."""
        found = False
        for read in (self._new, self._ready):
            dues = read()
            if not dues:
                continue
            if (deadline is not None and time.monotonic() >= deadline) or not self._deliver(dues, deadline):
                return False
            found = True
        return found

    def _new(self) -> list[Due]:
        return self._backlog.new(self._asked.batch)

    def _ready(self) -> list[Due]:
        return self._backlog.ready(self._asked.batch, self._clock())

    def _deliver(self, dues: Sequence[Due], deadline: float | None) -> bool:
        """Deliver a batch; return False where that must come to its end later."""
        now = self._clock()
        lineage = Lineage(self._backlog, dues) if self._asked.backend.tree else None
        content = self._said(dues)
        waiting = [wait for due in dues if (wait := self._wait(due, lineage, content, now)) is not None]
        held = {(wait.due.kind, wait.due.seq) for wait in waiting}
        going = [due for due in dues if (due.kind, due.seq) not in held]
        records = [due.record for due in going if due.record.id not in self._accepted]
        if lineage is not None:
            records.sort(key=lambda record: (record.start, isinstance(record, Call)))
        verdict = self._hand(records, lineage, content, deadline) if records else Verdict()
        verdict.accepted |= {due.record.id for due in going} & self._accepted
        self._settle(dues, waiting, verdict, sent=bool(records))
        if verdict.trouble is not None:
            note_trouble(self._backlog, verdict.trouble, clock=self._clock, chance=self._chance)
        if verdict.trouble is None and not verdict.late:
            return True
        self._backlog.look_again()
        return False

    def _said(self, dues: Sequence[Due]) -> Mapping[str, Content] | None:
        """Return what was said in calls; None where the backend may not know."""
        if self._content is None or not self._asked.common.content:
            return None
        return self._content.read(due.record.id for due in dues if _is_captured(due.record))

    def _hand(
        self,
        records: Records,
        lineage: Lineage | None,
        content: Mapping[str, Content] | None,
        deadline: float | None,
    ) -> Verdict:
        around = {} if lineage is None else {span.id: self._asked.shown(span) for span in lineage.around.values()}

        def pack(some: Records, timeout: float) -> Batch:
            shown = tuple(self._asked.shown(record) for record in some)
            said = {record.id: content[record.id] for record in some if content and record.id in content}
            return Batch(records=shown, around=around, content=said, timeout=timeout)

        verdict = Handover(self._exporter, pack, deadline, suspecting=self._strange >= PATIENCE).run(records)
        self._strange = self._strange + 1 if verdict.strange else 0
        return verdict

    def _wait(
        self, due: Due, lineage: Lineage | None, content: Mapping[str, Content] | None, now: int
    ) -> Waiting | None:
        """Return for what a record has to wait; None if it goes now."""
        record = due.record
        if content is not None and _is_captured(record) and record.id not in content:
            until = record.end + CONTENT_PATIENCE  # whoever made the call is just reading it
            if now < until:
                return Waiting(due, min(until, now + SECOND))
        if isinstance(record, Call) and record.outcome == "pending":
            until = record.start + DAY
            return Waiting(due, until) if now < until else None
        missing = None if lineage is None else lineage.missing(record)
        if missing is None:
            return None
        span, ours = missing
        patience = self._asked.backend.patience
        until = record.end + int((patience if ours else min(patience, FOREIGN_PATIENCE)) * SECOND)
        return Waiting(due, until, span) if now < until else None

    def _settle(self, dues: Sequence[Due], waiting: Sequence[Waiting], verdict: Verdict, *, sent: bool) -> None:
        """Note what is decided: of the queue all of it, of what is new as far as nothing undecided stands before it."""
        decided = verdict.accepted | verdict.rejected.keys()
        waits = {(wait.due.kind, wait.due.seq): wait for wait in waiting}
        done: list[Due] = []
        passed: list[Waiting] = []
        for due in dues:
            wait = waits.get((due.kind, due.seq))
            if wait is not None:
                passed.append(wait)
            elif due.record.id in decided:
                done.append(due)
            elif not due.queued:
                break
        ids = {due.record.id for due in done}
        self._accepted = (self._accepted - ids) | (verdict.accepted - ids)
        if done or passed:
            self._backlog.settle(
                done,
                now=self._clock(),
                accepted=sum(one in verdict.accepted for one in ids),
                aside={one: reason for one, reason in verdict.rejected.items() if one in ids},
                unnamed=verdict.unnamed,
                waiting=passed,
                worked=sent and verdict.trouble is None,
            )
