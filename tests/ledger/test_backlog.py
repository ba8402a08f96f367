"""An exporter reads what was written: any call and any span, whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from outlay.ledger.ledger import Ledger
from outlay.records import Call, Span
from tests.ledger.samples import TEXTS, calls


@given(st.lists(calls(), min_size=1, max_size=5))
def test_an_exporter_gets_the_calls_that_readers_of_the_ledger_get(made: list[Call]) -> None:
    """Field by field, whatever texts and numbers they have; many rows come as one."""
    with Ledger.open(":memory:") as ledger:
        ledger.write(made)
        backlog = ledger.backlog("x")
        backlog.begin(0, 1)
        read = {due.seq: due.record for due in backlog.new(100)}
        assert read == dict(ledger.calls_after(0, 100))


@given(TEXTS, TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=2), st.none() | TEXTS)
def test_an_exporter_gets_the_spans_that_were_kept(
    name: str, path: str, tags: dict[str, str], error: str | None
) -> None:
    """With their tags, and by their ids as well."""
    span = Span(id="1" * 16, trace_id="2" * 32, name=name, path=path, tags=tags, start=1, end=2, error_type=error)
    with Ledger.open(":memory:") as ledger:
        ledger.write([span])
        backlog = ledger.backlog("x")
        backlog.begin(0, 1)
        assert [due.record for due in backlog.new(100)] == [span]
        assert backlog.spans(["1" * 16, "3" * 16]) == [span]
