"""Records as flat rows, for files that are read by columns: totals include their parts, amounts are USD."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from outlay.integration import Call, Content, Span

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

COMMON = ("id", "trace_id", "parent_id", "project", "feature", "path", "release", "tags")
CALL = (
    *("provider", "api", "operation", "host", "request_model", "response_model", "response_id", "request_id"),
    *("streamed", "outcome", "status", "error_type", "attempt", "retry_of", "finish_reasons", "terms", "marks"),
)
TOKENS = (
    *("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_write_input_tokens"),
    *("cache_write_1h_input_tokens", "reasoning_output_tokens"),
)


def row(record: Call | Span, content: Content | None = None) -> dict[str, Any]:
    """Return the row of a record; what is not known is None."""
    own = _call(record) if isinstance(record, Call) else {"name": record.name, "error_type": record.error_type}
    return {
        "kind": "call" if isinstance(record, Call) else "span",
        **{name: getattr(record, name) for name in COMMON},
        "start": moment(record.start),
        "end": moment(record.end),
        "duration_seconds": (record.end - record.start) / 1e9,
        **own,
        **({} if content is None else _content(content)),
    }


def _call(call: Call) -> dict[str, Any]:
    usage, cost = call.usage, call.cost
    return {
        **{name: getattr(call, name) for name in CALL},
        "first_chunk_seconds": None if call.first_chunk is None else call.first_chunk / 1e9,
        **{name: None if usage is None else getattr(usage, name) for name in TOKENS},
        "estimated": None if usage is None else usage.estimated,
        "cost_usd": _dollars(cost.amount),
        "cost_status": cost.status,
        "cost_source": cost.source,
        "cost_lower_usd": _dollars(cost.lower),
        "cost_upper_usd": _dollars(cost.upper),
        "unpriced": cost.unpriced,
        "price_id": cost.price_id,
        "price_table": cost.table,
    }


def _content(content: Content) -> dict[str, Any]:
    return {
        "system_instructions": content.system_instructions or None,
        "input_messages": content.input_messages or None,
        "output_messages": content.output_messages or None,
        "content_truncated": content.truncated,
    }


def moment(nanoseconds: int) -> datetime:
    """Return a moment, to the microsecond."""
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)


def _dollars(amount: int | None) -> Decimal | None:
    return None if amount is None else Decimal(amount).scaleb(-12)
