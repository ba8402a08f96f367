"""For tests of applications that use outlay, and for outlay's own.

``with outlay.testing.ledger() as ledger:`` shows what the calls inside cost; pytest has the fixture ``outlay_ledger``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from outlay.testing.recorded import Ledger
from outlay.testing.stage import STAGE as _STAGE

__all__ = ["Ledger", "ledger"]


@contextmanager
def ledger(*, ask_usage: bool = False, mocked: bool = True, **settings: Any) -> Iterator[Ledger]:
    """Meter the calls inside the block into a ledger of their own, which is empty at first and gone afterwards.

    The HTTP clients are patched while it is open. No request is altered unless ``ask_usage`` says so.
    ``mocked=False`` leaves out calls that a mock or a cassette answered. ``settings``: those of ``outlay.init()``,
    over the ones in force; ``outlay.init()`` inside the block meters into the same ledger, and can't change them.
    """
    seen = Ledger(mocked=mocked)
    seat = _STAGE.open(seen, {**settings, "ask_usage": ask_usage})
    try:
        yield seen
    finally:
        _STAGE.close(seat)
