"""The spans around records, and how long a record waits for those that have not ended."""

from __future__ import annotations

from collections.abc import Sequence

from outlay.ledger.backlog import Backlog, Due
from outlay.records import Call, Span

FOREIGN_PATIENCE = 60.0
"""Seconds to wait for a span that is probably not ours: OpenTelemetry's, or one of a caller in another process."""


class Lineage:
    """The spans around a batch."""

    def __init__(self, backlog: Backlog, dues: Sequence[Due]) -> None:
        self.around = {due.record.id: due.record for due in dues if isinstance(due.record, Span)}
        """By id, as far as the ledger knows them."""
        wanted = {due.record.parent_id for due in dues}
        while missing := {span for span in wanted if span is not None} - self.around.keys():
            found = backlog.spans(missing)
            self.around |= {span.id: span for span in found}
            wanted = {span.parent_id for span in found}

    def missing(self, record: Call | Span) -> tuple[str, bool] | None:
        """Return the id of the span that ``record`` would wait for, and whether that is ours; None if there is none.

        What a call outside of all our spans has as its parent is OpenTelemetry's.
        """
        if isinstance(record, Call) and not record.path:
            return None
        seen = {record.id}
        while record.parent_id is not None and record.parent_id not in seen:
            parent = self.around.get(record.parent_id)
            if parent is None:
                # The path of an outermost span is its feature. So is that of a function which calls itself.
                return record.parent_id, not (isinstance(record, Span) and record.path == record.feature)
            record = parent
            seen.add(record.id)
        return None
