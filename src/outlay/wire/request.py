"""What a request's body says: its model, its tier, how long its answer may get."""

from __future__ import annotations

import re
from typing import Any

from outlay.wire.api import Request
from outlay.wire.paths import Fields

SMALL = 16 * 1024
"""Bytes up to which a body is decoded; above, a search of its two ends answers in 5 µs whatever its size."""

END = 128
"""Bytes at a body's end that are searched for the model, and remembered: most applications have few of them."""

ENDS = 1024
"""Ends that are remembered, in memory only."""

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
        self._tier = b'"%s"' % (table.tier or "tier").encode()
        self._ends: dict[bytes, str] = {}

    def model(self, body: bytes | None) -> tuple[str | None, str | None]:
        """Return (model, tier) as asked for; the tier only of a small body."""
        if not body:
            return None, None
        if len(body) > SMALL or self._tier not in body:
            model = self._by_end(body)
            if model is not None:
                return model, None
        values = self._fields.read(body)
        return (None, None) if values is None else (_text(values[0]), _text(values[1]))

    def _by_end(self, body: bytes) -> str | None:
        """Return the model if only scalars stand around its name at an end of the body: what SDKs write."""
        end = body[-END:]
        known = self._ends.get(end)
        if known is not None:
            return known
        found = self._tail.search(end)
        if found is None:
            found = self._head.match(body[:SMALL])
            return found and _model(found)
        if len(self._ends) >= ENDS:
            self._ends.clear()
        self._ends[end] = _model(found)
        return self._ends[end]

    def limit(self, body: bytes | None) -> int | None:
        """Return the most output tokens that the request allows, all choices together; None where it names no limit."""
        values = self._fields.read(body) if body else None
        if values is None:
            return None
        limits = [limit for limit in values[3:] if type(limit) is int and limit > 0]
        choices = values[2] if type(values[2]) is int and values[2] > 0 else 1
        return min(limits) * choices if limits else None


def _model(found: re.Match[bytes]) -> str:
    return found[1].decode(errors="replace")[:256]


def _text(value: Any) -> str | None:
    return value[:256] if isinstance(value, str) else None
