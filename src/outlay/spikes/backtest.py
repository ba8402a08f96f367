"""What would have been told: the watch over a ledger's past, and how right it was by what people said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from outlay.config.spike_limits import Limits
from outlay.ledger.watched import Watched
from outlay.spikes.board import Board
from outlay.spikes.guards import Finding, Guards
from outlay.spikes.incidents import BUCKET, Incident, Incidents
from outlay.spikes.series import Pending, collect, dimensions, gather, related
from outlay.spikes.watch import HISTORY, HOUR


class Backtest(msgspec.Struct, kw_only=True):
    """The incidents that would have been, and those that people had judged."""

    raised: list[Incident]
    findings: list[Finding] = []
    """What guards would have told of."""
    right: int = 0
    """Of those that would have been raised: how many were confirmed."""
    wrong: int = 0
    """And how many dismissed."""
    found: int = 0
    """Confirmed incidents that would have been raised."""
    confirmed: int = 0
    """Confirmed incidents of that time."""

    @property
    def precision(self) -> float | None:
        """The share of right ones among those that were judged; None where none was."""
        judged = self.right + self.wrong
        return self.right / judged if judged else None


def replay(book: Watched, since: int, until: int, tags: tuple[str, ...] = ()) -> Iterator[Incident]:
    """Yield the incidents from ``since`` to ``until`` (ns) as they begin; what was before is learned from."""
    board, incidents, last = Board(), Incidents(), book.last_seq()
    pending: Pending = {}
    slot = (since - HISTORY) // BUCKET
    for start in range(slot * BUCKET, until, 24 * HOUR):
        for by in dimensions(tags):
            collect(pending, by, book.traffic_between(by, start, min(start + 24 * HOUR, until), last), slot)
        if not pending and not board.begun:
            slot = min(start + 24 * HOUR, until) // BUCKET  # nothing was called yet
        while (slot + 1) * BUCKET <= min(start + 24 * HOUR, until):
            alarms = board.close(slot, gather(pending.pop(slot, {}).items()))
            amounts = {key: series.amounts[-1] for key, series in board.series.items()}
            if (slot + 1) * BUCKET > since:
                for event in incidents.take(slot, alarms, amounts):
                    if event.what == "opened":
                        yield event.incident
            slot += 1


def guard(book: Watched, since: int, until: int, limits: Limits) -> list[Finding]:
    """Return what guards would have told of from ``since`` to ``until`` (ns); what was before is learned from."""
    guards = Guards()
    found = guards.watch(book.watched_between(since - HISTORY, until), limits)
    return [finding for finding in found if finding.at >= since]


def judge(raised: list[Incident], told: Mapping[str, Incident], words: Mapping[tuple[str, str], str]) -> Backtest:
    """Compare ``raised`` with the incidents that were told at their time, by what people said of these."""
    made = Backtest(raised=raised)
    found: set[str] = set()
    for incident in raised:
        alike = [other for other in told.values() if same(incident, other)]
        found |= {other.id for other in alike}
        # Of several that were judged, the one that began nearest is this one.
        alike.sort(key=lambda other: abs(other.opened - incident.opened))
        said = next(filter(None, (words.get((other.id, "judgement")) for other in alike)), "")
        made.right += said == "confirmed"
        made.wrong += said == "dismissed"
    confirmed = {name for name in told if words.get((name, "judgement")) == "confirmed"}
    made.confirmed, made.found = len(confirmed), len(confirmed & found)
    return made


def same(one: Incident, other: Incident) -> bool:
    """Return whether two incidents are of the same time and series."""
    in_time = one.opened < (other.closed or other.last) and other.opened < (one.closed or one.last)
    return in_time and any(related(key, key_other) for key in one.series for key_other in other.series)
