"""Meter a million calls and watch memory, files and threads: `python -m benchmarks.soak`; ends with 1 where they grow.

The calls are made by the HTTP client alone, without an SDK: what is watched is outlay's.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx2

import outlay
from benchmarks.calls import MODEL, prompt
from benchmarks.provider import Provider
from benchmarks.worker import resident

CEILING = 15.0
"""MB that a process may grow by, however many calls it makes."""


def look() -> tuple[float, int, int]:
    """Return (MB held, open files, threads) of this process."""
    return resident() / 1e6, len(list(Path("/proc/self/fd").iterdir())), threading.active_count()


def main() -> int:
    """Make the calls, print a line for each tenth of them, and return 1 for growth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1_000_000)
    count: int = parser.parse_args().calls
    client = httpx2.Client(transport=Provider())
    body = json.dumps({"model": MODEL, "messages": prompt()}).encode()
    url, headers = "https://api.openai.com/v1/chat/completions", {"content-type": "application/json"}
    for _ in range(1000):
        client.post(url, content=body, headers=headers)
    before = look()
    print(f"{'calls':>10} {'MB':>8} {'files':>6} {'threads':>8}\n{0:10} {before[0]:8.1f} {before[1]:6} {before[2]:8}")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        outlay.init(project="soak", data=folder)
        began, now = time.process_time(), before
        for number in range(1, count + 1):
            client.post(url, content=body, headers=headers)
            if number % (count // 10) == 0:
                outlay.flush(60)
                now = look()
                print(f"{number:10} {now[0]:8.1f} {now[1]:6} {now[2]:8}", flush=True)
        left = outlay.flush(600)
        print(f"{(time.process_time() - began) / count * 1e6:.0f} µs of CPU a call, client included; {left} left")
        outlay.uninstrument()
    return int(now[0] - before[0] > CEILING or now[1] > before[1] + 20 or now[2] > before[2] + 1 or left > 0)


if __name__ == "__main__":
    sys.exit(main())
