"""Calls in the order in which they began: what is counted up through a month, or laid over the hours of a host."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

from outlay.ledger.scanned import expression

TOKENS = (
    "e.input + e.cache_read + e.cache_write_5m + e.cache_write_1h + e.cache_write_12h + e.other_input + e.output"
    " + e.other_output"
)
"""All tokens of an entry ``e``."""


class Moment(NamedTuple):
    """What a call was, in short."""

    start: int
    end: int
    tokens: int
    cost: int
    """Pico-USD; 0 where it is unknown."""
    key: tuple[str | None, ...]


def read_moments(
    database: sqlite3.Connection, by: tuple[str, ...], since: int, until: int, provider: str | None
) -> Iterator[Moment]:
    """Yield the calls that began from ``since`` to ``until``, in order, each with what ``by`` names."""
    keys = [expression(database, name) for name in by]
    shown = ", ".join(["e.start", 'e."end"', TOKENS, "e.cost", *keys])
    where = "" if provider is None else " AND l.provider = ?"
    sql = (
        f"SELECT {shown} FROM entries e JOIN labels l ON l.number = e.label"  # noqa: S608  own words
        f" WHERE e.start >= ? AND e.start < ?{where} ORDER BY e.start, e.seq"
    )
    values = (since, until) if provider is None else (since, until, provider)
    for start, end, tokens, cost, *key in database.execute(sql, values):
        yield Moment(start, end, tokens, cost, tuple(None if part is None else str(part) for part in key))
