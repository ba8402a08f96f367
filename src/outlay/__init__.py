"""outlay: what every LLM call cost, who spent it and why.

``outlay.init()`` once, anywhere; every call of every SDK in the process is then metered where it leaves, priced, and
kept. ``@outlay.track`` and ``outlay.tags`` say what the calls are for; ``outlay report`` shows where the money went.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from outlay.errors import (
    BudgetExceeded,
    ConfigError,
    LedgerError,
    MissingExtra,
    OutlayError,
    UnknownPrice,
    refusal,
)
from outlay.freezing import flush_before_return
from outlay.limits import check, share
from outlay.money import Spend
from outlay.public import calculate_cost, compare, flush, init, instrument, record, uninstrument
from outlay.records import Call, Cost, Usage
from outlay.span_processor import SpanProcessor
from outlay.track import carry, tags, track

if TYPE_CHECKING:
    from outlay.budgets.actions import block, cap, downgrade
    from outlay.budgets.budget import Budget
    from outlay.budgets.slices import Slice, spending

__all__ = [
    "Budget",
    "BudgetExceeded",
    "Call",
    "ConfigError",
    "Cost",
    "LedgerError",
    "MissingExtra",
    "OutlayError",
    "Slice",
    "SpanProcessor",
    "Spend",
    "UnknownPrice",
    "Usage",
    "__version__",
    "block",
    "calculate_cost",
    "cap",
    "carry",
    "check",
    "compare",
    "downgrade",
    "flush",
    "flush_before_return",
    "init",
    "instrument",
    "record",
    "refusal",
    "share",
    "spending",
    "tags",
    "track",
    "uninstrument",
]


_BUDGETS = {
    "Budget": "outlay.budgets.budget",
    **dict.fromkeys(("block", "cap", "downgrade"), "outlay.budgets.actions"),
    **dict.fromkeys(("Slice", "spending"), "outlay.budgets.slices"),
}


def __getattr__(name: str) -> Any:
    """Load what not every program asks for."""
    if name == "__version__":
        from importlib.metadata import version  # takes milliseconds, and few ask

        return version("outlay")
    if name in _BUDGETS:
        from importlib import import_module

        return getattr(import_module(_BUDGETS[name]), name)
    raise AttributeError(f"module 'outlay' has no attribute {name!r}")
