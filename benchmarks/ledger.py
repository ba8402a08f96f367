"""Measure spool, journal, ledger and reports: ``python -m benchmarks.ledger [--calls 10000000] [--folder /tmp]``.

Writes to a temporary folder (about 5 GB for ten million calls) and deletes it; ``--ledger PATH`` makes a ledger that
stays, or measures the reports over it once more. CPU figures are of this process, its
children and threads not counted; the spool's are wall-clock medians of single appends.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from outlay.ledger.ingest import LINES
from outlay.ledger.ledger import Ledger
from outlay.ledger.lines import encode
from outlay.ledger.spool import Spool
from outlay.records import Call, Cost, Usage

DAYS = 90
START = 1_756_684_800_000_000_000
"""2025-09-01 00:00 UTC."""

MODELS = [("openai", "gpt-4o-mini"), ("openai", "gpt-4o"), ("anthropic", "claude-sonnet-4-5"), ("openai", "gpt-5")]
FEATURES = ["answer", "summarise", "classify", "translate", "nightly/embed", "search", "route", "moderate"]
RAW = msgspec.Raw(b'{"prompt_tokens":812,"completion_tokens":204,"prompt_tokens_details":{"cached_tokens":512}}')


def make(count: int, seed: int, days: float = DAYS) -> Iterator[Call]:
    """Yield ``count`` calls over some days: 4 models, 8 features, 500 users, 50 batches, sessions of about ten."""
    chance = random.Random(seed)
    for number in range(count):
        provider, model = chance.choice(MODELS)
        start = START + int(days * 86_400_000_000_000) * number // count
        path = chance.choice(FEATURES)
        tags = {
            "user": f"u-{int(chance.paretovariate(0.6)) % 500}",
            "batch": f"b-{chance.randrange(50)}",
            "session": f"s-{number // 10 + chance.randrange(50)}",
        }
        amount = chance.randrange(10**10)
        yield Call(
            id=f"{chance.getrandbits(64):016x}",
            trace_id=f"{chance.getrandbits(128):032x}",
            project="shop",
            feature=path.rpartition("/")[2],
            path=path,
            tags=tags,
            provider=provider,
            api=f"{provider}.chat",
            operation="chat",
            transport="httpx2",
            host=f"api.{provider}.com",
            request_model=model,
            response_model=f"{model}-2025-08-07",
            response_id=f"chatcmpl-{number}",
            request_id=f"req_{number}",
            start=start,
            end=start + chance.randrange(3 * 10**9),
            outcome="error" if number % 50 == 0 else "ok",
            status=429 if number % 50 == 0 else 200,
            usage=Usage(classes={"input": 300, "cache_read": 512, "output": chance.randrange(900)}),
            raw_usage=RAW,
            cost=Cost(
                status="priced",
                amount=amount,
                by_class={"input": amount // 2, "output": amount - amount // 2},
                price_id="3f0c1d2e",
                table="2026-11-20",
                match="exact",
                model=model,
            ),
        )


def show(name: str, figure: str) -> None:
    """Print one result."""
    sys.stdout.write(f"{name:<58} {figure}\n")
    sys.stdout.flush()


def percentiles(work: Callable[[], object], count: int = 20_000) -> tuple[float, float]:
    """Return the median and the 99th percentile of single runs, in microseconds, less an empty run's."""

    def times(run: Callable[[], object]) -> list[int]:
        taken = []
        for _ in range(count):
            began = time.perf_counter_ns()
            run()
            taken.append(time.perf_counter_ns() - began)
        return sorted(taken)

    empty = statistics.median(times(lambda: None))
    taken = times(work)
    return (taken[count // 2] - empty) / 1000, (taken[count * 99 // 100] - empty) / 1000


def measure_spool(folder: Path) -> None:
    """Measure what the caller's thread pays."""
    spool = Spool(folder)
    (call,) = make(1, 1)
    journal = spool.journal
    assert journal is not None
    line = encode(call)
    other = os.open(folder / "plain", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for name, work in (
        ("write(2) of as many bytes, alone", lambda: os.write(other, line)),
        (f"append of a record of {len(line)} bytes", lambda: spool.append(call)),
        (
            "journal: begin and end",
            lambda: journal.end(
                journal.begin(call.id, 1, "openai", "openai.chat", "api.openai.com", "a", None, "b") or 0
            ),
        ),
    ):
        median, rare = percentiles(work)
        show(name, f"{median:6.2f} µs p50 {rare:7.2f} µs p99")
    os.close(other)
    spool.close()


def measure_ingest(folder: Path, count: int = 100_000) -> None:
    """Measure the way from spool to ledger, for calls that come in fast and for a few at a time."""
    spool = Spool(folder / "spool")
    for call in make(count, 2, days=0.01):
        spool.append(call)
    with Ledger.open(folder / "ledger.db") as ledger:
        wall, cpu = time.perf_counter(), time.process_time()
        ledger.ingest(spool.directory, own=spool)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        show(
            f"ingest, {LINES:,} calls a transaction",
            f"{count / wall:9,.0f} calls/s {cpu / count * 1e6:6.1f} µs CPU a call",
        )
        few = list(make(1_000, 3, days=0.01))
        cpu = 0.0
        for second in range(100):
            for call in few[second * 10 : second * 10 + 10]:
                spool.append(call)
            began = time.process_time()
            # As the worker does: each second it looks, every fifth it carries what is little, too.
            ledger.ingest(spool.directory, own=spool, patience=60.0 if second % 5 else 0.0)
            cpu += time.process_time() - began
        show("ingest, 10 calls a second", f"{'':17} {cpu / len(few) * 1e6:6.1f} µs CPU a call")
    spool.close()


def fill(path: Path, count: int) -> None:
    """Make a ledger of ``count`` calls as applications do: each is a line of the spool first."""
    spool = Spool(path.with_name("filling"))
    source = make(count, 4)
    wall, cpu = 0.0, 0.0
    with Ledger.open(path) as ledger:
        for _ in range(0, count, 20_000):
            for call in itertools.islice(source, 20_000):
                spool.append(call)
            spool.tick(time.time_ns())
            wall, cpu = wall - time.perf_counter(), cpu - time.process_time()
            ledger.ingest(spool.directory, own=spool, patience=60.0)
            wall, cpu = wall + time.perf_counter(), cpu + time.process_time()
        ledger.ingest(spool.directory, own=spool)
    spool.close()
    show(
        f"ingest of all {count:,} calls, growing ledger",
        f"{count / wall:9,.0f} calls/s {cpu / count * 1e6:6.1f} µs CPU a call",
    )
    show("bytes a call in the ledger", f"{path.stat().st_size / count:9,.0f}")


def measure_reports(path: Path) -> None:
    """Measure reports over the ledger at ``path``, once the worker has had its time."""
    with Ledger.open(path) as ledger:
        cpu = time.process_time()
        ledger.sum_up(time.time_ns())
        show("past days by tag and label, summed up", f"{time.process_time() - cpu:9,.0f} s CPU")
        for by in ([], ["model"], ["provider"], ["feature"], ["host"], ["tag:user"], ["tag:batch"], ["day"], ["hour"]):
            measure_report(ledger, by)
        measure_report(ledger, ["day", "model"])
        for by in (["day"], ["tag:user"]):
            measure_report(ledger, by, zone="Asia/Kathmandu")
        measure_report(ledger, ["model"], filters={"tag:user": "u-7"})
        measure_report(ledger, ["day"], filters={"model": "gpt-5", "tag:batch": "b-3"})
        for by in (["tag:user", "model"], ["tag:user", "tag:batch"]):
            measure_report(ledger, by)
        measure_report(ledger, ["host"], exact=True)


def measure_report(ledger: Ledger, by: list[str], **how: Any) -> None:
    """Measure one report, by the clock and by the CPU: the difference is the disk and what else the machine does."""
    wall, cpu = time.perf_counter(), time.process_time()
    lines = len(ledger.report(by, **how).lines)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    name = " ".join(["report by", ", ".join(by) or "nothing", *[f"{name}={value}" for name, value in how.items()]])
    show(name, f"{wall * 1e3:9,.0f} ms, {cpu * 1e3:9,.0f} ms CPU, {lines} lines")


def main() -> None:
    """Measure all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--ledger", type=Path, help="make this ledger, or measure reports over it where it exists")
    arguments = parser.parse_args()
    if arguments.ledger is not None:
        if not arguments.ledger.exists():
            fill(arguments.ledger, arguments.calls)
        measure_reports(arguments.ledger)
        return
    with tempfile.TemporaryDirectory(prefix="outlay-bench-", dir=arguments.folder) as name:
        folder = Path(name)
        measure_spool(folder / "measured")
        measure_ingest(folder)
        fill(folder / "large.db", arguments.calls)
        measure_reports(folder / "large.db")


if __name__ == "__main__":
    main()
