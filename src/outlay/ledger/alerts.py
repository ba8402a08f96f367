"""Alerts as the ledger keeps them: each project and key once, as long as calls are kept, and without whom to forget."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from outlay.alerts import Alert
from outlay.ledger.database import transaction
from outlay.readable import readable
from outlay.records import Raised

_PUT = (
    "INSERT INTO alerts (project, key, at, kept, kind, severity, subject, title, body)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (project, key) DO NOTHING"
)
_CHANGE = "UPDATE alerts SET key = ?, subject = ?, title = ?, body = ? WHERE seq = ?"
_UNDELIVERABLE = "DELETE FROM deliveries WHERE alert NOT IN (SELECT seq FROM alerts)"
FORGOTTEN = "(forgotten)"


def put(database: sqlite3.Connection, alerts: Iterable[Alert], now: int) -> int:
    """Keep alerts inside the caller's transaction; return how many of them are new."""
    made = 0
    for alert in alerts:
        row = (alert.project, alert.key, alert.at, now, alert.kind, alert.severity, alert.subject, alert.title)
        made += database.execute(_PUT, (*row, msgspec.json.encode(alert).decode())).rowcount
    return made


def put_raised(database: sqlite3.Connection, record: Raised) -> bool:
    """Keep an alert of the spool inside the caller's transaction; return whether it could be read."""
    try:
        alert = read(bytes(memoryview(record.alert)))
        put(database, [alert], time.time_ns())
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError):
        return False
    return True


def read(body: str | bytes) -> Alert:
    """Return an alert as it was kept; of one that only a newer outlay understands whole, what can be."""
    try:
        return msgspec.json.decode(body, type=readable(Alert))
    except msgspec.ValidationError:
        fields = msgspec.json.decode(body, type=dict[str, Any])
        plain = {name: fields[name] for name, kind in _PLAIN.items() if isinstance(fields.get(name), kind)}
        return msgspec.convert(plain | {"kind": "other"}, readable(Alert))


_PLAIN = dict.fromkeys(("key", "project", "subject", "title", "text", "advice"), str) | dict.fromkeys(
    ("at", "since", "amount", "limit"), int
)


def prune(database: sqlite3.Connection, before: int) -> None:
    """Delete alerts that came before ``before`` (ns since the epoch)."""
    with transaction(database):
        if database.execute("DELETE FROM alerts WHERE kept < ?", (before,)).rowcount:
            database.execute(_UNDELIVERABLE)


def remove(database: sqlite3.Connection, project: str) -> None:
    """Delete the alerts of a project inside the caller's transaction."""
    database.execute("DELETE FROM alerts WHERE project = ?", (project,))
    database.execute("DELETE FROM channels WHERE project = ?", (project,))
    database.execute(_UNDELIVERABLE)


def forget(database: sqlite3.Connection, values: Sequence[str]) -> None:
    """Take ``values`` out of the alerts that name all of them, inside the caller's transaction."""
    words = [re.compile(rf"(?<![\w-]){re.escape(value)}(?![\w-])") for value in values]
    for seq, body in database.execute("SELECT seq, body FROM alerts").fetchall():
        alert = read(body)
        told = msgspec.to_builtins(alert)
        said = "\n".join(_texts(told))
        if not all(word.search(said) for word in words):
            continue
        for word in words:
            told = _without(word, told)
        if told["key"] != alert.key:
            told["key"] += f" {seq}"  # what told two alerts apart may be gone now
        kept = {"kind": alert.kind, "severity": alert.severity, "project": alert.project}
        alert = msgspec.convert(told | kept, readable(Alert))
        row = (alert.key, alert.subject, alert.title, msgspec.json.encode(alert).decode(), seq)
        database.execute(_CHANGE, row)


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for held in value.values() for text in _texts(held))
    elif isinstance(value, (list, tuple)):
        yield from (text for held in value for text in _texts(held))


def _without(word: re.Pattern[str], value: Any) -> Any:
    if isinstance(value, str):
        return word.sub(FORGOTTEN, value)
    if isinstance(value, dict):
        return {name: _without(word, held) for name, held in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without(word, held) for held in value]
    return value
