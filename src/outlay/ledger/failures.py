"""What failed: refusals for a rate limit, overload and server errors, and what the attempts after them cost in time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import msgspec

from outlay.ledger.questions import Question, check
from outlay.ledger.scanned import expression
from outlay.ledger.timeline import TOKENS

KINDS = ("rate_limited", "overloaded", "server_error", "no_answer", "refused", "other")
"""Why an attempt failed, each by its HTTP status and the provider's own code; a budget's refusals were never sent."""

_TYPE = "lower(coalesce(l.error_type, ''))"
_KIND = (
    f"CASE WHEN {_TYPE} = 'budget_exceeded' AND l.status IS NULL THEN 'refused'"
    f" WHEN {_TYPE} LIKE '%overload%' OR l.status = 529 THEN 'overloaded'"
    # A stream that breaks off with such a code has the status 200.
    f" WHEN l.status = 429 OR {_TYPE} LIKE '%rate_limit%' OR {_TYPE} LIKE '%throttl%'"
    f" OR {_TYPE} LIKE '%resource_exhausted%' THEN 'rate_limited'"
    f" WHEN l.status BETWEEN 500 AND 599 OR {_TYPE} IN ('server_error', 'api_error', 'internal_server_error')"
    " THEN 'server_error' WHEN l.status IS NULL THEN 'no_answer' ELSE 'other' END"
)
_JOIN = "FROM entries e JOIN labels l ON l.number = e.label"
LATEST_RETRY = 3600 * 10**9
"""Nanoseconds after a report's end in which the attempt after a failed one is still looked for."""


class Failures(msgspec.Struct, kw_only=True):
    """What failed among calls that share ``key``."""

    key: tuple[str | None, ...]
    attempts: int = 0
    """Calls of any outcome."""
    failed: int = 0
    """Calls with the outcome ``error``: the kinds below add up to it."""
    rate_limited: int = 0
    overloaded: int = 0
    server_error: int = 0
    no_answer: int = 0
    """Timeouts and connections that broke before there was a status."""
    refused: int = 0
    """Refused by a budget."""
    other: int = 0
    retried: int = 0
    """Failed attempts after which another one of the same call came."""
    lost_ns: int = 0
    """From the start of failed attempts to that of the next, waiting included; to their own end where none came."""
    lost_tokens: int = 0
    """Tokens that failed attempts used, as far as the provider said."""
    lost_cost: int = 0
    """Pico-USD that failed attempts cost."""


def read_failures(database: sqlite3.Connection, question: Question) -> list[Failures]:
    """Return what failed, by what the question names, those that failed most first; every call of the time is read."""
    check(question)
    found: dict[tuple[str | None, ...], Failures] = {}

    def of(key: tuple[Any, ...]) -> Failures:
        names = tuple(None if part is None else str(part) for part in key)
        return found.setdefault(names, Failures(key=names))

    for count, *key in _attempts(database, question):
        of(tuple(key)).attempts = count
    retries = _retries(database, question)
    for kind, identity, start, end, tokens, cost, *key in _failed(database, question):
        line = of(tuple(key))
        setattr(line, kind, getattr(line, kind) + 1)
        line.failed += 1
        line.retried += identity in retries
        line.lost_ns += max(0, retries.get(identity, end) - start)
        line.lost_tokens += tokens
        line.lost_cost += cost
    return sorted(found.values(), key=lambda line: (-line.failed, -line.attempts))


def total_of(lines: list[Failures]) -> Failures:
    """Return what all lines add up to."""
    names = [name for name in Failures.__struct_fields__ if name != "key"]
    return Failures(key=(), **{name: sum(getattr(line, name) for line in lines) for name in names})


def _attempts(database: sqlite3.Connection, question: Question) -> Iterator[tuple[Any, ...]]:
    keys = [expression(database, name) for name in question.keys]
    where, values = _where(database, question)
    group = f" GROUP BY {', '.join(str(at + 2) for at in range(len(keys)))}" if keys else ""
    sql = f"SELECT {', '.join(['count(*)', *keys])} {_JOIN} WHERE {where}{group}"
    yield from (row for row in database.execute(sql, values) if row[0])


def _failed(database: sqlite3.Connection, question: Question) -> Iterator[tuple[Any, ...]]:
    keys = [expression(database, name) for name in question.keys]
    where, values = _where(database, question)
    shown = ", ".join([_KIND, "e.id", "e.start", 'e."end"', TOKENS, "e.cost", *keys])
    sql = f"SELECT {shown} {_JOIN} WHERE e.failed = 1 AND l.outcome = 'error' AND {where}"
    yield from database.execute(sql, values)


def _retries(database: sqlite3.Connection, question: Question) -> dict[str, int]:
    """Return the id of each attempt that was tried again, with the start of the next one."""
    until = 2**63 - 1 if question.until is None else min(question.until + LATEST_RETRY, 2**63 - 1)
    sql = (
        "SELECT json_extract(e.rest, '$.retry_of'), e.start FROM entries e WHERE e.start >= ? AND e.start < ?"
        " AND e.rest != '' AND e.label IN (SELECT number FROM labels WHERE attempt > 1)"
    )
    return dict(database.execute(sql, (question.since or 0, until)))


def _where(database: sqlite3.Connection, question: Question) -> tuple[str, list[Any]]:
    conditions, values = ["true"], []
    for condition, value in (("e.start >= ?", question.since), ("e.start < ?", question.until)):
        if value is not None:
            conditions.append(condition)
            values.append(value)
    conditions += [f"{expression(database, name)} IS ?" for name in question.filters]
    return " AND ".join(conditions), [*values, *question.filters.values()]
