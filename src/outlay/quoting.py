"""What a call can cost at most before it is made, and what budgets count for it afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outlay.records import Call
from outlay.wire.bounds import Asked
from outlay.wire.exchange import Exchange
from outlay.wire.ratios import Ratios
from outlay.wire.regions import terms_of

if TYPE_CHECKING:
    from outlay.pricing import Prices
    from outlay.pricing.ceiling import Ceiling


class Quoting:
    """What a request can cost at most, as it is or rewritten: the two ``Quote`` of an ``Ask``."""

    __slots__ = ("_asked", "_exchange", "_match", "_model", "_prices", "_ratios")

    def __init__(self, prices: Prices, ratios: Ratios, exchange: Exchange, asked: Asked, model: str | None) -> None:
        self._prices, self._ratios = prices, ratios
        self._exchange, self._match = exchange, exchange.match
        self._asked, self._model = asked, model

    def most(self, model: str | None = None, output_limit: int | None = None, ratio: float | None = None) -> int | None:
        """Return pico-USD at most; None where nothing bounds it or no price is known.

        With a ``ratio`` a byte of text is taken for so many tokens.
        """
        asked = self._asked
        if not asked.parts:
            return self._one(asked, model or self._model, output_limit, ratio)
        each = [self._one(part, part.model or self._model, output_limit, ratio) for part in asked.parts]
        return sum(one for one in each if one is not None) if None not in each else None

    def _one(self, asked: Asked, model: str | None, output_limit: int | None, ratio: float | None) -> int | None:
        match, at = self._match, self._exchange.start
        bounds, biller = match.reader.bounds, match.provider.name
        output = bounds.longest(asked, model, output_limit)
        tokens = bounds.tokens(asked, model, ratio)
        if asked.unbounded or output is None or tokens is None:
            return None
        terms = terms_of(match.provider, self._exchange.host, self._exchange.path)
        kind = biller, model, terms.get("region")
        ceiling: Ceiling | None = asked.ceilings.get(kind)
        if ceiling is None or not ceiling.start <= at < ceiling.end:
            terms = {**terms, **asked.terms}
            ceiling = self._prices.ceiling(biller, (model,), at=at, terms=terms, without=asked.without)
            asked.ceilings[kind] = ceiling
        return ceiling.amount(tokens, output)

    def likely(self, model: str | None = None, output_limit: int | None = None) -> int | None:
        """Return pico-USD at most if a byte is no more tokens than in the calls before."""
        model = model or self._model
        return self.most(model, output_limit, self._ratios.of(self._match.provider.name, model))


def charged(call: Call) -> int | None:
    """Return the pico-USD of a call as budgets count it; None where nobody knows what it did cost.

    Of an estimate only its upper bound counts, and only where the provider has told the input.
    """
    cost, usage = call.cost, call.usage
    if cost.status in ("free", "included"):
        return cost.amount or 0
    if cost.status != "priced":
        return None
    if usage is None or not usage.estimated or cost.source == "reported":
        return cost.amount
    lower, upper = usage.lower or {}, usage.upper or {}
    told = [name for name in upper if name != "output"]
    return cost.upper if told and all(lower.get(name) == upper[name] for name in told) else None
