"""Tables that fit: on a narrow terminal the columns that matter least go first, then words are cut; figures never."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from outlay.cli.output import printable

GAP = 2
"""Blanks between two columns."""
SHORTEST = 8
"""Characters that a cut word keeps at least."""


@dataclass(frozen=True)
class Column:
    """A column with its cells, top to bottom."""

    name: str
    cells: Sequence[str]
    figure: bool = True
    """Figures stand to the right and are never cut, words to the left."""
    leaves: int = 0
    """Columns leave in the order of this number where there is no room; those with 0 stay."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "cells", [printable(cell, lines=False) for cell in self.cells])

    @property
    def width(self) -> int:
        """Characters that the column takes."""
        return max(cell_len(self.name), *map(cell_len, self.cells)) if self.cells else cell_len(self.name)

    @property
    def idle(self) -> bool:
        """Whether the column has nothing to say."""
        return all(cell in ("", "0") for cell in self.cells)


def print_table(out: Console, columns: Sequence[Column], *, total: bool = False) -> list[str]:
    """Print columns, the last row as a total; return the names of those for which there was no room."""
    kept, left = fit(columns, out.width)
    lines = [(" " * GAP).join(cells).rstrip() for cells in zip(*map(_aligned, kept), strict=True)]
    for index, line in enumerate(lines):
        strong = index == 0 or (total and index == len(lines) - 1)
        out.print(Text(line, style="bold" if strong else ""), soft_wrap=True)
    return left


def _aligned(column: Column) -> list[str]:
    """Return the column's name and cells, all of one width."""
    width = column.width
    padded = [(cell, " " * (width - cell_len(cell))) for cell in (column.name, *column.cells)]
    return [blank + cell if column.figure else cell + blank for cell, blank in padded]


def fit(columns: Sequence[Column], width: int) -> tuple[list[Column], list[str]]:
    """Return the columns that fit into ``width``, words cut if need be, and the names of those that had to leave."""
    kept = list(columns)
    left: list[str] = []
    while _width(kept) > width and (loose := [column for column in kept if column.leaves]):
        first = min(loose, key=lambda column: column.leaves)
        left.append(first.name)
        kept.remove(first)
    while (over := _width(kept) - width) > 0 and (words := [column for column in kept if _cuttable(column)]):
        widest = max(words, key=lambda column: column.width)
        kept[kept.index(widest)] = _cut(widest, max(widest.width - over, SHORTEST, cell_len(widest.name)))
    return kept, left


def _width(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + GAP * max(len(columns) - 1, 0)


def _cuttable(column: Column) -> bool:
    return not column.figure and column.width > max(SHORTEST, cell_len(column.name))


def _cut(column: Column, width: int) -> Column:
    return replace(
        column,
        cells=[
            cell if cell_len(cell) <= width else set_cell_size(cell, width - 1).rstrip() + "…" for cell in column.cells
        ],
    )
