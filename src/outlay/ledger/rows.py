"""Calls as rows of the ledger, and back without loss."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import msgspec

from outlay.ledger.bounds import TOKEN_LIMIT, bounded
from outlay.records import INPUT_CLASSES, NO_RAW_USAGE, OUTPUT_CLASSES, Call, Cost, CostItem, Span, Usage

COLUMNS = (
    *("id", "trace_id", "parent_id", "project", "feature", "path", "site", "release", "tags", "provider", "api"),
    *("operation", "transport", "host", "model", "request_model", "response_model", "response_id", "request_id"),
    *("start", "end", "first_chunk", "streamed", "outcome", "status", "error_type", "attempt", "retry_of"),
    *("finish_reasons", "terms", "requested_tier", "estimated", "input", "cache_read", "cache_write_5m"),
    *("cache_write_1h", "cache_write_12h", "other_input", "output", "other_output", "reasoning", "usage", "raw_usage"),
    *("cost_status", "cost", "cost_source", "cost_lower", "cost_upper", "cost_computed", "cost_by_class"),
    *("cost_items", "unpriced", "unpriced_tokens", "price_id", "price_table", "price_match", "price_model", "marks"),
)
"""Columns of ``calls`` after ``seq``, in the order of ``Entry.row``."""

NULLABLE = frozenset(
    (
        *("parent_id", "site", "release", "request_model", "response_model", "response_id", "request_id"),
        *("first_chunk", "status", "error_type", "retry_of", "requested_tier", "estimated", "input", "cache_read"),
        *("cache_write_5m", "cache_write_1h", "cache_write_12h", "other_input", "output", "other_output"),
        *("reasoning", "usage", "raw_usage", "cost", "cost_lower", "cost_upper", "cost_computed"),
        *("unpriced_tokens", "price_id", "price_table", "price_match", "price_model"),
    )
)
"""Those of them that may be NULL."""

SPAN_COLUMNS = (
    *("id", "trace_id", "parent_id", "project", "name", "feature", "path", "site", "release", "tags", "start", "end"),
    "error_type",
)

ABSENT = "\x1a"
"""Stands for NULL where rows are bound: the sqlite3 module takes six times as long to bind a None."""

MILLI = 10**9
"""Pico-USD in a milli-USD: sums are kept as both, so that they stay exact beyond 64 bits of pico-USD."""

SUMS = (
    *("attempts", "requests", "errors", "unpriced_calls", "unpriced_tokens", "estimated_calls", "unbounded_calls"),
    *("input", "cache_read", "cache_write_5m", "cache_write_1h", "cache_write_12h", "other_input"),
    *("output", "other_output", "reasoning", "duration_us"),
    *("cost_milli", "cost_pico", "lower_milli", "lower_pico", "upper_milli", "upper_pico"),
)
"""The summed columns of ``rollups``: what a call adds to them, in the order of a packed counter's lanes."""

_DURATION_LIMIT = 10**12
_PLAIN = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "cache_write_12h", "output")
_CACHE_READ = tuple(name for name in INPUT_CLASSES if name.startswith("cache_read"))
_OTHER_INPUT = tuple(name for name in INPUT_CLASSES if name not in _PLAIN + _CACHE_READ)
_OTHER_OUTPUT = tuple(name for name in OUTPUT_CLASSES if name not in _PLAIN)
_TOKENS = frozenset(INPUT_CLASSES + OUTPUT_CLASSES)
_NOTHING: tuple[Any, ...] = (None,) * 9

# One lane of 64 bits a counter: adding two packed integers adds all counters at once. No call's counter exceeds 2**40,
# so 2**23 calls can be added before a lane runs over into the next.
_LANES = struct.Struct(f"<{len(SUMS)}Q")
_encode = msgspec.json.Encoder().encode
_decode_usage: msgspec.json.Decoder[Usage] = msgspec.json.Decoder(Usage)
_decode_items: msgspec.json.Decoder[tuple[CostItem, ...]] = msgspec.json.Decoder(tuple[CostItem, ...])
_decode_texts: msgspec.json.Decoder[tuple[str, ...]] = msgspec.json.Decoder(tuple[str, ...])
_decode_map: msgspec.json.Decoder[dict[str, str]] = msgspec.json.Decoder(dict[str, str])
_decode_amounts: msgspec.json.Decoder[dict[str, int]] = msgspec.json.Decoder(dict[str, int])


