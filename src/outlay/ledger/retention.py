"""What leaves the ledger: calls that are old, calls for which there is no room, and what a person wants forgotten."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping

import msgspec

from outlay.guard import logger
from outlay.ledger import alerts, rollups
from outlay.ledger.calendar import DAY
from outlay.ledger.counters import SUMS
from outlay.ledger.database import transaction
from outlay.ledger.labels import Labels
from outlay.ledger.rows import Entry, enter, read_call
from outlay.ledger.view import COLUMNS
from outlay.ledger.writing import quote
from outlay.records import NO_RAW_USAGE, Call

_ROWS = 2_000
_ERASED = (
    "UPDATE entries SET tags = '{}', trace_id = '', parent_id = '', response_id = '', request_id = '',"
    " raw_usage = '', request_digest = '', tools_digest = '', label = ? WHERE start = ? AND id = ?"
)
_UNREASON = "UPDATE set_aside SET reason = '' WHERE id = ?"
"""A backend that does not take a record may quote it."""
_UNFINISHED = "DELETE FROM paired WHERE state NOT IN ('done', 'wide')"
"""Makes whoever sums up a day begin again: it may have seen calls that go."""
_UNTAG = (
    f"INSERT INTO pairs (slot, tag, tagged, value, label, {', '.join(SUMS)})"  # noqa: S608  own names
    f" SELECT slot, tag, 0, '', label, {', '.join(SUMS)} FROM pairs WHERE tag = ? AND tagged = 1 AND value = ?"
    f" ON CONFLICT DO UPDATE SET {', '.join(f'{name} = {name} + excluded.{name}' for name in SUMS)}"
)
FORGOTTEN = "forgotten"
"""The mark of a call whose person was forgotten: its money stays, what led to the person is gone."""


def prune(
    database: sqlite3.Connection,
    *,
    before: int | None = None,
    max_bytes: int | None = None,
    keep_from: int | None = None,
) -> int:
    """Delete calls and spans from before ``before``, then the oldest beyond ``max_bytes``; return how many calls.

    Rollups stay: reports go on showing what was spent. Calls with a ``seq`` of ``keep_from`` or more stay too: an
    exporter has not delivered them.
    """
    last = "" if keep_from is None else f" AND seq < {keep_from:d}"
    deleted = 0
    if before is not None:
        deleted = _prune_before(database, before, last)
        alerts.prune(database, before)
    while max_bytes is not None and _bytes(database) > max_bytes:
        oldest = database.execute("SELECT min(start) FROM entries WHERE true" + last).fetchone()[0]  # noqa: S608  an integer
        if oldest is None:
            break
        deleted += _prune_before(database, (oldest // DAY + 1) * DAY, last)
    _shrink(database)
    return deleted


def _shrink(database: sqlite3.Connection) -> None:
    # A script: of a statement without columns the module takes one step, which frees one page.
    database.executescript("PRAGMA incremental_vacuum")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _prune_before(database: sqlite3.Connection, before: int, last: str) -> int:
    """Delete in small transactions, so that writers need not wait for long."""
    rows = f"SELECT seq FROM entries WHERE start < ?{last} ORDER BY start LIMIT {_ROWS}"  # noqa: S608  own words
    deleted = 0
    while True:
        with transaction(database):
            gone = database.execute(f"DELETE FROM entries WHERE seq IN ({rows})", (before,)).rowcount  # noqa: S608  own words
            if gone:
                database.execute(_UNFINISHED)
                database.execute(
                    "INSERT INTO facts VALUES ('pruned_before', ?)"
                    " ON CONFLICT DO UPDATE SET value = max(value, excluded.value)",
                    (before,),
                )
        deleted += gone
        if gone < _ROWS:
            break
    with transaction(database):
        database.execute("DELETE FROM spans WHERE start < ?", (before,))
    return deleted


def _bytes(database: sqlite3.Connection) -> int:
    """Return the bytes that the ledger's pages hold, free ones not counted."""
    size, pages, free = (
        database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "page_count", "freelist_count")
    )
    return int(size * (pages - free))


