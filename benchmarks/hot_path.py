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
from collections.abc import Callable, Sequence
from typing import Any

import httpx2
import openai
from openai.types.chat import ChatCompletionMessageParam

import outlay
from benchmarks.provider import CHUNKS, Provider
from benchmarks.stopwatch import Stopwatch
from outlay import app

PARTS = {
    "outlay_integrations.transports.httpx:_open": "open: read the request, call begin",
    "outlay.wire.recognise:Recogniser.find": "recognise",
    "outlay.meter:Meter.begin": "begin",
    "outlay.meter:Exchange": "make the exchange",
    "outlay.wire.rewrite:Asking.ask": "ask for usage",
    "outlay.ledger.inflight:Journal.begin": "journal: begin",
    "outlay.wire.exchange:Exchange.enter": "enter and leave the send",
    "outlay.wire.exchange:Exchange.leave": "enter and leave the send",
    "outlay_integrations.transports.httpx:_rewritten": "rewrite the request",
    "outlay_integrations.transports.httpx:_follow": "follow the answer",
    "outlay.wire.exchange:Exchange.answered": "note the answer's head",
    "outlay.wire.filtering:UsageFilter.feed": "filter chunks",
    "outlay.wire.exchange:Exchange.finish": "finish",
    "outlay.meter:Meter.settle": "settle",
    "outlay.ledger.inflight:Journal.end": "journal: end",
    "outlay.meter:_read": "read the answer: join, choose",
    "outlay.wire.reader:Reader.plain": "read the answer: fields",
    "outlay.wire.reader:Reader.stream": "read the answer: fields",
    "outlay.wire.reader:Reader._count": "read the answer: count usage",
    "outlay.meter:Meter._record": "make the record",
    "outlay.wire.request:RequestReader.model": "read the request's model",
    "outlay.pricing.prices:Prices.cost": "price",
    "outlay.meter:Call": "make the record: Call()",
    "outlay.meter:Meter.take": "keep and tally",
    "outlay.tally:Tally.add": "keep and tally",
    "outlay.app:Outlay.keep": "keep and tally",
    "outlay.ledger.spool:Spool.append": "spool: append",
    "outlay.ledger.spool:encode": "spool: encode",
    "outlay.ledger.spool:Segment.write": "spool: write",
}

PROMPT: list[ChatCompletionMessageParam] = [{"role": "user", "content": "x" * 2048}]
MODEL = "gpt-4o-mini"
QUIET = 0.1


class Bare(httpx2.Client):
    """A client that stays as it was when the others are patched."""

    send = httpx2.Client.send


class BareAsync(httpx2.AsyncClient):
    """The same, asynchronous."""

    send = httpx2.AsyncClient.send


Call = Callable[[], object]
Pair = tuple[Call, Call]


def plain(client: openai.OpenAI) -> Call:
    """Return a function that makes one plain call."""
    return lambda: client.chat.completions.create(model=MODEL, messages=PROMPT)


def stream(client: openai.OpenAI, **options: Any) -> Call:
    """Return a function that reads one stream to its end."""

    def call() -> None:
        for _ in client.chat.completions.create(model=MODEL, messages=PROMPT, stream=True, **options):
            pass

    return call


def first_chunk(client: openai.OpenAI) -> Call:
    """Return a function that waits for a stream's first event, and leaves the rest."""
    return lambda: next(iter(client.chat.completions.create(model=MODEL, messages=PROMPT, stream=True)))


def run(loop: asyncio.AbstractEventLoop, client: openai.AsyncOpenAI) -> Call:
    """Return a function that makes one asynchronous call on ``loop``."""

    async def call() -> None:
        await client.chat.completions.create(model=MODEL, messages=PROMPT)

    return lambda: loop.run_until_complete(call())


def get(client: httpx2.Client) -> Call:
    """Return a function that makes one request that is no model call."""
    return lambda: client.get("http://app.example/api/users/42")


