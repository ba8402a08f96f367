"""Sums that reports are made of: a place is a stretch of time and the values that calls share."""

from __future__ import annotations

Key = tuple[str | None, ...]
Place = tuple[int, Key]
Sums = list[int]
Found = dict[Place, Sums]


def add(found: Found, place: Place, sums: Sums) -> None:
    """Add ``sums`` to what was found for ``place``."""
    known = found.get(place)
    found[place] = sums if known is None else [left + right for left, right in zip(known, sums, strict=True)]
