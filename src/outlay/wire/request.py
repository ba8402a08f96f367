"""What a request's body says: its model, its tier, how long its answer may get."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote

from outlay.records import Quantity
from outlay.wire.api import Request
from outlay.wire.derived import number
from outlay.wire.paths import Fields

SMALL = 16 * 1024
"""Bytes up to which a body is decoded; above, a search of its two ends answers in 5 µs whatever its size."""

END = 128
"""Bytes at a body's ends in which SDKs write the model."""

SHORT = 400
"""Bytes at a body's end that are searched for it when other options stand around it."""

TEXT = 256
"""Characters that are kept of a name."""

_DEPLOYMENT = re.compile("/deployments/([^/]+)/")

_REGIONS = frozenset(("us", "us-gov", "eu", "apac", "jp", "au", "ca", "sa", "global"))
"""What the names of Bedrock's cross-region profiles begin with, before the maker's."""

_FORM = re.compile(rb'name="model"\r\n(?:[^\r\n]+\r\n)*\r\n([^\r\n]+)\r\n--')
"""The field of a form (RFC 7578) that names the model."""

_BACKSLASH = ord("\\")

_SCALAR = rb'(?:"[^"\\]*"|[-+.0-9eE]+|true|false|null)'
# Only scalars stand between the key and the outer brace, so the key is at the top level: a search that is not
# anchored returned the model of a nested object (a tool call).
_TAIL = rb'[\]}"0-9el]\s*,\s*"%s"\s*:\s*"([^"\\]*)"(?:\s*,\s*"\w+"\s*:\s*' + _SCALAR + rb")*\s*\}\s*$"
_HEAD = rb'\s*\{(?:\s*"\w+"\s*:\s*' + _SCALAR + rb'\s*,)*\s*"%s"\s*:\s*"([^"\\]*)"'


