"""Running totals of runs, kept beside the ledger: a call that comes again gets the step and the totals it had.

So a resend, after a crash or a lost answer, writes the same points a second time, which MLflow keeps once. A call that
was settled anew adds the difference.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from outlay.integration import Call, Connection, dollars

KEPT = 100_000
"""Calls of a run by which a resend is recognised."""

_TABLES = """
CREATE TABLE IF NOT EXISTS steps (
    run TEXT, step INTEGER, call TEXT, own BLOB NOT NULL, totals BLOB NOT NULL, PRIMARY KEY (run, step)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS steps_by_call ON steps (run, call, step);
CREATE TABLE IF NOT EXISTS runs (project TEXT, experiment TEXT, run TEXT NOT NULL, PRIMARY KEY (project, experiment));
"""
# Left to itself SQLite goes through all steps of the run, since they are in the order that is asked for.
_KNOWN = (
    "SELECT step, own, totals FROM steps INDEXED BY steps_by_call WHERE run = ? AND call = ? ORDER BY step DESC LIMIT 1"
)


class Totals(msgspec.Struct, frozen=True, array_like=True):
    """What calls used and cost together."""

    calls: int = 0
    unpriced_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    pico_usd: int = 0

    def plus(self, other: Totals, sign: int = 1) -> Totals:
        """Return the sum, or with ``sign`` -1 the difference."""
        return Totals(*(mine + sign * its for mine, its in zip(_values(self), _values(other), strict=True)))


class Point(msgspec.Struct, frozen=True):
    """A call's place in its run."""

    call: Call
    step: int
    totals: Totals


def _values(totals: Totals) -> tuple[int, ...]:
    return msgspec.structs.astuple(totals)


def of(call: Call) -> Totals:
    """Return what one call adds."""
    usage, unpriced = call.usage, call.usage is not None and call.cost.status in ("unknown", "partial")
    read, written = (0, 0) if usage is None else (usage.input_tokens, usage.output_tokens)
    return Totals(1, int(unpriced), read, written, 0 if dollars(call) is None else call.cost.amount or 0)


class Book:
    """The totals of all runs that calls went to."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._rows = Connection(folder / "runs.db", isolation_level=None, check_same_thread=False)
        self._rows.executescript(_TABLES)

    def enter(self, run: str, calls: Iterable[Call]) -> list[Point]:
        """Enter ``calls`` into ``run``, each once, and return their places; it is on the disk then."""
        self._rows.execute("BEGIN IMMEDIATE")
        with self._rows:
            points = [self._enter(run, call) for call in calls]
            self._rows.execute("DELETE FROM steps WHERE run = ? AND step < ?", (run, self._last(run)[0] - KEPT))
        return points

    def _enter(self, run: str, call: Call) -> Point:
        own = of(call)
        found = self._rows.execute(_KNOWN, (run, call.id)).fetchone()
        before = None if found is None else _read(found[1])
        if before == own:
            return Point(call, found[0], _read(found[2]))
        last, totals = self._last(run)
        totals = totals.plus(own) if before is None else totals.plus(own).plus(before, -1)
        row = (run, last + 1, call.id, _write(own), _write(totals))
        self._rows.execute("INSERT INTO steps VALUES (?, ?, ?, ?, ?)", row)
        return Point(call, last + 1, totals)

    def _last(self, run: str) -> tuple[int, Totals]:
        query = "SELECT step, totals FROM steps WHERE run = ? ORDER BY step DESC LIMIT 1"
        found = self._rows.execute(query, (run,)).fetchone()
        return (-1, Totals()) if found is None else (found[0], _read(found[1]))

    def own_run(self, project: str, experiment: str) -> str | None:
        """Return the run that is made for calls of ``project`` outside of any run, if it was made."""
        query = "SELECT run FROM runs WHERE project = ? AND experiment = ?"
        found = self._rows.execute(query, (project, experiment)).fetchone()
        return None if found is None else str(found[0])

    def note_own_run(self, project: str, experiment: str, run: str) -> None:
        """Note that it was made; an empty one forgets it."""
        self._rows.execute("INSERT OR REPLACE INTO runs VALUES (?, ?, ?)", (project, experiment, run))

    def close(self) -> None:
        """Close the file."""
        self._rows.close()


def _read(kept: bytes) -> Totals:
    return Totals(*(int(value) for value in kept.decode().split()))


def _write(totals: Totals) -> bytes:
    return " ".join(map(str, _values(totals))).encode()
