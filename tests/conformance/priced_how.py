"""Of each provider and format the classes and how each is priced, for docs/providers.md: by an attempt to price it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from outlay import plugins
from outlay.integration import API, Provider
from outlay.pricing import Prices
from outlay.pricing.schedule import instant
from outlay.pricing.units import PER, TOKENS
from outlay.providers import canonical
from outlay.records import Usage
from tests.conformance.field_shapes import FIELD_SHAPES

FEE = "requests"
"""What every call is billed, whatever it uses."""

SPOKEN_BY_ALL = "openai.chat"
"""What a host speaks of which nothing else is known."""


class Row(NamedTuple):
    """How a format's classes are priced at a provider."""

    format: str
    tokens: tuple[str, ...]
    """Those that the table prices by the token."""
    units: tuple[str, ...]
    """Those that it prices by another unit."""
    charge: str
    """Where an answer may tell what was charged, which wins."""
    unpriced: tuple[str, ...]
    """Those that only a price book can price."""


def table() -> str:
    """Return the rows, those of providers that are equal as one."""
    prices = Prices.load()
    rows: dict[Row, list[str]] = {}
    for provider in {provider.name: provider for provider in plugins.providers()}.values():
        priced = _Priced(prices, provider)
        for name, tables in sorted(_formats(provider.name).items()):
            rows.setdefault(priced.row(name, tables), []).append(provider.name)
    return "\n".join(_line(row, sorted(names)) for row, names in sorted(rows.items(), key=lambda one: (one[0], one[1])))


def classes(api: API) -> list[str]:
    """Return the classes that a format's usage is divided into, each once."""
    totals = [name for total in api.usage.totals for name in (*total.parts, total.rest)]
    per_use = (*api.usage.others, *api.usage.otherwise, *api.answer.uses, *api.answer.used)
    return list(dict.fromkeys((*totals, *per_use, *api.request.measures, *api.request.asks)))


class _Priced:
    """What of a provider has a price on the day of the table."""

    def __init__(self, prices: Prices, provider: Provider) -> None:
        self._prices, self._provider, self._at = prices, provider, instant(prices.dated.isoformat())
        self._model: dict[str, str] = {}
        for model in _models(prices, provider.name):
            for name in prices.quote(provider.name, (model,), at=self._at).exact:
                self._model.setdefault(name, model)

    def row(self, name: str, tables: list[API]) -> Row:
        """Price each class of a format, one of it for a model that has a price for it."""
        found = {one: self._has(one) for api in tables for one in classes(api)}
        if any(api.operation == "chat" for api in tables) and self._has(FEE):
            found[FEE] = True
        tokens = tuple(one for one, has in found.items() if has and one in TOKENS)
        units = tuple(one for one, has in found.items() if has and one not in TOKENS)
        told = sorted({f"`{api.answer.reported}`" for api in tables if api.answer.reported})
        told += [f"header `{self._provider.cost_header}`"] if self._provider.cost_header else []
        told += [f"as of the provider that `{self._provider.served_by}` names"] if self._provider.served_by else []
        return Row(name, tokens, units, "; ".join(told), tuple(one for one, has in found.items() if not has))

    def _has(self, name: str) -> bool:
        models = (self._model.get(name),)
        cost = self._prices.cost(self._provider.name, models, Usage(classes={name: 1}), at=self._at)
        return cost.status == "priced" and name in cost.by_class


def _models(prices: Prices, provider: str) -> Iterator[str]:
    """Yield the models on a provider's list, then those of others whose prices hold there."""
    sold = prices.table.provider(provider)
    for name in (provider, *(sold.fallback if sold else ())):
        listed = prices.table.provider(name)
        yield from listed.models if listed else ()


def _formats(provider: str) -> dict[str, list[API]]:
    """Return the tables of the formats that are a provider's own, or that a test speaks to it, by their names."""
    shown = {shape.api for shape in FIELD_SHAPES if provider in (shape.provider or shape.sdk, shape.sdk)}
    own = {api.name for api in plugins.apis() if provider in api.providers or _maker(api) == provider}
    spoken: dict[str, list[API]] = {}
    for api in plugins.apis():
        if api.name in (shown | own or {SPOKEN_BY_ALL}) and (provider in api.providers or not api.providers):
            spoken.setdefault(api.name, []).append(api)
    return {name: [api for api in tables if api.providers] or tables for name, tables in spoken.items()}


def _maker(api: API) -> str:
    return canonical(api.name.partition(".")[0]) if not api.providers else ""


def _line(row: Row, names: Iterable[str]) -> str:
    units = ", ".join(f"{name} ({PER[name]:,})" for name in row.units)
    told = ", ".join(f"`{name}`" for name in names)
    return f"| {told} | `{row.format}` | {', '.join(row.tokens)} | {units} | {row.charge} | {', '.join(row.unpriced)} |"
