"""The figures as Markdown: what docs/performance.md shows between its two marks."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.hot_path import STREAM, STREAM_ASKED, Figure
from benchmarks.provider import CHUNKS
from benchmarks.rounds import Added
from benchmarks.tools import TOOLS, installed

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


@dataclass
class Results:
    """All that one run found; a section that was not asked for is empty."""

    pairs: dict[str, Figure] = field(default_factory=dict)
    shapes: dict[str, dict[str, Added]] = field(default_factory=dict)
    starts: dict[str, float] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)
    sizes: dict[str, float] = field(default_factory=dict)
    alone: dict[str, float] = field(default_factory=dict)
    """What concerns outlay only: ``import`` in ms, ``size`` in MB, ``price`` in µs."""


@dataclass(frozen=True)
class Ceiling:
    """A promise of outlay's, and where the run shows whether it holds."""

    what: str
    limit: float
    unit: str
    measured: Callable[[Results], float]
    """Raises KeyError where the run left that section out."""
    at_least: bool = False


def _ratio(shape: str) -> Callable[[Results], float]:
    return lambda results: results.shapes[shape]["outlay"].ratio


def _added(name: str) -> Callable[[Results], float]:
    return lambda results: results.pairs[name].quiet[1]


def _pair_ratio(name: str) -> Callable[[Results], float]:
    return lambda results: 1 + results.pairs[name].quiet[1] / results.pairs[name].quiet[0]


def _kept(shape: str) -> Callable[[Results], float]:
    return lambda results: 1 / results.shapes[shape]["outlay"].ratio


def _a_chunk(name: str) -> Callable[[Results], float]:
    return lambda results: (results.pairs[name].quiet[1] - results.pairs["plain"].quiet[1]) / CHUNKS


CEILINGS = (
    Ceiling("plain call, caller's CPU", 25, "µs", _added("plain")),
    Ceiling("the same, as a ratio", 1.03, "times", _pair_ratio("plain")),
    Ceiling("plain call, prompt of 100 KB", 1.03, "times", _ratio("plain, 100 KB")),
    Ceiling("plain call, prompt of 5 MB", 1.03, "times", _ratio("plain, 5 MB")),
    Ceiling("async call", 30, "µs", _added("async")),
    Ceiling("time to first chunk", 15, "µs", _added("time to first chunk")),
    Ceiling("a streamed chunk, usage asked by the caller", 0.5, "µs", _a_chunk(STREAM_ASKED)),
    Ceiling("a streamed chunk, usage asked by outlay", 0.5, "µs", _a_chunk(STREAM)),
    Ceiling("stream of 100, usage asked by the caller", 1.02, "times", _pair_ratio(STREAM_ASKED)),
    Ceiling("stream of 100, usage asked by outlay", 1.02, "times", _pair_ratio(STREAM)),
    Ceiling("calls a second kept, 32 threads", 0.95, "of the bare client", _kept("32 threads"), at_least=True),
    Ceiling("calls a second kept, 100 tasks", 0.95, "of the bare client", _kept("100 tasks"), at_least=True),
    Ceiling("a request that is no model call", 1, "µs", _added("no model call")),
    Ceiling("pricing a call, warm", 1, "µs", lambda results: results.alone["price"]),
    Ceiling("`@track` on a no-op, caller", 3, "µs", lambda results: results.shapes["track a no-op"]["outlay"].added),
    Ceiling(
        "`@track` on a no-op, whole process",
        15,
        "µs",
        lambda results: results.shapes["track a no-op, process"]["outlay"].added,
    ),
    Ceiling(
        "CPU of a call, worker and flush included", 60, "µs", lambda results: results.shapes["process"]["outlay"].added
    ),
    Ceiling("import and `init()` over openai", 20, "ms CPU", lambda results: results.starts["outlay"]),
    Ceiling("`import outlay` over `import asyncio`", 40, "ms CPU", lambda results: results.alone["import"]),
    Ceiling("base install with dependencies", 25, "MB", lambda results: results.alone["size"]),
    Ceiling("memory after 10,000 calls, over the bare client", 15, "MB", lambda results: results.memory["outlay"]),
)