class RequestReader:
    """Read one format's requests."""

    def __init__(self, table: Request) -> None:
        self.table = table
        self._fields = Fields((table.model, table.tier or "tier", table.choices or "n", *table.limits))
        model = re.escape(table.model.encode())
        # Compiled for the bodies that need them: to do so takes longer than the rest of a first call.
        self._head, self._tail = _HEAD % model, _TAIL % model
        self._tier = b'"%s"' % (table.tier or "tier").encode()
        place = None if table.in_path is None else re.escape(table.in_path).replace(r"\*", "([^/]+)")
        self._in_path = None if place is None else re.compile(f"(?:^|/){place}")
        self._measured = tuple(table.measures)
        self._measures = Fields(tuple(table.measures.values())) if table.measures else None
        self._asks, self._terms = dict(table.asks), dict(table.terms)
        said = tuple(path for path, _ in (*table.asks.values(), *table.terms.values()))
        self._said = Fields(said) if said else None
        self.measures_anything = bool(table.measures or said)
        """Whether a request may say what is billed where its answer does not."""
        self._first = b'{"%s":"' % table.model.encode()
        self._last = b',"%s":"' % table.model.encode()

    def named(self, body: bytes) -> str | None:
        """Return the model where it is written last or first, as SDKs do: in a text a backslash is before it."""
        at = body.rfind(self._last, -END)
        if at >= 0:
            name, _, rest = body[at + len(self._last) :].partition(b'"')
            if rest == b"}" and _BACKSLASH not in name:
                return name.decode(errors="replace")
        elif body.startswith(self._first):
            name, quote, _ = body[len(self._first) : END].partition(b'"')
            if quote and _BACKSLASH not in name:
                return name.decode(errors="replace")
        return None

    def model(self, body: bytes | None) -> tuple[str | None, str | None]:
        """Return (model, tier) as asked for; the tier only of a small body."""
        if not body:
            return None, None
        if body.startswith(b"--"):
            found = _FORM.search(body[: 8 * SMALL]) or _FORM.search(body[-8 * SMALL :])
            return (None if found is None else found[1].decode(errors="replace")[:TEXT]), None
        if len(body) > SMALL or body.find(self._tier) < 0:  # `in` tries a number first, and formats its refusal
            name = self.named(body)
            if name is not None:
                return name, None
            found = re.search(self._tail, body[-SHORT:]) or re.match(self._head, body[:SMALL])
            if found is not None:
                return found[1].decode(errors="replace")[:TEXT], None
        values = self._fields.read(body)
        return (None, None) if values is None else (_text(values[0]), _text(values[1]))

    def asked(self, body: bytes | None, path: str) -> tuple[str | None, str | None]:
        """Return (model, tier) as asked for, by the path where that names the model."""
        model, tier = self.model(body)
        return self.model_in(path) or model, tier

    def model_in(self, path: str) -> str | None:
        """Return the model that a path names, if it names one."""
        found = self._in_path.search(path) if self._in_path is not None else None
        return None if found is None else unquote(found[1])[:TEXT]

    def decides(self, path: str) -> bool:
        """Return whether the body names the model that answers, and not the path: Azure's deployments are there."""
        return "/deployments/" not in path and (self._in_path is None or self._in_path.search(path) is None)

    def moved(self, path: str, model: str) -> str | None:
        """Return the path that names another model; None where this request's body is not for every maker's.

        Of an Azure deployment the name is the user's own, and so is that of the other.
        """
        found = _DEPLOYMENT.search(path) if self._in_path is None else self._in_path.search(path)
        if found is None or (self.table.makers_own and _maker(unquote(found[1])) != _maker(model)):
            return None
        return f"{path[: found.start(1)]}{quote(model, safe='@')}{path[found.end(1) :]}"

    def measured(self, body: bytes | None) -> dict[str, Quantity] | None:
        """Return what a request is billed by itself, whatever the answer is; None where that can't be told."""
        texts = self._measures.read(body) if self._measures is not None and body else None
        counted: dict[str, Quantity] = {}
        for name, text in zip(self._measured, texts or (), strict=False):
            if isinstance(text, str):
                counted[name] = len(text)
        said = (self._said.read(body) if self._said is not None and body else None) or ()
        for (name, (_, usual)), asked in zip(self._asks.items(), said, strict=False):
            quantity = number(usual if asked is None else asked)
            if type(quantity) in (int, float) and quantity > 0:
                counted[name] = quantity * self._choices(body)
        return counted or None

    def terms(self, body: bytes | None) -> dict[str, str]:
        """Return the price terms that a request asks for, or that hold where it asks for none."""
        said = self._said.read(body) if self._said is not None and body and self._terms else None
        if said is None:
            return dict.fromkeys(self._terms, "unknown")  # which no price answers for
        asked = said[len(self._asks) :]
        return {
            name: said if isinstance(said, str) else usual
            for (name, (_, usual)), said in zip(self._terms.items(), asked, strict=True)
        }

    def limit(self, body: bytes | None) -> int | None:
        """Return the most output tokens that the request allows, all choices together; None where it names no limit."""
        values = self._fields.read(body) if body else None
        if values is None:
            return None
        limits = [limit for limit in values[3:] if type(limit) is int and limit > 0]
        return min(limits) * self._choices(body) if limits else None

    def _choices(self, body: bytes | None) -> int:
        asked = (self._fields.read(body) if body else None) or (None, None, None)
        return asked[2] if type(asked[2]) is int and asked[2] > 0 else 1


def _maker(model: str) -> str | None:
    """Return whose model it is, by a name of Bedrock's; None where that does not tell: a profile of one's own."""
    parts = model.rpartition("/")[2].split(".")
    if model.startswith("arn:") and "foundation-model/" not in model and "inference-profile/" not in model:
        return None
    named = parts[1:] if parts[0] in _REGIONS else parts
    return named[0] if len(named) > 1 else None


def _text(value: Any) -> str | None:
    return value[:TEXT] if isinstance(value, str) else None
