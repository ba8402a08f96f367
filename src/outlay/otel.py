"""Where OpenTelemetry is loaded: the trace that it has open here. Nothing of it is imported."""

from __future__ import annotations

from sys import modules
from typing import Any

from outlay.guard import guard

_reading_trace = guard("reading OpenTelemetry's current span")


def foreign_trace() -> tuple[str, str | None] | None:
    """Return OpenTelemetry's current (trace id, span id) in hex, if it is loaded and a span is current."""
    otel: Any = modules.get("opentelemetry.trace")
    if otel is None or not hasattr(otel, "get_current_span"):  # some thread may be importing it just now
        return None
    with _reading_trace:
        current = otel.get_current_span().get_span_context()
        return (f"{current.trace_id:032x}", f"{current.span_id:016x}") if current.is_valid else None
    return None
