"""Whatever form an answer comes in, encoded, cut anywhere, in any kind of event stream: the view and the bill hold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from outlay.loopback import Behaviour
from outlay.loopback.script import read_steps
from tests.conformance.checks import check_records, check_wire
from tests.conformance.runs import run_bare, run_metered
from tests.conformance.shape import KINDS, Shape
from tests.conformance.shapes import SHAPES, way_id

WAYS = {shape.name: shape for shape in SHAPES}
NAMES = {
    "stream": (
        "chat stream",
        "chat stream include_usage",
        "chat streaming_response lines",
        "responses stream",
        "messages stream classes",
    ),
    "plain": ("chat.create", "chat streaming_response", "responses raw", "messages.create classes"),
}
STREAMS, PLAIN = ([WAYS[name] for name in names if WAYS[name].possible("sync")] for names in NAMES.values())

ENCODINGS = ("gzip", "deflate", "br", "zstd")
CUTS = ("split=1", "random=1")
FORMS = ("crlf", "cr", "bom", "comments", "nospace", "crlf+comments+bom+split=1", "cr+random=3")
MIXED = ("gzip+split=1", "br+random=4")


def told(shape: Shape, step: str) -> Shape:
    """Have the host give its answer in another form; what the answer says stays that of the shape."""
    (form,) = read_steps(step)
    first = shape.script[0] if shape.script else Behaviour()
    assert isinstance(first, Behaviour)
    return replace(shape, script=(replace(form, reply=first.reply),))


def hold(shape: Shape, step: str) -> None:
    """Hold a metered run to a bare one, and its record to the bill."""
    shape, kind = told(shape, step), KINDS[len(step) % 2]
    bare, metered = run_bare(shape, kind), run_metered(shape, kind)
    if "lines" not in shape.name or "comments" not in step:  # the event that goes had a comment of its own
        assert metered.seen == bare.seen
    assert bare.seen.raised is None
    (before,), (after,) = bare.requests, metered.requests
    check_wire(before, after, asked=shape.asked(before))
    check_records(shape, kind, metered, bare)


@pytest.mark.parametrize("step", [*ENCODINGS, *CUTS, *FORMS, *MIXED])
@pytest.mark.parametrize("shape", STREAMS, ids=way_id)
def test_a_stream_in_any_form_is_read_and_left_as_it_is(shape: Shape, step: str) -> None:
    """Asked by the caller, asked by us and taken out again, or told unasked: whatever the bytes look like."""
    hold(shape, step)


@pytest.mark.parametrize("step", [*ENCODINGS, *CUTS, *MIXED])
@pytest.mark.parametrize("shape", PLAIN, ids=way_id)
def test_a_plain_answer_in_any_form_is_read_and_left_as_it_is(shape: Shape, step: str) -> None:
    """Read at once or piece by piece."""
    hold(shape, step)
