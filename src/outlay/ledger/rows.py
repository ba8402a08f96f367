"""Calls as rows of the ledger, and back without loss."""

from __future__ import annotations

import functools
import operator
import struct
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from outlay.ledger.bounds import TOKEN_LIMIT, beyond, bounded
from outlay.ledger.counters import pack, pack_common
from outlay.ledger.labels import Key, Label, Labels
from outlay.ledger.view import COLUMNS, KNOWN, RARE
from outlay.readable import readable
from outlay.records import INPUT_CLASSES, NO_RAW_USAGE, OUTPUT_CLASSES, Call, Cost, CostItem, Span, Usage

ENTRY_COLUMNS = (
    *("start", "id", "label", "failed", "end", "input", "cache_read", "output", "reasoning", "cost", "first_chunk"),
    *("tags", "cost_by_class", "trace_id", "parent_id", "response_id", "request_id", "raw_usage"),
    *("request_digest", "tools_digest"),
    *("cache_write_5m", "cache_write_1h", "cache_write_12h", "other_input", "other_output", "unpriced_tokens"),
    *("cost_lower", "cost_upper", "rest"),
)
"""Columns of ``entries`` after ``seq``, in the order of ``Entry.row``."""

PLAIN_COLUMNS = ENTRY_COLUMNS[:20]
"""All that the row of a plain call has: priced, exact, without writes to a cache. The others' defaults are right."""

SPAN_COLUMNS = (
    *("id", "trace_id", "parent_id", "project", "name", "feature", "path", "site", "release", "tags", "start", "end"),
    "error_type",
)

_PLAIN = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "cache_write_12h", "output")
_CACHE_READ = tuple(name for name in INPUT_CLASSES if name.startswith("cache_read"))
_OTHER_INPUT = tuple(name for name in INPUT_CLASSES if name not in _PLAIN + _CACHE_READ)
_OTHER_OUTPUT = tuple(name for name in OUTPUT_CLASSES if name not in _PLAIN)
_TOKENS = frozenset(INPUT_CLASSES + OUTPUT_CLASSES)
_WHOLE = frozenset(("priced", "free", "included"))
_NOTHING = (0,) * 9
_BITS = {name: 1 << at for at, name in enumerate(KNOWN)}
_UNPRICED, _COST, _LOWER, _UPPER, _FIRST_CHUNK, _PARENT, _RESPONSE, _REQUEST, _RAW = (
    _BITS[name] for name in KNOWN[KNOWN.index("unpriced_tokens") :]
)
_RARE = sum(_BITS[name] for name in RARE)

_encode = msgspec.json.Encoder().encode
_decode_usage: msgspec.json.Decoder[Usage] = msgspec.json.Decoder(readable(Usage))
_decode_items: msgspec.json.Decoder[tuple[CostItem, ...]] = msgspec.json.Decoder(readable(tuple[CostItem, ...]))
_decode_texts: msgspec.json.Decoder[tuple[str, ...]] = msgspec.json.Decoder(tuple[str, ...])
_decode_map: msgspec.json.Decoder[dict[str, str]] = msgspec.json.Decoder(dict[str, str])
_decode_amounts: msgspec.json.Decoder[dict[str, int]] = msgspec.json.Decoder(dict[str, int])


class Entry(msgspec.Struct, gc=False):
    """A call on its way into the ledger: its label, its row, and what it adds to the rollups as one packed integer."""

    call: Call
    label: Label
    row: tuple[Any, ...]
    counters: int


def enter(call: Call, labels: Labels) -> Entry:
    """Return the entry of ``call``; numbers that are negative or beyond 64 bits become unknown, and marked."""
    try:
        return _enter(call, labels)
    except (struct.error, OverflowError):
        return _enter(bounded(call), labels)


def _enter(call: Call, labels: Labels) -> Entry:
    cost, usage = call.cost, call.usage
    tokens, known, detail = (_NOTHING, 0, None) if usage is None else _tokens(usage)
    unpriced = None if cost.status in _WHOLE else _unpriced_tokens(call)
    raw_usage = "" if call.raw_usage is NO_RAW_USAGE else str(call.raw_usage, "utf-8")
    if raw_usage == "null":
        raw_usage = ""
    known |= (
        (0 if unpriced is None else _UNPRICED)
        | (0 if cost.amount is None else _COST)
        | (0 if cost.lower is None else _LOWER)
        | (0 if cost.upper is None else _UPPER)
        | (0 if call.first_chunk is None else _FIRST_CHUNK)
        | (0 if call.parent_id is None else _PARENT)
        | (0 if call.response_id is None else _RESPONSE)
        | (0 if call.request_id is None else _REQUEST)
        | (_RAW if raw_usage else 0)
    )
    label = labels.find(_label_key(call, cost, usage, known))
    row: tuple[Any, ...] = (
        call.start,
        call.id,
        label.number,
        label.failed,
        call.end,
        *(tokens[0], tokens[1], tokens[6], tokens[8]),
        cost.amount or 0,
        call.first_chunk or 0,
        _encode(call.tags).decode() if call.tags else "{}",
        _encode(cost.by_class).decode() if cost.by_class else "{}",
        call.trace_id,
        call.parent_id or "",
        call.response_id or "",
        call.request_id or "",
        raw_usage,
        call.request_digest,
        call.tools_digest,
    )
    rest = ""
    if detail is not None or call.retry_of is not None or cost.computed is not None or cost.items:
        rest = _rest(call, detail)
    if not (known & _RARE or rest or (usage is not None and usage.estimated)):
        return Entry(call, label, row, pack_common(call, label, tokens))
    row += (*tokens[2:6], tokens[7], unpriced or 0, cost.lower or 0, cost.upper or 0, rest)
    return Entry(call, label, row, pack(call, label, tokens, unpriced))


