"""An application of the tests that owns a tracer provider: it prints the spans of its pipeline and outlay's calls.

Usage: ``python -m tests.exporters.pipelined FOLDER RATIO``; RATIO is the share of traces that its sampler keeps. ``-``
leaves the application without a provider.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import sys
from pathlib import Path
from typing import Any

import httpx
import httpx2
import openai
from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

import outlay
from outlay.ledger.ledger import Ledger
from outlay.loopback import ModelHost
from tests.exporters import providers

HELLO: Any = [{"role": "user", "content": "hello there"}]


def instrument_http(*clients: Any) -> None:
    """Make a span of each request, as an instrumentation of these HTTP clients does."""
    for client in clients:
        client.send = _traced(client.send)


def _traced(send: Any) -> Any:
    @functools.wraps(send)
    def traced(*args: Any, **kwargs: Any) -> Any:
        with trace.get_tracer("http").start_as_current_span("POST"):
            return send(*args, **kwargs)

    return traced


def main(folder: Path, ratio: str) -> None:
    """Make calls in a span of the application's own: plain, streamed, failed, and in an event loop."""
    spans = providers.none() if ratio == "-" else providers.sdk(TraceIdRatioBased(float(ratio)))
    instrument_http(httpx.Client, httpx2.Client)  # beneath outlay's own wrapper: before outlay is started
    with ModelHost() as host:
        outlay.init(data=folder, exporters=["opentelemetry"], hosts={f"127.0.0.1:{host.port}": "openai"})
        with trace.get_tracer("app").start_as_current_span("request"):
            calls(host)
            after = trace.get_current_span().get_span_context()
        asyncio.run(later(host))
        outlay.flush()
        outlay.uninstrument()
    with Ledger.open(folder / "ledger.db") as ledger:
        kept = [
            {"id": call.id, "trace": call.trace_id, "parent": call.parent_id, "usd": float(call.cost.usd or 0)}
            for _, call in ledger.calls_after(0, 100)
        ]
    sys.stdout.write(json.dumps({"spans": spans(), "calls": kept, "after": f"{after.span_id:016x}"}))


def calls(host: ModelHost) -> None:
    """Make a plain call, a streamed one, and one that fails."""
    with openai.OpenAI(api_key="none", base_url=host.openai_url, max_retries=0) as client:
        client.chat.completions.create(model="gpt-4o", messages=HELLO)
        for _ in client.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True):
            pass
        host.script("429")
        with contextlib.suppress(openai.RateLimitError):
            client.chat.completions.create(model="gpt-4o", messages=HELLO)


async def later(host: ModelHost) -> None:
    """Make two calls at once, outside of any span."""
    async with openai.AsyncOpenAI(api_key="none", base_url=host.openai_url, max_retries=0) as client:
        await asyncio.gather(*(client.chat.completions.create(model="gpt-4o", messages=HELLO) for _ in range(2)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
