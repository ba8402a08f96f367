"""The ledger's tables, as the migrations that make them. A migration, once released, is never edited."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable

from outlay.errors import LedgerError
from outlay.ledger import backlog_tables
from outlay.ledger.alert_tables import ALERTS
from outlay.ledger.spike_tables import TABLES as _SPIKES
from outlay.ledger.view import CALLS

_SUMS = """\
    attempts INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    input INTEGER NOT NULL,
    cache_read INTEGER NOT NULL,
    output INTEGER NOT NULL,
    reasoning INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    cost_milli INTEGER NOT NULL,
    cost_pico INTEGER NOT NULL,
    unpriced_calls INTEGER NOT NULL DEFAULT 0,
    unpriced_tokens INTEGER NOT NULL DEFAULT 0,
    estimated_calls INTEGER NOT NULL DEFAULT 0,
    unbounded_calls INTEGER NOT NULL DEFAULT 0,
    cache_write_5m INTEGER NOT NULL DEFAULT 0,
    cache_write_1h INTEGER NOT NULL DEFAULT 0,
    cache_write_12h INTEGER NOT NULL DEFAULT 0,
    other_input INTEGER NOT NULL DEFAULT 0,
    other_output INTEGER NOT NULL DEFAULT 0,
    bounded_milli INTEGER NOT NULL DEFAULT 0,
    bounded_pico INTEGER NOT NULL DEFAULT 0,
    lower_milli INTEGER NOT NULL DEFAULT 0,
    lower_pico INTEGER NOT NULL DEFAULT 0,
    upper_milli INTEGER NOT NULL DEFAULT 0,
    upper_pico INTEGER NOT NULL DEFAULT 0,
