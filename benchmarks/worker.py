"""A process with one tool in it, idle until it is its turn: `python -m benchmarks.worker NAME`, driven by rounds.py.

Tools patch globally, so each needs a process of its own. Requests come as lines of JSON on standard input.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import openai  # noqa: F401 - tools are started in an application that has it loaded

from benchmarks.tools import BY_NAME
from benchmarks.tracers import TRACERS
from benchmarks.turns import SHAPES, Clients, Turn


def resident() -> int:
    """Return the bytes of memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def serve(name: str, folder: Path) -> None:
    """Start the tool, then answer each ``{"shape": …, "calls": …}`` with the times of that turn."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a tool prints must not stand between the answers
    clients = Clients((BY_NAME | TRACERS)[name].start(folder))
    turns: dict[str, Turn] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        shape = asked["shape"]
        if shape not in turns:
            turns[shape] = SHAPES[shape].make(clients)
        took = turns[shape](asked["calls"])
        clients.running.flush()
        answers.write(json.dumps({"took": took, "resident": resident()}) + "\n")
        answers.flush()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        serve(sys.argv[1], Path(temporary))
    os._exit(0)  # exporters' exit handlers have nothing more to say
