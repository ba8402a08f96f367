"""What outlay adds to a call, to the microsecond, and where it goes: `python -m benchmarks.hot_path`.

Two clients in one process, one of them metered, take turns call by call. "quiet" is the calls' tenth percentile, what
an idle machine gives; p50 and p99 are those of the machine as it was. ± is how far ten parts of the run lie apart. The
parts of a call are timed in place by a run of their own.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import httpx2
import openai

import outlay
from benchmarks import calls
from benchmarks.calls import AsyncCall, Call
from benchmarks.provider import CHUNKS, Provider
from benchmarks.stopwatch import Stopwatch
from outlay import app
from outlay.wire.exchange import settle_waiting

HERE = {
    "outlay_integrations.transports.httpx:_open": "open: read the request",
    "outlay.wire.recognise:Recogniser.find": "recognise",
    "outlay.meter:Meter.begin": "begin",
    "outlay.meter:link": "link to the attempt before",
    "outlay.wire.rewrite:Asking.ask": "ask for usage",
    "outlay.ledger.inflight:Journal.begin": "journal: begin",
    "outlay_integrations.transports.httpx:_rewritten": "rewrite the request",
    "outlay_integrations.transports.httpx:_follow": "follow the answer",
    "outlay_integrations.transports.httpx:_header": "look up a header",
    "outlay.wire.exchange:Exchange.answered": "note the answer's head",
    "outlay.wire.filtering:UsageFilter.feed": "filter chunks",
    "outlay.wire.exchange:Exchange.finish": "finish",
    "outlay.meter:note": "note",
    "outlay.wire.noted:reduced": "note: reduce the answer",
    "outlay.wire.noted:last_words": "note: read a stream's edges",
    "outlay.wire.request:RequestReader.named": "note: the request's model",
    "outlay.ledger.inflight:Journal.note": "journal: note",
}
"""Function → what it does: on the caller's thread, always."""

LATER = {
    "outlay.meter:Meter.settle": "settle",
    "outlay.meter:read": "read the answer: choose how",
    "outlay.wire.reader:Reader.plain": "read the answer: fields",
    "outlay.wire.reader:Reader.stream": "read the answer: fields",
    "outlay.wire.reader:Reader._count": "read the answer: count usage",
    "outlay.recorder:Recorder.record": "make the record",
    "outlay.wire.request:RequestReader.model": "read the request's model",
    "outlay.pricing.prices:Prices.cost": "price",
    "outlay.recorder:Call": "make the record: Call()",
    "outlay.meter:Meter._keep": "keep and tally",
    "outlay.ledger.spool:Spool.append_all": "spool: append",
    "outlay.ledger.spool:encode": "spool: encode",
    "outlay.ledger.spool:Segment.write": "spool: write",
    "outlay.ledger.inflight:Journal.end": "journal: end",
}
"""On the worker's, a batch at a time."""

STREAM_ASKED = f"stream of {CHUNKS}, usage asked by the caller"
STREAM = f"stream of {CHUNKS}, usage asked by outlay"
BATCH = 200
"""Plain calls whose answers are read in a row: what a worker finds after a second of a busy application."""

QUIET = 0.1
"""The quantile that an idle machine would give: what other jobs do to a call can only make it longer."""


class Bare(httpx2.Client):
    """A client that stays as it was when the others are patched."""

    send = httpx2.Client.send


class BareAsync(httpx2.AsyncClient):
    """The same, asynchronous."""

    send = httpx2.AsyncClient.send


Pair = tuple[Call, Call]


def pairs(loop: asyncio.AbstractEventLoop) -> dict[str, Pair]:
    """Return (bare, metered) by name; the metered ones are so once ``outlay.init()`` was called."""
    provider = Provider()
    http = [kind(transport=provider) for kind in (Bare, httpx2.Client)]
    clients = [openai.OpenAI(api_key="k", http_client=client) for client in http]
    tasks = [
        calls.plain_async(openai.AsyncOpenAI(api_key="k", http_client=kind(transport=provider)))
        for kind in (BareAsync, httpx2.AsyncClient)
    ]

    def both(make: Callable[[openai.OpenAI], Call]) -> Pair:
        return make(clients[0]), make(clients[1])

    def awaited(call: AsyncCall) -> Call:
        async def one() -> None:
            await call()

        return lambda: loop.run_until_complete(one())

    return {
        "plain": both(calls.plain),
        "async": (awaited(tasks[0]), awaited(tasks[1])),
        STREAM_ASKED: both(lambda client: calls.stream(client, **calls.ASKED)),
        STREAM: both(calls.stream),
        "time to first chunk": both(calls.first_chunk),
        "no model call": (calls.other_request(http[0]), calls.other_request(http[1])),
    }


