"""The compiled read of dotted paths gives what a walk over the decoded document gives."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from outlay.wire.paths import Fields

PATHS = (
    "a",
    "b",
    "b.c",
    "d.a.b",
    "e.*.a",
    "e.*.b.c",
    "e.*.d.*.a",
    "f.*",
    "usage",
)
FIELDS = Fields(PATHS, raw=("usage",))

NAMES = st.sampled_from(["a", "b", "c", "d", "e", "f", "usage", "ü", ""])
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.text(max_size=4)
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)
DOCUMENTS = st.dictionaries(NAMES, VALUES, max_size=7)


def walk(document: Any, parts: list[str]) -> Any:
    """Return what stands at a path, the plain way."""
    if not parts:
        return document
    if parts[0] == "*":
        found = [walk(element, parts[1:]) for element in document] if isinstance(document, list) else []
        return [value for value in found if value is not None] or None
    return walk(document.get(parts[0]), parts[1:]) if isinstance(document, dict) else None


def plain(value: Any) -> Any:
    """Return a value as the standard library would decode it; absent and null are the same to a reader."""
    if isinstance(value, msgspec.Raw):
        return json.loads(bytes(value)) if value else None
    return value


@given(document=DOCUMENTS, indent=st.sampled_from([None, 1]), ascii_only=st.booleans())
@example({"e": [{"a": 1}, None, {"a": 2}]}, None, True)
@example({"e": "text", "b": {"c": 1}, "d": None}, None, True)
@example({"b": "text"}, None, True)
@example({"a": "\ud83d", "usage": {"x": "\udca9"}}, None, True)
@example({"a": 10**4200}, None, True)
@example({"c": float("nan"), "a": 1}, None, True)
def test_every_value_is_the_one_of_a_walk(document: dict[str, Any], indent: int | None, ascii_only: bool) -> None:
    """Wrong shapes, nulls on the way, stars in stars, raw fields, any text: nothing is lost, moved or made up."""
    try:
        body = json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode()
    except UnicodeEncodeError:
        return
    values = FIELDS.read(body)
    assert values is not None
    expected = [walk(document, path.split(".")) for path in PATHS]
    assert repr([plain(value) for value in values]) == repr(expected)


@given(
    body=st.binary(max_size=60) | VALUES.filter(lambda v: not isinstance(v, dict)).map(lambda v: json.dumps(v).encode())
)
def test_what_is_no_object_gives_none(body: bytes) -> None:
    """Any other bytes too: the answer is None or a tuple, never an exception."""
    values = FIELDS.read(body)
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        assert values is None or b"{" in body


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1"])
def test_any_charset_that_a_client_reads_is_read(charset: str) -> None:
    """The standard library detects UTF-16 and UTF-32; bytes that are no UTF-8 cost a character, not the answer."""
    values = FIELDS.read('{"a": "naïve", "usage": {"x": 1}}'.encode(charset))
    assert values is not None
    assert plain(values[-1]) == {"x": 1}
    assert values[0] in ("naïve", "na\ufffdve")


def test_of_a_key_given_twice_the_last_counts() -> None:
    """As every decoder that clients use has it."""
    assert FIELDS.read(b'{"a": 1, "a": 2}') == FIELDS.read(b'{"a": 2}')


@pytest.mark.parametrize("body", [b'{"a":' + b"[" * 200_000, b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}"])
def test_a_document_deeper_than_the_stack_is_unreadable(body: bytes) -> None:
    """And nothing worse."""
    assert FIELDS.read(body) is None


def test_a_path_may_lead_into_a_value_that_is_wanted_too() -> None:
    """``error`` whole, and its code."""
    fields = Fields(("error", "error.code"))
    assert fields.read(b'{"error": {"code": 3}}') == ({"code": 3}, 3)
    assert fields.read(b'{"error": "text"}') == ("text", None)
