"""Where OpenTelemetry is loaded: the trace that it has open here, and quiet for traffic of ours. It is not imported."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from sys import modules
from typing import Any

from outlay.guard import guard

_reading_trace = guard("reading OpenTelemetry's current span")
_reading_resource = guard("reading OpenTelemetry's resource")


def foreign_trace() -> tuple[str, str | None] | None:
    """Return OpenTelemetry's current (trace id, span id) in hex, if it is loaded and a span is current."""
    otel: Any = modules.get("opentelemetry.trace")
    if otel is None or not hasattr(otel, "get_current_span"):  # some thread may be importing it just now
        return None
    with _reading_trace:
        current = otel.get_current_span().get_span_context()
        return (f"{current.trace_id:032x}", f"{current.span_id:016x}") if current.is_valid else None
    return None


def service_version() -> str | None:
    """Return OpenTelemetry's ``service.version``, of the resource that its SDK has or of the environment."""
    otel: Any = modules.get("opentelemetry.trace")
    if otel is not None and hasattr(otel, "get_tracer_provider"):
        with _reading_resource:
            said = getattr(getattr(otel.get_tracer_provider(), "resource", None), "attributes", None) or {}
            if version := said.get("service.version"):
                return str(version)
    for pair in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","):
        name, _, value = pair.partition("=")
        if name.strip() == "service.version" and value.strip():
            from urllib.parse import unquote  # for those who say it so: values are percent-encoded

            return unquote(value.strip())
    return None


def others_span() -> str | None:
    """Return the id of OpenTelemetry's current span, if an SDK or a framework made it for a call to a model."""
    otel: Any = modules.get("opentelemetry.trace")
    if otel is None or not hasattr(otel, "get_current_span"):
        return None
    with _reading_trace:
        span = otel.get_current_span()
        said = getattr(span, "attributes", None) or {}
        if said.get("gen_ai.operation.name") in AGENTS or not any(name in said for name in MODEL_CALL):
            return None
        return f"{span.get_span_context().span_id:016x}"
    return None


MODEL_CALL = ("gen_ai.request.model", "llm.model_name")
"""Attributes that a span of a call to a model begins with, by OpenTelemetry's and OpenInference's conventions."""
AGENTS = frozenset(("invoke_agent", "create_agent", "execute_tool", "invoke_workflow"))
"""Operations that calls to models happen in, though their spans may name a model."""


@contextmanager
def untraced() -> Iterator[None]:
    """Keep OpenTelemetry's instrumentations from making spans of what happens inside: our own traffic."""
    context: Any = modules.get("opentelemetry.context")
    if context is None or not hasattr(context, "detach"):
        yield
        return
    token = context.attach(context.set_value("suppress_instrumentation", True))  # noqa: FBT003 - its signature
    try:
        yield
    finally:
        context.detach(token)
