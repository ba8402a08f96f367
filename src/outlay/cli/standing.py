"""How exporters do, for ``outlay export status`` and ``outlay doctor``."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from outlay.cli.output import count, counted, when
from outlay.ledger.backlog import State
from outlay.ledger.backlogs import Aside, Left
from outlay.ledger.ledger import Ledger

SHOWN = 5
"""Records set aside that are shown of each exporter."""
LISTED = 1_000
"""Those that are listed in JSON, at most."""
PATIENCE = 300 * 10**9
"""Nanoseconds that an exporter may fail before doctor speaks of it."""


class Standing(msgspec.Struct, frozen=True):
    """How an exporter does, and what it has left."""

    state: State
    left: Left
    aside: list[Aside]

    @property
    def word(self) -> str:
        """Return one word or two for it."""
        if self.state.trouble:
            return "failing"
        if self.left.queued or self.left.new:
            return "under way" if self.state.holder else "nobody delivers"
        return "up to date"

    def sentences(self, now: int) -> list[str]:
        """Return what is wrong, a sentence each."""
        state, name = self.state, self.state.name
        found = []
        if state.trouble:
            wait = max(state.retry_at - now, 0) // 10**9
            found.append(
                f"{name} fails since {when(state.failing_since)} UTC, {counted(state.failures, 'attempt')}: "
                f"{state.trouble}. The next attempt is {f'in {count(wait)} s' if wait else 'due'}."
            )
        if state.unnamed:
            found.append(
                f"{name} rejected {counted(state.unnamed, 'record')} without saying which: {state.unnamed_reason}"
            )
        found += [f"{name} does not take the {one.kind} {one.id}: {one.reason}" for one in self.aside[:SHOWN]]
        if self.left.aside > SHOWN:
            found.append(f"{name} does not take {count(self.left.aside - SHOWN)} more: `outlay export status --json`.")
        return found

    def attention(self, now: int) -> str | None:
        """Return what needs attention: that nothing gets through, or that something is not taken."""
        name, state = self.state.name, self.state
        if state.trouble and now - state.failing_since > PATIENCE:
            return f"{name} takes nothing since {when(state.failing_since)} UTC: {state.trouble}"
        if self.left.aside:
            return f"{counted(self.left.aside, 'record')} that {name} does not take: see `outlay export status`."
        return None

    def as_data(self) -> dict[str, Any]:
        """Return it for programs."""
        state = msgspec.structs.asdict(self.state)
        plain = ("delivered", "failures", "trouble", "holder", "unnamed", "unnamed_reason")
        times = ("since", "seen", "last", "failing_since", "retry_at")
        return {
            "exporter": state["name"],
            **{name: state[name] for name in plain},
            **{name: when(state[name]) if state[name] else None for name in times},
            "left": msgspec.structs.asdict(self.left),
            "set_aside": [
                {"kind": one.kind, "id": one.id, "at": when(one.at), "reason": one.reason} for one in self.aside
            ],
        }


def standings(ledger: Ledger) -> list[Standing]:
    """Return how every exporter does that the ledger knows."""
    now = time.time_ns()
    return [
        Standing(state, ledger.left(state.name, now), ledger.set_aside(state.name, LISTED))
        for state in ledger.exporters()
    ]