class Entry(msgspec.Struct, gc=False):
    """A call on its way into the ledger: its row, and what it adds to the rollups as one packed integer."""

    call: Call
    model: str
    row: tuple[Any, ...]
    counters: int


def enter(call: Call) -> Entry:
    """Return the entry of ``call``; numbers that are negative or beyond 64 bits become unknown, and marked."""
    try:
        return _enter(call)
    except (struct.error, OverflowError):
        return _enter(bounded(call))


def unpack(counters: int) -> tuple[int, ...]:
    """Return the counters that were packed into an integer, in the order of ``SUMS``."""
    return _LANES.unpack(counters.to_bytes(_LANES.size, "little"))


def _enter(call: Call) -> Entry:
    cost, usage = call.cost, call.usage
    tokens, detail = _NOTHING, None
    if usage is not None:
        tokens, detail = _tokens(usage)
    if call.end >= 2**63 or call.start < -(2**63):
        raise OverflowError
    model = cost.model or call.response_model or call.request_model or "(unknown)"
    unpriced = _unpriced_tokens(call)
    raw_usage = None if call.raw_usage is NO_RAW_USAGE else bytes(memoryview(call.raw_usage)).decode() or None
    row = (
        call.id,
        call.trace_id,
        call.parent_id,
        call.project,
        call.feature,
        call.path,
        call.site,
        call.release,
        _json(call.tags, "{}"),
        call.provider,
        call.api,
        call.operation,
        call.transport,
        call.host,
        model,
        call.request_model,
        call.response_model,
        call.response_id,
        call.request_id,
        call.start,
        call.end,
        call.first_chunk,
        int(call.streamed),
        call.outcome,
        call.status,
        call.error_type,
        call.attempt,
        call.retry_of,
        _json(call.finish_reasons, "[]"),
        _json(call.terms, "{}"),
        call.requested_tier,
        None if usage is None else int(usage.estimated),
        *tokens,
        detail,
        None if raw_usage == "null" else raw_usage,
        cost.status,
        cost.amount,
        cost.source,
        cost.lower,
        cost.upper,
        cost.computed,
        _json(cost.by_class, "{}"),
        _json(cost.items, "[]"),
        _json(cost.unpriced, "[]"),
        unpriced,
        cost.price_id,
        cost.table,
        cost.match,
        cost.model,
        _json(call.marks, "[]"),
    )
    bound = tuple([ABSENT if value is None else value for value in row])
    return Entry(call, model, bound, _pack(call, tokens, unpriced))


def _tokens(usage: Usage) -> tuple[tuple[Any, ...], str | None]:
    """Return the nine token columns, and the usage as JSON where they do not tell all of it."""
    classes = usage.classes
    get = classes.get
    plain = [get(name) for name in _PLAIN]
    total = sum([value for value in plain if value])
    if type(total) is int and len(classes) + plain.count(None) == len(_PLAIN) and usage.lower is usage.upper is None:
        detail, other_input, other_output, thinking = None, None, None, usage.reasoning
    else:
        detail = _encode(usage).decode()
        plain = [None if value is None else int(value) for value in plain]
        plain[1] = _sum(classes, _CACHE_READ)
        other_input, other_output = _sum(classes, _OTHER_INPUT), _sum(classes, _OTHER_OUTPUT)
        thinking = usage.reasoning_output_tokens
        total = usage.total_tokens
    if not 0 <= total <= TOKEN_LIMIT:
        raise OverflowError
    return (*plain[:5], other_input, plain[5], other_output, thinking), detail


def _sum(classes: dict[str, int | float], names: tuple[str, ...]) -> int | None:
    found = [classes[name] for name in names if name in classes]
    return int(sum(found)) if found else None