def pairs(loop: asyncio.AbstractEventLoop) -> dict[str, Pair]:
    """Return (bare, metered) by name; the metered ones are so once ``outlay.init()`` was called."""
    provider = Provider()
    clients = [kind(transport=provider) for kind in (Bare, httpx2.Client)]
    first, second = (openai.OpenAI(api_key="k", http_client=client) for client in clients)
    asynchronous = [
        openai.AsyncOpenAI(api_key="k", http_client=kind(transport=provider))
        for kind in (BareAsync, httpx2.AsyncClient)
    ]
    asked = {"stream_options": {"include_usage": True}}
    return {
        "plain": (plain(first), plain(second)),
        "async": (run(loop, asynchronous[0]), run(loop, asynchronous[1])),
        f"stream of {CHUNKS}, usage asked by the caller": (stream(first, **asked), stream(second, **asked)),
        f"stream of {CHUNKS}, usage asked by outlay": (stream(first), stream(second)),
        "time to first chunk": (first_chunk(first), first_chunk(second)),
        "no model call": (get(clients[0]), get(clients[1])),
    }


def timed(pair: Pair, calls: int) -> list[tuple[float, float]]:
    """Return µs of (bare, metered) on this thread's CPU of ``calls`` pairs, in changing order."""
    clock = time.thread_time_ns
    took = []
    for number in range(calls):
        times = [0.0, 0.0]
        for index in (0, 1) if number % 2 else (1, 0):
            call = pair[index]
            began = clock()
            call()
            times[index] = (clock() - began) / 1000
        took.append((times[0], times[1]))
    return took


def at(share: float, took: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the quantile of the bare calls, and by how much that of the metered ones is higher."""
    bare, metered = (sorted(column)[int(len(took) * share)] for column in zip(*took, strict=True))
    return bare, metered - bare


def tell(name: str, took: list[tuple[float, float]]) -> str:
    """Return one line of the table: what a bare call takes and what was added, in µs."""
    size = max(1, len(took) // 10)
    parts = [at(QUIET, took[first : first + size])[1] for first in range(0, size * 10, size)]
    (bare, added), (middle, more), (late, most) = at(QUIET, took), at(0.5, took), at(0.99, took)
    return (
        f"{name:42} quiet {bare:7.0f} + {added:6.1f} ±{(max(parts) - min(parts)) / 2:5.1f}   {1 + added / bare:.3f} x"
        f"   p50 {middle:6.0f} + {more:6.1f}   p99 {late:6.0f} + {most:6.1f}"
    )


def breakdown(names: Sequence[str], calls: int) -> None:
    """Print what each part of a metered call takes, in place."""
    watch = Stopwatch()
    for place, label in PARTS.items():
        watch.watch(place, label)
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        metered = {name: pair[1] for name, pair in pairs(runner.get_loop()).items()}
        start(folder)
        worker = app.current().worker  # type: ignore[union-attr] # init() has just made it
        worker.awake = True  # no thread of ours: the parts are those of the caller's
        for name in names:
            for _ in range(50):
                metered[name]()
            watch.clear()
            for _ in range(calls):
                metered[name]()
            parts = watch.per_call(calls)
            print(f"\n{name}: {sum(parts.values()):.1f} µs in parts")
            for label, spent in sorted(parts.items(), key=lambda part: -part[1]):
                print(f"  {spent:6.2f}  {label}")
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
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        chosen = {name: pair for name, pair in pairs(runner.get_loop()).items() if options.only in name}
        start(folder)
        for name, pair in chosen.items():
            timed(pair, 50)
            print(
                tell(name, timed(pair, options.calls // (5 if "stream" in name or "first" in name else 1))), flush=True
            )
        outlay.uninstrument()
    if not options.no_parts:
        breakdown([name for name in chosen if name not in ("async", "time to first chunk")], options.calls // 2)


if __name__ == "__main__":
    main()
