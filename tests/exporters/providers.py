"""Tracer providers as applications set them: each is set by its function, which returns what tells the spans it got."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler

Spans = Callable[[], list[dict[str, Any]]]


def plain(span: ReadableSpan) -> dict[str, Any]:
    """Return a span as plain values."""
    assert span.context is not None
    return {
        "name": span.name,
        "id": f"{span.context.span_id:016x}",
        "trace": f"{span.context.trace_id:032x}",
        "parent": None if span.parent is None else f"{span.parent.span_id:016x}",
        "scope": "" if span.instrumentation_scope is None else span.instrumentation_scope.name,
        "said": dict(span.attributes or {}),
        "status": span.status.status_code.name,
        "start": span.start_time,
        "end": span.end_time,
    }


def _finished(kept: InMemorySpanExporter) -> Spans:
    return lambda: [plain(span) for span in kept.get_finished_spans()]


def sdk(sampler: Sampler = ALWAYS_ON) -> Spans:
    """Set the SDK's own provider."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(sampler=sampler)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    trace.set_tracer_provider(provider)
    return _finished(kept)


def none() -> Spans:
    """Set none."""
    return list


def logfire() -> Spans:
    """Set Logfire's, which sends nothing."""
    kept = InMemorySpanExporter()
    importlib.import_module("logfire").configure(
        send_to_logfire=False, console=False, additional_span_processors=[SimpleSpanProcessor(kept)]
    )
    return _finished(kept)


def ddtrace() -> Spans:
    """Set ddtrace's, whose spans are read where it hands them to its writer."""
    found: list[dict[str, Any]] = []
    opentelemetry: Any = importlib.import_module("ddtrace.opentelemetry")
    filters: Any = importlib.import_module("ddtrace.trace")

    class Keep(filters.TraceFilter):  # type: ignore[misc]  # the nox session has it
        """Keep spans, and send none."""

        def process_trace(self, spans: Any) -> None:
            """Keep the spans of a trace."""
            found.extend(_of_ddtrace(span) for span in spans)

    filters.tracer.configure(trace_processors=[Keep()])
    trace.set_tracer_provider(opentelemetry.TracerProvider())
    return lambda: found


def _of_ddtrace(span: Any) -> dict[str, Any]:
    said = {**span.get_tags(), **span.get_metrics()}
    return {
        "name": span.resource or span.name,
        "id": f"{span.span_id:016x}",
        "trace": f"{span.trace_id:032x}",
        "parent": f"{span.parent_id:016x}" if span.parent_id else None,
        "scope": "",
        "said": said,
        "status": "ERROR" if span.error else "UNSET",
        "start": span.start_ns,
        "end": span.start_ns + span.duration_ns,
    }


PROVIDERS: dict[str, Callable[[], Spans]] = {
    "sdk": sdk,
    "unsampled": lambda: sdk(ALWAYS_OFF),
    "none": none,
    "logfire": logfire,
    "ddtrace": ddtrace,
}
"""By name."""
