"""The user's price book."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from outlay.pricing.table import LoadedTable, Price


@dataclass(frozen=True, slots=True)
class Book:
    """Prices, aliases and adjustments of the user's own, laid over the table."""

    digest: str = ""

    @classmethod
    def load(cls, path: Path, table: LoadedTable) -> Book:
        raise NotImplementedError

    def alias(self, provider: str, name: str) -> tuple[str, str] | None:
        return None

    def prices(self, provider: str, name: str, model: str | None) -> Sequence[Price]:
        return ()

    def factor(self, provider: str, model: str) -> Fraction:
        return Fraction(1)
