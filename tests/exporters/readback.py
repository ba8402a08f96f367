"""What docs/exporters.md shows of each backend is what was read back from it: written by its proof, and held by it.

A block of the page stands below ``<!-- read back: mlflow -->``. ``WRITE_DOCS=1`` before the proof writes it anew.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parents[2] / "docs" / "exporters.md"
BLOCK = r"(?<=<!-- read back: {} -->\n\n```text\n).*?(?=^```$)"


class Line(NamedTuple):
    """A record as a backend shows it."""

    id: str
    parent: str | None
    start: float | str
    name: str
    words: tuple[str, ...]
    """What stands beside its name, in columns."""


def usd(amount: float | None) -> str:
    """Return an amount as the page shows it."""
    return "" if amount is None else f"{amount:.8f}"


def count(tokens: int | None) -> str:
    """Return a number of tokens as the page shows it."""
    return "" if tokens is None else f"{tokens:>3}"


def tree(lines: Iterable[Line]) -> str:
    """Return records as a tree, those of one parent in the order in which they began."""
    beneath: dict[str | None, list[Line]] = {}
    for line in lines:
        beneath.setdefault(line.parent, []).append(line)
    rows: list[tuple[str, ...]] = []

    def add(parent: str | None, depth: int) -> None:
        for line in sorted(beneath.get(parent, []), key=lambda one: one.start):
            rows.append(("  " * depth + line.name, *line.words))
            add(line.id, depth + 1)

    add(None, 0)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    shown = ["  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(shown) + "\n"


def hold(backend: str, text: str) -> None:
    """Fail where the page shows something else of a backend; with ``WRITE_DOCS=1`` write it there."""
    page = PAGE.read_text(encoding="utf-8")
    block = re.compile(BLOCK.format(backend), re.MULTILINE | re.DOTALL)
    found = block.search(page)
    assert found is not None, f"{PAGE} has no block for {backend}"
    if os.environ.get("WRITE_DOCS") == "1":
        PAGE.write_text(page[: found.start()] + text + page[found.end() :], encoding="utf-8")
        return
    assert found[0] == text, f"docs/exporters.md shows something else of {backend}; read back was:\n{text}"