"""
"""What rollups and pairs add up: the columns of ``counters.SUMS``."""

_FIRST = """
CREATE TABLE labels (
    number INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    project TEXT NOT NULL,
    feature TEXT NOT NULL,
    path TEXT NOT NULL,
    site TEXT,
    release TEXT,
    provider TEXT NOT NULL,
    api TEXT NOT NULL,
    operation TEXT NOT NULL,
    transport TEXT NOT NULL,
    host TEXT NOT NULL,
    model TEXT NOT NULL,
    request_model TEXT,
    response_model TEXT,
    streamed INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    status INTEGER,
    error_type TEXT,
    attempt INTEGER NOT NULL,
    finish_reasons TEXT NOT NULL,
    terms TEXT NOT NULL,
    requested_tier TEXT,
    estimated INTEGER,
    cost_status TEXT NOT NULL,
    cost_source TEXT NOT NULL,
    unpriced TEXT NOT NULL,
    price_id TEXT,
    price_table TEXT,
    price_match TEXT,
    price_model TEXT,
    marks TEXT NOT NULL,
    known INTEGER NOT NULL
);
CREATE TABLE entries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    start INTEGER NOT NULL,
    id TEXT NOT NULL,
    label INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    input INTEGER NOT NULL,
    cache_read INTEGER NOT NULL,
    output INTEGER NOT NULL,
    reasoning INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    first_chunk INTEGER NOT NULL,
    tags TEXT NOT NULL,
    cost_by_class TEXT NOT NULL,
    trace_id TEXT NOT NULL,
    parent_id TEXT NOT NULL,
    response_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    raw_usage TEXT NOT NULL,
    request_digest TEXT NOT NULL,
    tools_digest TEXT NOT NULL,
    cache_write_5m INTEGER NOT NULL DEFAULT 0,
    cache_write_1h INTEGER NOT NULL DEFAULT 0,
    cache_write_12h INTEGER NOT NULL DEFAULT 0,
    other_input INTEGER NOT NULL DEFAULT 0,
    other_output INTEGER NOT NULL DEFAULT 0,
    unpriced_tokens INTEGER NOT NULL DEFAULT 0,
    cost_lower INTEGER NOT NULL DEFAULT 0,
    cost_upper INTEGER NOT NULL DEFAULT 0,
    rest TEXT NOT NULL DEFAULT '',
    UNIQUE (start, id)
);
CREATE INDEX entries_failed ON entries (start) WHERE failed = 1;
CREATE TABLE spans (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    trace_id TEXT NOT NULL,
    parent_id TEXT,
    project TEXT NOT NULL,
    name TEXT NOT NULL,
    feature TEXT NOT NULL,
    path TEXT NOT NULL,
    site TEXT,
    release TEXT,
    tags TEXT NOT NULL,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    error_type TEXT
);
CREATE INDEX spans_start ON spans (start);
CREATE TABLE rollups (
    dimension TEXT NOT NULL,
    hours INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    value TEXT NOT NULL,
    project TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    folded INTEGER NOT NULL,
SUMS
    PRIMARY KEY (dimension, hours, slot, value, project, provider, model, folded)
) WITHOUT ROWID;
CREATE INDEX rollups_folded ON rollups (dimension, hours, slot) WHERE folded = 1;
CREATE TABLE pairs (
    slot INTEGER NOT NULL,
    tag TEXT NOT NULL,
    tagged INTEGER NOT NULL,
    value TEXT NOT NULL,
    label INTEGER NOT NULL,
SUMS
    PRIMARY KEY (slot, tag, tagged, value, label)
) WITHOUT ROWID;
CREATE TABLE paired (
    slot INTEGER NOT NULL,
    tag TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (slot, tag)
) WITHOUT ROWID;
CREATE TABLE coverage (
    slot INTEGER NOT NULL,
    provider TEXT NOT NULL,
    host TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    requests INTEGER NOT NULL,
    metered INTEGER NOT NULL,
    free INTEGER NOT NULL,
    PRIMARY KEY (slot, provider, host, method, path)
) WITHOUT ROWID;
CREATE TABLE losses (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    records INTEGER NOT NULL,
    reason TEXT NOT NULL
);
CREATE TABLE swallowed (
    activity TEXT NOT NULL,
    error TEXT NOT NULL,
    count INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (activity, error)
) WITHOUT ROWID;
CREATE TABLE segments (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL
);
CREATE TABLE cursors (
    name TEXT PRIMARY KEY,
    seq INTEGER NOT NULL
);
CREATE TABLE facts (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
);
""".replace("SUMS\n", _SUMS)


_RESTATED = """
CREATE TABLE restatements (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    price_table TEXT NOT NULL,
    calls INTEGER NOT NULL,
    changed INTEGER NOT NULL
);
CREATE TABLE restated (
    start INTEGER NOT NULL,
    id TEXT NOT NULL,
    restatement INTEGER NOT NULL,
    reason TEXT NOT NULL,
    status TEXT NOT NULL,
    cost INTEGER,
    unpriced TEXT NOT NULL,
    price_id TEXT,
    price_match TEXT,
    PRIMARY KEY (start, id)
) WITHOUT ROWID;
"""


def _run(database: sqlite3.Connection, script: str) -> None:
    for statement in script.split(";"):
        if statement.strip():
            database.execute(statement)


def _first(database: sqlite3.Connection) -> None:
    _run(database, _FIRST)
    database.execute(CALLS)


def _restated(database: sqlite3.Connection) -> None:
    _run(database, _RESTATED)


def _alerts(database: sqlite3.Connection) -> None:
    _run(database, ALERTS)


def _exporters(database: sqlite3.Connection) -> None:
    _run(database, backlog_tables.TABLES)


def _spikes(database: sqlite3.Connection) -> None:
    _run(database, _SPIKES)


MIGRATIONS: tuple[tuple[str, Callable[[sqlite3.Connection], None]], ...] = (
    ("first tables", _first),
    ("restated costs", _restated),
    ("alerts", _alerts),
    ("exporters", _exporters),
    ("spikes", _spikes),
)
"""What brings a ledger from version n to n + 1, at index n; each runs in one transaction."""


def migrate(database: sqlite3.Connection, path: str) -> None:
    """Bring the ledger to this outlay's version; raise LedgerError, untouched, where it is newer or no ledger."""
    if _version(database, path) == len(MIGRATIONS):
        return
    database.execute("BEGIN IMMEDIATE")
    try:
        database.execute(
            "CREATE TABLE IF NOT EXISTS migrations"
            " (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL)"
        )
        # Read again under the lock: another process may have migrated meanwhile.
        for version in range(_version(database, path), len(MIGRATIONS)):
            name, apply = MIGRATIONS[version]
            apply(database)
            database.execute("INSERT INTO migrations VALUES (?, ?, ?)", (version + 1, name, time.time_ns()))
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def _version(database: sqlite3.Connection, path: str) -> int:
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return 0
    if "migrations" not in tables:
        raise LedgerError(f"{path} is a database of something else: give outlay another path.")
    version: int = database.execute("SELECT coalesce(max(version), 0) FROM migrations").fetchone()[0]
    if version > len(MIGRATIONS):
        raise LedgerError(
            f"{path} was written by a newer outlay (ledger version {version}, this one knows {len(MIGRATIONS)}):"
            " upgrade outlay to read it."
        )
    return version
