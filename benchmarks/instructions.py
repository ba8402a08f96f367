"""Count the machine instructions that outlay adds to a call: `python -m benchmarks.instructions`; needs valgrind.

Other jobs on the machine change every time but no count. A run takes minutes: valgrind is fifty times slower. An
instruction of code that runs once a call takes longer than one of a hot loop, so a ratio here is the lower bound of the
ratio in time; what it is good for is telling whether a change made the way shorter.
"""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.hot_path import pairs, start
from benchmarks.rounds import ENVIRONMENT
from outlay import app

WARM, COUNTED = 60, 20
"""Calls of each kind before counting, until the interpreter has specialised its code, and calls that are counted."""

LONG = 10
"""How many times fewer of both for streams, each of which does everything a hundred times."""


def main() -> None:
    """Run this module once more, inside valgrind, and print its counts."""
    with tempfile.TemporaryDirectory() as folder:
        # Callgrind writes a file whenever the process asks the system for its parent: the mark between two parts.
        command = ["valgrind", "--quiet", "--tool=callgrind", "--dump-before=getppid"]
        command += [f"--callgrind-out-file={folder}/counts", sys.executable, "-m", "benchmarks.instructions", "counted"]
        environment = {**os.environ, **ENVIRONMENT, "PYTHONHASHSEED": "0"}
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
        counts = [counted(Path(f"{folder}/counts.{number}")) for number in range(1, 4 * len(done.stdout.split("\n")))]
    print(f"{'':42} {'bare':>12} {'added':>10}   times")
    for name, (bare, metered) in zip(done.stdout.splitlines(), spans(counts), strict=False):
        _, count = numbers(name)
        print(f"{name:42} {bare // count:12,} {(metered - bare) // count:10,}   {metered / bare:.4f}")


def numbers(name: str) -> tuple[int, int]:
    """Return how many calls of a kind are made before counting, and how many are counted."""
    return (WARM // LONG, COUNTED // LONG) if name.startswith("stream") else (WARM, COUNTED)


def counted(file: Path) -> int:
    """Return the instructions since the mark before; 0 where there was no such mark."""
    lines = file.read_text().splitlines() if file.exists() else []
    return next((int(line.split()[1]) for line in lines if line.startswith(("totals:", "summary:"))), 0)


def spans(counts: list[int]) -> Iterator[tuple[int, int]]:
    """Yield (bare, metered) of each kind of call: every second part lies between the marks of one of them."""
    parts = counts[1::2]
    yield from zip(parts[::2], parts[1::2], strict=False)


def make_calls() -> None:
    """Make the calls, with a mark before and after each kind."""
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        chosen = pairs(runner.get_loop())
        start(folder)
        app.current().worker.awake = True  # type: ignore[union-attr] # there is one: it was just started; no thread of ours
        for name, pair in chosen.items():
            warm, count = numbers(name)
            for call in pair:
                for _ in range(warm):
                    call()
            for call in pair:
                gc.collect()
                os.getppid()
                results = [call() for _ in range(count)]
                os.getppid()
                del results  # what an abandoned stream takes with it is no part of the call
            print(name, flush=True)
        os._exit(0)


if __name__ == "__main__":
    make_calls() if sys.argv[1:] == ["counted"] else main()
