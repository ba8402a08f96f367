"""What the worker leaves for later: by the line, small transactions cost most."""

from __future__ import annotations

from pathlib import Path

from outlay.ledger.ingest import FEW
from outlay.ledger.ledger import Ledger
from outlay.ledger.lines import encode
from outlay.ledger.spool import Spool
from tests.ledger.samples import call


def test_a_few_lines_wait_and_many_do_not(tmp_path: Path) -> None:
    """Until patience ends, or they have become many; whoever asks for a report has none and carries all of them."""
    spool = Spool(tmp_path)
    spool.append(call())
    with Ledger.open(":memory:") as ledger:
        assert ledger.ingest(tmp_path, own=spool, patience=60.0).records == 1
        spool.append(call())
        done = ledger.ingest(tmp_path, own=spool, patience=60.0)
        assert (done.records, done.trouble) == (0, None)
        assert done.left > 0
        assert ledger.ingest(tmp_path, own=spool).records == 1
        many = FEW // len(encode(call())) + 2
        for _ in range(many):
            spool.append(call())
        assert ledger.ingest(tmp_path, own=spool, patience=60.0).records == many
        assert ledger.report().total.attempts == many + 2


def test_a_segment_that_was_turned_is_carried_whole_at_once(tmp_path: Path) -> None:
    """However little is in it: nothing is added any more."""
    spool = Spool(tmp_path)
    spool.append(call())
    with Ledger.open(":memory:") as ledger:
        ledger.ingest(tmp_path, own=spool)
        spool.append(call())
        spool.rotate(0)
        spool.tick(10**18)
        assert ledger.ingest(tmp_path, own=spool, patience=60.0).records == 1
