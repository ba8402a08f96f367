"""How streams frame their documents, whole, cut anywhere and spoilt."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlay.wire.framing import documents, is_sse
from tests.conformance.canned import amazon, events, lines

DOCUMENTS = st.lists(
    st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=9), min_size=1), max_size=5
)


def array(*told: Any) -> tuple[bytes, ...]:
    """Return an array as Google streams it: an element a piece, with the comma before the next."""
    return (b"[" + b"\n,\r\n".join(json.dumps(document, indent=1).encode() for document in told), b"\n]")


FRAMINGS = {"events": events, "lines": lines, "array": array}


def read(body: bytes) -> list[Any]:
    """Return the documents of a body, those that are no JSON left out as readers leave them out."""
    found = []
    for document in documents(body):
        try:
            found.append(json.loads(document))
        except ValueError:
            assert document is not None
    return found


@pytest.mark.parametrize("framing", FRAMINGS)
@given(told=DOCUMENTS, cut=st.integers(0, 400))
def test_a_body_gives_what_is_whole_in_it(framing: str, told: list[Any], cut: int) -> None:
    """All of them of a whole body; of one that was cut the first ones, none of them changed."""
    body = b"".join(FRAMINGS[framing](*told))
    assert read(body) == told
    assert read(body[:cut]) == told[: len(read(body[:cut]))]


@given(told=DOCUMENTS, cut=st.integers(0, 400))
def test_amazons_messages_are_told_by_their_names(told: list[Any], cut: int) -> None:
    """And end where bytes are lost."""
    body = b"".join(amazon(*(("step", document) for document in told)))
    named = [{"step": document} for document in told]
    assert read(body) == named
    assert read(body[:cut]) == named[: len(read(body[:cut]))]
    assert not body or not is_sse(body)


@given(body=st.binary(max_size=300))
def test_no_bytes_at_all_are_an_error(body: bytes) -> None:
    """Whatever comes after a first byte that tells a framing."""
    for first in (b"\0", b"[", b"{", b"data: ", b""):
        list(documents(first + body))


def test_a_message_of_an_exception_is_an_error() -> None:
    """Its name is the code."""
    assert read(b"".join(amazon(("throttlingException", {"message": "slow down"})))) == [
        {"error": {"code": "throttlingException"}}
    ]


def test_a_message_that_was_spoilt_ends_the_stream() -> None:
    """Its checksum says so: what came before counts."""
    one, two, three = amazon(("step", {"n": 1}), ("step", {"n": 2}), ("step", {"n": 3}))
    spoilt = two[:4] + b"\xff" + two[5:]
    assert read(one + spoilt + three) == [{"step": {"n": 1}}]
