"""The corrections file as data: what it says of each price that the table's source has wrong or lacks."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import msgspec

from outlay.errors import ConfigError
from outlay.pricing.table import Price, Rates

Rows = list[Price]


class _Reasoned(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every correction says of itself."""

    source: str
    """URL of the page where it was read."""
    why: str
    """What is wrong without it."""


class Move(_Reasoned, frozen=True, kw_only=True):
    """Models that another provider sells, with their names."""

    provider: str
    models: str
    """A glob of ids."""
    to: str


class Replace(_Reasoned, frozen=True, kw_only=True):
    """A model whose rows are ours altogether: it is new, or the data can't say what holds."""

    provider: str
    model: str
    rows: Rows
    aliases: list[str] = []
    dated: str = ""


class PriceList(_Reasoned, frozen=True, kw_only=True):
    """Models that the data lacks, each with one price for all times."""

    provider: str
    models: dict[str, Rates]
    """Id to rates; ``MAKER/NAME`` goes by ``NAME`` too."""


class Add(_Reasoned, frozen=True, kw_only=True):
    """Rates of classes that the data lacks for these models, in all rows that lack them; or rows beside them."""

    provider: str
    models: list[str]
    rates: Rates = {}
    twice: dict[str, str] = {}
    """New class to the class that it costs twice as much as."""
    same: dict[str, str] = {}
    """New class to the class that it costs as much as: the data has one price for all that such a model writes."""
    least: dict[str, int] = {}
    most: dict[str, int] = {}
    rows: Rows = []


class Change(_Reasoned, frozen=True, kw_only=True):
    """Rates that are wrong in the data's first row of a model (that of the earliest time)."""

    provider: str
    model: str
    rates: Rates


class Free(_Reasoned, frozen=True, kw_only=True):
    """Models that cost nothing; in the data they have no price, which elsewhere means that none is known."""

    provider: str
    names: list[str]


class Rename(_Reasoned, frozen=True, kw_only=True):
    """Other names of a model."""

    provider: str
    aliases: dict[str, str]


class Meant(_Reasoned, frozen=True, kw_only=True):
    """Names that for a time meant another model than the one that the data has under them."""

    provider: str
    names: list[str]
    model: str
    since: str = ""
    """The first instant at which they did, and the first at which they no longer did; empty for open."""
    until: str = ""


class Terms(_Reasoned, frozen=True, kw_only=True):
    """Rows for all models of some providers."""

    providers: list[str]
    rows: Rows


class Seller(_Reasoned, frozen=True, kw_only=True):
    """A provider that sells others' models at their prices."""

    provider: str
    like: str = ""
    fallback: list[str] = []


class Calendar(_Reasoned, frozen=True, kw_only=True):
    """Days on which no window begins."""

    name: str
    days: list[str]


class Corrections(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The corrections file; it is read from top to bottom within each kind, the kinds in the order of these fields."""

    dated: date
    move: list[Move] = []
    replace: list[Replace] = []
    price_list: list[PriceList] = []
    add: list[Add] = []
    change: list[Change] = []
    free: list[Free] = []
    rename: list[Rename] = []
    meant: list[Meant] = []
    terms: list[Terms] = []
    seller: list[Seller] = []
    calendar: list[Calendar] = []

    @classmethod
    def load(cls, path: Path) -> Corrections:
        """Read the file; ``ConfigError`` names what is wrong in it."""
        try:
            return msgspec.toml.decode(path.read_bytes(), type=cls)
        except msgspec.DecodeError as error:
            raise ConfigError(f"{path}: {error}") from error

    @property
    def holidays(self) -> dict[str, list[str]]:
        """Calendar's name to its days."""
        return {calendar.name: sorted(calendar.days) for calendar in self.calendar}
