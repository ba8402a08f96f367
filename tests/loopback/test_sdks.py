"""The real SDKs, unmodified, take the loopback host for the provider."""

from __future__ import annotations

import pytest

from outlay.loopback import ModelHost
from tests.conformance.shape import Kind, Shape
from tests.conformance.shapes import WAYS, way_id


@pytest.mark.parametrize("shape,kind", WAYS, ids=way_id)
def test_every_way_of_calling_an_sdk_gives_what_the_provider_would(shape: Shape, kind: Kind) -> None:
    """Text, exception, number of requests and of bills are those that the shape says.

    A second host is seen alike: nothing in an answer depends on the clock or on chance, so that a bare and a metered
    run can be compared.
    """
    with ModelHost() as host:
        seen = shape.run(kind, host)
        assert (seen.text, len(host.requests)) == (shape.text, shape.requests), seen.items
        assert seen.raised in (shape.raises or (None,)), seen.items
        assert len(host.billed) in shape.billed
    with ModelHost() as other:
        assert shape.run(kind, other) == seen
