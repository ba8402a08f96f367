"""Put a store back into an old state, as a server does that is restored from a copy: what came after it is gone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

SQLITE = ("accounts", "entries", "identities", "forgotten")
POSTGRES = {
    "budgets": "project", "budget_shapes": "project", "budget_limits": "project", "budget_accounts": "project",
    "budget_leases": "account", "budget_forgotten": "account", "budget_claims": "account", "budget_slots": "account",
    "budget_entries": "account",
}  # fmt: skip
"""Tables, and the column that begins with the project's name."""


def remembered(url: str, project: str) -> Callable[[], None]:
    """Return what puts the counters of ``project`` back to how they are now."""
    if url.startswith("redis"):
        return _redis(url, project)
    return _postgres(url, project) if url.startswith("postgres") else _sqlite(url)


def _sqlite(path: str) -> Callable[[], None]:
    with closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as database:
        database.execute("BEGIN")  # of one moment
        known = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
        kept = {name: database.execute(f"SELECT * FROM {name}").fetchall() for name in SQLITE if name in known}

    def rewind() -> None:
        with closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            for name in SQLITE:
                database.execute(f"DELETE FROM {name}")
                for row in kept.get(name, ()):
                    database.execute(f"INSERT INTO {name} VALUES ({', '.join('?' * len(row))})", row)
            database.execute("COMMIT")

    return rewind


def _redis(url: str, project: str) -> Callable[[], None]:
    import redis

    def keys(client: Any) -> list[bytes]:
        return list(client.scan_iter(match=f"outlay:{{{project}|*", count=1000))

    with redis.Redis.from_url(url) as client:
        names = keys(client)
        with client.pipeline() as pipeline:  # of one moment
            for key in names:
                pipeline.dump(key).pttl(key)
            found = pipeline.execute()
        kept = {key: (found[2 * index], max(0, found[2 * index + 1])) for index, key in enumerate(names)}

    def rewind() -> None:
        with redis.Redis.from_url(url) as client, client.pipeline() as pipeline:
            for key in keys(client):
                pipeline.delete(key)
            for key, (content, ends) in kept.items():
                if content is not None:
                    pipeline.restore(key, ends, content)
            pipeline.execute()

    return rewind


def _postgres(url: str, project: str) -> Callable[[], None]:
    import psycopg

    where = {name: f"WHERE {column} LIKE '{project}%'" for name, column in POSTGRES.items()}
    with psycopg.connect(url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ  # of one moment
        kept = {name: connection.execute(f"SELECT * FROM outlay_{name} {where[name]}").fetchall() for name in POSTGRES}

    def rewind() -> None:
        with psycopg.connect(url) as connection:
            connection.execute(
                f"SELECT pg_advisory_xact_lock(hashtextextended(key, 7075)) FROM outlay_budget_accounts"
                f" {where['budget_accounts']}"
            )
            for name, rows in kept.items():
                connection.execute(f"DELETE FROM outlay_{name} {where[name]}")
                for row in rows:
                    marks = ", ".join(["%s"] * len(row))
                    connection.execute(f"INSERT INTO outlay_{name} VALUES ({marks})", row)

    return rewind
