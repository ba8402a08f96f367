"""Measure outlay beside the bare client and every peer that is installed, and print the figures as Markdown.

`pip install -e '.[bench]'` brings the peers; about fifteen minutes on two quiet cores.
"""

from __future__ import annotations

import argparse
import time
import timeit
from collections.abc import Sequence
from pathlib import Path

from benchmarks import footprint, hot_path, report, rounds
from benchmarks.report import Results
from benchmarks.tools import BARE, TOOLS, Tool, installed
from benchmarks.turns import SHAPES

SECTIONS = ("pairs", "shapes", "starts", "sizes", "memory", "alone")


def price() -> float:
    """Return µs that the price of a call takes once its model was resolved."""
    from outlay.pricing import Prices
    from outlay.records import Usage

    prices, now = Prices.load(), time.time_ns()
    usage = Usage(classes={"input": 384, "cache_read": 128, "output": 200})
    models = ("gpt-4o-mini-2024-07-18", "gpt-4o-mini")
    times = timeit.repeat(lambda: prices.cost("openai", models, usage, at=now), number=20_000, repeat=7)
    return min(times) / 20_000 * 1e6


def measure(
    results: Results, sections: Sequence[str], tools: Sequence[Tool], shapes: Sequence[str], count: int
) -> None:
    """Fill ``results`` with the sections asked for, the quickest first; ``count``: rounds of every shape."""
    if "pairs" in sections:
        results.pairs.update(hot_path.figures(count * 200))
    if "sizes" in sections:
        results.sizes = {tool.name: footprint.installed_size(tool.distribution, BARE.distribution) for tool in tools}
    if "alone" in sections:
        results.alone["price"] = price()
        results.alone["size"] = footprint.installed_size("outlay")
        results.alone["import"] = footprint.import_alone(count)
    if "shapes" in sections:
        rounds.by_shape(rounds.start(tools), shapes, count, results.shapes)
    if "starts" in sections:
        results.starts = footprint.starts(tools, max(1, count // 2))
    if "memory" in sections:
        results.memory = footprint.memory(tools)


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=11, help="turns of each tool in each shape (default: 11)")
    parser.add_argument("--tools", nargs="*", help="of these only: " + ", ".join(tool.name for tool in TOOLS[1:]))
    shapes = [shape for shape in SHAPES if shape != "delivered"]  # here nothing is delivered: see benchmarks.exporters
    parser.add_argument("--shapes", nargs="*", choices=shapes, default=shapes)
    parser.add_argument("--sections", nargs="*", choices=SECTIONS, default=SECTIONS)
    parser.add_argument("--write", type=Path, help="put the figures into this file, between its marks")
    options = parser.parse_args()
    tools = [
        tool
        for tool in TOOLS
        if tool is not BARE and installed(tool) and (options.tools is None or tool.name in options.tools)
    ]
    results = Results()
    try:
        measure(results, options.sections, tools, options.shapes, options.rounds)
    finally:  # what was found before an interruption is told too
        text = report.markdown(results)
        print(text)
    if options.write:
        report.write(options.write, text)


if __name__ == "__main__":
    main()
