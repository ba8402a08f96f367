"""What a receiver says of spans and of log events, whatever way they go there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from outlay.integration import Delivered, Later, Result


class NoRoute(Later, frozen=True):
    """The receiver does not take this kind of telemetry: a collector without a pipeline for it."""


class Transport(Protocol):
    """A receiver of one kind of telemetry."""

    def send(self, records: Sequence[Any], timeout: float) -> Result:
        """Send ``records`` (the SDK's) and return what the receiver said."""

    def shutdown(self) -> None:
        """Close connections."""


def accepted(answer: Any) -> Delivered:
    """Return what an answer that is no error says: it may have taken a part only."""
    partial = answer.partial_success
    rejected = partial.rejected_spans if hasattr(partial, "rejected_spans") else partial.rejected_log_records
    return Delivered(unnamed=rejected, reason=partial.error_message)
