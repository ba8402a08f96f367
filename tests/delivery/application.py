"""Applications of the tests: each mode is one, with a ledger in the folder that is the second argument."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import outlay
from outlay.integration import Batch

JSONL: dict[str, dict[str, object]] = {"jsonl": {}}


def say(*words: object) -> None:
    """Print a line at once."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def record(number: int = 1) -> None:
    """Keep that many calls, in a tracked function."""
    with outlay.track("answer"):
        for _ in range(number):
            outlay.record(provider="openai", model="gpt-4o-mini", input_tokens=11, output_tokens=7)


def short(folder: Path) -> None:
    """Make a call and end at once."""
    outlay.init(data=folder, exporters=["jsonl"])
    record()


def threads(folder: Path) -> None:
    """Show the threads and the modules that there are without and with an exporter."""
    for exporters in ([], ["jsonl"]):
        outlay.init(data=folder, exporters=exporters)
        record()
        outlay.flush()
        names = sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("outlay"))
        say(names, "outlay.delivery.courier" in sys.modules)


def many(folder: Path) -> None:
    """Make calls for a while, and say how many."""
    outlay.init(data=folder, exporters=JSONL)
    for _ in range(20):
        record(5)
        time.sleep(0.02)
    outlay.flush()


def hanging(folder: Path) -> None:
    """Have a backend that never answers."""

    def never(_: Batch) -> None:
        time.sleep(60)

    outlay.init(data=folder, exporters=[never])
    record()
    began = time.monotonic()
    say(outlay.flush(0.5), time.monotonic() - began < 2)


def killed(folder: Path) -> None:
    """Die when the backend has accepted the first batch, before anybody noted it."""

    def die(batch: Batch) -> None:
        with (folder / "accepted").open("a") as file:
            file.writelines(f"{one.id}\n" for one in batch.records)
        if not (folder / "died").exists():
            (folder / "died").touch()
            os._exit(9)

    outlay.init(data=folder, exporters={"mine": {"kind": "callable", "function": die, "batch": 3}})
    record(5 if not (folder / "died").exists() else 2)
    outlay.flush()


def forks(folder: Path) -> None:
    """Make calls in a parent and in a child, which both deliver."""
    outlay.init(data=folder, exporters=JSONL)
    record()
    outlay.flush()
    child = os.fork()
    record()
    outlay.flush(10)
    if child == 0:
        os._exit(outlay.flush(10))
    say(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), outlay.flush(10))


MODES: dict[str, Callable[[Path], None]] = {
    mode.__name__: mode for mode in (short, threads, many, hanging, killed, forks)
}

if __name__ == "__main__":
    MODES[sys.argv[1]](Path(sys.argv[2]))
