"""Every exception that outlay raises on purpose. Each message is one sentence that says what to do."""

from __future__ import annotations

from collections.abc import Mapping
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
    """A budget refuses a call. It is raised before a byte of it leaves; nothing was sent and nothing is billed.

    Amounts are USD. Where the openai or the anthropic SDK is loaded, what is raised is an ``OpenAIError`` and an
    ``AnthropicError`` as well, since these SDKs take any other exception for a broken connection and try again.
    """

    status_code = 402
    """HTTP's "Payment Required": frameworks that look for a status know from it that a retry is of no use."""

    def __init__(
        self,
        *,
        budget: str,
        limit: Decimal,
        spent: Decimal,
        held: Decimal = Decimal(0),
        scope: Mapping[str, str] | None = None,
        resets: datetime | None = None,
        reason: str = "",
    ) -> None:
        self.budget = budget
        """The budget's name."""
        self.scope = dict(scope or {})
        """The tag values, or other names, that this limit is for; empty where it is for everything."""
        self.limit = limit
        self.spent = spent
        self.held = held
        """Reserved by calls in flight."""
        self.resets = resets
        """When it starts anew; None where it never does."""
        self.reason = reason
        """Why the call is refused, in one sentence; where none is given, that it does not fit."""
        super().__init__(reason or self._sentence())

    def _sentence(self) -> str:
        whose = ", ".join(f"{name}={value}" for name, value in self.scope.items())
        anew = "" if self.resets is None else f"; it resets at {self.resets:%Y-%m-%d %H:%M %Z}"
        return (
            f"Budget {self.budget}{f' ({whose})' if whose else ''}: {self.spent:f} of {self.limit:f} USD are spent and "
            f"{self.held:f} held by calls in flight{anew}."
        )

    def __reduce__(self) -> Any:
        return _refused, (self.facts,)  # a class that an SDK's base was put into is not there in another process

    @property
    def facts(self) -> dict[str, Any]:
        """Everything that it is made of, by keyword."""
        names = ("budget", "limit", "spent", "held", "scope", "resets", "reason")
        return {name: getattr(self, name) for name in names}


def _refused(facts: dict[str, Any]) -> BudgetExceeded:
    return BudgetExceeded(**facts)


def refusal(error: BaseException | None) -> BudgetExceeded | None:
    """Return the refusal that an exception is, or was made of, however deep a framework has wrapped it; else None."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        found = waiting.pop(0)
        if found is None or id(found) in seen:
            continue
        if isinstance(found, BudgetExceeded):
            return found
        seen.add(id(found))
        inside = found.exceptions if isinstance(found, BaseExceptionGroup) else ()
        waiting += [found.__cause__, found.__context__, *inside]
    return None
