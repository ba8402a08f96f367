"""Ways of calling the SDKs of the rest of the field: a host that answers as it is told, and what must come of it.

The bodies are written after the providers' public references, each named beside it; what they come to is worked out by
hand, apart from outlay's tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from outlay.loopback import ModelHost
from tests.conformance.canned import Canned, FieldHost
from tests.conformance.seen import Seen, value
from tests.conformance.shape import Kind, Shape


@dataclass(frozen=True, kw_only=True)
class FieldShape(Shape):
    """One way of calling one of these SDKs."""

    make: Callable[[Kind, ModelHost], Any]
    answers: tuple[Canned, ...]
    api: str
    model: str | None
    """The model as it was asked for."""
    classes: Mapping[str, float] = field(default_factory=dict)
    """What the provider bills for the answer, where it tells all."""
    reasoning: int = 0
    usd: str | None = None
    """What that costs; None where nobody knows a price."""
    unpriced: tuple[str, ...] = ()
    """Classes of it that nobody knows a price of."""
    source: str = "computed"
    answered_by: str | None = None
    """The model that the answer names."""
    provider: str | None = None
    """Who bills, where that is not ``sdk``."""
    turns: bool = False
    """Whether its records are calls of their own, and not attempts at one."""
    http: Mapping[Kind, str] = field(default_factory=dict)
    """The HTTP client that each kind sends by."""

    def client(self, kind: Kind, host: ModelHost) -> Any:
        """Make the SDK's client."""
        return self.make(kind, host)

    def host(self) -> ModelHost:
        """Make a host that answers so."""
        return FieldHost(self.answers)

    def caught(self) -> tuple[type[Exception], ...]:
        """Return what may be seen: each SDK has errors of its own."""
        return (Exception,)


class Held:
    """An SDK's client, and how it is closed."""

    def __init__(self, sdk: Any, *closes: Callable[[], Any]) -> None:
        self.sdk = sdk
        self._closes = closes

    async def close(self) -> None:
        """Close all that has to be."""
        for close in self._closes:
            await value(close())


def plain(document: Any) -> Any:
    """Return an object of an SDK's as plain data, to be compared."""
    for name in ("model_dump", "to_json_dict", "dict"):
        if hasattr(document, name):
            return getattr(document, name)()
    return document


def note(seen: Seen, document: Any) -> None:
    """Note an object with its type."""
    seen.add((type(document).__qualname__, plain(document)))
