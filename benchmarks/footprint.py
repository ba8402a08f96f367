"""What a tool costs before the first call and beside the calls: imports, installed files, memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from benchmarks.rounds import ENVIRONMENT, Worker
from benchmarks.tools import BARE, Tool

_TIMED = "import time; began = time.process_time_ns(); {code}; print((time.process_time_ns() - began) / 1e6)"
_STARTED = (
    "import sys, openai, pathlib; from benchmarks.tools import BY_NAME; folder = pathlib.Path(sys.argv[1]); "
    + _TIMED.format(code="BY_NAME[sys.argv[2]].start(folder)")
)
_IMPORTED = "import asyncio; " + _TIMED.format(code="import outlay")

CALLS = 10_000


def starts(tools: Iterable[Tool], runs: int) -> dict[str, float]:
    """Return ms of CPU that importing and starting each tool takes in an application that has openai loaded."""
    took: dict[str, list[float]] = {tool.name: [] for tool in tools}
    for _ in range(runs + 1):
        for name, times in took.items():
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                times.append(_run(_STARTED, folder, name))
    return {name: statistics.median(times[1:]) for name, times in took.items()}  # the first run may have compiled


def import_alone(runs: int) -> float:
    """Return ms of CPU that ``import outlay`` takes where asyncio is loaded."""
    return statistics.median([_run(_IMPORTED) for _ in range(runs + 1)][1:])


def _run(code: str, *arguments: str) -> float:
    environment = {**os.environ, **ENVIRONMENT}
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    return float(done.stdout.split()[-1])


def memory(tools: Iterable[Tool]) -> dict[str, float]:
    """Return MB that each tool's process holds more than the bare one after 10,000 calls and a flush."""
    held = {}
    for tool in (BARE, *tools):
        worker = Worker(tool)
        for _ in range(10):
            held[tool.name] = worker.turn("plain", CALLS // 10)["resident"] / 1e6
        worker.close()
    bare = held.pop(BARE.name)
    return {name: megabytes - bare for name, megabytes in held.items()}


def installed_size(name: str, over: str | None = None) -> float:
    """Return MB of a distribution with all that it needs, less what ``over`` needs anyway."""
    needed = _closure(name, set())
    return sum(map(_size, needed - (_closure(over, set()) if over else set()))) / 1e6


def _closure(name: str, seen: set[str]) -> set[str]:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    try:
        found = distribution(name)
    except PackageNotFoundError:  # needed elsewhere only
        return seen
    seen.add(canonicalize_name(name))
    for line in found.requires or ():
        requirement = Requirement(line)
        if canonicalize_name(requirement.name) in seen:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            _closure(requirement.name, seen)
    return seen


def _size(name: str) -> int:
    files = [Path(str(file.locate())) for file in distribution(name).files or ()]
    if name == "outlay":  # installed as a link to the sources
        root = Path(__file__).parents[1]
        files = [*(root / "src/outlay").rglob("*"), *(root / "integrations/outlay_integrations").rglob("*")]
    return sum(file.stat().st_size for file in files if file.is_file() and "__pycache__" not in file.parts)
