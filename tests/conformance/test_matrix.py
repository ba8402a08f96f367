"""Every way of calling the SDKs: the caller sees what they see without outlay, and the ledger has what was billed."""

from __future__ import annotations

import pytest

from tests.conformance.capture import published, row
from tests.conformance.checks import check_records, check_wire
from tests.conformance.runs import run_bare, run_metered
from tests.conformance.shape import Kind, Shape
from tests.conformance.shapes import WAYS, way_id


@pytest.mark.parametrize("shape,kind", WAYS, ids=way_id)
def test_every_way_of_calling_is_seen_whole_and_left_as_it_is(shape: Shape, kind: Kind) -> None:
    """One record an attempt with what the host billed; text, objects and errors as without outlay; requests too."""
    bare, metered = run_bare(shape, kind), run_metered(shape, kind)
    assert (bare.seen.text, len(bare.requests)) == (shape.text, shape.requests), bare.seen.items
    assert bare.seen.raised in (shape.raises or (None,)), bare.seen.items
    assert len(bare.billed) in shape.billed
    assert metered.seen == bare.seen
    assert len(metered.requests) == len(bare.requests)
    for before, after in zip(bare.requests, metered.requests, strict=True):
        check_wire(before, after, asked=shape.asked(before))
    check_records(shape, kind, metered, bare)
    assert row(shape, metered.calls) in published()
