"""Parts of a budget that are given away: a signed value that a child thread, process or worker spends under.

The parent reserves the part in each of its budgets; the child's outlay holds its calls to the part in their place. The
value goes to whoever does the work, never to a model host.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import time_ns
from typing import Self

import msgspec

from outlay import context
from outlay.budgets.actions import block
from outlay.budgets.budget import Budget
from outlay.budgets.leases import Lease
from outlay.budgets.notices import dollars
from outlay.budgets.plan import Plan
from outlay.budgets.trade import Store
from outlay.errors import ConfigError
from outlay.guard import guard
from outlay.readable import readable

_ending = guard("ending a slice")

here: ContextVar[str | None] = ContextVar("outlay_slice", default=None)
"""The signed value of the slice that calls made here spend."""


class Terms(msgspec.Struct, frozen=True):
    """What a signed value says."""

    id: str
    project: str
    amount: int
    """Nano-USD."""
    until: int
    """Nanoseconds since the epoch at which it ends to be of any use."""
    covered: tuple[str, ...]
    """Names of the parent's budgets that it was taken out of: it stands in their place."""

    @property
    def budget(self) -> Budget:
        """The slice as a budget of its own."""
        return Budget(self.name, limit=dollars(self.amount), per="total", at={100: block}, alerts=())

    @property
    def name(self) -> str:
        """Name of that budget."""
        return f"slice {self.id}"


def signed(terms: Terms, key: str) -> str:
    """Return ``terms`` as a text, with a signature that only who has the key can make."""
    said = base64.urlsafe_b64encode(msgspec.json.encode(terms)).rstrip(b"=").decode()
    return f"{said}.{_signature(said, key)}"


def read(value: str, key: str | None, now: int) -> Terms:
    """Return what a signed value says. Raises ``ConfigError`` for one that was not signed by this key, or is over."""
    if not key:
        raise ConfigError("a slice of a budget needs the setting budget_key, the same here as where it was cut.")
    said, _, signature = value.partition(".") if isinstance(value, str) else ("", "", "")
    # As bytes: texts it compares are ASCII, and what somebody made up may be anything.
    if not hmac.compare_digest(_bytes(signature), _bytes(_signature(said, key))):
        raise ConfigError("a slice of a budget was not signed by the budget_key that is set here.")
    try:
        terms = msgspec.json.decode(base64.urlsafe_b64decode(said + "=" * (-len(said) % 4)), type=readable(Terms))
    except (binascii.Error, msgspec.MsgspecError):
        raise ConfigError(
            "a slice of a budget was signed by another version of outlay: upgrade the older one."
        ) from None
    if now >= terms.until:
        raise ConfigError("a slice of a budget is over: cut another one.")
    return terms


class Cuts:
    """The slices that are spent in this process, each held to by a plan of its own."""

    def __init__(self, key: str | None) -> None:
        """Take the key that slices are signed with."""
        self._key = key
        self._known: dict[str, tuple[Terms, Plan]] = {}

    def plan(self, value: str) -> tuple[Terms, Plan]:
        """Return what a signed value says, and the plan by which its slice is held to. Raises ``ConfigError``."""
        found = self._known.get(value)
        if found is None or time_ns() >= found[0].until:
            terms = read(value, self._key, time_ns())
            found = self._known[value] = (terms, Plan(terms.budget, terms.project, new=True))
        return found

    def drop(self, value: str) -> list[Lease]:
        """Forget a slice that ends, and return what this process holds of it."""
        found = self._known.pop(value, None)
        return [] if found is None else list(found[1].leases.values())

    def forked(self) -> None:
        """Spend none in a child yet."""
        self._known.clear()


class Slice:
    """A part of a budget: ``value`` is to be handed to who spends it. What is left of it comes back at its end."""

    def __init__(
        self,
        value: str,
        terms: Terms,
        store: Store,
        release: Callable[[str], None],
        settle: Callable[[int | None], None],
    ) -> None:
        self.value = value
        self.amount = dollars(terms.amount)
        """USD."""
        self._terms, self._store, self._release, self._settle = terms, store, release, settle

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """End the slice: no more is given out under it, and what the store knows to be unspent comes back.

        What this process holds of it is given back first; what a call in flight or a child elsewhere holds stays spent.

        All of it stays spent where the child does not count in the parent's store: of that there is no evidence.
        """
        spent: int | None = None
        with _ending:
            context.catch_up()  # a call that was answered holds nothing, and may wait to be settled
            self._store.override(self._terms.project, self._terms.name, 1, None)
            self._release(self.value)  # after that: else as much could be fetched again
            for each in self._store.figures(self._terms.project):
                if each.account.budget == self._terms.name:
                    spent = min((each.settled + each.leased) * 1000, self._terms.amount * 1000)
        self._settle(spent)


@contextmanager
def spending(value: str) -> Iterator[None]:
    """Have the calls made within spend the slice of this signed value. Raises ``ConfigError`` for what is no text."""
    if not isinstance(value, str):
        raise ConfigError(f"outlay.spending() takes the value of a slice, a text, not {type(value).__name__}.")
    token = here.set(value)
    try:
        yield
    finally:
        here.reset(token)


def _signature(said: str, key: str) -> str:
    return hmac.new(_bytes(key), _bytes(said), "sha256").hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")
