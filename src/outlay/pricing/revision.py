"""What a new table changes against the one before, and which of its rows are of no plausible size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from outlay.pricing import magnitude
from outlay.pricing.schedule import in_force
from outlay.pricing.table import LoadedTable, Price, Provider, Rate, Rates

Rows = list[Price]


class Difference(NamedTuple):
    """One class of one model whose standing price is another in the new table; USD, as the tables write it."""

    provider: str
    model: str
    what: str
    """A usage class; empty where the model itself is new or gone, ``history`` where only other rows changed."""
    old: str
    new: str


def differences(old: LoadedTable, new: LoadedTable, at: int) -> list[Difference]:
    """Return what standing prices at ``at`` (ns since the epoch), and rows besides, differ between two tables."""
    found: list[Difference] = []
    for name in sorted({*old.names(), *new.names()}):
        before, after = _models(old, name), _models(new, name)
        for model in sorted(before.keys() | after.keys()):
            found.extend(_model(name, model, before.get(model), after.get(model), (old, new, at)))
    return found


def _model(
    provider: str, model: str, before: Rows | None, after: Rows | None, between: tuple[LoadedTable, LoadedTable, int]
) -> Iterator[Difference]:
    old, new, at = between
    if before is None or after is None:
        yield Difference(provider, model, "", "not known" if before is None else "known", "known" if after else "gone")
        return
    if before == after:
        return
    one, other = (in_force(rows, at, table.holidays) for rows, table in ((before, old), (after, new)))
    first, second = (row.rates if row is not None else {} for row in (one, other))
    changed = [name for name in sorted(first.keys() | second.keys()) if first.get(name) != second.get(name)]
    for name in changed:
        yield Difference(provider, model, name, _written(first.get(name)), _written(second.get(name)))
    if not changed:
        yield Difference(provider, model, "history", "", "")


def _models(table: LoadedTable, name: str) -> dict[str, Rows]:
    """Return the rows of each model of a provider's own; those that it sells like another are the other's."""
    sold = table.own(name)
    return {} if sold is None else {model: _rows(rows) for model, rows in sold.models.items()}


def _rows(rows: Rates | Rows) -> Rows:
    return [Price(rates=rows)] if isinstance(rows, dict) else rows


def _written(rate: Rate | None) -> str:
    if rate is None:
        return "none"
    return rate if isinstance(rate, str) else f"{rate[0]}…{rate[-1]}"


def plausible(old: LoadedTable, refuse: Callable[[str], None]) -> Callable[[dict[str, Provider]], dict[str, Provider]]:
    """Return what takes models of an implausible size out of a new table, and puts those of ``old`` in their place.

    ``refuse`` is told which, and why. A model that ``old`` does not have is left out: unknown is better than wrong.
    """

    def check(providers: dict[str, Provider]) -> dict[str, Provider]:
        for name, provider in providers.items():
            before = _models(old, name)
            for model in list(provider.models):
                problem = _problem(_rows(provider.models[model]), before.get(model))
                if problem is None:
                    continue
                refuse(f"{name} {model}: {problem} {'The row before stays.' if model in before else 'It is left out.'}")
                if model in before:
                    provider.models[model] = before[model]
                else:
                    _drop(provider, model)
        return providers

    return check


def _problem(rows: Rows, before: Rows | None) -> str | None:
    """Return what is odd about rows, the first of it; they may be as they were."""
    if rows == before:
        return None
    listed = next((row for row in reversed(before or ()) if not row.when and "input" in row.rates), None)
    found = (magnitude.doubt(row, None if row.when else listed) or magnitude.imbalance(row) for row in rows)
    return next((problem for problem in found if problem), None)


def _drop(provider: Provider, model: str) -> None:
    del provider.models[model]
    for alias in [alias for alias, target in provider.aliases.items() if target == model]:
        del provider.aliases[alias]
    for name in [name for name in provider.dated if name not in provider.models and name not in provider.aliases]:
        del provider.dated[name]
