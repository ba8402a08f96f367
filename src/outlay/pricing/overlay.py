"""Lay the dated corrections over the data that the table is compiled from; used by the compiler only."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from outlay.errors import ConfigError
from outlay.pricing.corrections import Add, Change, Corrections, Free, Meant, PriceList, Rename, Replace
from outlay.pricing.names import snapshot_of
from outlay.pricing.table import Meaning, Price, Provider, Rate

Rows = list[Price]

Unfit = Callable[[str], None]
"""Is told in a sentence what can't be used."""


def strict(problem: str) -> None:
    """Stop at whatever can't be used: a released table says nothing that is out of date."""
    raise ConfigError(problem)


def apply(corrections: Corrections, providers: Mapping[str, Provider], unfit: Unfit = strict) -> dict[str, Provider]:
    """Return the providers with all corrections made; ``unfit`` is told of each that changes nothing any more."""
    result = {name: _copy(provider) for name, provider in providers.items()}
    for sellers in (corrections.replace, corrections.price_list, corrections.seller):
        for item in sellers:
            result.setdefault(item.provider, Provider())
    for move in corrections.move:
        _move(_sold(result, move.provider), result.setdefault(move.to, Provider()), move.models)
    for kind, correct in _KINDS.items():
        for correction in getattr(corrections, kind):
            try:
                correct(_sold(result, correction.provider), correction, unfit)
            except ConfigError as error:
                unfit(str(error))
    for terms in corrections.terms:
        rows = [msgspec.structs.replace(row, source=terms.source) for row in terms.rows]
        for name in terms.providers:
            _sold(result, name).terms.extend(rows)
    for seller in corrections.seller:
        sold = result[seller.provider]
        result[seller.provider] = msgspec.structs.replace(sold, like=seller.like, fallback=seller.fallback)
    return result


def _sold(providers: dict[str, Provider], name: str) -> Provider:
    return providers.setdefault(name, Provider())


def _copy(provider: Provider) -> Provider:
    return msgspec.structs.replace(
        provider,
        models=dict(provider.models),
        aliases=dict(provider.aliases),
        dated=dict(provider.dated),
        meant=[],
        terms=[],
    )


def _move(old: Provider, new: Provider, models: str) -> None:
    for model in fnmatch.filter(list(old.models), models):
        new.models[model] = old.models.pop(model)
        for alias in [alias for alias, target in old.aliases.items() if target == model]:
            new.aliases[alias] = old.aliases.pop(alias)
        for name in [name for name in old.dated if new.aliases.get(name, name) == model]:
            new.dated[name] = old.dated.pop(name)


def _replace(provider: Provider, replace: Replace, _: Unfit) -> None:
    rows = [msgspec.structs.replace(row, source=row.source or replace.source) for row in replace.rows]
    provider.models[replace.model] = rows
    provider.aliases.pop(replace.model, None)
    provider.aliases.update(dict.fromkeys(replace.aliases, replace.model))
    provider.dated.update(dict.fromkeys([replace.model, *replace.aliases], replace.dated) if replace.dated else {})


def _list(provider: Provider, prices: PriceList, unfit: Unfit) -> None:
    for name, rates in prices.models.items():
        short = name.rpartition("/")[2]
        if name in provider.models:
            unfit(f"corrections: {prices.provider} has {name} now; remove the correction")
            continue
        provider.models[name] = [Price(rates=rates, source=prices.source)]
        if short != name:
            provider.aliases.setdefault(short, name)


def _add(provider: Provider, add: Add, unfit: Unfit) -> None:
    for name in add.models:
        try:
            rows = [_widen(name, row, add) for row in _rows(provider, name)]
        except ConfigError as error:
            unfit(str(error))
            continue
        extra = [msgspec.structs.replace(row, source=row.source or add.source) for row in add.rows]
        provider.models[name] = [*rows, *extra]


def _widen(name: str, row: Price, add: Add) -> Price:
    """Return a row with the added rates: fixed ones in standing rows, twice another in every row that has the other."""
    rates = {} if row.when else dict(add.rates)
    rates |= {new: _double(row.rates[old]) for new, old in add.twice.items() if old in row.rates}
    rates |= {new: row.rates[old] for new, old in add.same.items() if old in row.rates}
    least = {name: quantity for name, quantity in add.least.items() if name in row.rates}
    most = {name: quantity for name, quantity in add.most.items() if name in row.rates}
    if not rates and not least and not most:
        return row
    present = rates.keys() & row.rates.keys()
    if present:
        raise ConfigError(f"corrections: {name} has a price for {', '.join(present)} now; remove the correction")
    return msgspec.structs.replace(
        row,
        rates={**row.rates, **rates},
        least={**row.least, **least},
        most={**row.most, **most},
        source=row.source or add.source,
    )


def _double(rate: Rate) -> Rate:
    if isinstance(rate, str):
        return f"{2 * Decimal(rate):f}"
    return [f"{2 * Decimal(part):f}" if isinstance(part, str) else part for part in rate]


def _change(provider: Provider, change: Change, _: Unfit) -> None:
    first, *rest = _rows(provider, change.model)
    if all(first.rates.get(name) == rate for name, rate in change.rates.items()):
        raise ConfigError(f"corrections: {change.model} is right in the data now; remove the correction")
    first = msgspec.structs.replace(first, rates={**first.rates, **change.rates}, source=change.source)
    provider.models[change.model] = [first, *rest]


def _rows(provider: Provider, name: str) -> Rows:
    model = provider.models.get(name)
    if model is None:
        raise ConfigError(f"corrections: there is no model {name} any more; remove the correction")
    return [Price(rates=model)] if isinstance(model, dict) else list(model)


def _rename(provider: Provider, rename: Rename, unfit: Unfit) -> None:
    for alias, model in rename.aliases.items():
        if model in provider.models:
            provider.aliases[alias] = model
        else:
            unfit(f"corrections: {rename.provider} has no model {model} for the alias {alias}")


def _free(provider: Provider, free: Free, _: Unfit) -> None:
    provider.models.update({name: [Price(zero="free", source=free.source)] for name in free.names})


def _mean(provider: Provider, meant: Meant, _: Unfit) -> None:
    rows = _rows(provider, meant.model)
    for name in meant.names:
        listed = name in provider.models or name in provider.aliases
        base = name if listed else (snapshot_of(name) or ("", name))[1]
        if _rows(provider, provider.aliases.get(base, base)) == rows:
            raise ConfigError(f"corrections: {name} costs what {meant.model} does now; remove the correction")
    during = [_during(row, meant.since, meant.until) for row in rows]
    provider.meant.append(
        Meaning(
            names=meant.names,
            rows=[msgspec.structs.replace(row, source=row.source or meant.source) for row in during if row is not None],
        )
    )


def _during(row: Price, since: str, until: str) -> Price | None:
    """Return a row as far as it holds between two instants, either of them empty for open."""
    since = max(row.since, since)
    until = min(row.until or until, until or row.until)
    return msgspec.structs.replace(row, since=since, until=until) if since < until or not until else None


_KINDS: dict[str, Callable[[Provider, Any, Unfit], None]] = {
    "replace": _replace,
    "price_list": _list,
    "add": _add,
    "change": _change,
    "free": _free,
    "rename": _rename,
    "meant": _mean,
}
