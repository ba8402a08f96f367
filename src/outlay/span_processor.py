"""Calls that others tell of by spans: ``outlay.SpanProcessor``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from outlay.context import scope
from outlay.foreign import Figures, figures, is_seen
from outlay.guard import guarded
from outlay.records import Call, Cost

if TYPE_CHECKING:  # so that type checkers take it for one of the SDK's, which need not be installed
    from opentelemetry.sdk.trace import SpanProcessor as Processor
else:
    Processor = object

TOLD = "told_by_span"
"""The mark of a call that was not metered, but told of by a span of others."""


class SpanProcessor(Processor):
    """Keep and price the calls that others tell of by spans, from places that nothing of outlay's sees.

    Add one to a tracer provider: ``provider.add_span_processor(outlay.SpanProcessor())``. A span with usage, by
    OpenTelemetry's GenAI or OpenInference's attributes, becomes a call with the span's id, trace and time. One whose
    request outlay has metered itself is left out, so each call is priced once.
    """

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Do nothing: what a span says is known at its end."""

    def _on_ending(self, span: Any) -> None:
        """Do nothing, as the SDK's own processors."""

    def on_end(self, span: Any) -> None:
        """Keep the call that a span tells of."""
        _keep(span)

    def shutdown(self) -> None:
        """Do nothing: outlay has an end of its own."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the SDK's signature
        """Do nothing: a call is kept when its span has ended."""
        return True


@guarded("pricing a span of others")
def _keep(span: Any) -> None:
    said = span.attributes or {}
    found = figures(said)
    if found is None or "outlay.cost.status" in said or is_seen(f"{span.context.span_id:016x}"):
        return
    from outlay import app  # spans may end where outlay was never started

    current = app.current()
    if current is not None:
        current.meter.take(_call(current, span, found), scope().span)


def _call(current: Any, span: Any, found: Figures) -> Call:
    from outlay.recording import Told, recorded

    said = span.attributes
    counts = {name: getattr(found, name) for name in Figures.__struct_fields__ if name.endswith("_tokens")}
    failed = str(said.get("error.type") or "") or (None if span.status.is_ok else "error")

    def told(counts: dict[str, Any]) -> Call:
        return recorded(
            current.home,
            current.prices(),
            Told(
                provider=found.provider,
                model=found.model,
                operation=found.operation,
                start=span.start_time,
                end=max(span.start_time, span.end_time),  # a clock that was set back in between
                error_type=failed,
                **counts,
            ),
        )

    marks: tuple[str, ...] = (TOLD,)
    try:
        call = told(counts)
    except ValueError:  # counts that can't be: that there was a call is true all the same
        call = msgspec.structs.replace(told({}), usage=None, cost=Cost(status="unknown"))
        marks += ("usage_invalid",)
    return msgspec.structs.replace(
        call,
        id=f"{span.context.span_id:016x}",
        trace_id=f"{span.context.trace_id:032x}",
        parent_id=None if span.parent is None else f"{span.parent.span_id:016x}",
        api="otel",
        response_id=said.get("gen_ai.response.id"),
        finish_reasons=tuple(said.get("gen_ai.response.finish_reasons", ())),
        marks=marks,
    )
