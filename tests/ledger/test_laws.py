"""Laws of the ledger, over any calls."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outlay.ledger.calendar import DAY, Unit, cover, divide
from outlay.ledger.ledger import Ledger
from outlay.ledger.lines import decode, encode
from outlay.ledger.questions import FIELDS, TIME_UNITS
from outlay.records import Call
from tests.ledger.samples import HOUR, START, calls

ZONES = ["UTC", "Europe/Berlin", "Asia/Kathmandu", "Asia/Kolkata", "Australia/Adelaide", "Australia/Lord_Howe"]
BREAKDOWNS = ["model", "provider", "feature", "path", "project", "host", "outcome", "tag:user", 'tag:od"d', "tag:none"]


def text(call: Call) -> bytes:
    """Return the raw usage; msgspec writes the field's default as null."""
    raw = bytes(memoryview(call.raw_usage))
    return b"" if raw == b"null" else raw


@given(calls())
def test_a_call_comes_back_from_the_ledger_as_it_was(call: Call) -> None:
    """Through a spool line and a row, no field changes: exporters read calls from there."""
    line = encode(call)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    read = decode(line[:-1])
    assert isinstance(read, Call)
    with Ledger.open(":memory:") as ledger:
        ledger.write([read])
        ((_, kept),) = ledger.calls_after(0)
    assert text(kept) == text(call)
    assert msgspec.structs.replace(kept, raw_usage=call.raw_usage) == call


@settings(max_examples=40)
@given(
    st.lists(calls(), min_size=1, max_size=25),
    st.lists(st.sampled_from(BREAKDOWNS), unique=True, max_size=2),
    st.sampled_from([None, *TIME_UNITS]),
    st.sampled_from(ZONES),
    st.tuples(st.integers(0, 72 * 60), st.integers(0, 72 * 60)).map(sorted),
    st.sampled_from([{}, {"model": "gpt-4o"}, {"tag:user": "a"}, {"tag:user": None}, {"feature": "answer"}]),
)
def test_rollups_and_calls_give_the_same_report(
    kept: list[Call], keys: list[str], unit: str | None, zone: str, minutes: list[int], filters: dict[str, str | None]
) -> None:
    """Whatever is asked, in any zone and between any minutes."""
    by = keys if unit is None else [unit, *keys]
    since, until = (START + 8 * 24 * HOUR + minute * 60 * 10**9 for minute in minutes)
    with Ledger.open(":memory:") as ledger:
        for part, later in ((kept[::2], None), ([], 100), (kept[1::2], None), ([], 101)):
            ledger.write(part)
            assert later is None or not ledger.sum_up(START + later * DAY)
            for first, last in ((None, None), (since, until)):
                rolled = ledger.report(by, zone=zone, filters=filters, since=first, until=last)
                read = ledger.report(by, zone=zone, filters=filters, since=first, until=last, exact=True)
                assert rolled.total == read.total
                assert sorted(rolled.lines, key=str) == sorted(read.lines, key=str)
        total = ledger.report().total
    assert total.attempts == len(kept)
    assert total.cost == sum(call.cost.amount or 0 for call in kept)
    usages = [call.usage for call in kept if call.usage]
    if not any(isinstance(value, float) for usage in usages for value in usage.classes.values()):
        assert total.input_tokens == sum(usage.input_tokens for usage in usages)
        assert total.output_tokens == sum(usage.output_tokens for usage in usages)
        assert total.cache_read == sum(usage.cache_read_input_tokens for usage in usages)
        assert total.cache_write_input_tokens == sum(usage.cache_write_input_tokens for usage in usages)
        assert total.reasoning == sum(usage.reasoning_output_tokens for usage in usages)


@given(st.sampled_from(TIME_UNITS), st.sampled_from([*ZONES, "America/Santiago"]), st.integers(0, 10**10))
def test_stretches_of_time_and_their_pieces_leave_no_gap(unit: Unit, zone: str, seconds: int) -> None:
    """Hours, days, weeks and months partition the time; days, hours and calls partition each of them."""
    start = seconds * 10**9 + 123
    end = start + 40 * 24 * HOUR
    stretches = divide(unit, start, end, ZoneInfo(zone))
    assert [stretches[0].start, *(part.end for part in stretches)] == [*(part.start for part in stretches), end]
    assert stretches[0].start == start
    edges = [(piece.start, piece.end) for piece in cover(stretches)]
    assert [begin for begin, _ in edges[1:]] == [stop for _, stop in edges[:-1]]
    assert (edges[0][0], edges[-1][1]) == (start, end)
    for piece in cover(stretches):
        assert not piece.hours or (piece.start % (piece.hours * HOUR) == 0 == piece.end % (piece.hours * HOUR))


@pytest.mark.parametrize(
    ("unit", "zone", "moment", "name"),
    [
        pytest.param("day", "UTC", "2025-11-22T08:26", "2025-11-22", id="utc"),
        pytest.param("hour", "Asia/Kathmandu", "2025-11-22T08:26", "2025-11-22T14:00+05:45", id="quarter-hours"),
        pytest.param("day", "Asia/Kolkata", "2025-11-22T18:40", "2025-11-23", id="half-hours"),
        pytest.param("week", "UTC", "2024-12-30T12:00", "2025-W01", id="iso-weeks"),
        pytest.param("month", "Pacific/Auckland", "2025-10-31T12:00", "2025-11", id="next-month-there"),
        pytest.param("day", "America/Santiago", "2025-09-07T04:30", "2025-09-07", id="no-midnight"),
    ],
)
def test_a_stretch_is_named_as_the_calendar_on_the_wall_there(unit: Unit, zone: str, moment: str, name: str) -> None:
    """Days and months by their dates, weeks by ISO 8601, hours with their offset."""
    at = int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()) * 10**9
    (stretch,) = divide(unit, at, at + 1, ZoneInfo(zone))
    assert stretch.name == name


def test_every_field_of_a_report_is_a_column() -> None:
    """A name that a report takes is a name that the table has."""
    with Ledger.open(":memory:") as ledger:
        for name in FIELDS:
            assert ledger.report([name], exact=True).lines == ()
