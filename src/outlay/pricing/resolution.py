"""Find the rows of the price table for the model that a call names."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from outlay.pricing.book import Book
from outlay.pricing.names import same_seller, snapshot_of, spellings
from outlay.pricing.table import LoadedTable, Price, Provider


class Match(msgspec.Struct, frozen=True):
    """A model's rows, and how its name found them."""

    provider: str
    """Whose rows they are: the provider who bills, or one whose list prices hold there."""
    model: str
    """The model's id in the table or the book."""
    rule: str
    rows: Sequence[Price]
    """The provider's terms for all models first, then the model's own rows."""
    below: Sequence[Price] = ()
    """The table's rows that those of the user's price book lie on."""


def find(table: LoadedTable, book: Book, provider: str, names: Sequence[str | None]) -> Match | None:
    """Return the first match of ``names``, most trusted first; None where no name is known."""
    for name in names:
        if name:
            match = _find(table, book, provider, name)
            if match is not None:
                return match
    return None


def _find(table: LoadedTable, book: Book, provider: str, name: str) -> Match | None:
    target = book.alias(provider, name)
    if target is not None:
        match = _priced(table, book, *target)
        return None if match is None else _renamed(match, "user_alias")
    return _priced(table, book, provider, name)


def _renamed(match: Match, rule: str) -> Match:
    rule = rule if match.rule == "exact" else f"{rule}+{match.rule}"
    return msgspec.structs.replace(match, rule=rule)


def _priced(table: LoadedTable, book: Book, provider: str, name: str) -> Match | None:
    """Look into the table, then lay the book's rows for the raw name or for the id that was found over it."""
    match = in_table(table, provider, name)
    rows = book.prices(provider, name, None if match is None else match.model)
    if not rows:
        return match
    below = () if match is None else match.rows
    model = name if match is None else match.model
    return Match(provider, model, "book", rows, below)


def in_table(table: LoadedTable, provider: str, name: str) -> Match | None:
    """Return what the table alone knows of a name."""
    sold = table.provider(provider)
    if sold is None:
        return None
    found = _among(sold, name, provider)
    if found is not None:
        model, rule, spelling = found
        return Match(provider, model, rule, _rows(sold, model, spelling))
    if provider == "openrouter" and name.lower().endswith(":free"):
        return Match(provider, name.lower(), "free", [Price(zero="free")])
    for other in sold.fallback:
        theirs = table.provider(other)
        found = None if theirs is None else _among(theirs, name, other, provider)
        if theirs is not None and found is not None:
            model, rule, spelling = found
            rows = _rows(theirs, model, spelling)
            if same_seller(other, provider):
                return Match(other, model, rule, rows)
            # Their list price holds here; their tiers do not (Azure has no flex), only those of the seller.
            rows = [*sold.terms, *(row for row in rows if not row.when)]
            return Match(other, model, f"{rule}+list_price_of_{other}", rows)
    return None


def _among(sold: Provider, name: str, *providers: str) -> tuple[str, str, str] | None:
    """Return (id, rule, spelling) of ``name`` among a provider's models, as it spells it or who sells for it."""
    tried = []
    for rule, spelling in (spelt for provider in providers for spelt in spellings(provider, name)):
        tried.append((rule, spelling))
        if spelling in sold.models:
            return spelling, rule or "exact", spelling
        alias = sold.aliases.get(spelling)
        if alias is not None:
            return alias, f"{rule}+alias" if rule and rule != "alias" else "alias", spelling
    for rule, spelling in tried:
        snapshot = snapshot_of(spelling)
        if snapshot is not None and snapshot[0] in sold.dated.get(snapshot[1], ""):
            base = snapshot[1]
            return sold.aliases.get(base, base), f"{rule}+dated" if rule else "dated", spelling
    return None


def _rows(sold: Provider, model: str, spelling: str) -> list[Price]:
    """Return a model's rows, and over them those of what its name meant for a time."""
    own = sold.models[model]
    rows = [Price(rates=own)] if isinstance(own, dict) else own
    meant = [row for meaning in sold.meant if spelling in meaning.names for row in meaning.rows]
    return [*sold.terms, *rows, *meant]
