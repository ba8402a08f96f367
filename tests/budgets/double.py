"""A gate that counts what it holds: it says what a real one says, and tests see what it was asked and told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Protocol

import pytest

import outlay.testing
from outlay import app
from outlay.budgets.decision import Ask, Decision
from outlay.errors import BudgetExceeded
from outlay.money import usd
from outlay.testing import Ledger

PLENTY = 10**15
"""Pico-USD: a thousand dollars."""


class CountingGate:
    """Refuse what does not fit under ``limit`` (pico-USD); hold the rest until it is settled."""

    def __init__(self, limit: int = PLENTY, *, trips: bool = False, **decided: Any) -> None:
        """Make a gate; with ``trips`` each decision takes a trip to a store. ``decided``: fields of its decisions."""
        self.limit = limit
        self.trips = trips
        self.decided = decided
        self.asks: list[Ask] = []
        self.spent = 0
        self.counted = 0
        """Pico-USD of calls that were not asked about."""
        self.held: dict[object, int] = {}
        self.settled: list[int | None] = []
        self.threads: set[int] = set()
        self.on_trip: Callable[[], None] = lambda: None
        self._lock = threading.Lock()

    def decide(self, ask: Ask, *, wait: bool = True) -> Decision | None:
        """Reserve what the call costs at most, where nothing bounds it nothing."""
        if self.trips and not wait:
            return None
        if self.trips:
            self.on_trip()
        decided = {
            name: value
            for name, value in self.decided.items()
            if (name != "model" or ask.can_downgrade) and (name != "output_limit" or ask.can_limit)
        }
        amount = ask.quote(decided.get("model"), decided.get("output_limit")) or 0
        with self._lock:
            self.asks.append(ask)
            self.threads.add(threading.get_ident())
            if self.spent + sum(self.held.values()) + amount > self.limit:
                return Decision(refusal=self.refusal())
            held = object()
            self.held[held] = amount
        return Decision(held=held, **decided)

    def settle(self, held: object, cost: int | None) -> None:
        """Put the cost in place of what is held; each hold is settled once."""
        with self._lock:
            amount = self.held.pop(held)
            self.settled.append(cost)
            self.spent += amount if cost is None else cost

    def count(self, ask: Ask, cost: int, *, once: bool = False) -> None:
        """Count what was not asked about."""
        del ask, once
        self.counted += cost

    def refusal(self) -> BudgetExceeded:
        """Return what a call is refused with."""
        return BudgetExceeded(
            budget="month", limit=usd(self.limit), spent=usd(self.spent), held=usd(sum(self.held.values())),
            scope={"tenant": "acme"}, resets=datetime(2026, 12, 1, tzinfo=UTC),
        )  # fmt: skip

    @property
    def only(self) -> Ask:
        """The one question that was asked."""
        (ask,) = self.asks
        return ask


class Host(Protocol):
    """A server on this machine."""

    port: int


@contextmanager
def gated(
    gate: CountingGate,
    host: Host,
    provider: str = "openai",
    hosts: Mapping[str, str] | None = None,
    **settings: Any,
) -> Iterator[Ledger]:
    """Meter with this gate in place of the real one; the host is a provider's."""
    named = {f"127.0.0.1:{host.port}": provider, **(hosts or {})}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app.Outlay, "gate", lambda _: gate)
        with outlay.testing.ledger(ask_usage=True, hosts=named, **settings) as ledger:
            yield ledger
