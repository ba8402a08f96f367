"""Content as log events by OpenTelemetry's GenAI conventions, which keep what was said apart from spans.

One ``gen_ai.client.inference.operation.details`` a call, in the context of the call's span, with messages in structured
form. Usage and cost stand at the span alone. ``log.record.uid`` is the call's id: an event that comes again has it too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import NonRecordingSpan, set_span_in_context

from outlay.integration import Call, Content
from outlay_integrations.exporters import genai
from outlay_integrations.exporters.otlp.spans import SCOPE, context_of

EVENT = "gen_ai.client.inference.operation.details"
UID = "log.record.uid"
AT_THE_SPAN = ("gen_ai.usage.", "outlay.cost.", "outlay.price.", "outlay.usage.")
"""Beginnings of the names of attributes that stand at the span alone, so that nothing is summed up twice."""


def events(calls: Sequence[Call], content: Mapping[str, Content], resource: Resource) -> list[ReadableLogRecord]:
    """Return the events of those ``calls`` of which something is kept."""
    return [
        ReadableLogRecord(_record(call, content[call.id]), resource, SCOPE)
        for call in calls
        if call.id in content and any(_messages(content[call.id]).values())
    ]


def _record(call: Call, content: Content) -> LogRecord:
    said: dict[str, Any] = {
        name: value for name, value in genai.attributes(call).items() if not name.startswith(AT_THE_SPAN)
    }
    said |= {name: _structured(text) for name, text in _messages(content).items() if text}
    said[UID] = call.id
    if content.truncated:
        said[genai.TRUNCATED] = True
    span = NonRecordingSpan(context_of(call.trace_id, call.id))
    return LogRecord(
        timestamp=max(call.end, call.start),
        observed_timestamp=max(call.end, call.start),
        context=set_span_in_context(span),
        attributes=said,
        event_name=EVENT,
    )


def _messages(content: Content) -> dict[str, str]:
    return {
        genai.SYSTEM_INSTRUCTIONS: content.system_instructions,
        genai.INPUT_MESSAGES: content.input_messages,
        genai.OUTPUT_MESSAGES: content.output_messages,
    }


def _structured(text: str) -> Any:
    return _filled(json.loads(text))


def _filled(value: Any) -> Any:
    """Return a value without the nulls in it, which OTLP has none of."""
    if isinstance(value, dict):
        return {name: _filled(one) for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_filled(one) for one in value if one is not None]
    return value
