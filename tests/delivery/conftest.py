"""A ledger to deliver from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from outlay.ledger.ledger import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Yield an empty ledger."""
    with Ledger.open(tmp_path / "ledger.db") as opened:
        yield opened
