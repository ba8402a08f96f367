"""What a call cost: the class that the meter, the command line and ``outlay.calculate_cost`` ask."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from outlay.pricing import shelf
from outlay.pricing.book import Book
from outlay.pricing.calculation import calculate, disjoint
from outlay.pricing.ceiling import NO_CEILING, REFUSAL, Ceiling, dearest
from outlay.pricing.items import Used, put_items
from outlay.pricing.quote import Quote, quote
from outlay.pricing.resolution import find, in_table
from outlay.pricing.schedule import in_force, instant
from outlay.pricing.table import LoadedTable, Price
from outlay.providers import canonical
from outlay.records import Cost, CostItem, CostStatus, Quantity, Usage

if TYPE_CHECKING:
    from outlay.pricing.explanation import Explanation

NO_TERMS: Mapping[str, str] = MappingProxyType({})
CACHED = 4096
"""Resolved prices kept; past that the cache starts anew, which costs a millisecond a model."""

_Key = tuple[str, tuple[str | None, ...], tuple[tuple[str, str], ...] | None]


class Prices:
    """Prices of one table, with the user's price book laid over it. Safe to share between threads.

    A resolved price is kept with the span of time in which it holds, so a call's price is one look-up, one comparison
    and a multiplication a class. A model that nobody knows is kept as well.
    """

    def __init__(self, table: LoadedTable, book: Book) -> None:
        self.table = table
        self.book = book
        self.dated: date = table.dated
        self.version: str = table.version
        if book.digest:
            self.version = hashlib.sha256(f"{table.version} {book.digest}".encode()).hexdigest()[:16]
        self._quotes: dict[_Key, Quote] = {}
        self._ceilings: dict[tuple[_Key, frozenset[str]], Ceiling] = {}

    @classmethod
    def load(cls, book: Path | None = None, tables: Path | None = None, version: str = "") -> Prices:
        """Load the newest table, and the price book at ``book``; ``ConfigError`` says what is wrong in it.

        ``tables`` is the folder of those that the release did not bring, by the settings where not given; ``version``
        names one of them in place of the newest.
        """
        folder = tables or shelf.folder_in_use()
        table = shelf.called(folder, version) if version else shelf.newest(folder)
        if book is None:
            return cls(table, Book())
        from outlay.pricing.book_file import read  # most have no book: spare them the TOML reader

        return cls(table, read(book, partial(_listed, table)))

    def cost(
        self,
        provider: str,
        models: Sequence[str | None],
        usage: Usage,
        *,
        at: int,
        terms: Mapping[str, str] = NO_TERMS,
        reported: int | None = None,
    ) -> Cost:
        """Return what a call cost.

        ``models``: the names the call goes by, most trusted first. ``at``: nanoseconds since the epoch, the call's
        end, which is what providers bill by. ``terms``: the tier it was served in, its speed, its place.
        ``reported``: the provider's own charge in pico-USD, which wins.
        """
        key = (provider, tuple(models), tuple(terms.items()) if terms else None)
        found = self._quotes.get(key)
        if found is None or not found.start <= at < found.end:
            found = self._resolve(key, at, terms)
        if not found.plain or reported is not None or usage.estimated:
            return _cost(found, self.version, usage, reported)
        rates = found.pick(usage.classes)[0] if found.bands else found.rates
        by_class: dict[str, int] = {}
        amount = 0
        try:
            for name, quantity in usage.classes.items():
                by_class[name] = part = rates[name] * quantity  # type: ignore[assignment]  # an int, or see below
                amount += part  # type: ignore[assignment]  # as above
        except KeyError:
            return _cost(found, self.version, usage, None)
        if amount.__class__ is not int:  # seconds come as floats, which need exact arithmetic
            return _cost(found, self.version, usage, None)
        return Cost(
            status="priced",
            amount=amount,
            by_class=by_class,
            price_id=found.price_id,
            table=self.version,
            match=found.rule,
            model=found.model,
        )

    def with_items(
        self,
        cost: Cost,
        provider: str,
        used: Sequence[Used],
        *,
        at: int,
        terms: Mapping[str, str] = NO_TERMS,
    ) -> Cost:
        """Return ``cost`` with what other models were used for in the same call, each at its own price.

        ``terms``: those of the call, but for what it is that was declined in it; each item has its own.
        """
        items, shared = [], {key: value for key, value in terms.items() if key != REFUSAL}
        for one in used:
            model, classes = one.model, one.classes
            own = self.cost(provider, (model,), Usage(classes=classes), at=at, terms={**shared, **one.terms})
            items.append((CostItem(model=model, classes=classes, amount=own.amount, price_id=own.price_id), own))
        return put_items(cost, items)

    def bound(
        self,
        provider: str,
        models: Sequence[str | None],
        *,
        input_tokens: int,
        output_tokens: int,
        at: int,
        terms: Mapping[str, str] = NO_TERMS,
        without: frozenset[str] = frozenset(),
    ) -> int | None:
        """Return the pico-USD that a call costs at most; None where no price is known.

        Every token is taken for the dearest that it may turn out to be: written to a cache, thinking, in the priciest
        tier that is not ruled out. ``at``: when the call begins; it ends within a day. ``terms``: what the request asks
        for. ``without``: usage classes that it can't have.
        """
        return self.ceiling(provider, models, at=at, terms=terms, without=without).amount(input_tokens, output_tokens)

    def ceiling(
        self,
        provider: str,
        models: Sequence[str | None],
        *,
        at: int,
        terms: Mapping[str, str] = NO_TERMS,
        without: frozenset[str] = frozenset(),
    ) -> Ceiling:
        """Return what ``bound`` multiplies, for who asks about one call several times."""
        key = (provider, tuple(models), tuple(terms.items()) if terms else None)
        found = self._ceilings.get((key, without))
        if found is None or not found.start <= at < found.end:
            match = find(self.table, self.book, canonical(provider), key[1])
            found = NO_CEILING if match is None else dearest(self.table, self.book, match, at, terms, without)
            if len(self._ceilings) >= CACHED:
                self._ceilings.clear()
            self._ceilings[key, without] = found
        return found

    def explain(
        self, provider: str, models: Sequence[str | None], *, at: int, terms: Mapping[str, str] = NO_TERMS
    ) -> Explanation | None:
        """Return the price a call of these would have, in words and figures; None for a model that is not known."""
        from outlay.pricing.explanation import explain  # for people who ask, not for every program

        return explain(self.table, self.quote(provider, models, at=at, terms=terms))

    def quote(
        self, provider: str, models: Sequence[str | None], *, at: int, terms: Mapping[str, str] = NO_TERMS
    ) -> Quote:
        """Return the price that a call of these would be multiplied by."""
        return self._resolve((provider, tuple(models), tuple(terms.items()) if terms else None), at, terms)

    def calculate(  # noqa: PLR0913  # it is what the public function takes
        self,
        model: str,
        *,
        input_tokens: int = 0,
        output_tokens: int = 0,
        cache_read_input_tokens: int = 0,
        cache_write_input_tokens: int = 0,
        cache_write_1h_input_tokens: int = 0,
        reasoning_output_tokens: int = 0,
        provider: str | None = None,
        at: datetime | None = None,
        tier: str | None = None,
    ) -> Decimal:
        """Return what a call costs, in USD: what ``outlay.calculate_cost`` is.

        Totals include their parts: cache reads and writes stand in ``input_tokens``, reasoning in ``output_tokens``.
        Without a provider the model must be known to exactly one maker of models. ``at`` is when the call ends, now
        by default. Raises ``ValueError`` for parts that exceed their total and for numbers that can't be, and
        ``UnknownPrice`` for a model, a provider, a tier or a class without a price.
        """
        usage = disjoint(
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            cache_read_input_tokens=cache_read_input_tokens,
            cache_write_input_tokens=cache_write_input_tokens,
            cache_write_1h_input_tokens=cache_write_1h_input_tokens,
            reasoning_output_tokens=reasoning_output_tokens,
        )
        return calculate(self, model, usage, provider=provider, at=at, tier=tier)

    def knows(self, provider: str, model: str) -> bool:
        """Return whether a provider's model is known, in the table or the book."""
        return find(self.table, self.book, canonical(provider), (model,)) is not None

    def makes(self, provider: str, model: str) -> bool:
        """Return whether a model is on a provider's own list or in the book, not one it sells for others."""
        match = find(self.table, self.book, provider, (model,))
        return match is not None and match.provider == provider

    def sells(self, provider: str) -> list[str]:
        """Return all names by which a provider's models are known."""
        provider = canonical(provider)
        sold = self.table.provider(provider)
        names = [] if sold is None else [*sold.models, *sold.aliases]
        return [*names, *self.book.names(provider)]

    def _resolve(self, key: _Key, at: int, terms: Mapping[str, str]) -> Quote:
        provider = canonical(key[0])
        match = find(self.table, self.book, provider, key[1])
        if match is None:
            found = Quote(-(2**63), 2**63, None)
        else:
            factor, start, end = self.book.factor(provider, match.model, at)
            found = quote(match, terms, at, self.table.holidays, factor)
            found.start, found.end = max(found.start, start), min(found.end, end)
        if len(self._quotes) >= CACHED:
            self._quotes.clear()
        self._quotes[key] = found
        return found


