"""What delivery to MLflow, LangSmith and Weave costs, on the exporter's thread: CPU a record, and records a second.

``python -m benchmarks.exporters`` sends to servers on loopback, in a process of their own, that accept all. Beside
ours: what LangSmith's own client does for the same runs, on the caller's thread and on its own.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from uuid import uuid4

from outlay.export import Backend, Batch, Delivered, Place
from outlay.records import Call, Cost, Span, Usage
from outlay_integrations.exporters.langsmith.backend import LANGSMITH
from outlay_integrations.exporters.mlflow.backend import MLFLOW
from outlay_integrations.exporters.weave.backend import WEAVE

RECORDS = 4_000
BATCH = 200
START = 1_795_000_000_000_000_000

BACKENDS: dict[str, tuple[Backend, str, dict[str, Any]]] = {
    "mlflow": (MLFLOW, "tracking_uri", {}),
    "langsmith": (LANGSMITH, "endpoint", {"api_key": "k"}),
    "weave": (WEAVE, "url", {"project": "team/shop"}),
}
"""By name: the backend, its option for an address, and its other options."""

PARTS = {"input": 57_600_000, "cache_read": 9_600_000, "output": 120_000_000}
"""Pico-USD of each call."""
RUN = json.dumps({"run": {"info": {"run_id": "r"}}}).encode()


class Handler(BaseHTTPRequestHandler):
    """Accepts all, and looks at nothing."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Take a body, if there is one."""
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.send_response(202)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(RUN)))
        self.end_headers()
        self.wfile.write(RUN)

    do_GET = do_POST  # noqa: N815 - a name of the standard library's

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def serve(told: Connection) -> None:
    """Serve until killed; tell the address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.send(f"http://127.0.0.1:{server.server_port}")
        server.serve_forever()


def batches() -> list[Batch]:
    """Return records: every tenth is a tracked function, and has the calls behind it inside."""
    made: list[Batch] = []
    for begin in range(0, RECORDS, BATCH):
        span = Span(
            id=f"{begin + 1:016x}",
            trace_id=f"{begin + 1:032x}",
            name="answer",
            feature="answer",
            path="answer",
            start=START,
            end=START + 10**9,
        )
        calls = [_call(span, begin + place + 2) for place in range(BATCH - 1)]
        made.append(Batch(records=(span, *calls), around={span.id: span}))
    return made


def _call(span: Span, number: int) -> Call:
    return Call(
        id=f"{number:016x}", trace_id=span.trace_id, parent_id=span.id, project="shop", feature="answer", path="answer",
        tags={"user": "u-1", "session": "s-1"}, provider="openai", api="openai.chat", operation="chat",
        request_model="gpt-4o-mini", response_model="gpt-4o-mini-2024-07-18", start=START + number, end=START + 10**9,
        usage=Usage(classes={"input": 384, "cache_read": 128, "output": 200}),
        cost=Cost(status="priced", amount=sum(PARTS.values()), by_class=PARTS),
    )  # fmt: skip


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return (µs of CPU, µs of time) a record that ``work`` takes for all of them."""
    cpu, clock = time.process_time(), time.perf_counter()
    work()
    return (time.process_time() - cpu) / RECORDS * 1e6, (time.perf_counter() - clock) / RECORDS * 1e6


def ours(name: str, url: str, made: list[Batch]) -> tuple[float, float]:
    """Time one of our exporters."""
    backend, address, options = BACKENDS[name]
    with tempfile.TemporaryDirectory() as folder:
        exporter = backend.open(backend.options(**options, **{address: url}), Place(folder=Path(folder)))
        assert exporter.send(made[0]) == Delivered()
        found = timed(lambda: [exporter.send(batch) for batch in made])
        exporter.close()
    return found


def langsmiths(url: str) -> tuple[float, float, float]:
    """Time LangSmith's client: (µs of CPU in all, µs of time in all, µs of time on the caller's thread) a run."""
    from langsmith import Client

    client = Client(api_url=url, api_key="k", tracing_sampling_rate=1.0)
    usage = {"input_tokens": 512, "output_tokens": 200, "total_tokens": 712, "total_cost": 187.2e-6}
    called = 0.0

    def create() -> None:
        nonlocal called
        began = time.perf_counter()
        for _ in range(RECORDS):
            one = uuid4()
            client.create_run(
                "chat gpt-4o-mini", {"model": "gpt-4o-mini"}, "llm", id=one, trace_id=one, project_name="shop",
                dotted_order=f"20261124T000000000000Z{one}", extra={"metadata": {"usage_metadata": usage}}, outputs={},
            )  # fmt: skip
        called = time.perf_counter() - began
        client.flush()

    cpu, clock = timed(create)
    return cpu, clock, called / RECORDS * 1e6


def main() -> None:
    """Print a table."""
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there,), daemon=True)
    server.start()
    url = here.recv()
    made = batches()
    os.environ["LANGSMITH_TRACING"] = "true"
    print("| exporter | µs of CPU a record | records a second | µs on the caller's thread |")
    print("|---|---|---|---|")
    for name in BACKENDS:
        cpu, clock = min(ours(name, url, made) for _ in range(3))
        print(f"| {name} | {cpu:.0f} | {1e6 / clock:,.0f} | |")
    cpu, clock, called = min(langsmiths(url) for _ in range(3))
    print(f"| LangSmith's own client | {cpu:.0f} | {1e6 / clock:,.0f} | {called:.0f} |")
    sys.stdout.flush()
    server.kill()


if __name__ == "__main__":
    main()
