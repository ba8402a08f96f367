"""What a request's body says: its model, its tier, how long its answer may get."""

from __future__ import annotations

import re
from typing import Any

from outlay.wire.api import Request
from outlay.wire.paths import Fields

SMALL = 16 * 1024
"""Bytes up to which a body is decoded; above, a search of its two ends answers in 5 µs whatever its size."""

_SCALAR = rb'(?:"[^"\\]*"|[-+.0-9eE]+|true|false|null)'
# Only scalars stand between the key and the outer brace, so the key is at the top level: a search that is not
# anchored returned the model of a nested object (a tool call).
_TAIL = rb'[\]}"0-9el]\s*,\s*"%s"\s*:\s*"([^"\\]*)"(?:\s*,\s*"\w+"\s*:\s*' + _SCALAR + rb")*\s*\}\s*$"
_HEAD = rb'\s*\{(?:\s*"\w+"\s*:\s*' + _SCALAR + rb'\s*,)*\s*"%s"\s*:\s*"([^"\\]*)"'


class RequestReader:
    """Read one format's requests."""

    def __init__(self, table: Request) -> None:
        self._limits = table.limits
        self._fields = Fields((table.model, table.tier or "tier", table.choices or "n", *table.limits))
        model = re.escape(table.model.encode())
        self._head = re.compile(_HEAD % model)
        self._tail = re.compile(_TAIL % model)

    def model(self, body: bytes | None) -> tuple[str | None, str | None]:
        """Return (model, tier) as asked for; the tier only of a small body."""
        if not body:
            return None, None
        if len(body) > SMALL:
            found = self._tail.search(body, len(body) - 400) or self._head.match(body[:SMALL])
            if found:
                return found[1].decode(errors="replace")[:256], None
        values = self._fields.read(body)
        return (None, None) if values is None else (_text(values[0]), _text(values[1]))

    def limit(self, body: bytes | None) -> int | None:
        """Return the most output tokens that the request allows, all choices together; None where it names no limit."""
        values = self._fields.read(body) if body else None
        if values is None:
            return None
        limits = [limit for limit in values[3:] if type(limit) is int and limit > 0]
        choices = values[2] if type(values[2]) is int and values[2] > 0 else 1
        return min(limits) * choices if limits else None


def _text(value: Any) -> str | None:
    return value[:256] if isinstance(value, str) else None
