"""Labels: what many calls have in common, kept once. An entry of the ledger names its label by number."""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec

from outlay.ledger.bounds import beyond
from outlay.ledger.database import transaction

COLUMNS = (
    *("project", "feature", "path", "site", "release", "provider", "api", "operation", "transport", "host", "model"),
    *("request_model", "response_model", "streamed", "outcome", "status", "error_type", "attempt", "finish_reasons"),
    *("terms", "requested_tier", "estimated", "cost_status", "cost_source", "unpriced", "price_id", "price_table"),
    *("price_match", "price_model", "marks", "known"),
)
"""Columns of ``labels`` after ``number`` and ``key``, in the order of a ``Key``."""

Key = tuple[Any, ...]
_OUTCOME, _TERMS = COLUMNS.index("outcome"), COLUMNS.index("terms")
_PROJECT, _PROVIDER, _MODEL = COLUMNS.index("project"), COLUMNS.index("provider"), COLUMNS.index("model")
_CACHED = 4_000
"""Labels that are remembered: about a kilobyte each, four megabytes at most."""
_INSERT = (
    f"INSERT INTO labels (key, {', '.join(COLUMNS)}) VALUES ({', '.join('?' * (len(COLUMNS) + 1))})"  # noqa: S608  own names
    " ON CONFLICT DO NOTHING"
)
_encode = msgspec.json.Encoder().encode


class Label(msgspec.Struct, gc=False):
    """A label as calls need it on their way into the ledger."""

    number: int
    failed: int
    request: bool
    error: bool
    project: str
    provider: str
    model: str


class Labels:
    """The labels of one ledger that were met lately.

    A label that the ledger has stays in it, so what is remembered here can't become wrong while others write.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._kept: dict[Key, Label] = {}

    def find(self, key: Key) -> Label:
        """Return the label of ``key``, written down first where the ledger has none.

        Raises:
            OverflowError: a number of it is beyond 64 bits.
        """
        return self._kept.get(key) or self._write(key)

    def _write(self, key: Key) -> Label:
        if any(map(beyond, key)):
            raise OverflowError
        if self._database.in_transaction:
            return self._label(key)  # not remembered: it may be rolled back
        with transaction(self._database):
            made = self._label(key)
        if len(self._kept) > _CACHED:
            self._kept.clear()
        self._kept[key] = made
        return made

    def _label(self, key: Key) -> Label:
        row = [_plain(part, at) for at, part in enumerate(key)]
        text = _encode(row).decode()
        self._database.execute(_INSERT, (text, *row))
        (number,) = self._database.execute("SELECT number FROM labels WHERE key = ?", (text,)).fetchone()
        outcome = key[_OUTCOME]
        return Label(
            number=number,
            failed=int(outcome in ("error", "cancelled", "uncertain")),
            request=outcome in ("ok", "abandoned"),
            error=outcome == "error",
            project=key[_PROJECT],
            provider=key[_PROVIDER],
            model=key[_MODEL],
        )


def _plain(part: Any, at: int) -> Any:
    """Return a part of a key as its column holds it."""
    if at == _TERMS:
        part = dict(part)
    return _encode(part).decode() if isinstance(part, (tuple, dict)) else part
