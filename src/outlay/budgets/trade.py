"""What passes between a process and the store that its fleet counts in. Amounts are nano-USD, times milliseconds.

A process tells what its lease has spent *ever*, and how often it has told so: a message that is lost, late or repeated
then changes nothing that the next one does not put right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from outlay.errors import OutlayError

if TYPE_CHECKING:
    from outlay.budgets.identity import Identity


class StoreDown(OutlayError):
    """The store can't be reached, or does not answer in time."""


class Account(msgspec.Struct, frozen=True):
    """One limit for one window: a budget, a value of its scope, and the window's id."""

    project: str
    budget: str
    scope: str
    """``tenant=acme,user=u-42``; empty for everything."""
    window: str

    @property
    def key(self) -> str:
        """The account's name in a store: its parts in their order, joined by ``|``."""
        return "|".join(part.replace("%", "%25").replace("|", "%7C") for part in msgspec.structs.astuple(self))


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What a process tells of one lease, and what it asks for."""

    account: Account
    lease: str
    seq: int
    """Counts the lease's steps from 1: one that comes after a later one is void."""
    total: int
    """Spent by the lease ever."""
    once: tuple[tuple[str, int, int], ...] = ()
    """Of ``total``: calls that other processes may tell of too, each as (id, amount, ``total`` up to and with it). An
    account counts one id once."""
    flight: int = 0
    """Reserved by calls that are under way."""
    risk: int = 0
    """What those calls can cost above their reservations at most."""
    give: int = 0
    """Of the lease, to be given back."""
    need: int = 0
    """The least that is of any use; 0 to ask for nothing."""
    wish: int = 0
    """What is wanted where there is plenty."""
    close: bool = False
    ttl: int = 30_000
    limit: int
    """As this process is configured."""
    percent: int | None = None
    """Of the limit at which calls are refused; None where none ever is."""
    alerts: tuple[int, ...] = ()
    confirmed: tuple[int, ...] = ()
    """Thresholds claimed earlier whose alerts are safe by now."""
    day: int = 0
    """Days since the epoch, in the budget's zone: what is spent is also kept by day."""
    rolling: int = 0
    """Milliseconds of a slot of a rolling window; 0 for any other."""
    carry: str = ""
    """Id of the window whose remainder is added to the limit; empty for none."""
    carry_since: int = 0
    """Milliseconds since the epoch at which that window began."""
    shape: str = ""
    """What tells one way to count this budget from another: its windows, its scope and its calls."""
    began: int = 0
    """Milliseconds since the epoch at which the lease's first call was made."""
    start: int = 0
    """Milliseconds since the epoch from which on what is spent counts in this window."""
    opening: tuple[tuple[int, int], ...] | None = ()
    """What had been spent in this window before it was first counted, as (day or slot, amount); None where that must be
    looked up, if it matters."""
    end: int | None = None
    """Milliseconds since the epoch at which the window ends."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """How lease and account stand after a step."""

    hold: int
    """Of the lease, not spent as far as was told."""
    reported: int
    """Spent by the lease as far as was told; of one that is lost, what of its spend is in the counters."""
    settled: int
    leased: int
    """By all leases."""
    flight: int = 0
    """By calls of the whole fleet that are under way, as told last."""
    limit: int = 0
    """In force: the lowest that is declared, or an override, and what was carried over."""
    refused: bool = False
    fired: tuple[int, ...] = ()
    """Thresholds that were claimed for this process to raise the alert of."""
    disagree: tuple[int, ...] = ()
    """Limits that processes disagree about, lowest first, where it falls to this process to tell."""
    lost: bool = False
    """The lease is closed or not known: begin another, for what is not counted yet."""
    unopened: bool = False
    """Nothing was done: the same step is to come with an ``opening``."""
    since: int = 0
    """Milliseconds since the epoch at which a budget of this shape first counted calls; told with ``unopened``."""


class Remains(msgspec.Struct, frozen=True, kw_only=True):
    """What a process that died left behind of a lease: the evidence on which money comes back."""

    account: Account
    lease: str
    total: int
    flight: int
    shape: str = ""
    """As these, in ``Step``: for a lease that the store has never heard of, or not any more."""
    began: int = 0
    day: int = 0
    rolling: int = 0
    end: int | None = None


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """An account as it stands, for reports."""

    account: Account
    limit: int
    settled: int
    leased: int
    flight: int
    risk: int
    suspense: int
    """Part of ``settled``: held by processes that died, without evidence of what they spent."""
    opening: int
    """Part of ``settled``: spent before the budget was first counted, as a ledger knew it."""
    refused: bool
    days: dict[int, int]
    end: int | None
    override: int | None = None
    override_until: int | None = None
    declared: tuple[int, ...] = ()


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """An account whose counters are not what its entries add up to."""

    key: str
    settled: int
    """Counter less entries."""
    leased: int
    """Counter less entries."""


class Before(msgspec.Struct, frozen=True, kw_only=True):
    """An account's entry of what had been spent before it was first counted."""

    key: str
    amount: int


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """Counters beside what their entries and leases add up to."""

    accounts: int
    entries: int
    differences: tuple[Difference, ...]
    openings: tuple[Before, ...] = ()


class Store(Protocol):
    """What keeps the counters. Each account changes in one atomic step. All methods raise ``StoreDown``."""

    def trade(self, steps: Sequence[Step]) -> list[Reply]:
        """Do ``steps``, each of another account, in the order of their keys, and return the replies in their own."""

    def recover(self, remains: Sequence[Remains]) -> None:
        """Charge what leases of a dead process had spent or in flight and is not counted yet; give back the rest."""

    def figures(self, project: str) -> list[Figures]:
        """Return every account of a project that is kept."""

    def identities(self, project: str) -> dict[str, Identity]:
        """Return what is declared of each budget of a project, by name: also of those that have no account yet."""

    def override(self, project: str, budget: str, limit: int | None, until: int | None) -> None:
        """Put a limit in place of the declared ones until a moment (milliseconds); None takes it away."""

    def audit(self, project: str | None = None) -> Audit:
        """Compare the counters with their entries: a project's, or all."""

    def prune(self, runs: int, windows: int) -> None:
        """Let go of runs that nobody touched since ``runs``, and of other windows since ``windows`` (milliseconds)."""

    def close(self) -> None:
        """Let go of the store."""

    def forked(self) -> None:
        """Leave to a parent what is its own, in its forked child."""
