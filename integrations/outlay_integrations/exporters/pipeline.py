"""The application's own OpenTelemetry: calls as spans of its tracer provider, in its trace, through its pipeline.

A span is open while the call is made, so that what the HTTP client's instrumentation makes of the request is its child.
The provider's sampler decides about the span; the call is metered and priced whatever it decides. Where the
application has set no provider, nothing is made.
"""

from __future__ import annotations

from typing import Any

import msgspec

from outlay.integration import Backend, Call
from outlay_integrations.exporters import genai

NAME = "outlay"
"""The instrumentation scope of our spans."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What can be set under ``[exporters.opentelemetry]``."""

    dialects: tuple[str, ...] = ()
    """Who else's names the cost is given under: see ``otlp``."""


class Pipeline:
    """Makes a span of each call."""

    def __init__(self, options: Options) -> None:
        self._dialects = options.dialects

    def begin(self, operation: str, provider: str, start: int) -> Followed | None:
        """Begin a span in the current one; None where the application has no tracer provider."""
        from opentelemetry import trace

        if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
            return None
        around = trace.get_current_span().get_span_context()
        span = trace.get_tracer(NAME).start_span(
            operation,
            kind=trace.SpanKind.CLIENT,
            attributes={genai.OPERATION: operation, genai.PROVIDER: provider},
            start_time=start,
        )
        if not span.get_span_context().is_valid:
            return None
        return Followed(span, f"{around.span_id:016x}" if around.is_valid else None, self._dialects)


class Followed:
    """A call and its span."""

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
        """Make that the current one which was before."""
        from opentelemetry import context

        # Not by a token: a send may return in another context than it began in.
        if self._before is not None:
            context.attach(self._before)
            self._before = None

    def end(self, call: Call) -> None:
        """Say what is known of the call, and end the span when it ended."""
        from opentelemetry.trace import Status, StatusCode

        self._span.update_name(genai.name(call))
        self._span.set_attributes(genai.attributes(call, dialects=self._dialects))
        if call.outcome in genai.FAILED:
            self._span.set_status(Status(StatusCode.ERROR, call.error_type))
        self._span.end(call.end)


def _never(*_: Any) -> Any:
    raise NotImplementedError("its calls are followed where they are made; nothing is delivered to it")


OPENTELEMETRY = Backend(
    name="opentelemetry",
    open=_never,
    options=Options,
    live=Pipeline,
    modules=("opentelemetry.trace",),
    install="opentelemetry-sdk",
)
