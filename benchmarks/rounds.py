"""Workers take turns, each between two turns of the bare client: what the machine does meanwhile falls on both."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.tools import BARE, Tool
from benchmarks.turns import SHAPES

ENVIRONMENT = {
    "PYDANTIC_DISABLE_PLUGINS": "__all__",  # Logfire's loads with every other tool's process too
    "OUTLAY_STRICT": "1",  # an error of outlay's would make it look fast
    "PYTHONDONTWRITEBYTECODE": "",  # an import is measured as an installed application does it: compiled before
}


class Added(NamedTuple):
    """What a tool adds to one shape, over all rounds."""

    bare: float
    """µs of the bare client, median."""
    added: float
    """µs more than the bare turns beside it, median of the rounds."""
    ratio: float
    noise: float
    """Half the distance between the ratio's quartiles over the rounds."""
    p99: float
    """µs by which the 99th percentile of all calls is higher than the bare client's."""


class Worker:
    """A process with one tool in it."""

    def __init__(self, tool: Tool, python: str = sys.executable, environment: Mapping[str, str] = {}) -> None:
        self.tool = tool
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.worker", tool.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **ENVIRONMENT, **environment},
        )

    def turn(self, shape: str, calls: int) -> dict[str, Any]:
        """Have so many calls made; return their times in ns and the memory held afterwards."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"shape": shape, "calls": calls}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the worker of {self.tool.name} ended at {shape!r}; its error stands above")
        result: dict[str, Any] = json.loads(answer)
        return result

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()


def measure(workers: Iterable[Worker], shape: str, rounds: int) -> dict[str, Added]:
    """Return by tool's name what it adds to one shape."""
    bare, *others = workers
    count = SHAPES[shape].calls
    for worker in (bare, *others):
        worker.turn(shape, count)  # caches, pools and the interpreter's own specialising
    all_bare: list[float] = []
    took: dict[str, list[float]] = {worker.tool.name: [] for worker in others}
    pairs: dict[str, list[tuple[float, float]]] = {worker.tool.name: [] for worker in others}
    for number in range(rounds):
        before = bare.turn(shape, count)["took"]
        for worker in others[number % len(others) :] + others[: number % len(others)] if others else ():
            mine, after = worker.turn(shape, count)["took"], bare.turn(shape, count)["took"]
            beside = (statistics.median(before) + statistics.median(after)) / 2
            pairs[worker.tool.name].append((beside, statistics.median(mine)))
            took[worker.tool.name] += mine
            all_bare += after
            before = after
    return {name: _added(pairs[name], took[name], all_bare) for name in pairs}


def by_shape(workers: Sequence[Worker], shapes: Iterable[str], rounds: int, found: dict[str, dict[str, Added]]) -> None:
    """Put into ``found`` what each tool adds to each shape; the workers are closed in the end."""
    try:
        for shape in shapes:
            found[shape] = measure(workers, shape, rounds)
            print(f"{shape}: {', '.join(found[shape])}; {rounds} rounds", file=sys.stderr, flush=True)
    finally:
        for worker in workers:
            worker.close()


def _added(pairs: list[tuple[float, float]], took: list[float], bare: list[float]) -> Added:
    ratios = [mine / beside for beside, mine in pairs]
    low, _, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else (ratios[0],) * 3
    return Added(
        bare=statistics.median(beside for beside, _ in pairs) / 1000,
        added=statistics.median(mine - beside for beside, mine in pairs) / 1000,
        ratio=statistics.median(ratios),
        noise=(high - low) / 2,
        p99=(_late(took) - _late(bare)) / 1000,
    )


def _late(took: list[float]) -> float:
    return sorted(took)[int(len(took) * 0.99)]


def start(tools: Iterable[Tool]) -> list[Worker]:
    """Start a worker of each tool, the bare client's first."""
    return [Worker(BARE), *(Worker(tool) for tool in tools if tool is not BARE)]
