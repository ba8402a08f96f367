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
        self._dialects = options.dialects

    def begin(self, operation: str, provider: str, start: int) -> Followed | None:
        """Begin a call's span in the current one; None where the application has no tracer provider."""
        from opentelemetry.trace import SpanKind

        said = {genai.OPERATION: operation, genai.PROVIDER: provider}
        return self._begin(operation, SpanKind.CLIENT, said, start)

    def open(self, name: str, feature: str, start: int) -> Followed | None:
        """Begin a tracked function's span in the current one; None as above."""
        from opentelemetry.trace import SpanKind

        return self._begin(name, SpanKind.INTERNAL, {"outlay.feature": feature}, start)

    def here(self) -> Any:
        """Return OpenTelemetry's current context."""
        from opentelemetry import context

        return context.get_current()

    def put(self, current: Any) -> None:
        """Make a context the current one; not by a token, which is good in one context of Python's only."""
        from opentelemetry import context

        context.attach(current)

    def _begin(self, name: str, kind: Any, said: dict[str, str], start: int) -> Followed | None:
        from opentelemetry import trace

        if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
            return None
        around = trace.get_current_span().get_span_context()
        span = trace.get_tracer(NAME).start_span(name, kind=kind, attributes=said, start_time=start)
        if not span.get_span_context().is_valid:
            return None
        return Followed(span, f"{around.span_id:016x}" if around.is_valid else None, self._dialects)


class Followed:
    """A call or a tracked function, and its span."""

    def __init__(self, span: Any, parent_id: str | None, dialects: tuple[str, ...]) -> None:
        context = span.get_span_context()
        self.trace_id = f"{context.trace_id:032x}"
        self.id = f"{context.span_id:016x}"
        self.parent_id = parent_id
        self._span = span
        self._dialects = dialects
        self._before: Any = None

    def enter(self) -> None:
        """Make the span the current one."""
        from opentelemetry import context, trace

        self._before = context.get_current()
        context.attach(trace.set_span_in_context(self._span))

    def leave(self) -> None:
        """Make that the current one which was before, where the span is the current one."""
        from opentelemetry import context, trace

        # It may be left in another context than it was entered in, whose current span is none of ours to take away.
        current, own = trace.get_current_span().get_span_context(), self._span.get_span_context()
        if self._before is not None and current.span_id == own.span_id:
            context.attach(self._before)
        self._before = None

    def end(self, record: Call | Span) -> None:
        """Say what is known of the record, and end the span when it ended."""
        from opentelemetry.trace import Status, StatusCode

        self._span.update_name(genai.name(record))
        self._span.set_attributes(genai.attributes(record, dialects=self._dialects))
        if genai.has_failed(record):
            self._span.set_status(Status(StatusCode.ERROR, record.error_type))
        self._span.end(max(record.end, record.start))


OPENTELEMETRY = Backend(
    name="opentelemetry",
    options=Options,
    live=Pipeline,
    modules=("opentelemetry.trace",),
    install="opentelemetry-sdk",
)
