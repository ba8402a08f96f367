"""The calls as people and exporters read them: the view that puts entries and their labels together again."""

from __future__ import annotations

KNOWN = (
    *("input", "cache_read", "cache_write_5m", "cache_write_1h", "cache_write_12h", "other_input", "output"),
    *("other_output", "reasoning", "unpriced_tokens", "cost", "cost_lower", "cost_upper", "first_chunk"),
    *("parent_id", "response_id", "request_id", "raw_usage"),
)
"""Columns of an entry that may be unknown: bit n of its label's ``known`` says that the nth of them is not."""

RARE = (
    *("cache_write_5m", "cache_write_1h", "cache_write_12h", "other_input", "other_output", "unpriced_tokens"),
    *("cost_lower", "cost_upper"),
)
"""Those of them that most calls don't have, and sums of plain calls need not look at."""

_ENTRY = frozenset(("seq", "start", "id", "end", "tags", "cost_by_class", "trace_id", "request_digest", "tools_digest"))
_REST = frozenset(("retry_of", "usage", "cost_computed", "cost_items"))

COLUMNS = (
    *("id", "trace_id", "parent_id", "project", "feature", "path", "site", "release", "tags", "provider", "api"),
    *("operation", "transport", "host", "model", "request_model", "response_model", "response_id", "request_id"),
    *("start", "end", "first_chunk", "streamed", "outcome", "status", "error_type", "attempt", "retry_of"),
    *("finish_reasons", "terms", "requested_tier", "estimated", "input", "cache_read", "cache_write_5m"),
    *("cache_write_1h", "cache_write_12h", "other_input", "output", "other_output", "reasoning", "usage", "raw_usage"),
    *("cost_status", "cost", "cost_source", "cost_lower", "cost_upper", "cost_computed", "cost_by_class"),
    *("cost_items", "unpriced", "unpriced_tokens", "price_id", "price_table", "price_match", "price_model", "marks"),
    *("request_digest", "tools_digest"),
)
"""Columns of ``calls`` after ``seq``."""


def column(name: str) -> str:
    """Return the SQL that gives a call's column ``name``, of an entry ``e`` and its label ``l``."""
    if name in KNOWN:
        return f'iif(l.known & {1 << KNOWN.index(name)}, e."{name}", NULL)'
    if name in _ENTRY:
        return f'e."{name}"'
    if name in _REST:
        return f"json_extract(nullif(e.rest, ''), '$.{name}')"
    return f'l."{name}"'


ENTRIES = "FROM entries e JOIN labels l ON l.number = e.label"

_SHOWN = ", ".join(f'{column(name)} AS "{name}"' for name in COLUMNS)
CALLS = f"CREATE VIEW calls AS SELECT e.seq AS seq, {_SHOWN} {ENTRIES}"
