"""The part of a report for which the calls themselves are read."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable

import msgspec

from outlay.ledger.calendar import Piece
from outlay.ledger.counters import COMMON, MILLI, SUMS
from outlay.ledger.questions import Question
from outlay.ledger.rollups import HOUR
from outlay.ledger.sums import Found, Place, add
from outlay.ledger.view import KNOWN, RARE, column

Progress = Callable[[float], None]
"""Told the share that is done, from 0 to 1."""

_SLICES = 100
_LABELLED = " CROSS JOIN labels l ON l.number = e.label"
_TIME = " WHERE e.start >= ? AND e.start < ?"


def _bit(name: str) -> int:
    return 1 << KNOWN.index(name)


def _with(condition: str) -> str:
    """Return the condition that an entry's label is one of those of which ``condition`` holds."""
    return f"e.label IN (SELECT number FROM labels WHERE {condition})"  # noqa: S608  own words


_REQUEST = _with("outcome IN ('ok', 'abandoned')")
_ERROR = _with("outcome = 'error'")
_BOUNDED = f"l.known & {_bit('cost_lower') | _bit('cost_upper')}"
_RARE = f"known & {sum(map(_bit, RARE))} OR estimated = 1"
"""Labels whose calls add to more than the common sums."""

_COMMON_SUMS = (
    f"count(*), sum({_REQUEST}), sum({_ERROR}), sum(e.input), sum(e.cache_read), sum(e.output),"
    f' sum(e.reasoning), sum(iif({_REQUEST}, min(max(e."end" - e.start, 0) / 1000, 1000000000000), 0)),'
    f" sum(e.cost / {MILLI}), sum(e.cost % {MILLI})"
)
"""The common ``SUMS`` of calls. Amounts are summed in two parts, each far from 64 bits."""


def _bounds(amount: str) -> str:
    """Return the two sums of an amount over the calls that have bounds."""
    return ", ".join(f"sum(iif({_BOUNDED}, {amount} {part} {MILLI}, 0))" for part in "/%")


def _bound(name: str) -> str:
    return f"iif(l.known & {_bit(name)}, e.{name}, e.cost)"


_RARE_SUMS = (
    f"sum(l.known & {_bit('unpriced_tokens')} > 0), sum(e.unpriced_tokens), sum(l.estimated = 1),"
    f" sum(l.estimated = 1 AND l.known & {_bit('cost') | _bit('cost_upper')} = {_bit('cost')}),"
    " sum(e.cache_write_5m), sum(e.cache_write_1h), sum(e.cache_write_12h), sum(e.other_input), sum(e.other_output),"
    f" {_bounds('e.cost')}, {_bounds(_bound('cost_lower'))}, {_bounds(_bound('cost_upper'))}"
)
"""The others of ``SUMS``."""


def read_calls(
    database: sqlite3.Connection,
    question: Question,
    pieces: list[Piece],
    found: Found,
    progress: Progress | None,
) -> None:
    """Add to ``found`` what the calls in ``pieces`` add up to."""
    keys = [expression(database, name) for name in question.keys]
    where = "".join(f" AND {_condition(database, name)}" for name in question.filters)
    grouped = "".join(f", {key}" for key in keys)
    group = f" GROUP BY {', '.join(str(index + 2) for index in range(len(keys)))}" if keys else ""
    labelled = "" if all(name.startswith("tag:") for name in question.keys) else _LABELLED
    common = f"{_COMMON_SUMS} FROM entries e{labelled}{_TIME}{where}{group}"
    queries = [(f"SELECT count(*){grouped}, {common}", 0)]
    if database.execute(f"SELECT 1 FROM labels WHERE {_RARE}").fetchone():  # noqa: S608  own words
        rare = f"{_RARE_SUMS} FROM entries e{_LABELLED}{_TIME}{where} AND {_with(_RARE)}{group}"
        queries.append((f"SELECT count(*){grouped}, {rare}", COMMON))
    slices = list(_slices(pieces))
    for index, piece in enumerate(slices):
        for sql, first in queries:
            for row in database.execute(sql, (piece.start, piece.end, *question.filters.values())):
                if row[0]:
                    sums = [0] * len(SUMS)
                    read = [value or 0 for value in row[1 + len(keys) :]]
                    sums[first : first + len(read)] = read
                    key = tuple(None if part is None else str(part) for part in row[1 : 1 + len(keys)])
                    add(found, (piece.stretch, key), sums)
        if progress is not None:
            progress((index + 1) / len(slices))


_PARTS = "CROSS JOIN json_each(iif(l.cost_source = 'computed', e.cost_by_class, '{}')) part"
_AMOUNTS = (
    f"part.key, sum(part.value / {MILLI}), sum(part.value % {MILLI})"
    # A provider that states its charge does not say what it was for.
    f" FROM entries e{_LABELLED} {_PARTS}{_TIME}"
)
"""Pico-USD by usage class, summed in two parts as amounts are everywhere."""


def read_amounts(
    database: sqlite3.Connection, question: Question, pieces: list[Piece], progress: Progress | None
) -> dict[Place, dict[str, int]]:
    """Return what the calls in ``pieces`` cost by usage class, in pico-USD."""
    keys = [expression(database, name) for name in question.keys]
    where = "".join(f" AND {_condition(database, name)}" for name in question.filters)
    grouped = "".join(f"{key}, " for key in keys)
    group = ", ".join(str(index + 1) for index in range(len(keys) + 1))
    sql = f"SELECT {grouped}{_AMOUNTS}{where} GROUP BY {group}"
    found: dict[Place, dict[str, int]] = {}
    slices = list(_slices(pieces))
    for index, piece in enumerate(slices):
        for *values, name, milli, pico in database.execute(sql, (piece.start, piece.end, *question.filters.values())):
            key = tuple(None if value is None else str(value) for value in values)
            amounts = found.setdefault((piece.stretch, key), {})
            amounts[name] = amounts.get(name, 0) + milli * MILLI + pico
        if progress is not None:
            progress((index + 1) / len(slices))
    return found


def _condition(database: sqlite3.Connection, name: str) -> str:
    return f"{expression(database, name)} IS ?" if name.startswith("tag:") else _with(f"{name} IS ?")


def expression(database: sqlite3.Connection, name: str) -> str:
    """Return the SQL that gives a call's ``name``: a column, or ``tag:NAME``."""
    if not name.startswith("tag:"):
        return column(name)
    tag = name[4:]
    if tag.isprintable() and not set(tag) & set("\"\\'?"):
        return f"json_extract(e.tags, '$.\"{tag}\"')"
    # JSON paths have no way to write such a name.
    decode = msgspec.json.Decoder(dict[str, str]).decode
    function = f"tag_{tag.encode().hex()}"
    database.create_function(function, 1, lambda tags: decode(tags).get(tag), deterministic=True)
    return f"{function}(e.tags)"


def _slices(pieces: list[Piece]) -> Iterable[Piece]:
    """Cut long pieces, so that reading them can be followed."""
    length = max(sum(piece.end - piece.start for piece in pieces) // _SLICES, HOUR)
    for piece in pieces:
        for start in range(piece.start, piece.end, length):
            yield Piece(piece.stretch, 0, start, min(start + length, piece.end))
