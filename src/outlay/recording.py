"""Calls that are told to outlay instead of seen by it: ``outlay.record``."""

from __future__ import annotations

import os
from collections.abc import Mapping

from outlay.context import Home, foreign_trace, merged, scope
from outlay.pricing import Prices
from outlay.providers import canonical
from outlay.records import Call, Cost, Usage


def recorded(
    home: Home,
    prices: Prices,
    *,
    provider: str,
    model: str,
    totals: tuple[int, int],
    parts: tuple[int, int, int, int],
    reported: int | None,
    operation: str,
    times: tuple[int, int],
    tier: str | None,
    error_type: str | None,
    tags: Mapping[str, object],
) -> Call:
    """Return the record of such a call, in the span and with the tags of now."""
    span = scope().span
    trace_id, parent_id = (span.trace_id, span.id) if span and span.tally else foreign_trace() or (_trace_id(), None)
    usage = disjoint(totals, parts)
    name = canonical(provider)
    terms = {"tier": tier} if tier else {}
    if error_type is not None and not usage.classes and reported is None:
        cost = Cost(status="free", amount=0)
    else:
        cost = prices.cost(name, (model,), usage, at=times[1], terms=terms, reported=reported)
    return Call(
        id=os.urandom(8).hex(),
        trace_id=trace_id,
        parent_id=parent_id,
        project=home.project,
        feature=span.feature if span else "",
        path=span.path if span else "",
        site=span.site if span else None,
        release=home.release,
        tags=merged({**home.tags, **scope().tags}, tags),
        provider=name,
        api="record",
        operation=operation,
        request_model=model,
        start=times[0],
        end=times[1],
        outcome="ok" if error_type is None else "error",
        error_type=error_type,
        terms=terms,
        usage=usage,
        cost=cost,
    )


def disjoint(totals: tuple[int, int], parts: tuple[int, int, int, int]) -> Usage:
    """Return the usage of public counts: (input, output) totals and (cache read, cache write, 1 h write, reasoning) parts.

    Raises ``ValueError`` where a count is negative or no whole number, and where parts exceed their total.
    """
    names = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_write_input_tokens")
    for name, count in zip(
        (*names, "cache_write_1h_input_tokens", "reasoning_output_tokens"), (*totals, *parts), strict=True
    ):
        if type(count) is not int or count < 0:
            raise ValueError(f"{name}={count!r} must be a whole number of tokens, 0 or more.")
    (given, written), (read, write, hour, thinking) = totals, parts
    if read + write > given or hour > write:
        raise ValueError(
            f"cache reads ({read}) and writes ({write}, of them {hour} for an hour) are parts of their totals: "
            f"input_tokens={given} must include them."
        )
    if thinking > written:
        raise ValueError(
            f"reasoning_output_tokens={thinking} is part of output_tokens={written}, which must include it."
        )
    classes = {
        "input": given - read - write,
        "cache_read": read,
        "cache_write_5m": write - hour,
        "cache_write_1h": hour,
        "output": written,
    }
    return Usage(classes={name: count for name, count in classes.items() if count}, reasoning=thinking)


def _trace_id() -> str:
    return os.urandom(16).hex()
