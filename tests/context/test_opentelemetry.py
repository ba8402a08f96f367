"""With OpenTelemetry's SDK loaded, what outlay keeps stands in its traces."""

from __future__ import annotations

import subprocess
import sys

from opentelemetry.sdk.trace import Span, TracerProvider
from opentelemetry.trace import format_span_id, format_trace_id

import outlay
from tests.context.kept import Kept, call

TRACER = TracerProvider().get_tracer("tests")


def test_a_span_is_the_child_of_the_span_that_it_began_in(kept: Kept) -> None:
    """Not of one that happens to be current when its first call returns."""
    with TRACER.start_as_current_span("request") as around:
        assert isinstance(around, Span)
        with outlay.track("outer"), TRACER.start_as_current_span("client"), outlay.track("inner"):
            call()
    inner, outer = kept.spans
    assert outer.parent_id == format_span_id(around.get_span_context().span_id)
    assert inner.parent_id == outer.id
    trace = format_trace_id(around.get_span_context().trace_id)
    assert {inner.trace_id, outer.trace_id, kept.calls[0].trace_id} == {trace}


def test_a_call_without_a_span_is_the_child_of_the_current_one(kept: Kept) -> None:
    """And of none where none is current."""
    with TRACER.start_as_current_span("request") as around:
        call()
    call()
    first, second = kept.calls
    assert first.parent_id == format_span_id(around.get_span_context().span_id)
    assert first.trace_id == format_trace_id(around.get_span_context().trace_id)
    assert second.parent_id is None
    assert first.trace_id != second.trace_id


def test_nothing_of_opentelemetry_is_imported_where_it_is_not_used() -> None:
    """It is looked for among what is loaded."""
    script = """
import sys, outlay
outlay.init(instrument=False)
with outlay.track("x") as span:
    outlay.record(provider="openai", model="gpt-4o-mini", input_tokens=1)
assert span.calls == 1
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "[]"
