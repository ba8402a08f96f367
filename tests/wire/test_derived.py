"""What a table may ask of a usage object beside a plain path, and usage objects inside of usage objects."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlay.pricing.items import put_items
from outlay.records import Cost, CostItem
from outlay.wire.apart import Item, read_apart
from outlay.wire.api import Apart, Total, UsageTable
from outlay.wire.derived import counted, fields
from outlay.wire.usage import InvalidUsage, UsageReader
from outlay.wire.values import moment

COUNTS = st.integers(0, 10**6)


def ask(expression: str, document: Any) -> Any:
    """Return the value of an expression over a document."""
    values = fields((expression,)).read(json.dumps(document).encode())
    assert values is not None
    return values[0]


@given(a=COUNTS, b=COUNTS, c=COUNTS)
def test_a_sum_counts_what_is_there_and_is_never_below_zero(a: int, b: int, c: int) -> None:
    """What is absent or null counts nothing, but for the first, without which there is no sum."""
    assert ask("a + b - c", {"a": a, "b": b, "c": c}) == max(a + b - c, 0)
    assert ask("a - b.x - c", {"a": a, "c": None}) == a
    assert ask("a - b", {"b": b}) is None


@given(given=st.lists(st.tuples(st.sampled_from("ABC"), COUNTS), max_size=6))
def test_a_choice_adds_up_the_elements_of_its_kind(given: list[tuple[str, int]]) -> None:
    """In any order, any number of them; without a field it counts them."""
    document = {"list": [{"kind": kind, "n": number} for kind, number in given]}
    mine = [number for kind, number in given if kind == "A"]
    assert ask("list[kind=A].n", document) == (sum(mine) if mine else None)
    assert ask("list[kind=A]", document) == (len(mine) or None)


@pytest.mark.parametrize(
    "document", [{}, {"list": None}, {"list": 5}, {"list": [1, None, "A"]}, {"list": {"kind": "A"}}]
)
def test_a_list_that_is_none_chooses_nothing(document: Any) -> None:
    """Whatever a provider writes there."""
    assert ask("list[kind=A].n", document) is None


@given(a=COUNTS, b=COUNTS, flag=st.sampled_from([True, False, None, "true", 1]))
def test_what_depends_on_a_flag_counts_where_that_is_true(a: int, b: int, flag: Any) -> None:
    """And true alone: alone and in a sum."""
    document = {"a": a, "b": {"c": b}, "own": flag}
    assert ask("a + b.c ? own", document) == (a + b if flag is True else a)
    assert ask("b.c ? own", document) == (b if flag is True else None)


def test_of_two_ways_the_first_that_is_there_counts() -> None:
    """A zero is there; null is not."""
    assert ask("a | b.c", {"a": 0, "b": {"c": 7}}) == 0
    assert ask("a | b.c", {"a": None, "b": {"c": 7}}) == 7
    assert ask("a - x | b.c", {"b": {"c": 7}}) == 7


TABLE = UsageTable(totals=(Total(path="in", rest="input"), Total(path="out", rest="output")))
APART = Apart(path="steps", added=("more",), items=("other",))


def test_what_is_used_apart_is_added_or_is_an_items() -> None:
    """By its kind; one that is of neither kind is in the totals already."""
    usage = {
        "steps": [
            {"type": "more", "in": 5, "out": 1},
            {"type": "other", "model": "m", "in": 7},
            {"type": "known", "in": 9},
            {"type": "other", "in": 3},
            None,
        ]
    }
    added, items, answered = read_apart(APART, UsageReader(TABLE), json.dumps(usage).encode())
    assert added == [{"input": 5, "output": 1}]
    assert items == [Item("m", {"input": 7})]
    assert answered is None


def test_who_declined_before_another_stepped_in_is_an_item() -> None:
    """Each in its order, what it wrote and what not; what the one that answered did before is in the totals."""
    steps = [("known", "a", 5), ("known", "b", 6), ("known", "c", 7), ("steps_in", "c", 8)]
    usage = {"steps": [{"type": kind, "model": model, "in": read} for kind, model, read in steps]}
    table = Apart(path="steps", added=("more",), items=("other",), stepped_in="steps_in")
    added, items, answered = read_apart(table, UsageReader(TABLE), json.dumps(usage).encode())
    assert (added, answered) == ([], "c")
    assert items == [Item("a", {"input": 5}, 0), Item("b", {"input": 6}, 1)]
    assert read_apart(APART, UsageReader(TABLE), json.dumps(usage).encode()) == ([], [], None)


def test_a_quantity_apart_that_is_none_is_an_error() -> None:
    """Like any other of the usage."""
    with pytest.raises(InvalidUsage):
        read_apart(APART, UsageReader(TABLE), b'{"steps": [{"type": "more", "in": -5}]}')


PRICED = Cost(status="priced", amount=10, by_class={"input": 10})
ITEM = CostItem(model="m", classes={"input": 1}, amount=5)


def test_an_item_is_in_the_amount_and_in_its_classes() -> None:
    """So that classes still add up to the amount."""
    cost = put_items(PRICED, [(ITEM, Cost(status="priced", amount=5, by_class={"input": 3, "output": 2}))])
    assert (cost.status, cost.amount, cost.by_class) == ("priced", 15, {"input": 13, "output": 2})
    assert cost.items == (ITEM,)


def test_an_item_without_a_price_makes_the_cost_partial() -> None:
    """Never less than it was, and never taken for whole."""
    cost = put_items(PRICED, [(ITEM, Cost(status="unknown"))])
    assert (cost.status, cost.amount, cost.unpriced) == ("partial", 10, ("model:m",))


def test_a_reported_charge_covers_its_items() -> None:
    """The provider has added them up already."""
    charged = Cost(status="priced", amount=12, source="reported")
    cost = put_items(charged, [(ITEM, Cost(status="priced", amount=5, by_class={"input": 5}))])
    assert (cost.status, cost.amount, cost.by_class) == ("priced", 12, {})


@pytest.mark.parametrize(
    "said, expected",
    [([1, 2], 3), (["a", {}], 2), ([], None), ("12", 12), ("2.5", 2.5), ("x", "x"), (7, 7), (None, None),
     (msgspec.Raw(b""), None), ([msgspec.Raw(b"{}")], 1)],
)  # fmt: skip
def test_what_stands_beside_an_answer_is_counted(said: Any, expected: Any) -> None:
    """Numbers are added up, elements of anything else counted; Google writes its numbers as texts."""
    assert counted(said) == expected


def test_what_is_billed_otherwise_counts_where_nothing_else_was_said() -> None:
    """A machine's seconds, unless the provider told what was read and written."""
    reader = UsageReader(UsageTable(totals=(Total(path="in", rest="input"),), otherwise={"run_seconds": "time"}))
    assert reader.read(b'{"time": 2.5}') == ({"run_seconds": 2.5}, 0, True)
    assert reader.read(b'{"time": 2.5, "in": 3}') == ({"input": 3}, 0, True)
    assert reader.read(b"{}") is None


@pytest.mark.parametrize(
    "said, expected",
    [(1_760_000_000, 1_760_000_000), ("2025-10-09T08:53:20Z", 1_760_000_000), ("2025-10-09T08:53:20", 1_760_000_000),
     ("2025-10-09T10:53:20.000000001+02:00", 1_760_000_000), ("yesterday", None), (True, None), (-1, None), ("", None)],
)  # fmt: skip
def test_a_time_is_seconds_or_rfc_3339(said: Any, expected: int | None) -> None:
    """In UTC where it names no zone."""
    assert moment(said) == (None if expected is None else expected * 10**9)
