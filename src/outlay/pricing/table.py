"""The price table as data: what a price is, what a provider sells, and reading the compiled table."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path
from typing import Literal

import msgspec

from outlay.errors import ConfigError
from outlay.readable import readable

SCHEMA = 3
"""Version of the format; tables of earlier ones are read as well."""

SHIPPED = Path(__file__).with_name("table.json")
"""The table that this release was built with."""

Rate = str | list[str | int]
"""USD for the quantity in ``units.PER`` as a decimal, or one with context bands: ``["2", 272000, "4"]`` is 2 USD, and
4 USD for the whole call when its input is more than 272,000 tokens."""

Rates = dict[str, Rate]


Zero = Literal["", "free", "included"]
"""Why calls cost nothing, where they do: given away, or part of a subscription."""


class Price(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One row: what the usage classes of a model cost, and under which conditions.

    A row without ``when`` is a standing price: the last one whose time conditions hold is the price in force. A row
    with ``when`` changes it for calls of these terms, class by class: with ``rates`` to new ones, with ``multiply`` by
    a factor on tokens. Times are UTC; ``since`` is the first instant, ``until`` the first instant no more.
    """

    rates: Rates = {}
    since: str = ""
    until: str = ""
    daily: list[str] = []
    """Windows of the UTC day, ``16:30-00:30``: from the first minute on, up to the second; empty for all day."""
    weekdays: str = ""
    """ISO numbers of the days on which a window begins, ``12345``; empty for all."""
    holidays: str = ""
    """Name of the calendar on whose days no window begins."""
    when: dict[str, str] = {}
    multiply: str = ""
    least: dict[str, int] = {}
    """Class to the quantity that is billed at least, once any is used."""
    most: dict[str, int] = {}
    """Class to the quantity that is billed at most in one call."""
    zero: Zero = ""
    """Set in a row without rates."""
    source: str = ""
    """Where the price was read; empty for the data that the table was compiled from."""


class Meaning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Names that for a time meant another model than their own, whose other names did not: that one's rows."""

    names: list[str]
    rows: list[Price]


class Provider(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What one provider sells."""

    models: dict[str, Rates | list[Price]] = {}
    """Model's id to its rates where one price holds always and for all, else to its rows."""
    aliases: dict[str, str] = {}
    """Other name to id."""
    dated: dict[str, str] = {}
    """Name to the kinds of snapshot suffix (``names.SNAPSHOT``) that cost the same as the name without it."""
    also: dict[str, list[str]] = {}
    """``aliases`` as they are written: an id's other names, so that it stands there once."""
    open: dict[str, list[str]] = {}
    """``dated`` as it is written."""
    meant: list[Meaning] = []
    terms: list[Price] = []
    """Rows with ``when`` for all models, below what a model has of its own."""
    like: str = ""
    """A provider whose models are sold here at the same prices."""
    fallback: list[str] = []
    """Providers whose list prices hold here for their models."""


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole table; providers stay raw until one is asked for."""

    schema: int
    dated: str
    compiled_from: str
    holidays: dict[str, list[str]]
    providers: dict[str, msgspec.Raw]


class LoadedTable:
    """A table in memory, its providers decoded as they are asked for."""

    def __init__(self, data: bytes) -> None:
        """Read the table in ``data``; its version is the first 16 digits of these bytes' SHA-256."""
        try:
            table = msgspec.json.decode(data, type=readable(Table))
        except msgspec.DecodeError as error:
            raise ConfigError(f"the price table can't be read ({error}); install outlay again") from error
        if table.schema > SCHEMA:
            raise ConfigError(f"the price table has schema {table.schema}, this outlay reads {SCHEMA}; upgrade outlay")
        self.version = hashlib.sha256(data).hexdigest()[:16]
        self.dated = date.fromisoformat(table.dated)
        self.compiled_from = table.compiled_from
        self.holidays = {name: frozenset(days) for name, days in table.holidays.items()}
        self._raw = table.providers
        self._providers: dict[str, Provider | None] = {}

    def provider(self, name: str) -> Provider | None:
        """Return what the provider of this canonical name sells, None for one that the table does not know."""
        try:
            return self._providers[name]
        except KeyError:
            found = self.own(name)
            if found is not None and found.like:
                found = _merge(found, self.provider(found.like))
            if found is not None:  # unknown names are the caller's: not kept, so that they can't fill the memory
                self._providers[name] = found
            return found

    def own(self, name: str) -> Provider | None:
        """Return what the provider sells without what it sells like another."""
        raw = self._raw.get(name)
        return None if raw is None else unpacked(_decode(raw))

    def names(self) -> list[str]:
        """Return the canonical names of all providers in the table."""
        return list(self._raw)


def load() -> LoadedTable:
    """Read the table that this release was built with."""
    return LoadedTable(SHIPPED.read_bytes())


_decode = msgspec.json.Decoder(readable(Provider)).decode


def packed(provider: Provider) -> Provider:
    """Return a provider as it is written: of many names for one thing, the thing stands once."""
    return msgspec.structs.replace(
        provider, aliases={}, dated={}, also=_by_value(provider.aliases), open=_by_value(provider.dated)
    )


def unpacked(provider: Provider) -> Provider:
    """Return a provider as it is used."""
    if not provider.also and not provider.open:
        return provider
    aliases = {name: model for model, names in provider.also.items() for name in names}
    dated = {name: kinds for kinds, names in provider.open.items() for name in names}
    return msgspec.structs.replace(provider, aliases=aliases, dated=dated, also={}, open={})


def _by_value(names: dict[str, str]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name in sorted(names):
        grouped.setdefault(names[name], []).append(name)
    return grouped


def _merge(own: Provider, other: Provider | None) -> Provider:
    if other is None:
        return own
    return Provider(
        models={**other.models, **own.models},
        aliases={**other.aliases, **own.aliases},
        dated={**other.dated, **own.dated},
        meant=[*other.meant, *own.meant],
        terms=[*other.terms, *own.terms],
        fallback=own.fallback or other.fallback,
    )
