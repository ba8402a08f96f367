"""An application of the tests that owns a tracer provider and tracks functions: it prints its spans, outlay's records.

Usage: ``python -m tests.exporters.tracked FOLDER PROVIDER``, where PROVIDER is ``sdk``, ``unsampled`` (its sampler
drops everything), ``none``, ``logfire`` or ``ddtrace``; SEEN_TAGS names the tags that its pipeline may see. Its
requests go through httpx, of which OpenTelemetry's own instrumentor makes spans.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
from opentelemetry import trace
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor

import outlay
from outlay.ledger.ledger import Ledger
from outlay.loopback import ModelHost
from tests.exporters.providers import PROVIDERS

BODY = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello there"}]}
TRACER = trace.get_tracer("app")


class App:
    """The application; ``where`` keeps which span was current at which place."""

    def __init__(self, host: ModelHost) -> None:
        self.url = f"{host.openai_url}/chat/completions"
        self.where: dict[str, str] = {}

    def here(self, place: str) -> None:
        """Note the current span."""
        self.where[place] = f"{trace.get_current_span().get_span_context().span_id:016x}"

    def call(self) -> None:
        """Call the model."""
        with httpx.Client() as client:
            client.post(self.url, json=BODY)

    @outlay.track("outer")
    def outer(self) -> None:
        """Call in a tracked function, in a span of the application's, and in a function below."""
        self.here("outer")
        self.call()
        with TRACER.start_as_current_span("lookup"):
            self.call()
            self.inner()
        with contextlib.suppress(KeyError):
            self.failing()
        self.here("outer again")
        with ThreadPoolExecutor(1) as pool:
            pool.submit(outlay.carry(self.inner)).result()

    @outlay.track("inner")
    def inner(self) -> None:
        """Call."""
        self.call()

    @outlay.track("failing")
    def failing(self) -> None:
        """Call, and fail."""
        self.call()
        raise KeyError

    @outlay.track("silent")
    def silent(self) -> None:
        """Call nobody."""

    @outlay.track("stream")
    def stream(self) -> Iterator[int]:
        """Call between two items."""
        self.here("stream")
        yield 1
        self.call()
        with TRACER.start_as_current_span("inside"):
            yield 2
        self.here("stream again")

    @outlay.track("later")
    async def later(self) -> None:
        """Call from a task."""
        async with httpx.AsyncClient() as client:
            await client.post(self.url, json=BODY)

    @outlay.track("feed")
    async def feed(self) -> AsyncIterator[int]:
        """Call between two items of an asynchronous generator."""
        yield 1
        async with httpx.AsyncClient() as client:
            await client.post(self.url, json=BODY)
        yield 2

    async def tasks(self) -> None:
        """Run two tasks at once, and read a feed."""
        await asyncio.gather(self.later(), self.later())
        async for number in self.feed():
            self.here(f"beside feed {number}")

    def run(self) -> None:
        """Do everything in a span of the application's own."""
        with TRACER.start_as_current_span("request"):
            self.here("request")
            self.outer()
            self.silent()
            for number in self.stream():
                self.here(f"beside stream {number}")
            asyncio.run(self.tasks())
            self.here("request again")
        outlay.track("alone")(self.call)()


def main(folder: Path, provider: str) -> None:
    """Run the application; print what its pipeline got, what the ledger has, and what was current where."""
    spans: Callable[[], list[dict[str, Any]]] = PROVIDERS[provider]()
    HTTPXClientInstrumentor().instrument()
    with ModelHost() as host:
        allowed = os.environ.get("SEEN_TAGS")
        options: dict[str, object] = {"tags": allowed.split()} if allowed else {}
        hosts = {f"127.0.0.1:{host.port}": "openai"}
        outlay.init(data=folder, exporters={"opentelemetry": options}, hosts=hosts)
        app = App(host)
        with outlay.tags(user="u-42", team="search"):
            app.run()
        outlay.flush()
        outlay.uninstrument()
    with Ledger.open(folder / "ledger.db") as ledger:
        kept = [one for _, one in ledger.calls_after(0, 100)]
        tracked = [one for _, one in ledger.spans_after(0, 100)]
    found = {
        "spans": spans(),
        "calls": [{"id": one.id, "trace": one.trace_id, "parent": one.parent_id} for one in kept],
        "tracked": [
            {"id": one.id, "trace": one.trace_id, "parent": one.parent_id, "name": one.name, "path": one.path}
            for one in tracked
        ],
        "usd": float(sum(one.cost.usd or 0 for one in kept)),
        "users": sorted({one.tags["user"] for one in kept}),
        "where": app.where,
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
