"""What delivery costs: on the exporter's thread alone, and to a whole application, beside each backend's own tracing.

``python -m benchmarks.exporters records`` sends to servers on loopback, in a process of their own, that accept all, and
shows the CPU a record and records a second; beside ours: what LangSmith's own client does for the same runs.

``python -m benchmarks.exporters beside`` calls models, bare, with outlay and with the backend's own tracing, in turns:
OTel's genai-openai instrumentor, MLflow's autolog, LangSmith's wrap_openai, weave.op. It makes an environment for each
backend first.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks import beside
from benchmarks.environments import FOLDER
from benchmarks.servers import accepting
from benchmarks.tracers import RIVALS
from outlay.export import Backend, Batch, Delivered, Place
from outlay.records import Call, Cost, Span, Usage
from outlay_integrations.exporters.langsmith.backend import LANGSMITH
from outlay_integrations.exporters.mlflow.backend import MLFLOW
from outlay_integrations.exporters.otlp.backend import OTLP
from outlay_integrations.exporters.weave.backend import WEAVE

RECORDS = 4_000
BATCH = 200
START = 1_795_000_000_000_000_000

BACKENDS: dict[str, tuple[Backend, str, dict[str, Any]]] = {
    "otlp": (OTLP, "endpoint", {"metrics": False}),
    "mlflow": (MLFLOW, "tracking_uri", {}),
    "langsmith": (LANGSMITH, "endpoint", {"api_key": "k"}),
    "weave": (WEAVE, "url", {"project": "team/shop"}),
}
"""By name: the backend, its option for an address, and its other options."""

PARTS = {"input": 57_600_000, "cache_read": 9_600_000, "output": 120_000_000}
"""Pico-USD of each call."""


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


def records() -> Iterator[str]:
    """Yield the lines of a table of what each of our exporters takes for a record."""
    made = batches()
    os.environ["LANGSMITH_TRACING"] = "true"
    yield "| exporter | µs of CPU a record | records a second | µs on the caller's thread |"
    yield "|---|---|---|---|"
    with accepting() as url:
        for name in BACKENDS:
            cpu, clock = min(ours(name, url, made) for _ in range(3))
            yield f"| {name} | {cpu:.0f} | {1e6 / clock:,.0f} | |"
        cpu, clock, called = min(langsmiths(url) for _ in range(3))
        yield f"| LangSmith's own client | {cpu:.0f} | {1e6 / clock:,.0f} | {called:.0f} |"


def main() -> None:
    """Print the table that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("records", "beside"), default="records")
    parser.add_argument("--backends", nargs="*", choices=RIVALS, default=list(RIVALS), help="beside: of these only")
    parser.add_argument("--rounds", type=int, default=11, help="beside: turns of each in each shape (default: 11)")
    parser.add_argument("--environments", type=Path, default=FOLDER, help="beside: where the environments are, or made")
    options = parser.parse_args()
    lines = (
        records()
        if options.what == "records"
        else beside.measure(options.backends, options.rounds, options.environments.absolute())
    )
    for line in lines:
        print(line, flush=True)


if __name__ == "__main__":
    main()
