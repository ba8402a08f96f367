"""Records as the SDK's spans, which its exporters encode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from outlay.integration import Call, Content, Span
from outlay_integrations.exporters import genai

SCOPE = InstrumentationScope("outlay")


def spans(
    records: Sequence[Call | Span], content: Mapping[str, Content], resource: Resource, dialects: tuple[str, ...]
) -> list[ReadableSpan]:
    """Return the spans of ``records``, with the records' own ids and times."""
    return [
        span(record, genai.attributes(record, content.get(record.id), dialects), resource, record.parent_id)
        for record in records
    ]


def span(
    record: Call | Span, attributes: Mapping[str, genai.Value], resource: Resource, parent_id: str | None
) -> ReadableSpan:
    """Return the span of ``record``, with the attributes and the parent that a backend is to see."""
    call = isinstance(record, Call)
    return ReadableSpan(
        name=genai.name(record),
        context=context_of(record.trace_id, record.id),
        parent=None if parent_id is None else context_of(record.trace_id, parent_id),
        resource=resource,
        attributes=attributes,
        kind=SpanKind.CLIENT if call else SpanKind.INTERNAL,
        status=_status(record),
        start_time=record.start,
        end_time=max(record.end, record.start),
        instrumentation_scope=SCOPE,
    )


def context_of(trace: str, span: str) -> SpanContext:
    """Return the context of a span, by its ids in hex."""
    # Who was forgotten has no trace any more: the call stands alone, in one that is made of its id.
    return SpanContext(int(trace or span * 2, 16), int(span, 16), is_remote=False, trace_flags=TraceFlags(1))


def _status(record: Call | Span) -> Status:
    return Status(StatusCode.ERROR, record.error_type) if genai.has_failed(record) else Status()
