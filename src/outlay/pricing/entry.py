"""One table of a price book: reading its values, and refusing them in a sentence with the place and the way out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, NoReturn

from outlay.errors import ConfigError
from outlay.pricing.table import Price


@dataclass(slots=True)
class File:
    """The book being read: for messages, and for the table's price to hold a price against."""

    path: str
    text: str
    listed: Callable[[str, str], Price | None]


@dataclass(slots=True)
class Entry:
    """One table of the book, with its place in the file."""

    file: File
    kind: str
    number: int
    content: Mapping[str, Any]

    @property
    def line(self) -> int | None:
        """The number of the line in which it begins."""
        headers = list(re.finditer(rf"^\s*\[{{1,2}}\s*{self.kind}\s*\]{{1,2}}", self.file.text, re.MULTILINE))
        return self.file.text.count("\n", 0, headers[self.number].end()) + 1 if self.number < len(headers) else None

    def fail(self, problem: str) -> NoReturn:
        """Raise ``ConfigError``: where, what is wrong, what to do."""
        place = f"{self.file.path}:{self.line}" if self.line else self.file.path
        name = self.content.get("model") or self.content.get("name")
        raise ConfigError(f"{place}: [[{self.kind}]]{f' {name}' if name else ''}: {problem}")

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text that must be there unless it has a default."""
        value = self.content.get(key, default)
        if not isinstance(value, str) or (not value and default is None):
            self.fail(f'{key} must be a text, like {key} = "…"')
        return value

    def flag(self, key: str) -> bool:
        """Return whether something is said to be so; no if it is not there."""
        value = self.content.get(key, False)
        if not isinstance(value, bool):
            self.fail(f"{key} is true or false")
        return value

    def only(self, allowed: frozenset[str]) -> None:
        """Refuse keys that mean nothing here."""
        for key in sorted(self.content.keys() - allowed):
            self.fail(f"{key} is not a key of this table; it has {', '.join(sorted(allowed))}")

    def usd(self, key: str, value: Any) -> Fraction:
        """Return an amount: a text with a decimal, as floats are not exact."""
        if not isinstance(value, str):
            self.fail(f'{key} must be a decimal in quotes, like {key} = "2.50", so that it stays exact')
        try:
            amount = Decimal(value)
        except InvalidOperation:
            self.fail(f"{key} = {value!r} is not a number; write it like 2.50 or 6e-08")
        if not amount.is_finite() or amount < 0:
            self.fail(f"{key} = {value!r} must be finite and not negative")
        return Fraction(amount)

    def instant(self, key: str) -> str:
        """Return a date or an instant in UTC as ISO text; empty when it is not there."""
        value = self.content.get(key)
        if value is None:
            return ""
        if isinstance(value, datetime):
            if value.tzinfo is None:
                self.fail(f"{key} has no time zone; write it like 2026-01-01T00:00:00Z")
            return value.astimezone(UTC).isoformat()
        if not isinstance(value, date):
            self.fail(f"{key} must be a date like 2026-01-01 or a time like 2026-01-01T00:00:00Z, without quotes")
        return f"{value.isoformat()}T00:00:00+00:00"
