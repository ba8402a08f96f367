"""Hosts that refuse to be asked for usage: the request goes again as it was, and the host is not asked again."""

from __future__ import annotations

import urllib.request
from dataclasses import replace

import pytest

import outlay.testing
from outlay.loopback import Behaviour, ModelHost
from tests.conformance.checks import SPLICE, check_wire
from tests.conformance.runs import address, run_bare, run_metered
from tests.conformance.seen import Seen
from tests.conformance.shape import KINDS, Kind, Shape
from tests.conformance.shapes import SHAPES, way_id

WAYS = {shape.name: shape for shape in SHAPES}
ASKED = [
    WAYS[name]
    for name in ("chat stream", "chat.stream", "chat raw stream", "chat streaming_response lines", "completions stream")
]
REFUSING = Behaviour(refuse=frozenset(("stream_options",)))


def run_later(shape: Shape, kind: Kind, number: int) -> Seen:
    """Call a host without outlay whose first ``number`` requests are another's: the ids in its answers count on."""
    with ModelHost() as host:
        for _ in range(number):
            urllib.request.urlopen(f"{host.openai_url}/models").close()
        return shape.run(kind, host)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", ASKED, ids=way_id)
def test_a_host_that_refuses_to_be_asked_gets_the_request_as_it_was(shape: Shape, kind: Kind) -> None:
    """One record, marked; its usage an estimate, as nobody told it; the caller sees the answer and no refusal."""
    with ModelHost(REFUSING) as host, outlay.testing.ledger(ask_usage=True, hosts={address(host): "openai"}) as ledger:
        seen = shape.run(kind, host)
        again = shape.run(kind, host)
        first, second = ledger.calls
    assert seen == run_later(shape, kind, 1)
    assert again == run_later(shape, kind, 2)
    asked, repeated, remembered = host.requests
    check_wire(repeated, asked, asked=True)
    check_wire(repeated, remembered, asked=False)
    assert first.marks == ("usage_requested", "usage_refused", "usage_missing")
    assert second.marks == ("usage_missing",)
    for call in (first, second):
        assert (call.outcome, call.status, call.attempt, call.retry_of) == ("ok", 200, 1, None)
        assert call.usage is not None
        assert call.usage.estimated
    assert first.request_id == f"req_loopback{repeated.number:06d}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_refusal_of_something_else_is_the_callers(kind: Kind) -> None:
    """The host would refuse the caller's own request too: they see that, at once, and the host may be asked again."""
    shape = replace(WAYS["chat stream"], script=("400",))
    bare, metered = run_bare(shape, kind), run_metered(shape, kind)
    assert metered.seen == bare.seen
    assert bare.seen.raised == "BadRequestError"
    assert len(metered.requests) == 1
    (call,) = metered.calls
    assert (call.marks, call.outcome, call.usage) == (("usage_requested",), "error", None)


@pytest.mark.parametrize("kind", KINDS)
def test_a_caller_who_asks_a_refusing_host_sees_its_refusal(kind: Kind) -> None:
    """It is theirs: outlay has added nothing."""
    shape = replace(WAYS["chat stream include_usage"], script=(REFUSING,))
    bare, metered = run_bare(shape, kind), run_metered(shape, kind)
    assert metered.seen == bare.seen
    assert bare.seen.raised == "BadRequestError"
    assert [request.body for request in metered.requests] == [request.body for request in bare.requests]


def test_a_stream_is_left_as_it_is_where_the_user_wants_no_request_altered() -> None:
    """``ask_usage=False``: nothing is added, and the usage is an estimate."""
    bare, metered = run_bare(WAYS["chat stream"], "sync"), run_metered(WAYS["chat stream"], "sync", ask_usage=False)
    assert metered.seen == bare.seen
    check_wire(bare.requests[0], metered.requests[0], asked=False)
    (call,) = metered.calls
    assert call.marks == ("usage_missing",)
    assert call.usage is not None
    assert call.usage.estimated
    assert SPLICE not in metered.requests[0].body
