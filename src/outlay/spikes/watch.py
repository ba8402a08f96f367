"""The watch: what comes into the ledger is taken apart by series, judged when a bucket is over, and told.

One process of all that share a ledger does it, elected by a lease; its state is kept there, so another one can go on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import msgspec

from outlay.alerts.alert import Alert
from outlay.config.spike_limits import Limits
from outlay.ledger.watched import Watched
from outlay.readable import readable
from outlay.spikes.board import Board
from outlay.spikes.cause import Cause, find_cause
from outlay.spikes.detector import Bucket
from outlay.spikes.guards import Guards
from outlay.spikes.incidents import BUCKET, Echo, Event, Incident, Incidents, told
from outlay.spikes.message import alert_of, alert_of_finding
from outlay.spikes.minutes import LONGEST, Minutes
from outlay.spikes.series import Key, Pending, collect, dimensions, gather, name_of

SECOND = 10**9
MINUTE = 60 * SECOND
HOUR = 3_600 * SECOND
GRACE = 10 * SECOND
"""Nanoseconds after its end at which a bucket or a minute is judged: by then the calls of all processes have come."""
HISTORY = 28 * 24 * HOUR
"""How far back the ledger is read when the watch is new."""
LEASE = 60 * SECOND
SAVE = 6
"""Buckets after which all states are kept, at the latest. What came since is read again after a crash."""
RECENT = 20_000
"""Calls that guards learn from when the watch is new."""
AT_ONCE = 2_000
"""Calls that the ledger adds up at a time, about 30 ms: what is answered meanwhile waits in memory for the worker."""
_STATE = "watch"

Sink = Callable[[Alert], None]


class Told(msgspec.Struct, kw_only=True):
    """An incident with its cause, as the ledger keeps it."""

    incident: Incident
    cause: Cause | None = None


class _State(msgspec.Struct, kw_only=True):
    """What the watch keeps beside the series."""

    slot: int
    pending: list[tuple[int, Key, Bucket]]
    open: list[Incident]
    guards: Guards
    echoes: dict[str, Echo] = {}


def _state_of(kept: bytes | None) -> _State | None:
    """Return what was kept; None for what is damaged or of another outlay: it is learned from the ledger again."""
    try:
        return None if kept is None else msgspec.msgpack.decode(kept, type=readable(_State))
    except msgspec.DecodeError:
        return None


class Watch:
    """One process's part in the watch over a ledger."""

    def __init__(
        self,
        ledger: Watched,
        sink: Sink,
        *,
        holder: str = "",
        tags: tuple[str, ...] = (),
        project: str = "",
        limits: Limits | None = None,
    ) -> None:
        """Watch ``ledger`` as ``holder`` (any name), by the values of ``tags`` too; tell ``sink``."""
        self._ledger = ledger
        self._sink = sink
        self._holder = holder or f"{os.getpid()}-{os.urandom(4).hex()}"
        self._tags = tags
        self._project = project
        self._limits = limits or Limits()
        self.board: Board | None = None
        """The series; None while another process watches."""
        self._warming: Iterator[None] | None = None
        self._lease_until = 0

    def step(self, now: int, deadline: float | None = None) -> bool:
        """Take in what has come until ``now`` (ns since the epoch), as far as ``deadline`` (monotonic) allows.

        Returns whether something is left to do.
        """
        if not self._elected(now):
            self.board = None
            return False
        if self.board is None:
            self._load(now)
        if self._warming is not None and not self._warm(deadline):
            return True
        return self._read(deadline) or self._close(now, deadline) or self._peek(now)

    def leave(self) -> None:
        """Let another process watch: this one ends. What was not kept yet is read again."""
        self._ledger.drop_lease("spikes", self._holder)
        self.board = None
        self._lease_until = 0

    # What follows happens in this order.

    def _elected(self, now: int) -> bool:
        if now + LEASE // 2 > self._lease_until or self.board is None:
            if not self._ledger.take_lease("spikes", self._holder, now, LEASE):
                self._lease_until = 0
                return False
            self._lease_until = now + LEASE
        return True

    def _load(self, now: int) -> None:
        states, seq = self._ledger.states(), self._ledger.watch_cursor()
        kept = _state_of(states.pop(_STATE, None))
        self._pending: Pending = {}
        self._minutes = Minutes()
        self._over: list[Told] = []
        self._closed = 0
        self._first = kept is None or seq is None
        if kept is None or seq is None:
            self.board, self._incidents, self._guards = Board(), Incidents(), Guards()
            self._seq = self._ledger.last_seq()
            self._slot = (now - HISTORY) // BUCKET
            self._warming = self._replay(now)
            return
        self.board, self._incidents, self._guards = Board(states), Incidents(kept.open, kept.echoes), kept.guards
        self._seq, self._slot, self._warming = seq, kept.slot, None
        for slot, key, bucket in kept.pending:
            self._pending.setdefault(slot, {})[key] = bucket

    def _replay(self, now: int) -> Iterator[None]:
        """Learn from the ledger's history, a bucket at a time; of it only what guards see in the latest is told."""
        board, last = self.board, self._seq
        assert board is not None  # noqa: S101 - _load has made it
        for after in range(max(0, last - RECENT), last, AT_ONCE):
            for finding in self._guards.watch(
                self._ledger.watched_calls(after, min(after + AT_ONCE, last)), self._limits
            ):
                if finding.at >= now - BUCKET:  # a new ledger's first calls are news too
                    self._sink(alert_of_finding(finding, finding.at, self._project))
            yield
        for since in range(now - HISTORY, now, HOUR):
            until = min(since + HOUR, now)
            for by in dimensions(self._tags):
                collect(self._pending, by, self._ledger.traffic_between(by, since, until, last), self._slot)
            if not self._pending and not board.begun:
                self._slot = until // BUCKET  # nothing was called yet
            while (self._slot + 1) * BUCKET <= until:
                board.close(self._slot, gather(self._pending.pop(self._slot, {}).items()))
                self._slot += 1
                yield

    def _warm(self, deadline: float | None) -> bool:
        assert self._warming is not None  # noqa: S101 - step has looked
        for _ in self._warming:
            if deadline is not None and time.monotonic() >= deadline:
                return False
        self._warming = None
        self._save()
        return True

    def _read(self, deadline: float | None) -> bool:
        """Take in what has come to the ledger; return whether some of it is left for the next step."""
        newest = self._ledger.last_seq()
        while self._seq < newest:
            last = min(self._seq + AT_ONCE, newest)
            for by in dimensions(self._tags):
                rows = list(self._ledger.traffic_after(by, self._seq, last))
                self._minutes.take(by, rows)
                collect(self._pending, by, [row._replace(slot=row.slot // LONGEST) for row in rows], self._slot)
            for finding in self._guards.watch(self._ledger.watched_calls(self._seq, last), self._limits):
                self._sink(alert_of_finding(finding, finding.at, self._project))
            self._seq = last
            if deadline is not None and time.monotonic() >= deadline:
                break
        return self._seq < newest

    def _close(self, now: int, deadline: float | None) -> bool:
        """Judge the buckets that are over."""
        board = self.board
        assert board is not None  # noqa: S101 - step has made it
        while (self._slot + 1) * BUCKET + GRACE <= now:
            slot = self._slot
            self._hear()
            alarms = board.close(slot, gather(self._pending.pop(slot, {}).items()))
            self._slot += 1
            self._closed += 1
            amounts = {key: series.amounts[-1] for key, series in board.series.items()}
            events = self._incidents.take(slot, alarms, amounts)
            for event in events:
                self._tell(event, now)
            if events or self._closed >= SAVE:
                self._save()
            if self.board is None:
                return True
            if deadline is not None and time.monotonic() >= deadline:
                return True
        return False

    def _peek(self, now: int) -> bool:
        """Look at the latest minute that is over; nothing is left to do."""
        if self.board is not None and now // BUCKET <= self._slot:
            alarms = self._minutes.judge(self.board, (now - GRACE) // MINUTE - 1)
            events = self._incidents.hurry(alarms)
            for event in events:
                self._tell(event, now)
            if events:
                self._save()
        return False

    def _tell(self, event: Event, now: int) -> None:
        """Find out why, keep it, and hand it on unless somebody said not to."""
        incident = event.incident
        cause = self._cause(incident)
        reviews = self._ledger.reviews()
        word, until = reviews.get((incident.id, "state"), ("", 0))
        if not ((word == "muted" and until > now) or (word == "acknowledged" and event.what == "grown")):
            self._sink(alert_of(event, cause, now, self._project))
        told(incident, self._slot * BUCKET)
        if incident.closed is not None:
            self._over.append(Told(incident=incident, cause=cause))

    def _cause(self, incident: Incident) -> Cause:
        return find_cause(self._ledger, incident, self.board.series if self.board is not None else ())

    def _hear(self) -> None:
        """End the incidents of which somebody said that all is well: what is now is the usual."""
        board = self.board
        assert board is not None  # noqa: S101 - step has made it
        if not self._incidents.open:
            return
        reviews = self._ledger.reviews()
        for incident in list(self._incidents.open):
            if reviews.get((incident.id, "judgement"), ("", 0))[0] == "dismissed":
                self._incidents.open.remove(incident)
                incident.closed = incident.last
                self._over.append(Told(incident=incident, cause=self._cause(incident)))
                for key in incident.series:
                    if key in board.series:
                        board.series[key].detector.accept(self._slot - incident.opened // BUCKET)

    def _save(self) -> None:
        board = self.board
        assert board is not None  # noqa: S101 - step has made it
        pending = [(slot, key, part) for slot, parts in self._pending.items() for key, part in parts.items()]
        now = self._incidents
        state = _State(slot=self._slot, pending=pending, open=now.open, echoes=now.echoes, guards=self._guards)
        states = board.states() | {_STATE: msgspec.msgpack.encode(state)}
        open_ones = [Told(incident=one, cause=self._cause(one)) for one in self._incidents.open]
        rows = [
            (one.incident.id, one.incident.opened, one.incident.closed, msgspec.json.encode(one))
            for one in (*self._over, *open_ones)
        ]
        gone = [name_of(key) for key in board.gone]
        if not self._ledger.save_states(states, gone, self._seq, rows, first=self._first):
            self.board = None  # the next step learns anew
            return
        self._first = False
        board.gone.clear()
        self._over.clear()
        self._closed = 0
