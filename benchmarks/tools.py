"""The tools that are compared, each as its documentation says, exporting to nothing: what is left is their own cost."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple


class Running(NamedTuple):
    """A tool that was started in this process."""

    wrap: Callable[[Any], Any]
    """From an SDK's client to the client that the application then uses."""
    flush: Callable[[], object]
    track: Callable[[Callable[[], None]], Callable[[], None]] | None
    """The decorator that names the work that calls happen in."""


class Tool(NamedTuple):
    """A tool and how it is started; ``start`` gets a folder of its own."""

    name: str
    distribution: str
    start: Callable[[Path], Running]


def _as_it_is(client: Any) -> Any:
    return client


def _nothing() -> None:
    pass


def _bare(_: Path) -> Running:
    return Running(_as_it_is, _nothing, _as_it_is)


def _outlay(folder: Path) -> Running:
    import outlay

    outlay.init(project="benchmark", data=folder, tags={"env": "bench"})
    return Running(_as_it_is, outlay.flush, outlay.track)


def _discard() -> Any:
    """Return an OpenTelemetry exporter that takes every span and does nothing with it."""
    export: Any = importlib.import_module("opentelemetry.sdk.trace.export")

    class Discard(export.SpanExporter):  # type: ignore[misc] # the library is there in the benchmark's environment only
        def export(self, spans: Iterable[Any]) -> Any:  # noqa: ARG002 - the library's signature
            return export.SpanExportResult.SUCCESS

    return Discard()


def _tracing() -> tuple[Any, Any]:
    """Return OpenTelemetry's tracer provider with the batch processor that its documentation starts with."""
    export: Any = importlib.import_module("opentelemetry.sdk.trace.export")
    provider = importlib.import_module("opentelemetry.sdk.trace").TracerProvider()
    provider.add_span_processor(export.BatchSpanProcessor(_discard()))
    return provider, provider.get_tracer("benchmark")


def _instrumentor(module: str) -> Callable[[Path], Running]:
    def start(_: Path) -> Running:
        provider, tracer = _tracing()
        importlib.import_module(module).OpenAIInstrumentor().instrument(tracer_provider=provider)
        return Running(_as_it_is, provider.force_flush, tracer.start_as_current_span("noop"))

    return start


def _langfuse(_: Path) -> Running:
    langfuse: Any = importlib.import_module("langfuse")
    client = langfuse.Langfuse(public_key="pk", secret_key="sk", span_exporter=_discard())
    importlib.import_module("langfuse.openai")
    return Running(_as_it_is, client.flush, langfuse.observe())


def _langsmith(_: Path) -> Running:
    os.environ["LANGSMITH_TRACING"] = "true"
    requests: Any = importlib.import_module("requests")

    class Accept(requests.adapters.BaseAdapter):  # type: ignore[misc] # see _discard
        def send(self, *_: Any, **__: Any) -> Any:
            answer = requests.Response()
            answer.status_code, answer._content = 202, b"{}"  # noqa: SLF001 - how requests' own adapters are faked
            return answer

        def close(self) -> None:
            pass

    session = requests.Session()
    session.mount(_NOWHERE, Accept())
    langsmith: Any = importlib.import_module("langsmith")
    client = langsmith.Client(api_url=_NOWHERE, api_key="k", session=session)
    wrappers: Any = importlib.import_module("langsmith.wrappers")

    def wrap(openai_client: Any) -> Any:
        return wrappers.wrap_openai(openai_client, tracing_extra={"client": client})

    return Running(wrap, client.flush, langsmith.traceable(client=client))


def _mlflow(folder: Path) -> Running:
    mlflow: Any = importlib.import_module("mlflow")
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    mlflow.create_experiment("benchmark", artifact_location=(folder / "artifacts").as_uri())  # else beside the program
    mlflow.set_experiment("benchmark")
    importlib.import_module("mlflow.openai").autolog()
    return Running(_as_it_is, mlflow.flush_trace_async_logging, mlflow.trace)


def _logfire(_: Path) -> Running:
    logfire: Any = importlib.import_module("logfire")
    export: Any = importlib.import_module("opentelemetry.sdk.trace.export")
    logfire.configure(
        send_to_logfire=False, console=False, additional_span_processors=[export.BatchSpanProcessor(_discard())]
    )
    logfire.instrument_openai()
    return Running(_as_it_is, logfire.force_flush, logfire.instrument("noop"))


_NOWHERE = "http://127.0.0.1:9"
"""Nothing is sent there: whoever names it has a transport of its own in front."""

BARE = Tool("bare", "openai", _bare)
TOOLS = (
    BARE,
    Tool("outlay", "outlay", _outlay),
    Tool(
        "OTel genai-openai",
        "opentelemetry-instrumentation-genai-openai",
        _instrumentor("opentelemetry.instrumentation.genai.openai"),
    ),
    Tool(
        "OpenInference", "openinference-instrumentation-openai", _instrumentor("openinference.instrumentation.openai")
    ),
    Tool("OpenLLMetry", "opentelemetry-instrumentation-openai", _instrumentor("opentelemetry.instrumentation.openai")),
    Tool("Langfuse", "langfuse", _langfuse),
    Tool("LangSmith", "langsmith", _langsmith),
    Tool("Logfire", "logfire", _logfire),
    Tool("MLflow", "mlflow", _mlflow),
)
BY_NAME = {tool.name: tool for tool in TOOLS}


def installed(tool: Tool) -> str | None:
    """Return the version of a tool that is installed here."""
    from importlib.metadata import PackageNotFoundError, version  # whose cost must fall on the tool that loads it

    try:
        return version(tool.distribution)
    except PackageNotFoundError:
        return None
