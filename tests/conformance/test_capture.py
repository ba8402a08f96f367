"""docs/capture.md says what the matrix measures, and leaves nothing out."""

from __future__ import annotations

import pytest

from tests.conformance.capture import ALL, MEASURED, published

WAYS = {shape.name: shape for shape in ALL}


def test_every_way_has_one_row() -> None:
    """The matrix itself holds each row to what it measures."""
    all_ways = published()[published().index("## All ways") :]
    rows = [line.removeprefix("| ").partition(" | ")[0] for line in all_ways if line.startswith("| ")]
    assert sorted(rows[1:]) == sorted(WAYS)
    assert len(WAYS) == len(ALL)


@pytest.mark.parametrize("title,name", MEASURED.items(), ids=MEASURED)
def test_no_way_that_comparisons_go_through_is_lost_or_without_tokens(title: str, name: str) -> None:
    """Its row is that of a way in the matrix which expects a record with tokens, and shows the same figures."""
    (call,) = WAYS[name].calls
    assert call.usage in ("exact", "estimate")
    assert "async" in WAYS[name].kinds
    (figures,) = [line.split(" | ", 3)[3] for line in published() if line.startswith(f"| {name} | openai | ")]
    assert f"| {title} | {figures}" in published()
    assert figures.startswith("1 | ")


def test_all_of_the_comparison_is_accounted_for() -> None:
    """24 ways, each proven."""
    assert len(MEASURED) == 24
