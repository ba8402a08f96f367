"""The list of prices, with the user's book over it: for who asks what something costs without having started outlay."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from outlay.config import load
from outlay.errors import ConfigError

if TYPE_CHECKING:
    from outlay.pricing import Prices

_spare: Prices | None = None


def spare() -> Prices:
    """Return the table and the book that the settings name; a disabled outlay has no setting that can be wrong."""
    global _spare  # noqa: PLW0603 - read once
    if _spare is None:
        try:
            book = load({"disabled": False}).price_book
        except ConfigError:
            if not load({}).disabled:
                raise
            book = None
        _spare = listed(book)
    return _spare


def listed(book: str | None, tables: Path | None = None) -> Prices:
    """Return the prices of the latest table in the folder ``tables``, or our own, with the ``book`` over it."""
    from outlay.pricing import Prices  # with the first call that is priced

    return Prices.load(Path(book) if book else None, tables)