class Figure(NamedTuple):
    """What outlay adds to one kind of call, in µs: (bare, added) at three quantiles."""

    quiet: tuple[float, float]
    p50: tuple[float, float]
    p99: tuple[float, float]
    noise: float
    """Half the distance between the lowest and the highest of ten parts of the run."""


def timed(pair: Pair, count: int) -> list[tuple[float, float]]:
    """Return µs of (bare, metered) on this thread's CPU of ``count`` pairs, in changing order."""
    clock = time.thread_time_ns
    took = []
    for number in range(count):
        times = [0.0, 0.0]
        for index in (0, 1) if number % 2 else (1, 0):
            call = pair[index]
            began = clock()
            result = call()
            times[index] = (clock() - began) / 1000
            del result  # what an abandoned stream takes with it is no part of the call
        took.append((times[0], times[1]))
    return took


def quantile(share: float, took: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the quantile of the bare calls, and by how much that of the metered ones is higher."""
    bare, metered = (sorted(column)[int(len(took) * share)] for column in zip(*took, strict=True))
    return bare, metered - bare


def figure(took: Sequence[tuple[float, float]]) -> Figure:
    """Sum up the times of many pairs."""
    size = max(1, len(took) // 10)
    parts = [quantile(QUIET, took[first : first + size])[1] for first in range(0, size * 10, size)]
    return Figure(quantile(QUIET, took), quantile(0.5, took), quantile(0.99, took), (max(parts) - min(parts)) / 2)


def figures(count: int, only: str = "") -> Iterator[tuple[str, Figure]]:
    """Meter in this process, and yield what that adds by kind of call, from ``count`` pairs (a fifth for streams)."""
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        chosen = {name: pair for name, pair in pairs(runner.get_loop()).items() if only in name}
        start(folder)
        for name, pair in chosen.items():
            timed(pair, 50)
            yield name, figure(timed(pair, count // (5 if "stream" in name else 1)))
        outlay.uninstrument()


def tell(name: str, found: Figure) -> str:
    """Return one line of the table."""
    bare, added = found.quiet
    return (
        f"{name:42} quiet {bare:7.0f} + {added:6.1f} ±{found.noise:5.1f}   {1 + added / bare:.3f} x"
        f"   p50 {found.p50[0]:6.0f} + {found.p50[1]:6.1f}   p99 {found.p99[0]:6.0f} + {found.p99[1]:6.1f}"
    )


def breakdown(names: Sequence[str], count: int) -> None:
    """Print what each part of a metered call takes: in place, and on the worker's thread where it is done there."""
    watch = Stopwatch()
    for place, label in (HERE | LATER).items():
        watch.watch(place, label)
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        metered = {name: pair[1] for name, pair in pairs(runner.get_loop()).items()}
        start(folder)
        worker = app.current().worker  # type: ignore[union-attr] # there is one: it was just started
        worker.awake = True  # no thread of ours: what is the worker's is done between the batches
        for name in names:
            for calls_made in (50, count):
                watch.clear()
                for number in range(calls_made):
                    metered[name]()
                    if number % BATCH == BATCH - 1:
                        settle_waiting()
                settle_waiting()
            parts = watch.per_call(count)
            worked = set(LATER.values()) & set(parts)
            for title, labels in (("on the caller's thread", set(parts) - worked), ("on the worker's", worked)):
                print(f"\n{name}: {sum(parts[label] for label in labels):.1f} µs in parts, {title}")
                for label in sorted(labels, key=lambda label: -parts[label]):
                    print(f"  {parts[label]:6.2f}  {label}")
        outlay.uninstrument()


def start(folder: str) -> None:
    """Start outlay as an application would, with everything on."""
    outlay.init(project="benchmark", data=folder, tags={"env": "bench"})


def main() -> None:
    """Print the table, then the parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=2000, help="pairs of calls per line (default: 2000)")
    parser.add_argument("--only", default="", help="only lines whose name contains this")
    parser.add_argument("--no-parts", action="store_true", help="leave the parts out")
    options = parser.parse_args()
    names = []
    for name, found in figures(options.calls, options.only):
        print(tell(name, found), flush=True)
        names.append(name)
    if not options.no_parts:
        breakdown([name for name in names if name not in ("async", "time to first chunk")], options.calls // 2)


if __name__ == "__main__":
    main()
