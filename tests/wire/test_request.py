"""The model of a long request is found at its ends, and never in a nested object."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlay.wire.api import Request
from outlay.wire.request import SMALL, RequestReader

READER = RequestReader(Request(tier="service_tier", limits=("max_completion_tokens", "max_tokens"), choices="n"))
TEXTS = st.text(max_size=10) | st.sampled_from(
    ['"model":"inner"', '{"model": "inner"}', '\\"', "}", ',"model":"inner"}', "\\", '"', '","model":"x'],
)
NAMES = st.sampled_from(["model", "messages", "a", "b_1", "ü", 'x"', "stream"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
LONG = "x" * SMALL


@st.composite
def bodies(draw: st.DrawFn) -> tuple[bytes, dict[str, Any]]:
    """Make a body with a long text somewhere, written with or without white space."""
    document = draw(st.dictionaries(NAMES, VALUES, max_size=5))
    items: list[tuple[str, Any]] = [
        *document.items(),
        ("long", draw(st.sampled_from([LONG, [LONG], {"model": "inner", "x": [LONG]}]))),
    ]
    document = dict(draw(st.permutations(items)))
    separators = draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    text = json.dumps(document, separators=separators, indent=draw(st.sampled_from([None, 2])))
    return text.encode(), document


@given(drawn=bodies())
def test_the_model_is_the_one_that_the_decoded_body_names(drawn: tuple[bytes, dict[str, Any]]) -> None:
    """Through quotes, braces and false ``model`` keys, at any depth and on either side."""
    body, document = drawn
    model = document.get("model")
    assert READER.model(body)[0] == (model[:256] if isinstance(model, str) else None)


@given(body=st.binary(max_size=50), padding=st.sampled_from([b"", b" " * SMALL]))
def test_any_bytes_have_a_model_or_none(body: bytes, padding: bytes) -> None:
    """Never an exception."""
    READER.model(padding + body)
    READER.limit(padding + body)


@given(
    first=st.none() | st.integers(-1, 500) | st.text(max_size=2) | st.booleans(),
    second=st.none() | st.integers(-1, 500),
    choices=st.none() | st.integers(-1, 4),
)
def test_the_limit_binds_all_choices(first: Any, second: int | None, choices: int | None) -> None:
    """The smaller of two limits, for each answer asked for; what is no count does not limit."""
    limit = READER.limit(json.dumps({"max_tokens": first, "max_completion_tokens": second, "n": choices}).encode())
    counts = [count for count in (first, second) if type(count) is int and count > 0]
    assert limit == (min(counts) * max(choices or 1, 1) if counts else None)


def test_nothing_is_known_of_a_body_that_was_not_in_memory() -> None:
    """A generator or an upload is never read by us."""
    assert READER.model(None) == (None, None)
    assert READER.limit(None) is None


FILM = RequestReader(
    Request(
        choices="parameters.sampleCount",
        asks={"video_seconds": ("parameters.durationSeconds", 8)},
        terms={"resolution": ("parameters.resolution", "720p")},
    )
)


@pytest.mark.parametrize(
    "parameters, seconds, resolution",
    [
        ({}, 8, "720p"),
        ({"durationSeconds": 6, "sampleCount": 2, "resolution": "4k"}, 12, "4k"),
        ({"durationSeconds": "4", "resolution": 7}, 4, "720p"),
        ({"durationSeconds": -1}, None, "720p"),
        ({"durationSeconds": "long"}, None, "720p"),
    ],
)
def test_what_is_asked_for_is_what_is_billed(parameters: Any, seconds: int | None, resolution: str) -> None:
    """Where the answer does not tell: the number, or what holds without one, for each of the answers asked for."""
    body = json.dumps({"instances": [{}], "parameters": parameters}).encode()
    assert FILM.measured(body) == (None if seconds is None else {"video_seconds": seconds})
    assert FILM.terms(body) == {"resolution": resolution}


def test_of_a_body_that_was_not_kept_nothing_is_known() -> None:
    """Not even the usual: a form's size may be any, and no price answers for one that is not known."""
    for body in (None, b"--form", b"[1]"):
        assert (FILM.measured(body), FILM.terms(body)) == (None, {"resolution": "unknown"})
