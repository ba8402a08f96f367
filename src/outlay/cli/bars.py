"""Small pictures in characters: a sparkline, a plot of columns, a waterfall."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

BLOCKS = " ▁▂▃▄▅▆▇█"
"""Eighths of a character, from the bottom up."""
WIDTH = 30
"""Characters of a waterfall."""


def sparkline(values: Sequence[float], width: int = 24) -> str:
    """Return ``values`` in one line of at most ``width`` characters; several that share one are averaged."""
    merged = merge(values, width)
    most = max(merged, default=0.0)
    return "".join(BLOCKS[_eighths(value, most, 8)] for value in merged)


def _eighths(value: float, most: float, whole: int) -> int:
    if value <= 0.0 or most <= 0.0:
        return 0
    return max(1, round(value / most * whole))


def merge(values: Sequence[float], width: int) -> list[float]:
    """Return at most ``width`` means of ``values`` that stand next to each other."""
    if len(values) <= width:
        return list(values)
    borders = [len(values) * at // width for at in range(width + 1)]
    return [sum(values[a:b]) / (b - a) for a, b in pairwise(borders)]


def plot(values: Sequence[float], height: int = 6) -> list[str]:
    """Return ``values`` as columns, the lines from the top down."""
    most = max(values, default=0.0)
    heights = [_eighths(value, most, height * 8) for value in values]
    return [
        "".join(BLOCKS[max(0, min(8, eighths - 8 * row))] for eighths in heights).rstrip()
        for row in reversed(range(height))
    ]


def waterfall(before: int, parts: Sequence[int]) -> list[str]:
    """Return a bar for ``before``, one for each of ``parts`` where it begins and ends, and one for their sum."""
    ends = [before]
    for part in parts:
        ends.append(ends[-1] + part)
    least, most = min(0, *ends), max(0, *ends)
    scale = WIDTH / (most - least) if most > least else 0.0

    def bar(start: int, end: int, sign: str) -> str:
        left, right = sorted((round((start - least) * scale), round((end - least) * scale)))
        return " " * left + sign * max(right - left, 1 if start != end else 0)

    steps = [bar(ends[at], ends[at + 1], "+" if part > 0 else "-") for at, part in enumerate(parts)]
    return [bar(0, before, "█"), *steps, bar(0, ends[-1], "█")]
