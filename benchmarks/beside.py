"""outlay beside each backend's own tracing, both sending to one server: what a call costs its caller, and in all.

Workers take turns (``rounds``): the bare client, outlay, the backend's own. A call is answered inside the process at
once, so all that is left is the client's work and theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks import rounds, servers
from benchmarks.environments import FOLDER, python_of, versions
from benchmarks.rounds import Added, Worker
from benchmarks.tools import BARE
from benchmarks.tracers import ADDRESS, RIVALS, Rival

SHAPES = ("plain", "stream of 100", "process", "delivered")
COLUMNS = (
    "backend",
    "tracing",
    "plain call, on its thread",
    "stream of 100, on its thread",
    "a call, all threads",
    "calls a second until all are delivered",
)


def measure(backends: Sequence[str], count: int, folder: Path = FOLDER) -> Iterator[str]:
    """Yield the lines of a table in Markdown; ``count`` is the number of rounds of every shape."""
    yield f"| {' | '.join(COLUMNS)} |"
    yield f"| {' | '.join('---' for _ in COLUMNS)} |"
    for backend in backends:
        rival = RIVALS[backend]
        python = python_of(backend, folder)
        with address_of(rival, python) as url:
            found = by_shape(rival, python, url, count)
        bare = found["delivered"][rival.own.name].bare
        yield f"| {backend} | none: the bare client | | | | {1e6 / bare:,.0f} |"
        for tool in (rival.outlay, rival.own):
            version = versions(python, (tool.distribution,))[tool.distribution]
            name = tool.name.partition(": ")[2]
            cells = [told(found[shape][tool.name]) for shape in SHAPES[:-1]]
            rate = found["delivered"][tool.name]
            cells.append(f"{1e6 / (rate.bare + rate.added):,.0f}")
            yield f"| {backend} | {name} {version} | {' | '.join(cells)} |"


def told(added: Added) -> str:
    """Return what is added in microseconds of CPU, and as a ratio."""
    return f"+{added.added:,.0f} µs ({added.ratio:.2f} times ± {added.noise:.2f})"


@contextmanager
def address_of(rival: Rival, python: str) -> Iterator[str]:
    """Run what takes it all; yield its address."""
    with servers.mlflow(python) if rival.real else servers.accepting() as url:
        yield url


def by_shape(rival: Rival, python: str, url: str, count: int) -> dict[str, dict[str, Added]]:
    """Return what each of the two adds to each shape."""
    workers = [Worker(tool, python, {ADDRESS: url}) for tool in (BARE, rival.outlay, rival.own)]
    for worker in workers[1:] if not rival.real else ():
        before = servers.taken(url)
        worker.turn("delivered", 100)
        if servers.taken(url) == before:
            raise RuntimeError(f"{worker.tool.name} has sent nothing")
    found: dict[str, dict[str, Added]] = {}
    rounds.by_shape(workers, SHAPES, count, found)
    return found
