"""Reports: what was spent, by whatever a call is known by, from rollups where they can answer and calls where not."""

from __future__ import annotations

import operator
import sqlite3

from outlay.ledger.calendar import DAY, Piece, Stretch, cover, divide, split
from outlay.ledger.counters import MILLI, SUMS
from outlay.ledger.questions import FIELDS, TIME_UNITS, Line, Question, Report, check
from outlay.ledger.reading import Progress
from outlay.ledger.rolled import holds_folded, paired_days, read_pairs, read_rollups
from outlay.ledger.rollups import HOUR
from outlay.ledger.scanned import read_amounts, read_calls
from outlay.ledger.sums import Found, Key, Sums

_COST, _BOUNDED = SUMS.index("cost_milli"), SUMS.index("bounded_milli")
_COUNTS = tuple(name for name in SUMS if name in Line.__struct_fields__)
_pick_counts = operator.itemgetter(*map(SUMS.index, _COUNTS))


def answer(database: sqlite3.Connection, question: Question, progress: Progress | None = None) -> Report:
    """Return the report that ``question`` asks for; ``progress`` is called while calls are read."""
    check(question)
    stretches = divide(question.unit, *_span(database, question), question.zone)
    dimension = None if question.exact else _dimension(question)
    pieces, approximate = _pieces(database, stretches, rolled=dimension is not None)
    folded = dimension is not None and holds_folded(database, dimension, pieces)
    if folded and question.filters:
        dimension = None
        pieces, approximate = _pieces(database, stretches, rolled=False)
    found: Found = {}
    if dimension is not None:
        read_rollups(database, question, dimension, pieces, found)
    elif (tag := _paired(question)) is not None:
        pieces = split(cover(_widened(database, stretches)), paired_days(database, tag))
        read_pairs(database, question, tag, [piece for piece in pieces if piece.hours], found)
    read_calls(database, question, [piece for piece in pieces if not piece.hours], found, progress)
    return _report(question, stretches, found, folded=folded and dimension is not None, approximate=approximate)


def _paired(question: Question) -> str | None:
    """Return the one tag that is asked for, beside fields; None where there is none, or more."""
    tags = {name for name in (*question.keys, *question.filters) if name.startswith("tag:")}
    return tags.pop() if len(tags) == 1 and not question.exact else None


def amounts(
    database: sqlite3.Connection, question: Question, progress: Progress | None = None
) -> dict[Key, dict[str, int]]:
    """Return what the calls that ``question`` asks about cost by usage class, in pico-USD, by the key of their line.

    Rollups don't know it, so calls are read; those that were pruned, or whose provider stated its charge, are missing.
    """
    check(question)
    stretches = divide(question.unit, *_span(database, question), question.zone)
    pieces, _ = _pieces(database, stretches, rolled=False)
    found = read_amounts(database, question, pieces, progress)
    return {_full(question, stretches[stretch], key): parts for (stretch, key), parts in found.items()}


def _span(database: sqlite3.Connection, question: Question) -> tuple[int, int]:
    """Return the report's time, cut to the hours in which there are calls."""
    start, end = _hours(database)
    since, until = question.since, question.until
    return max(start, start if since is None else since), min(end, end if until is None else until)


def _hours(database: sqlite3.Connection) -> tuple[int, int]:
    """Return from when to when there are calls, in whole hours."""
    slots = "SELECT {}(slot) FROM rollups WHERE dimension = 'total' AND hours = 1"
    # Of both in one query SQLite would read all of them.
    (first,), (last,) = (database.execute(slots.format(end)).fetchone() for end in ("min", "max"))
    return (0, 0) if first is None else (first * HOUR, (last + 1) * HOUR)


def _widened(database: sqlite3.Connection, stretches: list[Stretch]) -> list[Stretch]:
    """Return ``stretches`` with the ends at which there are no more calls moved to the next whole day in UTC."""
    start, end = _hours(database)
    return [
        Stretch(
            stretch.name,
            stretch.start // DAY * DAY if stretch.start == start else stretch.start,
            -(-stretch.end // DAY) * DAY if stretch.end == end else stretch.end,
        )
        for stretch in stretches
    ]


def _dimension(question: Question) -> str | None:
    """Return the rollups' dimension that knows all that is asked; None where none does."""
    asked = {*question.keys, *question.filters} - {"project"}
    if asked <= {"provider", "model"}:
        return "total"
    if asked <= set(FIELDS):
        return "label"
    if len(asked) == 1:
        (name,) = asked
        # That a tag is absent is known as a difference only.
        if name.startswith("tag:") and question.filters.get(name, "") is not None:
            return name
    return None


def _pieces(database: sqlite3.Connection, stretches: list[Stretch], *, rolled: bool) -> tuple[list[Piece], bool]:
    if not rolled:
        return [Piece(index, 0, stretch.start, stretch.end) for index, stretch in enumerate(stretches)], False
    row = database.execute("SELECT value FROM facts WHERE name = 'pruned_before'").fetchone()
    pruned = row[0] if row else 0
    pieces, approximate = [], False
    for piece in cover(stretches):
        if piece.hours or piece.start >= pruned:
            pieces.append(piece)
            continue
        approximate = True
        if piece.start % HOUR == 0:
            pieces.append(Piece(piece.stretch, 1, piece.start, piece.start + HOUR))
    return pieces, approximate


def _report(
    question: Question,
    stretches: list[Stretch],
    found: Found,
    *,
    folded: bool,
    approximate: bool,
) -> Report:
    # In order of time; the dearest first within.
    ordered = sorted(found.items(), key=lambda item: (item[0][0], -_amount(item[1])))
    lines = tuple([_line(_full(question, stretches[stretch], key), sums) for (stretch, key), sums in ordered])
    total = _line((), list(map(sum, zip(*found.values(), strict=True))) or [0] * len(SUMS))
    return Report(by=question.by, lines=lines, total=total, folded=folded, approximate=approximate)


def _full(question: Question, stretch: Stretch, key: Key) -> Key:
    """Return a line's key: the name of its time put in among what calls are known by."""
    parts = iter(key)
    return tuple(stretch.name if name in TIME_UNITS else next(parts) for name in question.by)


def _amount(sums: Sums) -> int:
    return sums[_COST] * MILLI + sums[_COST + 1]


def _line(key: tuple[str | None, ...], sums: Sums) -> Line:
    counts = dict(zip(_COUNTS, _pick_counts(sums), strict=True))
    cost, bounded, lower, upper = [
        sums[at] * MILLI + sums[at + 1] for at in (_COST, _BOUNDED, _BOUNDED + 2, _BOUNDED + 4)
    ]
    return Line(key=key, **counts, cost=cost, lower=cost - bounded + lower, upper=cost - bounded + upper)
