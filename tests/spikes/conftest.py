"""A ledger with history for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from outlay.ledger.ledger import Ledger
from outlay.spikes.watch import Watch
from tests.spikes.days import MONDAY, calls
from tests.spikes.watching import BEGIN, HABITS


@pytest.fixture(scope="session")
def history() -> bytes:
    """Return a ledger of four days that were watched, as SQLite serialises it: each test has its own."""
    with Ledger.open(":memory:") as made:
        made.write(calls(MONDAY, BEGIN, HABITS))
        first = Watch(made, lambda alert: pytest.fail(alert.title), holder="one", tags=("user",))
        assert not first.step(BEGIN)
        first.leave()
        return made._database.serialize()  # noqa: SLF001 - writing it for each test takes seconds


@pytest.fixture
def ledger(history: bytes) -> Iterator[Ledger]:
    """Yield the ledger."""
    with Ledger.open(":memory:") as made:
        made._database.deserialize(history)  # noqa: SLF001 - see above
        yield made
