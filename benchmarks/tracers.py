"""For each backend: outlay that exports there, and the backend's own tracing, as its documentation starts it.

Both send to ``BENCH_ADDRESS``, where a server listens (``servers``). Their versions exclude each other, so each backend
has an environment of its own (``environments``).
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.tools import Running, Tool

ADDRESS = "BENCH_ADDRESS"


class Rival(NamedTuple):
    """A backend, the two that send to it, and what is installed for them."""

    outlay: Tool
    own: Tool
    packages: tuple[str, ...]
    real: bool = False
    """Whether a real server takes it all; otherwise one that accepts whatever comes."""


def _address() -> str:
    return os.environ[ADDRESS]


def _as_it_is(client: Any) -> Any:
    return client


def _exporting(name: str, address: str, **options: Any) -> Callable[[Path], Running]:
    def start(folder: Path) -> Running:
        import outlay

        exporters = {name: {address: _address(), **options}}
        outlay.init(project="benchmark", data=folder, tags={"env": "bench"}, exporters=exporters)
        return Running(_as_it_is, lambda: outlay.flush(120), outlay.track)

    return start


def _otel(_: Path) -> Running:
    trace: Any = importlib.import_module("opentelemetry.sdk.trace")
    export: Any = importlib.import_module("opentelemetry.sdk.trace.export")
    http: Any = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    provider = trace.TracerProvider()
    provider.add_span_processor(export.BatchSpanProcessor(http.OTLPSpanExporter(endpoint=f"{_address()}/v1/traces")))
    instrumentor: Any = importlib.import_module("opentelemetry.instrumentation.genai.openai")
    instrumentor.OpenAIInstrumentor().instrument(tracer_provider=provider)
    return Running(_as_it_is, provider.force_flush, None)


def _mlflow(_: Path) -> Running:
    mlflow: Any = importlib.import_module("mlflow")
    mlflow.set_tracking_uri(_address())
    mlflow.set_experiment("benchmark")
    importlib.import_module("mlflow.openai").autolog()
    return Running(_as_it_is, mlflow.flush_trace_async_logging, None)


def _langsmith(_: Path) -> Running:
    os.environ["LANGSMITH_TRACING"] = "true"
    client = importlib.import_module("langsmith").Client(api_url=_address(), api_key="k")
    wrappers: Any = importlib.import_module("langsmith.wrappers")

    def wrap(openai_client: Any) -> Any:
        return wrappers.wrap_openai(openai_client, tracing_extra={"client": client})

    return Running(wrap, client.flush, None)


def _weave(_: Path) -> Running:
    os.environ.update(WANDB_API_KEY="k" * 40, WANDB_BASE_URL=_address(), WF_TRACE_SERVER_URL=_address())
    os.environ["WEAVE_PRINT_CALL_LINK"] = "false"
    client = importlib.import_module("weave").init("team/bench")  # which makes ops of the SDK's functions
    return Running(_as_it_is, client.flush, None)


RIVALS = {
    "otlp": Rival(
        Tool("otlp: outlay", "outlay", _exporting("otlp", "endpoint", metrics=False)),
        Tool("otlp: genai-openai instrumentor", "opentelemetry-instrumentation-genai-openai", _otel),
        (".[otlp,demo]", "opentelemetry-instrumentation-genai-openai>=1.0b0"),
    ),
    "mlflow": Rival(
        Tool("mlflow: outlay", "outlay", _exporting("mlflow", "tracking_uri", experiment="benchmark")),
        Tool("mlflow: autolog", "mlflow", _mlflow),
        (".[mlflow,demo]", "mlflow>=3.15"),
        real=True,
    ),
    "langsmith": Rival(
        Tool("langsmith: outlay", "outlay", _exporting("langsmith", "endpoint", api_key="k")),
        Tool("langsmith: wrap_openai", "langsmith", _langsmith),
        (".[langsmith,demo]", "langsmith>=0.14"),
    ),
    "weave": Rival(
        Tool("weave: outlay", "outlay", _exporting("weave", "url", project="team/bench")),
        Tool("weave: weave.op", "weave", _weave),
        (".[weave,demo]", "weave>=0.54", "gql<4.4"),  # with gql 4.4 weave.init() fails: the two use different httpx
    ),
}
"""By backend."""

TRACERS = {tool.name: tool for rival in RIVALS.values() for tool in (rival.outlay, rival.own)}
"""By name, for a worker."""
