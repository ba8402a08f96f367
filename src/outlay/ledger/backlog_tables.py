"""The tables that exporters keep their place in; a part of the ledger's schema."""

from __future__ import annotations

TABLES = """
CREATE TABLE exporters (
    name TEXT PRIMARY KEY,
    since INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    call_seq INTEGER NOT NULL,
    span_seq INTEGER NOT NULL,
    first_call_seq INTEGER NOT NULL,
    first_span_seq INTEGER NOT NULL,
    delivered INTEGER NOT NULL DEFAULT 0,
    last INTEGER NOT NULL DEFAULT 0,
    unnamed INTEGER NOT NULL DEFAULT 0,
    unnamed_reason TEXT NOT NULL DEFAULT '',
    failures INTEGER NOT NULL DEFAULT 0,
    failing_since INTEGER NOT NULL DEFAULT 0,
    retry_at INTEGER NOT NULL DEFAULT 0,
    trouble TEXT NOT NULL DEFAULT '',
    holder TEXT NOT NULL DEFAULT ''
);
CREATE TABLE queued (
    exporter TEXT NOT NULL,
    kind TEXT NOT NULL,
    seq INTEGER NOT NULL,
    due INTEGER NOT NULL,
    missing TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (exporter, kind, seq)
) WITHOUT ROWID;
CREATE INDEX queued_due ON queued (exporter, due);
CREATE INDEX queued_missing ON queued (exporter, missing) WHERE missing != '';
CREATE TABLE set_aside (
    exporter TEXT NOT NULL,
    kind TEXT NOT NULL,
    seq INTEGER NOT NULL,
    id TEXT NOT NULL,
    at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (exporter, kind, seq)
) WITHOUT ROWID;
"""
