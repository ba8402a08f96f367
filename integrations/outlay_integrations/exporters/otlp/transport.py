"""What a receiver of spans says, whatever way they go there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace import ReadableSpan

from outlay.integration import Delivered, Result


class Transport(Protocol):
    """A receiver of spans."""

    def send(self, spans: Sequence[ReadableSpan], timeout: float) -> Result:
        """Send ``spans`` and return what the receiver said."""

    def shutdown(self) -> None:
        """Close connections."""


def accepted(answer: ExportTraceServiceResponse) -> Delivered:
    """Return what an answer that is no error says: it may have taken a part only."""
    partial = answer.partial_success
    return Delivered(unnamed=partial.rejected_spans, reason=partial.error_message)
