"""The part of a report for which the calls themselves are read."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable

import msgspec

from outlay.ledger.calendar import Piece
from outlay.ledger.questions import Question
from outlay.ledger.rollups import HOUR
from outlay.ledger.rows import MILLI
from outlay.ledger.sums import Found, Place, add

Progress = Callable[[float], None]
"""Told the share that is done, from 0 to 1."""

_SLICES = 100
_CALL_SUMS = (
    "count(*), sum(outcome IN ('ok', 'abandoned')), sum(outcome = 'error'), count(unpriced_tokens),"
    " sum(unpriced_tokens), sum(estimated), sum(estimated = 1 AND cost IS NOT NULL AND cost_upper IS NULL),"
    " sum(input), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(cache_write_12h), sum(other_input),"
    " sum(output), sum(other_output), sum(reasoning),"
    " sum(iif(outcome IN ('ok', 'abandoned'), min(max(\"end\" - start, 0) / 1000, 1000000000000), 0)),"
    f" sum(cost / {MILLI}), sum(cost % {MILLI}),"
    f" sum(coalesce(cost_lower, cost) / {MILLI}), sum(coalesce(cost_lower, cost) % {MILLI}),"
    f" sum(coalesce(cost_upper, cost) / {MILLI}), sum(coalesce(cost_upper, cost) % {MILLI})"
)
"""``SUMS`` of calls. Amounts are summed in two parts, each far from 64 bits."""


def read_calls(
    database: sqlite3.Connection,
    question: Question,
    pieces: list[Piece],
    found: Found,
    progress: Progress | None,
) -> None:
    """Add to ``found`` what the calls in ``pieces`` add up to."""
    keys = [expression(database, name) for name in question.keys]
    where = "".join(f" AND {expression(database, name)} IS ?" for name in question.filters)
    grouped = "".join(f", {key}" for key in keys)
    group = f" GROUP BY {', '.join(str(index + 2) for index in range(len(keys)))}" if keys else ""
    sql = f"SELECT count(*){grouped}, {_CALL_SUMS} FROM calls WHERE start >= ? AND start < ?{where}{group}"  # noqa: S608  own words
    width = 1 + len(keys)
    slices = list(_slices(pieces))
    for index, piece in enumerate(slices):
        for row in database.execute(sql, (piece.start, piece.end, *question.filters.values())):
            if row[0]:
                key = tuple(None if part is None else str(part) for part in row[1:width])
                add(found, (piece.stretch, key), [value or 0 for value in row[width:]])
        if progress is not None:
            progress((index + 1) / len(slices))


_AMOUNTS = (
    f"part.key, sum(part.value / {MILLI}), sum(part.value % {MILLI}) FROM calls,"
    # A provider that states its charge does not say what it was for.
    " json_each(iif(cost_source = 'computed', cost_by_class, '{}')) AS part"
)
"""Pico-USD by usage class, summed in two parts as amounts are everywhere."""


def read_amounts(
    database: sqlite3.Connection, question: Question, pieces: list[Piece], progress: Progress | None
) -> dict[Place, dict[str, int]]:
    """Return what the calls in ``pieces`` cost by usage class, in pico-USD."""
    keys = [expression(database, name) for name in question.keys]
    where = "".join(f" AND {expression(database, name)} IS ?" for name in question.filters)
    grouped = "".join(f"{key}, " for key in keys)
    group = ", ".join(str(index + 1) for index in range(len(keys) + 1))
    sql = f"SELECT {grouped}{_AMOUNTS} WHERE start >= ? AND start < ?{where} GROUP BY {group}"
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


def expression(database: sqlite3.Connection, name: str) -> str:
    """Return the SQL that gives a call's ``name``: a column, or ``tag:NAME``."""
    if not name.startswith("tag:"):
        return name
    tag = name[4:]
    if tag.isprintable() and not set(tag) & set("\"\\'?"):
        return f"json_extract(tags, '$.\"{tag}\"')"
    # JSON paths have no way to write such a name.
    decode = msgspec.json.Decoder(dict[str, str]).decode
    function = f"tag_{tag.encode().hex()}"
    database.create_function(function, 1, lambda tags: decode(tags).get(tag), deterministic=True)
    return f"{function}(tags)"


def _slices(pieces: list[Piece]) -> Iterable[Piece]:
    """Cut long pieces, so that reading them can be followed."""
    length = max(sum(piece.end - piece.start for piece in pieces) // _SLICES, HOUR)
    for piece in pieces:
        for start in range(piece.start, piece.end, length):
            yield Piece(piece.stretch, 0, start, min(start + length, piece.end))
