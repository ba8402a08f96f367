"""Tags are short texts that inner blocks add to, replace and take away, and that never break an application."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import outlay
from outlay import context
from outlay.guard import swallowed
from outlay.tagging import TAG_LENGTH, merged
from tests.context.kept import Kept, call


def test_inner_tags_win_and_none_takes_one_away(kept: Kept) -> None:
    """Each block sees what is around it, and leaves it as it was."""
    with outlay.tags(user="u-1", tenant="acme"):
        with outlay.tags(user="u-2", step=3), outlay.tags(tenant=None):
            call()
        call()
    call()
    assert kept.tags == [{"user": "u-2", "step": "3"}, {"user": "u-1", "tenant": "acme"}, {}]


def test_tags_survive_an_exception_no_longer_than_their_block(kept: Kept) -> None:
    """The block is left as any other."""
    with pytest.raises(KeyError), outlay.tags(user="u"):
        raise KeyError
    call()
    assert kept.tags == [{}]


def test_a_value_without_a_text_costs_the_tag_and_nothing_else(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The application goes on; the error is counted, and logged once without the value."""
    monkeypatch.delenv("OUTLAY_STRICT")

    class Wordless:
        def __str__(self) -> str:
            raise RuntimeError("secret")

    before = sum(swallowed().values())
    with caplog.at_level(logging.WARNING, "outlay"):
        for _ in range(2):
            with outlay.tags(user="u", odd=Wordless()):
                call()
    assert kept.tags == [{"user": "u"}] * 2
    assert sum(swallowed().values()) - before == 2
    assert len(caplog.records) <= 1
    assert "secret" not in caplog.text


texts = st.text(st.characters(exclude_categories=())) | st.text(max_size=3).map(lambda word: word * 200)
values = st.one_of(texts, st.none(), st.integers(), st.floats(), st.booleans(), st.binary())


@given(st.dictionaries(st.text(), st.text()), st.dictionaries(st.text(), values))
def test_kept_tags_are_short_texts_that_a_record_can_hold(outer: dict[str, str], inner: dict[str, Any]) -> None:
    """Law: every inner value but None is there as text, cut to size and encodable; other outer ones stay."""
    result = merged(outer, inner)
    assert result.keys() == (outer.keys() | inner.keys()) - {name for name, value in inner.items() if value is None}
    for name, text in result.items():
        if name in inner:
            assert len(text) <= TAG_LENGTH
            assert text.encode().decode(errors="strict") == text
            if str(inner[name]).isascii():
                assert text == str(inner[name])[:TAG_LENGTH]
        else:
            assert text == outer[name]


def test_one_tags_object_serves_again_and_again(kept: Kept) -> None:
    """Also inside itself."""
    tagger = outlay.tags(user="u")
    with tagger, tagger:
        call()
    with tagger:
        call()
    assert kept.tags == [{"user": "u"}] * 2
    assert context.scope() is context.OUTSIDE
