"""Counters in this process alone, for tests and for programs that share nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from outlay.budgets.book import Book, Entry, State, figures
from outlay.budgets.identity import Identity
from outlay.budgets.stores import shelf
from outlay.budgets.trade import Account, Audit, Figures, Remains, Reply, Step


def milliseconds() -> int:
    """Return the wall clock."""
    return time.time_ns() // 10**6


class MemoryStore:
    """Accounts in a dictionary."""

    def __init__(self, clock: Callable[[], int] = milliseconds) -> None:
        """Make an empty store; ``clock`` returns milliseconds since the epoch."""
        self._clock = clock
        self._lock = threading.Lock()
        self._accounts: dict[Account, State] = {}
        self._identities: dict[tuple[str, str], Identity] = {}
        self._entries: dict[Account, list[Entry]] = {}
        self._forgotten: dict[Account, dict[str, int]] = {}

    def trade(self, steps: Sequence[Step]) -> list[Reply]:
        """Do ``steps``."""
        with self._lock:
            return shelf.serve(self, steps, self._clock())

    def recover(self, remains: Sequence[Remains]) -> None:
        """Settle what leases of a dead process had left."""
        with self._lock:
            shelf.recover(self, remains, self._clock())

    def figures(self, project: str) -> list[Figures]:
        """Return the accounts of a project."""
        with self._lock:
            return [
                figures(account, state, self.identity(project, account.budget) or Identity(), self._clock())
                for account, state in self._accounts.items()
                if account.project == project
            ]

    def override(self, project: str, budget: str, limit: int | None, until: int | None) -> None:
        """Put a limit in place of the declared ones."""
        with self._lock:
            shelf.override(self, project, budget, limit, until)

    def identities(self, project: str) -> dict[str, Identity]:
        """Return what is declared of each budget of a project."""
        with self._lock:
            return {budget: known for (of, budget), known in self._identities.items() if of == project}

    def audit(self, project: str | None = None) -> Audit:
        """Compare the counters with their entries."""
        with self._lock:
            rows = [
                (account.key, state, sum(e.settled for e in found), sum(e.leased for e in found), _opening(found))
                for account, state in self._accounts.items()
                if project in (None, account.project)
                for found in (self._entries.get(account, []),)
            ]
            entries = sum(len(self._entries.get(account, ())) for account in self._accounts)
            return shelf.audited(rows, entries)

    def prune(self, runs: int, windows: int) -> None:  # noqa: ARG002 - the signature is every store's
        """Let go of runs that hold nothing any more: a process does not live long enough for the rest."""
        with self._lock:
            over = [
                account
                for account, state in self._accounts.items()
                if account.window.startswith("run:") and state.at < runs
            ]
            for account in over:
                del self._accounts[account]
                self._entries.pop(account, None)
                self._forgotten.pop(account, None)

    def close(self) -> None:
        """Let go of nothing: there is nothing to hold on to."""

    def forked(self) -> None:
        """Have a lock of one's own, after a fork."""
        self._lock = threading.Lock()

    def account(self, account: Account) -> State | None:
        """Return an account."""
        return self._accounts.get(account)

    def put(self, account: Account, book: Book) -> None:
        """Keep an account, its entries and what it forgot."""
        book.state.at = self._clock()
        self._accounts[account] = book.state
        self._entries.setdefault(account, []).extend(book.entries)
        self._forgotten.setdefault(account, {}).update(book.forgotten)

    def counted(self, account: Account, lease: str) -> int:
        """Return what is in the counters of a forgotten lease."""
        return self._forgotten.get(account, {}).get(lease, 0)

    def identity(self, project: str, budget: str) -> Identity | None:
        """Return what is declared of a budget."""
        return self._identities.get((project, budget))

    def put_identity(self, project: str, budget: str, identity: Identity) -> None:
        """Keep what is declared of a budget."""
        self._identities[project, budget] = identity


def _opening(entries: Sequence[Entry]) -> int:
    return sum(entry.settled for entry in entries if entry.kind == "opening")
