"""What outlay has kept, and the call that the tests of this folder make."""

from __future__ import annotations

from collections.abc import Callable

import outlay
from outlay.records import Call, Record, Span


class Kept:
    """Everything that was kept so far, in order; it goes to the spool too."""

    def __init__(self, onward: Callable[[Record], None]) -> None:
        self.records: list[Record] = []
        self._onward = onward

    def keep(self, record: Record) -> None:
        """Note a record, and hand it on."""
        self.records.append(record)
        self._onward(record)

    @property
    def calls(self) -> list[Call]:
        """The calls."""
        return [record for record in self.records if isinstance(record, Call)]

    @property
    def spans(self) -> list[Span]:
        """The spans."""
        return [record for record in self.records if isinstance(record, Span)]

    @property
    def paths(self) -> list[str]:
        """The path of each call."""
        return [call.path for call in self.calls]

    @property
    def tags(self) -> list[dict[str, str]]:
        """The tags of each call."""
        return [call.tags for call in self.calls]


def call() -> None:
    """Spend 0.00027 USD: 1,000 tokens in, 200 out."""
    outlay.record(provider="openai", model="gpt-4o-mini", input_tokens=1000, output_tokens=200)
