"""Labels: what many calls have in common, kept once. An entry of the ledger names its label by number."""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec

from outlay.ledger.bounds import beyond
from outlay.ledger.database import in_use, transaction

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
_CACHED = 20_000
_INSERT = (
    f"INSERT INTO labels (key, {', '.join(COLUMNS)}) VALUES ({', '.join('?' * (len(COLUMNS) + 1))})"  # noqa: S608  own names
    " ON CONFLICT DO NOTHING"
)
_encode = msgspec.json.Encoder().encode


class Label(msgspec.Struct, gc=False):
    """A label as calls need it on their way into the ledger."""

    number: int
    """0 until the ledger has it."""
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
        self._numbered: dict[Key, Label] = {}
        self._new: dict[Key, Label] = {}

    def find(self, key: Key) -> Label:
        """Return the label of ``key``; a new one has its number after the next ``number_new``.

        Raises:
            OverflowError: a number of it is beyond 64 bits.
        """
        found = self._numbered.get(key) or self._new.get(key)
        if found is None:
            if any(map(beyond, key)):
                raise OverflowError
            outcome = key[_OUTCOME]
            found = self._new[key] = Label(
                number=0,
                failed=int(outcome in ("error", "cancelled", "uncertain")),
                request=outcome in ("ok", "abandoned"),
                error=outcome == "error",
                project=key[_PROJECT],
                provider=key[_PROVIDER],
                model=key[_MODEL],
            )
        return found

    def number_new(self) -> None:
        """Write new labels down, in a transaction of their own where none is open."""
        if not self._new:
            return
        new, self._new = self._new, {}
        if self._database.in_transaction:
            self._number(new)  # not remembered: it may be rolled back
            return
        with in_use, transaction(self._database):
            self._number(new)
        if len(self._numbered) > _CACHED:
            self._numbered.clear()
        self._numbered.update(new)

    def _number(self, new: dict[Key, Label]) -> None:
        for key, label in new.items():
            row = [_plain(part, at) for at, part in enumerate(key)]
            text = _encode(row).decode()
            self._database.execute(_INSERT, (text, *row))
            (label.number,) = self._database.execute("SELECT number FROM labels WHERE key = ?", (text,)).fetchone()


def _plain(part: Any, at: int) -> Any:
    """Return a part of a key as its column holds it."""
    if at == _TERMS:
        part = dict(part)
    return _encode(part).decode() if isinstance(part, (tuple, dict)) else part