def _cost(found: Quote, version: str, usage: Usage, reported: int | None) -> Cost:
    """Return the cost in the cases that need thought: bands, fees, odd rates, gaps, estimates, reported charges."""
    by_class, unpriced = found.settle(usage.classes)
    known = found.match is not None and bool(by_class or not unpriced) and (bool(found.exact) or bool(found.zero))
    amount = sum(by_class.values()) if known else None
    # A model that nobody knows has no classes without a price: it has none at all. A reported charge leaves no gaps.
    gaps = (*unpriced, *found.unpriced) if found.match is not None and reported is None else ()
    status: CostStatus = "unknown" if amount is None else "partial" if gaps else found.zero or "priced"
    lower, upper = _bounds(found, usage) if known and reported is None else (None, None)
    return Cost(
        status=status if reported is None else "priced",
        amount=amount if reported is None else reported,
        source="computed" if reported is None else "reported",
        by_class=by_class if known else {},
        unpriced=gaps,
        lower=lower,
        upper=upper,
        computed=None if reported is None else amount,
        price_id=found.price_id if known else None,
        table=version,
        match=found.rule,
        model=found.model,
    )


def _bounds(found: Quote, usage: Usage) -> tuple[int | None, int | None]:
    """Price the bounds of an estimated usage; a bound whose classes are not all priced is no bound."""
    return _bound(found, usage.lower), _bound(found, usage.upper)


def _bound(found: Quote, classes: Mapping[str, Quantity] | None) -> int | None:
    if classes is None:
        return None
    by_class, unpriced = found.settle(classes)
    return None if unpriced or found.unpriced else sum(by_class.values())


def _listed(table: LoadedTable, provider: str, model: str) -> Price | None:
    """Return the table's price of a model on the table's day, for a price book's to be held against."""
    match = in_table(table, provider, model)
    return None if match is None else in_force(match.rows, instant(table.dated.isoformat()), table.holidays)
