"""What a report is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

import msgspec

from outlay.ledger.calendar import Unit
from outlay.money import Spend

OTHER = "(other)"
"""The key of values that were folded, because a dimension had more of them in an hour or a day than rollups keep."""

TIME_UNITS: tuple[Unit, ...] = ("hour", "day", "week", "month")
ROLLED = ("project", "feature", "path", "provider", "model")
FIELDS = (*ROLLED, "host", "api", "operation", "transport", "release", "site", "outcome", "status", "error_type")
"""What a report can be broken down or filtered by, beside time and ``tag:NAME``."""
ASKED = ("request_model",)
"""The same, for budgets alone: they go by what a request says, before there is an answer."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a report. ``key`` has a value for each thing the report is broken down by; None: the call has none."""

    key: tuple[str | None, ...]
    attempts: int = 0
    requests: int = 0
    """Attempts that succeeded: a retried call is one request and several attempts."""
    errors: int = 0
    unpriced_calls: int = 0
    unpriced_tokens: int = 0
    estimated_calls: int = 0
    unbounded_calls: int = 0
    """Estimates that nothing bounds from above."""
    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    cache_write_12h: int = 0
    other_input: int = 0
    output: int = 0
    other_output: int = 0
    reasoning: int = 0
    """Output tokens spent on thinking; inside ``output`` and ``other_output`` already."""
    duration_us: int = 0
    """Microseconds that the requests took, added up."""
    cost: int = 0
    """Pico-USD."""
    lower: int = 0
    upper: int = 0

    @property
    def input_tokens(self) -> int:
        """Tokens read, cache reads and writes included."""
        return self.input + self.cache_read + self.cache_write_input_tokens + self.other_input

    @property
    def output_tokens(self) -> int:
        """Tokens written, reasoning included."""
        return self.output + self.other_output

    @property
    def cache_write_input_tokens(self) -> int:
        """Tokens written to a prompt cache, for any time to live."""
        return self.cache_write_5m + self.cache_write_1h + self.cache_write_12h

    @property
    def total_tokens(self) -> int:
        """``input_tokens`` and ``output_tokens`` together."""
        return self.input_tokens + self.output_tokens

    @property
    def spend(self) -> Spend:
        """The cost in USD, with its bounds and what it leaves out."""
        upper = None if self.unbounded_calls else self.upper
        spend = Spend(self.cost, unpriced_calls=self.unpriced_calls, lower=self.lower, upper=upper)
        if self.unbounded_calls:
            spend.upper = None
        return spend


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A report's lines, dearest first (in order of time where it is broken down by that), and their total."""

    by: tuple[str, ...]
    lines: tuple[Line, ...]
    total: Line
    folded: bool = False
    """Whether ``OTHER`` holds values that only ``exact=True`` tells apart."""
    approximate: bool = False
    """Whether calls were pruned whose hour a border of the report cuts: the hour counts where it begins."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a report is asked."""

    by: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None
    filters: Mapping[str, str | None] = {}
    zone: ZoneInfo
    exact: bool = False

    @property
    def unit(self) -> Unit | None:
        """The unit of time that the report is broken down by."""
        return next((unit for unit in TIME_UNITS if unit in self.by), None)

    @property
    def keys(self) -> tuple[str, ...]:
        """What the report is broken down by beside time."""
        return tuple(name for name in self.by if name not in TIME_UNITS)


def check(question: Question) -> None:
    """Raise ValueError where a report can't be broken down or filtered as asked."""
    if sum(name in TIME_UNITS for name in question.by) > 1:
        raise ValueError("a report has one unit of time: hour, day, week or month")
    for name in (*question.keys, *question.filters):
        if name not in FIELDS + ASKED and not name.startswith("tag:"):
            raise ValueError(f"a report knows no {name!r}: use {', '.join((*TIME_UNITS, *FIELDS))} or tag:NAME")
