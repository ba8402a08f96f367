"""What must hold of a metered run beside a bare one: at the caller, on the wire, in the records."""

from __future__ import annotations

import json
import re
from typing import Any

from outlay.loopback import Behaviour, Billed, Received
from outlay.loopback.turn import EPOCH
from outlay.records import Call, Usage
from tests.conformance import bill
from tests.conformance.runs import FEATURE, TAGS, Run
from tests.conformance.shape import Expect, Kind, Shape

OPERATIONS = {
    "openai.chat": "chat",
    "openai.completions": "text_completion",
    "openai.responses": "chat",
    "openai.embeddings": "embeddings",
    "anthropic.messages": "chat",
}
FINISHED = {"openai.chat": "stop", "openai.completions": "stop", "anthropic.messages": "end_turn"}
SPLICE = b',"stream_options":{"include_usage":true}'
"""What asking for usage adds at the end of a body."""


def check_wire(bare: Received, metered: Received, *, asked: bool) -> None:
    """Hold the request that a host got to the one it gets without outlay, but for what asking for usage changes."""
    assert (metered.method, metered.path, metered.query) == (bare.method, bare.path, bare.query)
    changed = {"host"} | ({"content-length", "accept-encoding"} if asked else set())
    assert _without(metered, changed) == _without(bare, changed)
    if not asked:
        assert metered.body == bare.body
        return
    assert metered.header("accept-encoding") == "identity"
    if b"stream_options" in bare.body:
        assert metered.body == re.sub(rb'"include_usage": ?false', b'"include_usage":true', bare.body)
    else:
        assert metered.body == bare.body[:-1] + SPLICE + b"}"


def _without(request: Received, names: set[str]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in request.headers if name not in names]


def check_records(shape: Shape, kind: Kind, run: Run, bare: Run) -> None:
    """Hold the records to what was expected of each attempt, and to what the host billed for it."""
    asked = [shape.asked(request) for request in bare.billable]
    assert len(run.billable) == len(shape.calls)
    assert len(run.calls) == len(shape.calls), run.calls
    before = None
    for number, (call, expect, request) in enumerate(zip(run.calls, shape.calls, run.billable, strict=True), 1):
        assert ("usage_requested" in call.marks) == asked[number - 1]
        check_place(shape, kind, run, call, request)
        check_outcome(call, expect, request)
        check_money(call, expect, run.bill(request))
        assert (call.attempt, call.retry_of) == (number, before)
        before = call.id
        if expect.usage == "exact":
            check_answer(shape, call, run.bill(request))
            assert set(call.marks) <= {"usage_requested"}
    assert len(run.spans) == (1 if run.calls else 0)


def check_place(shape: Shape, kind: Kind, run: Run, call: Call, request: Received) -> None:
    """Hold the record to who bills, by which format, over which client, and in whose name."""
    assert (call.provider, call.host, call.transport) == (shape.sdk, run.host, shape.library(kind))
    assert OPERATIONS[call.api] == call.operation
    assert request.path.endswith(_PATHS[call.api])
    assert call.request_model == request.json()["model"]
    assert (call.tags, call.feature, call.path) == (TAGS, FEATURE, FEATURE)
    assert (call.parent_id, call.trace_id) == (run.spans[0].id, run.spans[0].trace_id)
    if request.json().get("background"):  # begun when the provider says, so that every poll writes the same record
        assert call.start == (EPOCH + request.number) * 10**9
    else:
        assert run.spans[0].start <= call.start
    assert call.start <= call.end <= run.spans[0].end


_PATHS = {
    "openai.chat": "/chat/completions",
    "openai.completions": "/completions",
    "openai.responses": "/responses",
    "openai.embeddings": "/embeddings",
    "anthropic.messages": "/messages",
}


def check_outcome(call: Call, expect: Expect, request: Received) -> None:
    """Hold the record to how the attempt went, and to the id by which the provider finds it."""
    assert (call.outcome, call.status) == (expect.outcome, expect.status)
    assert (call.error_type is not None) == (expect.outcome in ("error", "cancelled"))
    assert call.request_id == (f"req_loopback{request.number:06d}" if call.status else None)


def check_money(call: Call, expect: Expect, billed: Billed | None) -> None:
    """Have exact figures be the bill's, an estimate's bounds hold them, and no unknown become zero."""
    if expect.usage == "exact":
        assert billed is not None
        assert call.usage is not None
        assert (call.usage.classes, call.usage.reasoning) == (bill.classes(billed), bill.thinking(billed))
        assert not call.usage.estimated
        assert (call.cost.status, call.cost.amount) == ("priced", bill.amount(billed))
        assert sum(call.cost.by_class.values()) == call.cost.amount
        assert json.loads(bytes(call.raw_usage)) == billed.usage
    elif expect.usage == "none":
        assert (call.usage, call.cost.status, call.cost.amount, billed) == (None, "free", 0, None)
    elif call.usage is None:
        assert expect.usage == "uncertain"
        assert (call.cost.status, call.cost.amount) == ("unknown", None)
    else:
        assert call.usage.estimated
        check_bounds(call, call.usage, billed)


def check_bounds(call: Call, usage: Usage, billed: Billed | None) -> None:
    """Have the bounds hold what was billed, if anything was, in every class and in money."""
    true = {} if billed is None else bill.classes(billed)
    for name in {*true, *usage.classes}:
        assert (usage.lower or {}).get(name, 0) <= true.get(name, 0)
        assert usage.upper is None or true.get(name, 0) <= usage.upper.get(name, 0)
    amount = 0 if billed is None else bill.amount(billed)
    assert call.cost.lower is not None
    assert call.cost.lower <= amount
    assert (call.cost.upper is None) == (usage.upper is None)
    assert call.cost.upper is None or amount <= call.cost.upper


def check_answer(shape: Shape, call: Call, billed: Billed | None) -> None:
    """Hold the record to what the answer said of itself."""
    assert billed is not None
    assert (call.response_model, call.response_id, call.terms.get("tier")) == (billed.model, billed.id, billed.tier)
    assert call.streamed == billed.streamed
    if call.streamed:
        assert call.first_chunk is not None
        assert 0 < call.first_chunk <= call.duration
    else:
        assert call.first_chunk is None
    assert call.finish_reasons == _finish(shape, call, billed.request.json())


def _finish(shape: Shape, call: Call, request: Any) -> tuple[str, ...]:
    step = shape.script[0] if shape.script else None
    if isinstance(step, Behaviour) and step.reply.tool_calls:
        return ("tool_use",)
    reason = FINISHED.get(call.api)
    return () if reason is None else (reason,) * request.get("n", 1)
