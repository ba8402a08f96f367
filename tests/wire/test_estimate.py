"""What is not known is estimated between bounds, and said to be."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from outlay.wire.estimate import estimate

NAMES = st.sampled_from(["messages", "content", "image_url", "input_audio", "source", "text"])
VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=10,
)
BODIES = st.one_of(st.none(), st.binary(max_size=30), VALUES.map(lambda value: json.dumps(value).encode()))
CLASSES = st.dictionaries(st.sampled_from(["input", "cache_read", "output"]), st.integers(1, 99))


@given(
    known=st.none() | CLASSES,
    body=BODIES,
    text=st.integers(0, 9999),
    limit=st.none() | st.integers(1, 4000),
    answered=st.booleans(),
)
def test_an_estimate_lies_between_its_bounds(
    known: dict[str, Any] | None, body: bytes | None, text: int, limit: int | None, answered: bool
) -> None:
    """Each class, never negative; what the provider did say is never less in the lower bound, once it answered."""
    usage = estimate(known, body, text, limit, answered=answered)
    if body is None and known is None:
        assert usage is None
        return
    assert usage is not None
    assert usage.estimated
    assert usage.lower is not None
    upper = usage.upper
    for name, quantity in usage.classes.items():
        assert 0 <= usage.lower.get(name, 0) <= quantity
        assert upper is None or quantity <= upper[name]
    if answered and known:
        assert all(usage.lower[name] >= quantity for name, quantity in known.items())
    assert answered or not usage.lower
    assert (limit is None) <= (upper is None)


def test_a_linked_picture_has_no_upper_bound() -> None:
    """Its bytes are not in the request."""
    body = json.dumps({"messages": [{"content": [{"image_url": {"url": "https://example.test/x.png"}}]}]}).encode()
    usage = estimate(None, body, 0, 100, answered=True)
    assert usage is not None
    assert usage.upper is None
    assert usage.classes["input"] >= 1000


def test_a_body_deeper_than_the_stack_is_taken_by_its_length() -> None:
    """As is one that is no JSON."""
    usage = estimate(None, b"[" * 100_000, 0, 10, answered=True)
    assert usage is not None
    assert usage.classes["input"] == 25_000
