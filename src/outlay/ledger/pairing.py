"""Past days by tag and label: summed up in the background, so that a report by a tag and a field reads no calls.

A day is read a few hours at a time, once it is over, and once for each tag. Whatever changes a day's calls meanwhile
or later takes its mark away: what was summed is thrown away then, and begun again.
"""

from __future__ import annotations

import secrets
import sqlite3

import msgspec

from outlay.ledger.calendar import Piece
from outlay.ledger.counters import SUMS
from outlay.ledger.database import transaction
from outlay.ledger.rollups import HOUR
from outlay.ledger.scanned import read_by_label
from outlay.ledger.sums import Found, add

DONE, WIDE = "done", "wide"
"""States of a day: summed up, or left out because its tag has too many values. Any other names who is at it."""

WIDTH = 1_000
"""Values that a tag may have in a day. With more, pairs would not be much fewer than calls."""

_LATE = 1
"""Hours after a day's end before which it is not touched: calls still come."""
_HOURS = 24
"""Hours of a day, in UTC."""
_PAUSE = 60 * 10**9
"""Nanoseconds to the next look, when nothing was to be done."""
_GIVEN_UP = HOUR
"""Nanoseconds after which a day that another process began is begun again."""
_CALLS = 20_000
"""Calls to read at a time, about."""
_DAYS = (
    "SELECT slot, sum(attempts) FROM rollups WHERE dimension = 'total' AND hours = 24 AND slot <= ?"
    " GROUP BY slot ORDER BY slot DESC"
)
_COLUMNS = ("slot", "tag", "tagged", "value", "label", *SUMS)
_INSERT = f"INSERT INTO pairs ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608  own names
_UNTAGGED = (
    f"INSERT INTO pairs ({', '.join(_COLUMNS)}) SELECT slot, ?, 0, '', CAST(value AS INTEGER), {', '.join(SUMS)}"  # noqa: S608  own names
    " FROM rollups WHERE dimension = 'label' AND hours = 24 AND slot = ?"
)
_VALUES = (
    "SELECT count(*), coalesce(max(folded), 0) FROM"
    " (SELECT folded FROM rollups WHERE dimension = ? AND hours = 24 AND slot = ? LIMIT ?)"
)
_TAGS = """
WITH RECURSIVE tags(name) AS (
    SELECT min(dimension) FROM rollups WHERE dimension >= 'tag:' AND dimension < 'tag;'
    UNION ALL SELECT (SELECT min(dimension) FROM rollups WHERE dimension > name AND dimension < 'tag;')
    FROM tags WHERE name IS NOT NULL
) SELECT name FROM tags WHERE name IS NOT NULL
"""


class _Work(msgspec.Struct):
    slot: int
    tag: str
    token: str
    step: int
    """Hours to read at a time."""
    hour: int = 0
    found: Found = {}


class Pairing:
    """What one process does of it, some thousand calls at a time."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._work: _Work | None = None
        self._next = 0

    def step(self, now: int) -> bool:
        """Do a little, if there is something to do at ``now``; return whether there was."""
        if self._work is None:
            if now < self._next:
                return False
            self._work = self._begin(now)
        work = self._work
        if work is None:
            self._next = now + _PAUSE
            return False
        first, last = work.hour, min(work.hour + work.step, _HOURS)
        piece = Piece(0, 0, (work.slot + first) * HOUR, (work.slot + last) * HOUR)
        for label, value, sums in read_by_label(self._database, piece, work.tag):
            add(work.found, (label, (value,)), sums)
        work.hour = last
        if last == _HOURS:
            self._work = None
            with transaction(self._database):
                _finish(self._database, work)
        return True

    def _begin(self, now: int) -> _Work | None:
        states = {(slot, tag): state for slot, tag, state in self._database.execute("SELECT * FROM paired")}
        days = self._database.execute(_DAYS, (now // HOUR - _HOURS - _LATE,)).fetchall()
        pruned = self._database.execute("SELECT max(value) FROM facts WHERE name = 'pruned_before'").fetchone()[0] or 0
        for (tag,) in self._database.execute(_TAGS).fetchall():
            for slot, calls in days:
                if slot * HOUR >= pruned and _free(states.get((slot, tag)), now):
                    step = max(_HOURS * _CALLS // max(calls, 1), 1)
                    work = _Work(slot, tag, f"{now} {secrets.token_hex(8)}", step)
                    with transaction(self._database):
                        if _mark(self._database, work):
                            return work
        return None


def _free(state: str | None, now: int) -> bool:
    """Return whether a day waits for somebody: nobody has begun it, or whoever did must have died."""
    return state is None or (state not in (DONE, WIDE) and now - int(state.partition(" ")[0]) > _GIVEN_UP)


def _mark(database: sqlite3.Connection, work: _Work) -> bool:
    """Mark the day as begun; return whether its calls have to be read: it may be wide, or have nothing of the tag."""
    values, folded = database.execute(_VALUES, (work.tag, work.slot, WIDTH + 1)).fetchone()
    state = work.token
    if values > WIDTH or folded:
        state = WIDE
    elif not values and not database.execute(_VALUES, ("label", work.slot, -1)).fetchone()[1]:
        state = DONE
        database.execute(_UNTAGGED, (work.tag, work.slot))
    database.execute("INSERT OR REPLACE INTO paired VALUES (?, ?, ?)", (work.slot, work.tag, state))
    return state == work.token


def _finish(database: sqlite3.Connection, work: _Work) -> None:
    """Write the day down, if nothing changed it and nobody else has begun it meanwhile."""
    if database.execute(
        "UPDATE paired SET state = ? WHERE slot = ? AND tag = ? AND state = ?",
        (DONE, work.slot, work.tag, work.token),
    ).rowcount:
        rows = [
            (work.slot, work.tag, value is not None, value or "", label, *sums)
            for (label, (value,)), sums in work.found.items()
        ]
        database.executemany(_INSERT, rows)
