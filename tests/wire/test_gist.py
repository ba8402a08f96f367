"""The gist of a request says what the request says, but for its long texts."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from outlay.wire.gist import CUT, LONG, SMALL, gist

ODD = st.text(alphabet='ab"\\\n~,:{}[]é😀', max_size=12)
LENGTHY = st.tuples(ODD, st.integers(0, 900), ODD).map(lambda parts: parts[0] + "x" * parts[1] + parts[2])
JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | LENGTHY,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ODD, inner, max_size=4),
)


def same(told: Any, whole: Any) -> bool:
    """Return whether two documents are one but for cut texts: a cut one ends in what follows its last long piece."""
    if isinstance(whole, dict):
        return (
            isinstance(told, dict)
            and len(told) == len(whole)
            and all(same(*pair) for pair in zip(told.items(), whole.items(), strict=True))
        )
    if isinstance(whole, list | tuple):
        return type(told) is type(whole) and len(told) == len(whole) and all(map(same, told, whole))
    if isinstance(whole, str) and len(json.dumps(whole)) > LONG:
        return told == whole or (isinstance(told, str) and CUT in told)
    return bool(told == whole)


@given(st.dictionaries(ODD, JSON, max_size=6), st.booleans(), st.booleans(), st.integers(0, 2 * SMALL))
def test_a_gist_is_the_document_with_long_texts_cut(
    document: dict[str, Any], ascii_only: bool, indented: bool, padding: int
) -> None:
    """However quotes and backslashes stand in them, whatever its size and its spelling; else it is no JSON at all."""
    document["padding"] = "y" * padding
    body = json.dumps(document, ensure_ascii=ascii_only, indent=2 if indented else None).encode()
    short = gist(body)
    assert len(short) <= len(body)
    try:
        told = json.loads(short)
    except json.JSONDecodeError:
        assert MUCH_BETWEEN.search(body)
        return
    assert same(told, json.loads(body))


MUCH_BETWEEN = re.compile(rb"[^\"]{%d}" % LONG)
"""Between two quotes: blanks and numbers, if it is not a text."""


def test_what_is_long_and_no_text_is_not_cut_in_silence() -> None:
    """Tokens given as numbers: the gist is no JSON then, and its reader takes the document."""
    body = json.dumps({"model": "m", "input": list(range(3000)), "user": "u" * 300}).encode()
    assert len(body) > SMALL
    try:
        json.loads(gist(body))
    except json.JSONDecodeError:
        return
    raise AssertionError("numbers were cut, and nothing shows it")


def test_a_document_of_many_short_texts_is_its_own_gist() -> None:
    """To look at each quote would take longer than to decode it."""
    body = json.dumps([{"id": number, "name": "short"} for number in range(2000)]).encode()
    assert gist(body) is body


def test_a_long_prompt_leaves_next_to_nothing() -> None:
    """A megabyte of it costs as little to read as a page."""
    body = json.dumps({"messages": [{"role": "user", "content": "Why? " * 200_000}], "max_tokens": 5}).encode()
    assert json.loads(gist(body)) == {"messages": [{"role": "user", "content": CUT}], "max_tokens": 5}
