"""Which provider's model is meant by a name that a person writes, and what to say where that can't be known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outlay.errors import UnknownPrice
from outlay.providers import FIRST_PARTY, canonical, known

if TYPE_CHECKING:
    from outlay.pricing.prices import Prices


def chosen(prices: Prices, text: str) -> tuple[str, str]:
    """Return (provider, model) of ``provider:model``, or of a model named alone; ``UnknownPrice`` where it is unclear.

    A colon may be a part of the model's name: what stands before it counts where it names a provider.
    """
    head, colon, rest = text.partition(":")
    if colon and rest and (known(head) or prices.sells(head)):
        return canonical(head), rest
    return maker(prices, text)


def maker(prices: Prices, model: str) -> tuple[str, str]:
    """Return (provider, model) for a model named alone: its one maker, or the provider written before a slash."""
    makers = [name for name in FIRST_PARTY if prices.makes(name, model)]
    if len(makers) == 1:
        return makers[0], model
    if len(makers) > 1:
        raise UnknownPrice(f"{model} is sold by {' and '.join(makers)}: say which with provider={makers[0]!r}.")
    head, slash, rest = model.partition("/")
    if slash and known(head) and prices.knows(canonical(head), rest):
        return canonical(head), rest
    raise UnknownPrice(
        f"No maker of models is known for {model!r}.{suggestion(prices, FIRST_PARTY, model)} A model "
        "that others host is priced by its host: say which with provider=…"
    )


def sellers(prices: Prices, model: str) -> list[str]:
    """Return all providers that a model is known of, those who make models first."""
    every = (*FIRST_PARTY, *prices.table.names(), *prices.book.providers())
    return [name for name in dict.fromkeys(every) if prices.knows(name, model)]


def unknown(prices: Prices, provider: str, model: str) -> str:
    """Return a sentence for a model without a price, with what may have been meant."""
    provider = canonical(provider)
    if not prices.sells(provider):
        return f"No prices are known for the provider {provider!r}; add them to a price book (docs/pricing.md)."
    hint = suggestion(prices, (provider,), model)
    return f"No price is known for {model!r} of {provider}.{hint} A price book can hold one (docs/pricing.md)."


def suggestion(prices: Prices, providers: tuple[str, ...], model: str) -> str:
    """Return a question for what may have been meant by a name; empty where nothing is near."""
    from difflib import get_close_matches  # only a mistake needs it

    names = [name for provider in providers for name in prices.sells(provider)]
    near = get_close_matches(model.lower(), names, n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(near)}?" if near else ""
