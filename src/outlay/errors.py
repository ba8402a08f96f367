"""Every exception that outlay raises on purpose. Each message is one sentence that says what to do."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any


class OutlayError(Exception):
    """Base of outlay's own exceptions: catch it to catch them all."""


class ConfigError(OutlayError, ValueError):
    """A setting, a file of settings or a price book can't be used as written."""


class UnknownPrice(OutlayError, LookupError):
    """No price is known for a model, or for one of the usage classes asked about."""


class LedgerError(OutlayError):
    """The ledger can't be read: newer than this outlay, damaged, or not there."""


class MissingExtra(OutlayError, ImportError):
    """A part was asked for whose package is not installed; the message holds the pip line."""


class BudgetExceeded(OutlayError):
    """A call was refused before it was sent, since it does not fit into a budget (or can't be known to)."""

    def __init__(
        self,
        *,
        budget: str,
        scope: dict[str, str],
        limit: Decimal,
        spent: Decimal,
        held: Decimal,
        resets: datetime | None,
        reason: str,
    ) -> None:
        self.budget = budget
        self.scope = scope
        """Tag values that the limit is for; empty where it is for everything."""
        self.limit = limit
        """USD, as all amounts here."""
        self.spent = spent
        self.held = held
        """Held by calls in flight."""
        self.resets = resets
        """When the window ends; None where it does not end at a known moment."""
        self.reason = reason
        """One sentence: why the call was refused, and what can be done."""
        super().__init__(reason)

    def __reduce__(self) -> Any:
        return (_exceeded, (type(self), self.__dict__.copy()))


def _exceeded(kind: type[BudgetExceeded], fields: dict[str, Any]) -> BudgetExceeded:
    return kind(**fields)
