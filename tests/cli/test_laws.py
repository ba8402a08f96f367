"""What holds for any table, any two times and any moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from outlay.cli.changes import DRIVERS, Side, changes_between
from outlay.cli.output import counted, money, tokens
from outlay.cli.statement import Key, Parts, pace_of
from outlay.cli.tables import GAP, SHORTEST, Column, fit
from outlay.cli.times import moment, nanoseconds

NOW = datetime(2026, 3, 29, 13, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")

CELLS = st.lists(st.text("abc漢…", max_size=30), min_size=3, max_size=3)
COLUMNS = st.builds(Column, st.text("xyz", min_size=1, max_size=9), CELLS, st.booleans(), st.integers(0, 9))
AMOUNTS = st.integers(0, 10**15)
KEYS: list[Key] = [("openai", "a"), ("openai", "b"), ("anthropic", "c")]
SIDES = st.dictionaries(
    st.sampled_from(KEYS),
    st.builds(Side, st.integers(0, 10**6), st.builds(Parts, AMOUNTS, AMOUNTS, AMOUNTS, st.integers(-(10**9), 10**15))),
)


@given(st.lists(COLUMNS, min_size=1, max_size=8), st.integers(20, 200))
def test_a_table_fits_or_has_nothing_left_to_give(columns: list[Column], width: int) -> None:
    """Figures are never cut, columns that stay are never dropped, and none is dropped where all have room."""
    kept, left = fit(columns, width)
    assert len(kept) + len(left) == len(columns)
    assert [column for column in kept if column.figure] == [
        column for column in columns if column.figure and any(column is other for other in kept)
    ]
    assert not any(column.leaves == 0 and column.name in left for column in columns if column not in kept and not left)
    taken = sum(column.width for column in kept) + GAP * (len(kept) - 1)
    least = max(SHORTEST, *(cell_len(column.name) for column in columns))
    spent = all(column.leaves == 0 and (column.figure or column.width <= least) for column in kept)
    assert taken <= width or spent
    if sum(column.width for column in columns) + GAP * (len(columns) - 1) <= width:
        assert kept == columns


@given(SIDES, SIDES)
def test_the_drivers_add_up_to_what_changed(old: dict[Key, Side], new: dict[Key, Side]) -> None:
    """To the pico-USD, whichever models came and went."""
    found = changes_between(old, new)
    if found is None:
        assert sum(side.requests for side in old.values()) == 0
        return
    assert sum(getattr(found, name) for name in DRIVERS) == found.after - found.before


def test_each_driver_alone_is_named_alone() -> None:
    """Twice the requests are volume; a dearer model is the model; longer answers are output."""
    plain: dict[Key, Side] = {
        ("openai", "a"): Side(10, Parts(100, 0, 200, 0)),
        ("openai", "b"): Side(10, Parts(1000, 0, 2000, 0)),
    }

    def moved(new: dict[Key, Side]) -> dict[str, int]:
        found = changes_between(plain, new)
        assert found is not None
        return {name: amount for name in DRIVERS if (amount := getattr(found, name))}

    twice: dict[Key, Side] = {
        key: Side(20, Parts(2 * side.parts.input, 0, 2 * side.parts.output, 0)) for key, side in plain.items()
    }
    assert moved(twice) == {"volume": 3300}
    dearer: dict[Key, Side] = {
        ("openai", "a"): Side(0, Parts(0, 0, 0, 0)),
        ("openai", "b"): Side(20, Parts(2000, 0, 4000, 0)),
    }
    assert moved(dearer) == {"model": 2700}
    longer: dict[Key, Side] = {
        key: Side(10, Parts(side.parts.input, 0, 3 * side.parts.output, 0)) for key, side in plain.items()
    }
    assert moved(longer) == {"output": 4400}
    assert moved(plain) == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2026-03-29T15:30:00+02:00"),
        ("today", "2026-03-29T00:00:00+01:00"),
        ("Yesterday", "2026-03-28T00:00:00+01:00"),
        ("week", "2026-03-23T00:00:00+01:00"),
        ("month", "2026-03-01T00:00:00+01:00"),
        ("24h", "2026-03-28T14:30:00+01:00"),
        ("7d ago", "2026-03-22T14:30:00+01:00"),
        ("90 min", "2026-03-29T14:00:00+02:00"),
        ("2026-03-29", "2026-03-29T00:00:00+01:00"),
        ("2026-03-29T12:00", "2026-03-29T12:00:00+02:00"),
        ("2026-03-29T12:00Z", "2026-03-29T14:00:00+02:00"),
    ],
)
def test_a_moment_is_what_people_mean_by_it(text: str, expected: str) -> None:
    """Days begin at the zone's midnight, on the day that the clocks change too; hours ago are hours of real time."""
    assert moment(text, BERLIN, NOW).isoformat() == expected


@given(st.datetimes(datetime(1970, 1, 2), datetime(2261, 12, 30)))  # noqa: DTZ001 - any zone's own time
def test_a_moment_survives_being_written(at: datetime) -> None:
    """What --json prints can be given to --since, to the microsecond."""
    aware = at.replace(tzinfo=UTC)
    assert nanoseconds(moment(aware.isoformat(), BERLIN, NOW)) == nanoseconds(aware)


@given(st.integers(0, 10**15), st.integers(1, 29))
def test_a_pace_is_the_spend_of_a_day_times_the_days(spent: int, days: int) -> None:
    """Of a month of thirty: spend / days elapsed x days of the month."""
    first = datetime(2026, 11, 1, tzinfo=UTC)
    pace = pace_of(spent, first, first + timedelta(days=days), ZoneInfo("UTC"))
    assert pace is not None
    assert abs(pace.projected - spent * 30 / days) <= max(1, spent * 30 / days * 1e-12)


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        ("0", "$0.00"),
        ("1234.5", "$1,234.50"),
        ("1", "$1.00"),
        ("0.99996", "$1.00"),
        ("0.5", "$0.5000"),
        ("0.00027", "$0.0002700"),
        ("-0.25", "-$0.2500"),
        ("-3", "-$3.00"),
        (None, "?"),
    ],
)
def test_money_shows_cents_or_four_digits_that_count(amount: str | None, written: str) -> None:
    """A call for a hundredth of a cent is not shown as nothing."""
    assert money(None if amount is None else Decimal(amount)) == written


def test_counts_are_written_as_people_say_them() -> None:
    """One call, two calls; token counts short from ten thousand on."""
    assert [counted(number, "call") for number in (0, 1, 1_000)] == ["0 calls", "1 call", "1,000 calls"]
    alone = {9_999: "9,999", 16_200: "16.2k", 200_000: "200.0k", 16_600_000: "16.6M", 2 * 10**9: "2.0B"}
    assert {number: tokens(number) for number in alone} == alone
    beside_millions = {200_000: "0.2M", 50_000: "0.1M", 49_999: "50.0k", 999: "999"}
    assert {number: tokens(number, 16_600_000) for number in beside_millions} == beside_millions
