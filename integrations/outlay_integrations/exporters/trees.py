"""Where a record stands among those that a backend gets."""

from __future__ import annotations

from outlay.integration import Batch, Call, Span


def parent_of(batch: Batch, record: Call | Span) -> str | None:
    """Return the id of the span right around ``record`` that the backend gets too; None for a root.

    A root's own parent, if any, is a span of OpenTelemetry's that goes elsewhere, or one of a process that was killed.
    """
    above = batch.lineage(record)
    return above[-1].id if above else None
