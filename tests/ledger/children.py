"""Processes that the tests of the ledger kill: each mode forks, writes or ingests until somebody ends it.

Usage: ``python children.py MODE FOLDER SEED``; what was acknowledged is printed as JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx2

import outlay
from outlay.ledger.ledger import Ledger
from outlay.ledger.spool import Spool
from outlay.records import Call, Cost, Usage

START = 1_763_800_000_000_000_000


def make(number: int) -> Call:
    """Return a call whose id is ``number``."""
    return Call(
        id=f"{number:016x}",
        trace_id=f"{number:032x}",
        provider="openai",
        api="openai.chat",
        operation="chat",
        request_model="gpt-4o-mini",
        tags={"user": f"u-{number % 7}"},
        start=START + number % 5 * 3_600_000_000_000,
        end=START + number % 5 * 3_600_000_000_000 + 1_000_000,
        usage=Usage(classes={"input": 11, "output": 7}),
        cost=Cost(status="priced", amount=number),
    )


def write_forever(spool: Spool, first: int, pipe: int) -> None:
    """Append numbered calls; report each number when its ``append`` has returned."""
    number = first
    while True:
        journal = spool.journal
        slot = None
        if journal is not None:
            slot = journal.begin(f"{number:016x}", START, "openai", "openai.chat", "", "", None, "")
        spool.append(make(number))
        if journal is not None and slot is not None:
            journal.end(slot)
        os.write(pipe, b"%d\n" % number)
        number += 1


class Instant(httpx2.BaseTransport):
    """Answer as OpenAI does, at once, with an id that counts."""

    def __init__(self, first: int) -> None:
        self.number = first

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:  # noqa: ARG002 - httpx2 gives it
        """Answer a chat; every fifth with what can't be read later, but must be at once."""
        self.number += 1
        usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18} if self.number % 5 else None
        named = {"id": f"{self.number:016x}", "model": "gpt-4o-mini-2024-07-18"}
        answer: dict[str, object] = {**named, "choices": [], "usage": usage}
        return httpx2.Response(200, json=answer)


def call_forever(folder: Path, first: int, pipe: int) -> None:
    """Call a model through a metered client; report each number when the call has returned."""
    outlay.init(project="t", data=folder, hosts={"model.example": "openai"})
    transport = Instant(first)
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}
    with httpx2.Client(transport=transport, verify=False) as client:
        while True:
            with outlay.track("answer"):
                client.post("http://model.example/v1/chat/completions", json=body)
            os.write(pipe, b"%d\n" % transport.number)


def ingest_forever(folder: Path, seed: int) -> None:
    """Carry the spool to the ledger, a little at a time."""
    chance = random.Random(seed)
    with contextlib.suppress(BrokenPipeError), Ledger.open(folder / "ledger.db") as ledger:
        while True:
            ledger.ingest(folder / "spool", deadline=time.monotonic() + chance.random() / 100)


def fork(work: Callable[[], None]) -> int:
    """Run ``work`` in a forked child, which never comes back."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return pid


def kill(pid: int) -> None:
    """Kill a child as the system would for want of memory."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def killed_writers(folder: Path, seed: int, kills: int = 200, base: int = 0) -> list[int]:
    """Kill ``kills`` writers at random points; return the numbers they had acknowledged, from ``base`` on."""
    chance = random.Random(seed)
    spool = Spool(folder / "spool")
    acknowledged = b""
    for child in range(kills):
        out, into = os.pipe()
        pid = fork(partial(write_forever, spool, base + child * 100_000, into))
        os.close(into)
        select.select([out], [], [], 10)
        time.sleep(chance.random() * 0.002)
        kill(pid)
        acknowledged += _drain(out)
    return [int(number) for number in acknowledged.split()]


def killed_callers(folder: Path, seed: int, kills: int = 60) -> list[int]:
    """Kill metered applications at random points, most before their worker has looked for the first time."""
    chance = random.Random(seed)
    acknowledged = b""
    for child in range(kills):
        out, into = os.pipe()
        pid = fork(partial(call_forever, folder, child * 100_000, into))
        os.close(into)
        select.select([out], [], [], 10)
        time.sleep(chance.random() * (0.02 if child % 6 else 1.2))
        kill(pid)
        acknowledged += _drain(out)
    return [int(number) for number in acknowledged.split()]


def killed_ingesters(folder: Path, seed: int, kills: int = 40) -> list[int]:
    """Kill writers while several processes carry their segments, and kill those too."""
    chance = random.Random(seed)
    Ledger.open(folder / "ledger.db").close()
    ingesters = [fork(partial(ingest_forever, folder, seed)) for _ in range(3)]
    acknowledged = []
    for child in range(kills):
        acknowledged += killed_writers(folder, seed + child, kills=2, base=child * 200_000)
        victim = chance.randrange(len(ingesters))
        kill(ingesters[victim])
        ingesters[victim] = fork(partial(ingest_forever, folder, child))
    for pid in ingesters:
        kill(pid)
    return acknowledged


def _drain(pipe: int) -> bytes:
    with open(pipe, "rb") as stream:
        return stream.read()


def main() -> None:
    """Run the mode that the command line names."""
    mode, folder, seed = sys.argv[1:4]
    numbers = globals()[mode](Path(folder), int(seed), *map(int, sys.argv[4:]))
    sys.stdout.write(json.dumps(numbers))


if __name__ == "__main__":
    main()
