"""How a step is served where accounts are loaded, changed by the bookkeeping, and put back in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from outlay.budgets.book import Book, Entry, Identity, State, carried
from outlay.budgets.trade import Account, Audit, Difference, Remains, Reply, Step


class Shelf(Protocol):
    """What a store loads and puts back, all of it within one transaction that nobody else can come between."""

    def account(self, account: Account) -> State | None:
        """Return an account, locked against others until the transaction ends; None where there is none yet."""

    def put(self, account: Account, state: State, entries: Sequence[Entry]) -> None:
        """Put an account back, and add to its entries."""

    def identity(self, project: str, budget: str) -> Identity | None:
        """Return what is declared of a budget."""

    def put_identity(self, project: str, budget: str, identity: Identity) -> None:
        """Put back what is declared of a budget."""


def serve(shelf: Shelf, steps: Sequence[Step], now: int) -> list[Reply]:
    """Do steps in the order of their accounts' keys, so that two processes never wait for each other."""
    replies = {step.lease: _serve(shelf, step, now) for step in sorted(steps, key=lambda step: step.account.key)}
    return [replies[step.lease] for step in steps]


def _serve(shelf: Shelf, step: Step, now: int) -> Reply:
    account = step.account
    identity = shelf.identity(account.project, account.budget) or Identity()
    changed = identity.declare(step.limit, now)
    disagree = identity.disagreement(now) if changed and identity.override is None else ()
    state = shelf.account(account)
    if state is None:
        before = msgspec.structs.replace(account, window=step.carry)
        earlier = shelf.account(before) if step.carry else None
        state = State(extra=carried(earlier, identity, step, identity.limit(step.limit, now)))
    if changed:
        shelf.put_identity(account.project, account.budget, identity)
    book = Book(state, now)
    reply = book.step(step, identity.limit(step.limit, now))
    shelf.put(account, state, book.entries)
    return msgspec.structs.replace(reply, disagree=disagree) if disagree else reply


def recover(shelf: Shelf, remains: Sequence[Remains], now: int) -> None:
    """Settle what leases of a dead process had left."""
    for left in sorted(remains, key=lambda left: left.account.key):
        state = shelf.account(left.account)
        if state is not None:
            book = Book(state, now)
            book.recover(left, 0)
            shelf.put(left.account, state, book.entries)


def override(shelf: Shelf, project: str, budget: str, limit: int | None, until: int | None) -> None:
    """Put a limit in place of the declared ones, or take it away."""
    identity = shelf.identity(project, budget) or Identity()
    identity.override, identity.until = limit, until if limit is not None else None
    shelf.put_identity(project, budget, identity)


def audited(rows: Iterable[tuple[str, State, int, int]], entries: int) -> Audit:
    """Compare accounts with sums; ``rows`` are (key, state, entries' settled, entries' leased)."""
    accounts = 0
    differences = []
    for key, state, settled, leased in rows:
        accounts += 1
        held = sum(lease.hold for lease in state.leases.values())
        off = state.leased - leased or state.leased - held
        if state.settled != settled or off:
            differences.append(Difference(key=key, settled=state.settled - settled, leased=off))
    return Audit(accounts=accounts, entries=entries, differences=tuple(differences))