def remove(database: sqlite3.Connection, project: str) -> int:
    """Delete a project whole: calls, spans, rollups, and the coverage of hosts that served it alone.

    Returns how many calls it had. Nothing of it shows up in reports any more.
    """
    rows = f"SELECT seq FROM calls WHERE project = ? LIMIT {_ROWS}"  # noqa: S608  an integer
    hosts = "SELECT host FROM calls GROUP BY host HAVING min(project) = ? AND max(project) = ?"
    with transaction(database):
        database.execute(f"DELETE FROM coverage WHERE host IN ({hosts})", (project, project))  # noqa: S608  own words
    deleted, gone = 0, _ROWS
    while gone == _ROWS:
        with transaction(database):
            gone = database.execute(f"DELETE FROM entries WHERE seq IN ({rows})", (project,)).rowcount  # noqa: S608  own words
        deleted += gone
    with transaction(database):
        # Together with the rollups go calls that came meanwhile: what stays is in both, or in neither.
        deleted += database.execute(
            "DELETE FROM entries WHERE label IN (SELECT number FROM labels WHERE project = ?)", (project,)
        ).rowcount
        database.execute(_UNFINISHED)
        database.execute("DELETE FROM pairs WHERE label IN (SELECT number FROM labels WHERE project = ?)", (project,))
        database.execute("DELETE FROM spans WHERE project = ?", (project,))
        alerts.remove(database, project)
        database.execute("DELETE FROM rollups WHERE project = ?", (project,))
    _shrink(database)
    return deleted


def forget(database: sqlite3.Connection, tags: Mapping[str, str], labels: Labels) -> int:
    """Erase who stands behind the calls and spans that have all of ``tags``; return how many calls there were.

    The calls stay with their money, model and time, so that totals still add up; their tags (all of them: a session
    leads to a person too), trace, the provider's ids and raw usage go. Their spans go whole. Rollups by these tags
    lose the values.
    """
    if not tags:
        raise ValueError("name at least one tag to forget")
    one = "EXISTS (SELECT 1 FROM json_each(tags) AS tag WHERE tag.key = ? AND tag.value = ?)"
    match = " AND ".join([one] * len(tags))
    values = [part for pair in tags.items() for part in pair]
    erased = 0
    for rows in _batches(database, match, values):
        calls = [read_call(row) for row in rows]
        with transaction(database):
            gone = [enter(call, labels) for call in calls]
            rollups.subtract(database, gone, "tag:")
            erased_calls = [_erase(call, labels) for call in calls]
            database.executemany(_ERASED, [(entry.label.number, entry.row[0], entry.row[1]) for entry in erased_calls])
            database.executemany(_UNREASON, [(call.id,) for call in calls])
        erased += len(calls)
    with transaction(database):
        alerts.forget(database, tuple(tags.values()))
        spans = database.execute(f"DELETE FROM spans WHERE {match} RETURNING id", values).fetchall()  # noqa: S608  own words
        database.executemany(_UNREASON, spans)
        if len(tags) == 1:
            # Calls that were pruned left their values in rollups only.
            ((name, value),) = tags.items()
            database.execute("DELETE FROM rollups WHERE dimension = ? AND value = ?", ("tag:" + name, value))
            database.execute(_UNTAG, ("tag:" + name, value))
            database.execute("DELETE FROM pairs WHERE tag = ? AND tagged = 1 AND value = ?", ("tag:" + name, value))
    _rewrite(database)
    return erased


def _rewrite(database: sqlite3.Connection) -> None:
    """Write the file anew: ``secure_delete`` leaves copies where SQLite has moved rows between pages."""
    try:
        database.execute("VACUUM")
    except sqlite3.OperationalError as error:  # somebody writes just now, or the disk has no room for a second one
        logger.warning(
            "the ledger could not be written anew (%s): free space in it may still name whom you forgot; "
            "run `outlay forget` once more.",
            error,
        )
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _erase(call: Call, labels: Labels) -> Entry:
    """Return the entry of ``call`` without what leads to a person."""
    return enter(
        msgspec.structs.replace(
            call,
            tags={},
            trace_id="",
            parent_id=None,
            response_id=None,
            request_id=None,
            raw_usage=NO_RAW_USAGE,
            request_digest="",
            tools_digest="",
            marks=(*call.marks, FORGOTTEN),
        ),
        labels,
    )


def _batches(database: sqlite3.Connection, match: str, values: list[str]) -> Iterator[list[tuple[object, ...]]]:
    sql = f"SELECT seq, {quote(COLUMNS)} FROM calls WHERE seq > ? AND {match} ORDER BY seq LIMIT {_ROWS}"  # noqa: S608  own words
    seq = 0
    while rows := database.execute(sql, (seq, *values)).fetchall():
        seq = rows[-1][0]
        yield [row[1:] for row in rows]
