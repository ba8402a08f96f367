"""The SDKs of the rest of the field: the caller sees what they see without outlay, the ledger has what is billed."""

from __future__ import annotations

from decimal import Decimal

import pytest

from outlay.loopback import Received
from outlay.records import Call
from tests.conformance.capture import published, row
from tests.conformance.field import FieldShape
from tests.conformance.field_shapes import FIELD_WAYS
from tests.conformance.runs import FEATURE, TAGS, run_bare, run_metered
from tests.conformance.shape import Expect, Kind
from tests.conformance.shapes import way_id

UNSTEADY = frozenset(
    (
        "host",
        "authorization",
        "x-amz-date",
        "amz-sdk-invocation-id",
        "amz-sdk-request",
        "traceparent",
        "user-agent",
        "x-amzn-trace-id",
        "sec-websocket-key",
    )
)
"""Headers that differ from run to run: signatures have the time in them."""

pytestmark = [
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning"),  # google-genai's
    # Cohere's clients can't be closed, and a dropped stream of boto3 leaves its socket, metered or not.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore:connect.. must be used as a context manager:DeprecationWarning"),  # openai's
    # What is withdrawn, or is to be, is still called by somebody.
    pytest.mark.filterwarnings("ignore:The (Assistants API|Sora API|generate_images method|generate_videos method)"),
]


@pytest.mark.parametrize("shape,kind", FIELD_WAYS, ids=way_id)
def test_every_sdk_is_seen_whole_and_left_as_it_is(shape: FieldShape, kind: Kind) -> None:
    """One record an attempt; the caller's objects, texts and errors are equal, and so are the requests."""
    bare, metered = run_bare(shape, kind), run_metered(shape, kind)
    assert (bare.seen.text, len(bare.requests)) == (shape.text, shape.requests), bare.seen.items
    assert bare.seen.raised in (shape.raises or (None,)), bare.seen.items
    assert metered.seen == bare.seen
    assert [_steady(request) for request in metered.requests] == [_steady(request) for request in bare.requests]
    assert len(metered.calls) == len(shape.calls), metered.calls
    for number, (call, expect) in enumerate(zip(metered.calls, shape.calls, strict=True), 1):
        assert call.attempt == (1 if shape.turns else number)
        check_record(shape, kind, call, expect)
    assert row(shape, metered.calls) in published()


def _steady(request: Received) -> tuple[str, str, str, list[tuple[str, str]], bytes]:
    _, _, boundary = (request.header("content-type") or "").partition("boundary=")  # of a form, made by chance
    headers = [
        (name, value.replace(boundary, "") if boundary else value)
        for name, value in request.headers
        if name not in UNSTEADY
    ]
    body = request.body.replace(boundary.encode(), b"") if boundary else request.body
    return request.method, request.path, request.query, headers, body


def check_record(shape: FieldShape, kind: Kind, call: Call, expect: Expect) -> None:
    """Hold a record to what was expected of its attempt."""
    assert (call.api, call.request_model, call.outcome, call.status) == (
        shape.api,
        shape.model,
        expect.outcome,
        expect.status,
    )
    assert call.provider == (shape.provider or shape.sdk if expect.status == 200 else shape.sdk)
    assert call.transport == shape.http[kind]
    assert (call.tags, call.feature) == (TAGS, FEATURE)
    if expect.usage == "exact":
        check_exact(shape, call)
    elif expect.usage == "none":
        assert (call.usage, call.cost.status, call.cost.amount) == (None, "free", 0)
    else:
        assert call.usage is None or call.usage.estimated


def check_exact(shape: FieldShape, call: Call) -> None:
    """Hold the figures of a whole answer to those worked out by hand."""
    assert call.usage is not None
    assert not call.usage.estimated
    assert (call.usage.classes, call.usage.reasoning) == (shape.classes, shape.reasoning)
    assert (call.response_model, call.streamed) == (shape.answered_by, shape.streamed)
    assert call.marks == ()
    if shape.usd is None:
        assert (call.cost.status, call.cost.amount) == ("unknown", None)
    else:
        status = "partial" if shape.unpriced else "priced" if Decimal(shape.usd) else "free"
        assert (call.cost.status, call.cost.unpriced) == (status, shape.unpriced)
        assert (call.cost.usd, call.cost.source) == (Decimal(shape.usd), shape.source)
