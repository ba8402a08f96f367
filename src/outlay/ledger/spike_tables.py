"""The tables of the watch for spikes, deploy markers, and leases."""

TABLES = """
CREATE TABLE spike_states (
    name TEXT PRIMARY KEY,
    state BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE spike_incidents (
    id TEXT PRIMARY KEY,
    opened INTEGER NOT NULL,
    closed INTEGER,
    body BLOB NOT NULL
);
CREATE TABLE spike_reviews (
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    word TEXT NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (id, kind)
) WITHOUT ROWID;
CREATE TABLE marks (
    at INTEGER NOT NULL,
    name TEXT NOT NULL
);
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    until INTEGER NOT NULL
);
"""
