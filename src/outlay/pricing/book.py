"""The user's price book: prices, names, adjustments and GPU hosts of their own, laid over the table.

Its prices win over the table's; a price in it is the whole price of its model, so a class that it leaves out has no
price. ``book_file`` reads one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import NamedTuple

from outlay.pricing.hosts import Host
from outlay.pricing.monthly import Commitment, Volume
from outlay.pricing.schedule import ALWAYS, dates
from outlay.pricing.table import Price
from outlay.providers import canonical


class BookPrice(NamedTuple):
    """One ``[[price]]`` or ``[[host]]`` of a book."""

    provider: str
    model: str
    glob: bool
    price: Price


class Adjustment(NamedTuple):
    """One ``[[adjust]]``: a factor on every rate of what it matches."""

    provider: str
    model: str
    factor: Fraction
    order: int
    why: str
    since: str = ""
    until: str = ""


class Book:
    """What stands in a price book, asked for by provider and model."""

    def __init__(
        self,
        prices: Sequence[BookPrice] = (),
        adjustments: Sequence[Adjustment] = (),
        aliases: Mapping[tuple[str, str], tuple[str, str]] | None = None,
        digest: str = "",
        path: str = "",
        hosts: Sequence[Host] = (),
        volumes: Sequence[Volume] = (),
        commitments: Sequence[Commitment] = (),
    ) -> None:
        self.digest = digest
        """SHA-256 of the file; empty without one."""
        self.path = path
        self.hosts = tuple(hosts)
        self.volumes = tuple(volumes)
        self.commitments = tuple(commitments)
        self._aliases = dict(aliases or {})
        self._adjustments = sorted(adjustments, key=lambda adjustment: adjustment.order)
        self._prices = tuple(prices)
        self._exact: dict[tuple[str, str], list[Price]] = {}
        self._globs = [price for price in prices if price.glob]
        for price in prices:
            if not price.glob:
                self._exact.setdefault((price.provider, price.model), []).append(price.price)

    def plus(self, prices: Sequence[BookPrice]) -> Book:
        """Return this book's prices and names with prices more."""
        return Book((*self._prices, *prices), self._adjustments, self._aliases, self.digest, self.path, self.hosts)

    def alias(self, provider: str, name: str) -> tuple[str, str] | None:
        """Return the (provider, model) that the user's alias for a name stands for."""
        return self._aliases.get((provider, name.lower()))

    def prices(self, provider: str, name: str, model: str | None) -> Sequence[Price]:
        """Return the rows for a name, or for the table's id that it resolves to: exact ones, else those of globs."""
        for spelling in (name.lower(), model):
            if spelling is not None and (provider, spelling) in self._exact:
                return self._exact[provider, spelling]
        spellings = [spelling for spelling in (name.lower(), model) if spelling is not None]
        return [
            glob.price
            for glob in self._globs
            if glob.provider == provider and any(fnmatchcase(spelling, glob.model) for spelling in spellings)
        ]

    def factor(self, provider: str, model: str, at: int) -> tuple[Fraction, int, int]:
        """Return what the adjustments for a model multiply its price by at ``at``, and from when until when."""
        factor, (start, end) = Fraction(1), ALWAYS
        for adjustment in self.adjusting(provider, model):
            first, last = dates(adjustment.since, adjustment.until)
            if first <= at < last:
                factor *= adjustment.factor
            for edge in (first, last):
                start, end = (max(start, edge), end) if edge <= at else (start, min(end, edge))
        return factor, start, end

    def adjusting(self, provider: str, model: str) -> list[Adjustment]:
        """Return the adjustments for a model, of any time, in their order."""
        return [
            adjustment
            for adjustment in self._adjustments
            if adjustment.provider in {"*", provider} and fnmatchcase(model, adjustment.model)
        ]

    def providers(self) -> list[str]:
        """Return all providers that the book has prices or names for."""
        named = [*self._exact, *self._aliases, *((glob.provider, glob.model) for glob in self._globs)]
        return list(dict.fromkeys(seller for seller, _ in named))

    def names(self, provider: str) -> list[str]:
        """Return the models that the book prices for a provider, for suggestions."""
        return [model for seller, model in (*self._exact, *self._aliases) if seller == canonical(provider)]