def _unpriced_tokens(call: Call) -> int | None:
    """Return how many tokens of a billed call have no price; None where the call's cost is known whole.

    A call that failed without usage costs nothing as far as anyone knows: it is not counted as unpriced.
    """
    cost, usage = call.cost, call.usage
    if cost.status not in {"unknown", "partial"}:
        return None
    if usage is None:
        return None if call.outcome in ("error", "cancelled") else 0
    if cost.status == "unknown":
        return usage.total_tokens
    return int(sum(quantity for name, quantity in usage.classes.items() if name in cost.unpriced and name in _TOKENS))


def _pack(call: Call, tokens: tuple[Any, ...], unpriced: int | None) -> int:
    cost, usage, outcome = call.cost, call.usage, call.outcome
    request = outcome in {"ok", "abandoned"}
    amount = cost.amount or 0
    lower = amount if cost.lower is None else cost.lower
    upper = amount if cost.upper is None else cost.upper
    estimated = usage is not None and usage.estimated
    lanes = _LANES.pack(
        1,
        request,
        outcome == "error",
        unpriced is not None,
        unpriced or 0,
        estimated,
        estimated and cost.amount is not None and cost.upper is None,
        *[value or 0 for value in tokens],
        min(max(call.end - call.start, 0) // 1000, _DURATION_LIMIT) if request else 0,
        amount // MILLI,
        amount % MILLI,
        lower // MILLI,
        lower % MILLI,
        upper // MILLI,
        upper % MILLI,
    )
    return int.from_bytes(lanes, "little")


def _json(value: Any, empty: str) -> str:
    return _encode(value).decode() if value else empty


def enter_span(span: Span) -> tuple[Any, ...]:
    """Return the row of ``span`` in ``spans``, in the order of ``SPAN_COLUMNS``."""
    return tuple(_json(span.tags, "{}") if name == "tags" else getattr(span, name) for name in SPAN_COLUMNS)


def read_call(row: Sequence[Any]) -> Call:
    """Return the call that a row of ``COLUMNS`` was made from."""
    held = dict(zip(COLUMNS, row, strict=True))
    fields = {name: held[name] for name in Call.__struct_fields__ if name in held}
    fields["streamed"] = bool(held["streamed"])
    fields["tags"] = _decode_map.decode(held["tags"])
    fields["terms"] = _decode_map.decode(held["terms"])
    fields["finish_reasons"] = _decode_texts.decode(held["finish_reasons"])
    fields["marks"] = _decode_texts.decode(held["marks"])
    fields["raw_usage"] = NO_RAW_USAGE if held["raw_usage"] is None else msgspec.Raw(held["raw_usage"].encode())
    fields["usage"] = _read_usage(held)
    fields["cost"] = Cost(
        status=held["cost_status"],
        amount=held["cost"],
        source=held["cost_source"],
        by_class=_decode_amounts.decode(held["cost_by_class"]),
        unpriced=_decode_texts.decode(held["unpriced"]),
        lower=held["cost_lower"],
        upper=held["cost_upper"],
        computed=held["cost_computed"],
        price_id=held["price_id"],
        table=held["price_table"],
        match=held["price_match"],
        model=held["price_model"],
        items=_decode_items.decode(held["cost_items"]),
    )
    return Call(**fields)


def _read_usage(held: dict[str, Any]) -> Usage | None:
    if held["usage"] is not None:
        return _decode_usage.decode(held["usage"])
    if held["estimated"] is None:
        return None
    return Usage(
        classes={name: held[name] for name in _PLAIN if held[name] is not None},
        reasoning=held["reasoning"],
        estimated=bool(held["estimated"]),
    )


def read_span(row: Sequence[Any]) -> Span:
    """Return the span that a row of ``SPAN_COLUMNS`` was made from."""
    fields = dict(zip(SPAN_COLUMNS, row, strict=True))
    fields["tags"] = _decode_map.decode(fields["tags"])
    return Span(**fields)
