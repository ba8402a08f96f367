"""What decides a price beside the model: the tier a call was served in, its speed, its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from outlay.pricing.table import Price

STANDARD: dict[str, frozenset[str]] = {
    "tier": frozenset({"", "default", "standard", "auto", "on_demand", "on-demand", "standard_only", "unspecified"}),
    "speed": frozenset({"", "standard", "normal", "default"}),
    "inference_geo": frozenset({"", "global", "not_available"}),
    "latency": frozenset({"", "standard"}),
}
"""Terms that always matter, and their values that mean the standard price.

OpenAI answers ``default``, Anthropic ``standard``, Groq ``on_demand``. Any other value must be priced by a row, or
the cost says that it is not. Other terms matter where a row of the model names them.
"""


REGIONAL = "regional"
"""The region of a row for any one but the whole world."""


ANY = "*"
"""What a row says of a term that it holds for, whatever it is."""


def _means(key: str, said: str, value: str) -> bool:
    """Return whether a row that says ``said`` of a term, one value or several, holds for ``value``."""
    if said == value or (key == "region" and said == REGIONAL and value not in ("", "global")):
        return True
    return bool(value) and (said == ANY or ("|" in said and value in said.split("|")))


def relevant(terms: Mapping[str, str], rows: Sequence[Price]) -> dict[str, str]:
    """Return the terms that a row has to answer for: those not standard, as far as they matter for these rows."""
    if not terms:
        return {}
    named = {key for row in rows for key in row.when}
    return {
        key: value
        for key, value in terms.items()
        if (key in STANDARD and value not in STANDARD[key]) or (key in named and key not in STANDARD)
        # A row for one region says nothing against the standing price in the others.
        if key != "region" or any(_means(key, row.when.get(key, ""), value) for row in rows if value)
    }


def answering(rows: Sequence[Price], terms: Mapping[str, str]) -> list[Price]:
    """Return the rows whose terms are all among ``terms``."""
    return [
        row for row in rows if row.when and all(_means(key, said, terms.get(key, "")) for key, said in row.when.items())
    ]


def unanswered(terms: Mapping[str, str], rows: Iterable[Price]) -> tuple[str, ...]:
    """Return the terms that no row prices, as ``key:value``."""
    answered = [item for row in rows for item in row.when.items()]
    return tuple(
        f"{key}:{value}"
        for key, value in sorted(terms.items())
        if not any(named == key and _means(key, said, value) for named, said in answered)
    )


def contradicting(variants: Sequence[Price]) -> tuple[str, ...]:
    """Return the terms of rows that set the same class to different prices, neither for a special case of the other.

    Nobody sells the fast speed in a batch: which of the two prices would hold is not known.
    """
    setting = [row for row in variants if row.rates]
    clashes = (
        one.when.items() | other.when.items()
        for number, one in enumerate(setting)
        for other in setting[:number]
        if one.rates.keys() & other.rates.keys()
        and not (one.when.items() <= other.when.items() or other.when.items() <= one.when.items())
    )
    return tuple(sorted({f"{key}:{value}" for clash in clashes for key, value in clash}))