def _label_key(call: Call, cost: Cost, usage: Usage | None, known: int) -> Key:
    """Return what ``call`` has in common with others, in the order of the columns of ``labels``."""
    return (
        call.project,
        call.feature,
        call.path,
        call.site,
        call.release,
        call.provider,
        call.api,
        call.operation,
        call.transport,
        call.host,
        call.model,
        call.request_model,
        call.response_model,
        call.streamed,
        call.outcome,
        call.status,
        call.error_type,
        call.attempt,
        call.finish_reasons,
        tuple(call.terms.items()),
        call.requested_tier,
        None if usage is None else usage.estimated,
        cost.status,
        cost.source,
        cost.unpriced,
        cost.price_id,
        cost.table,
        cost.match,
        cost.model,
        call.marks,
        known,
    )


def _rest(call: Call, detail: Usage | None) -> str:
    cost = call.cost
    if beyond(cost.computed):
        raise OverflowError
    held = {"retry_of": call.retry_of, "usage": detail, "cost_computed": cost.computed, "cost_items": cost.items}
    return _encode({name: value for name, value in held.items() if value is not None and value != ()}).decode()


_Pick = Callable[[tuple[int, ...]], tuple[int, ...]]


@functools.lru_cache(maxsize=1000)
def _shape(names: tuple[str, ...]) -> tuple[int, _Pick] | None:
    """Return how the quantities of the classes ``names``, a zero and the reasoning become the nine token columns.

    With it come the columns' bits of ``known``. None where columns don't tell all of the classes.
    """
    if not set(names) <= set(_PLAIN):
        return None
    zero, thinking = len(names), len(names) + 1
    places = [names.index(name) if name in names else zero for name in KNOWN[:8]]
    return sum(_BITS[name] for name in (*names, "reasoning")), operator.itemgetter(*places, thinking)


def _tokens(usage: Usage) -> tuple[tuple[int, ...], int, Usage | None]:
    """Return the nine token columns, their bits of ``known``, and the usage where they do not tell all of it."""
    classes = usage.classes
    total = sum(classes.values())
    shape = _shape(tuple(classes))
    if shape is not None and type(total) is int and usage.lower is usage.upper is None:
        known, pick = shape
        tokens = pick((*classes.values(), 0, usage.reasoning))  # type: ignore[arg-type]  # whole numbers, as their sum is
        detail = None
    else:
        tokens, known, detail, total = _whole_tokens(usage), _known(classes), usage, usage.total_tokens
    if not 0 <= total <= TOKEN_LIMIT:
        raise OverflowError
    return tokens, known, detail


def _whole_tokens(usage: Usage) -> tuple[int, ...]:
    classes = usage.classes
    parts = (
        {"cache_read": _CACHE_READ, "other_input": _OTHER_INPUT, "other_output": _OTHER_OUTPUT}.get(name, (name,))
        for name in KNOWN[:8]
    )
    return (
        *[int(sum([classes[name] for name in names if name in classes])) for names in parts],
        usage.reasoning_output_tokens,
    )


def _known(classes: dict[str, int | float]) -> int:
    there = {name for name in _PLAIN if name in classes}
    for name, parts in (("cache_read", _CACHE_READ), ("other_input", _OTHER_INPUT), ("other_output", _OTHER_OUTPUT)):
        if any(part in classes for part in parts):
            there.add(name)
    return sum(_BITS[name] for name in {*there, "reasoning"})


def _unpriced_tokens(call: Call) -> int | None:
    """Return how many tokens of a billed call have no price; None where the call's cost is known whole.

    A call that failed without usage costs nothing as far as anyone knows: it is not counted as unpriced.
    """
    cost, usage = call.cost, call.usage
    if usage is None:
        return None if call.outcome in ("error", "cancelled") else 0
    if cost.status == "unknown":
        return usage.total_tokens
    return int(sum(quantity for name, quantity in usage.classes.items() if name in cost.unpriced and name in _TOKENS))


def _json(value: Any, empty: str) -> str:
    return _encode(value).decode() if value else empty


def enter_span(span: Span) -> tuple[Any, ...]:
    """Return the row of ``span`` in ``spans``, in the order of ``SPAN_COLUMNS``."""
    return tuple(_json(span.tags, "{}") if name == "tags" else getattr(span, name) for name in SPAN_COLUMNS)


def read_call(row: Sequence[Any]) -> Call:
    """Return the call that a row of the view ``calls`` shows, ``seq`` left out."""
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
        items=() if held["cost_items"] is None else _decode_items.decode(held["cost_items"]),
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
