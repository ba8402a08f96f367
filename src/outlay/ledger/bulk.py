"""Many rows in one step of SQLite's.

Python's sqlite3 lets the interpreter go for each step, so that ``executemany`` hands it over with each row: beside a
busy application the worker then waits five milliseconds a row to get it back, and the application is interrupted as
often. Rows that are bound together are one step.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

MOST = 128
"""Rows that are bound together at most; fewer in powers of two, so that there are few statements to prepare."""


def insert(database: sqlite3.Connection, into: str, rows: Sequence[Sequence[Any]], tail: str = "") -> None:
    """Insert ``rows``, which are all as long, by ``into`` (up to the word VALUES) and ``tail`` (behind the values)."""
    for part in _parts(rows):
        database.execute(_statement(into, len(part[0]), len(part), tail), list(chain.from_iterable(part)))


@functools.cache
def _statement(into: str, width: int, count: int, tail: str) -> str:
    row = f"({', '.join('?' * width)})"
    return f"{into} VALUES {', '.join([row] * count)}{tail}"


def _parts(rows: Sequence[Sequence[Any]]) -> Iterator[Sequence[Sequence[Any]]]:
    first, left, size = 0, len(rows), MOST
    while left:
        while size > left:
            size //= 2
        yield rows[first : first + size]
        first, left = first + size, left - size