COLUMNS = ("plain", "async", "stream of 100", "first chunk", "process", "32 threads", "track a no-op")


def markdown(results: Results) -> str:
    """Return all tables of a run."""
    parts = [_machine(), "### Ceilings", _ceilings(results)]
    if results.shapes:
        parts += ["### Beside the others", _beside(results), "### outlay, every shape", _every_shape(results)]
    if results.pairs:
        parts += ["### outlay, to the microsecond", _pairs(results)]
    return "\n\n".join(parts) + "\n"


def write(path: Path, text: str) -> None:
    """Put ``text`` between the two marks of the file."""
    page = path.read_text(encoding="utf-8")
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    path.write_text(f"{head}{BEGIN}\n\n{text}\n{END}{tail}", encoding="utf-8")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _machine() -> str:
    versions = ", ".join(f"{tool.distribution} {version}" for tool in TOOLS if (version := installed(tool)))
    waiting = f"{os.getloadavg()[0]:.1f} programs wanting {os.cpu_count()} cores at the run's end"
    return f"Python {platform.python_version()} on {platform.system()} {platform.machine()}, {waiting}; {versions}."


def _ceilings(results: Results) -> str:
    rows = []
    for ceiling in CEILINGS:
        try:
            found = ceiling.measured(results)
        except KeyError:
            continue
        met = found >= ceiling.limit if ceiling.at_least else found <= ceiling.limit
        rows.append((ceiling.what, f"{ceiling.limit:g} {ceiling.unit}", f"{found:.3g}", "yes" if met else "**no**"))
    return _table(("what outlay adds", "ceiling", "measured", "met"), rows)


def _beside(results: Results) -> str:
    names = [tool.name for tool in TOOLS if any(tool.name in found for found in results.shapes.values())]
    columns = [column for column in COLUMNS if column in results.shapes]
    head = ("tool", *columns, "start, ms", "installed, MB", "memory, MB")
    rows = [
        (
            name,
            *(_cell(column, results.shapes[column].get(name)) for column in columns),
            *(_number(section.get(name)) for section in (results.starts, results.sizes, results.memory)),
        )
        for name in names
    ]
    return _table(head, rows)


def _cell(shape: str, found: Added | None) -> str:
    if found is None:
        return ""
    if shape.startswith("track"):
        return f"{found.added:.1f} µs"
    if shape in ("32 threads", "100 tasks"):
        return f"{1 / found.ratio:.2f} kept"
    return f"{found.ratio:.2f} times ± {found.noise:.2f} ({found.added:+,.0f} µs)"


def _number(found: float | None) -> str:
    return "" if found is None else f"{found:,.0f}"


def _every_shape(results: Results) -> str:
    rows = [
        (
            name,
            f"{found.bare:,.1f}",
            f"{found.added:+,.1f}",
            f"{found.ratio:.3f} ± {found.noise:.3f}",
            f"{found.p99:+,.0f}",
        )
        for name, tools in results.shapes.items()
        if (found := tools.get("outlay"))
    ]
    return _table(("shape", "bare, µs", "added, µs", "ratio", "p99 added, µs"), rows)


def _pairs(results: Results) -> str:
    rows = [
        (
            name,
            f"{found.quiet[0]:,.0f}",
            f"{found.quiet[1]:+,.1f} ± {found.noise:.1f}",
            f"{1 + found.quiet[1] / found.quiet[0]:.3f}",
            f"{found.p50[0]:,.0f} {found.p50[1]:+,.1f}",
            f"{found.p99[0]:,.0f} {found.p99[1]:+,.1f}",
        )
        for name, found in results.pairs.items()
    ]
    return _table(("call", "bare, quiet µs", "added, quiet µs", "ratio", "p50, µs", "p99, µs"), rows)
