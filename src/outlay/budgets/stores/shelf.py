"""How a step is served where accounts are loaded, changed by the bookkeeping, and put back in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from outlay.budgets.book import Book, State
from outlay.budgets.identity import Identity, carried
from outlay.budgets.trade import Account, Audit, Before, Difference, Remains, Reply, Step


class Shelf(Protocol):
    """What a store loads and puts back, all of it within one transaction that nobody else can come between."""

    def account(self, account: Account) -> State | None:
        """Return an account, locked against others until the transaction ends; None where there is none yet."""

    def put(self, account: Account, book: Book) -> None:
        """Put an account back, and add to its entries and to the leases that were forgotten."""

    def counted(self, account: Account, lease: str) -> int:
        """Return what is in the counters of the spend of a lease that was forgotten; 0 for one that never was known."""

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
    limit = identity.limit(step.limit, now)
    if identity.count(step.shape, step.began, now) or changed:
        shelf.put_identity(account.project, account.budget, identity)
    book = Book(shelf.account(account) or State(), now)
    if not book.state.opened:
        book.state.extra = carried(_left(shelf, step), identity, step, limit)
    reply = book.step(step, limit, identity.shapes[step.shape], lambda lease: shelf.counted(account, lease))
    shelf.put(account, book)
    return msgspec.structs.replace(reply, disagree=disagree) if disagree else reply


def _left(shelf: Shelf, step: Step) -> int | None:
    """Return what is left in the window that is carried over; None where nobody called then."""
    before = shelf.account(msgspec.structs.replace(step.account, window=step.carry)) if step.carry else None
    return None if before is None else before.limit - before.settled - before.leased


def recover(shelf: Shelf, remains: Sequence[Remains], now: int) -> None:
    """Settle what leases of a dead process had left."""
    for left in sorted(remains, key=lambda left: left.account.key):
        account = left.account
        identity = shelf.identity(account.project, account.budget) or Identity()
        if identity.count(left.shape, left.began, now):
            shelf.put_identity(account.project, account.budget, identity)
        book = Book(shelf.account(account) or State(end=left.end), now)
        book.recover(left, lambda lease, of=account: shelf.counted(of, lease))  # type: ignore[misc]  # bound to this one
        shelf.put(account, book)


def override(shelf: Shelf, project: str, budget: str, limit: int | None, until: int | None) -> None:
    """Put a limit in place of the declared ones, or take it away."""
    identity = shelf.identity(project, budget) or Identity()
    identity.override, identity.until = limit, until if limit is not None else None
    shelf.put_identity(project, budget, identity)


def audited(rows: Iterable[tuple[str, State, int, int, int]], entries: int) -> Audit:
    """Compare accounts with sums; ``rows`` are (key, state, entries' settled, entries' leased, opening)."""
    accounts = 0
    differences, openings = [], []
    for key, state, settled, leased, opening in rows:
        accounts += 1
        if opening:
            openings.append(Before(key=key, amount=opening))
        held = sum(lease.hold for lease in state.leases.values())
        off = state.leased - leased or state.leased - held
        if state.settled != settled or off:
            differences.append(Difference(key=key, settled=state.settled - settled, leased=off))
    return Audit(accounts=accounts, entries=entries, differences=tuple(differences), openings=tuple(openings))
