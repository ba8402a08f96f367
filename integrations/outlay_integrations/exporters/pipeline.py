"""The application's own OpenTelemetry: calls and tracked functions as spans of its tracer provider, in its trace.

A span is open while the call is made, so that what the HTTP client's instrumentation makes of the request is its child;
that of a tracked function while it runs. The provider's sampler decides about spans; a call is metered and priced
whatever it decides. Where the application has set no provider, nothing is made.
"""

from __future__ import annotations

from typing import Any

import msgspec

from outlay.integration import Backend, Call, Span
from outlay_integrations.exporters import genai

NAME = "outlay"
"""The instrumentation scope of our spans."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What can be set under ``[exporters.opentelemetry]``."""

    dialects: tuple[str, ...] = ()
    """Who else's names the cost is given under: see ``otlp``."""


class Pipeline:
    """Makes a span of each call, and of each tracked function."""

    def __init__(self, options: Options) -> None:
        from opentelemetry import context, trace

        self._dialects = options.dialects
        self._context: Any = context
        self._trace: Any = trace
        self._provider: Any = None
        self._tracer: Any = None

    def begin(self, operation: str, provider: str, start: int) -> Followed | None:
        """Begin a call's span in the current one; None where the application has no tracer provider."""
        said = {genai.OPERATION: operation, genai.PROVIDER: provider}
        return self._begin(operation, self._trace.SpanKind.CLIENT, said, start)

    def open(self, name: str, feature: str, start: int) -> Followed | None:
        """Begin a tracked function's span in the current one; None as above."""
        return self._begin(name, self._trace.SpanKind.INTERNAL, {genai.FEATURE: feature}, start)

    def here(self) -> Any:
        """Return OpenTelemetry's current context."""
        return self._context.get_current()

    def put(self, current: Any) -> None:
        """Make a context the current one; not by a token, which is good in one context of Python's only."""
        self._context.attach(current)

    def current(self) -> Any:
        """Return the current span's context, with its ids."""
        return self._trace.get_current_span().get_span_context()

    def inside(self, span: Any) -> None:
        """Make a span the current one."""
        self._context.attach(self._trace.set_span_in_context(span))

    def end(self, span: Any, record: Call | Span) -> None:
        """Say what is known of a record, and end its span when it ended."""
        span.update_name(genai.name(record))
        span.set_attributes(genai.attributes(record, dialects=self._dialects))
        if genai.has_failed(record):
            span.set_status(self._trace.Status(self._trace.StatusCode.ERROR, record.error_type))
        span.end(max(record.end, record.start))

    def _begin(self, name: str, kind: Any, said: dict[str, str], start: int) -> Followed | None:
        provider = self._trace.get_tracer_provider()
        if provider is not self._provider:  # an application may set it after outlay was started
            self._provider, unset = provider, isinstance(provider, self._trace.ProxyTracerProvider)
            self._tracer = None if unset else provider.get_tracer(NAME)
        if self._tracer is None:
            return None
        around = self.current()
        span = self._tracer.start_span(name, kind=kind, attributes=said, start_time=start)
        if not span.get_span_context().is_valid:
            return None
        return Followed(self, span, f"{around.span_id:016x}" if around.is_valid else None)


class Followed:
    """A call or a tracked function, and its span."""

    def __init__(self, pipeline: Pipeline, span: Any, parent_id: str | None) -> None:
        context = span.get_span_context()
        self.trace_id = f"{context.trace_id:032x}"
        self.id = f"{context.span_id:016x}"
        self.parent_id = parent_id
        self._pipeline = pipeline
        self._span = span
        self._before: Any = None

    def enter(self) -> None:
        """Make the span the current one."""
        self._before = self._pipeline.here()
        self._pipeline.inside(self._span)

    def leave(self) -> None:
        """Make that the current one which was before, where the span is the current one."""
        # It may be left in another context than it was entered in, whose current span is none of ours to take away.
        own = self._span.get_span_context()
        if self._before is not None and self._pipeline.current().span_id == own.span_id:
            self._pipeline.put(self._before)
        self._before = None

    def end(self, record: Call | Span) -> None:
        """Say what is known of the record, and end the span when it ended."""
        self._pipeline.end(self._span, record)


OPENTELEMETRY = Backend(
    name="opentelemetry",
    options=Options,
    live=Pipeline,
    modules=("opentelemetry.trace",),
    install="opentelemetry-sdk",
)
