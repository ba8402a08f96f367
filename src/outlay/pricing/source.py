"""Read genai-prices' data: of the installed package, or of a file such as its ``data.json``; for building a table only.

What is read of a file has the attributes that genai-prices' own objects have, so that one compiler reads both. No
package is needed for a file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from outlay.errors import ConfigError


class Source(NamedTuple):
    """What a table is compiled from."""

    name: str
    """``genai-prices 0.2.3``, or a file's name."""
    since: date
    """The day on which the data came onto this machine: it can't be newer."""
    providers: list[Any]
    """genai-prices' ``Provider`` objects, or ones that look like them."""


def installed() -> Source:
    """Return the data of the installed genai-prices; raise ``ConfigError`` where there is none."""
    try:
        from genai_prices import data
    except ImportError:
        raise ConfigError(
            "building a price table needs its source: pip install -U genai-prices, or name its data.json with --from."
        ) from None
    return Source(f"genai-prices {metadata.version('genai-prices')}", _day(Path(data.__file__)), data.providers)


def read(path: Path) -> Source:
    """Return the data in a file of genai-prices, its ``data.json``; raise ``ConfigError`` where it is not one."""
    try:
        providers = _decode(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {(error.strerror or type(error).__name__).lower()}.") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is not the data of genai-prices, an array of providers: {error}.") from None
    for provider in providers:
        for model in provider.models:
            model.prepare(f"{path}: {provider.id} {model.id}")
    return Source(f"genai-prices' {path.name}", _day(path), providers)


def _day(path: Path) -> date:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).date()


class _Tier(msgspec.Struct):
    start: int
    price: Decimal


class _Tiers(msgspec.Struct):
    base: Decimal
    tiers: list[_Tier]


class _Date(msgspec.Struct):
    start_date: date


class _Times(msgspec.Struct):
    start_time: time
    end_time: time


class _Prices:
    """A price for each of genai-prices' units, as attributes."""

    def __init__(self, raw: dict[str, Any], place: str) -> None:
        try:
            prices = msgspec.convert(raw, dict[str, Decimal | _Tiers | None])
        except msgspec.ValidationError as error:
            raise ConfigError(f"{place} has a price that is none: {error}.") from None
        vars(self).update(prices)


class _Row(msgspec.Struct):
    """genai-prices' ``ConditionalPrice`` or ``PriceVariant``."""

    prices: Any
    constraint: Any = None
    when: dict[str, str] = {}


class _Model(msgspec.Struct):
    """genai-prices' ``ModelInfo``."""

    id: str
    match: Any
    prices: Any
    price_variants: list[_Row] | None = None

    def is_match(self, name: str) -> bool:
        """Return whether the model goes by ``name``."""
        found: bool = self.match.is_match(name.lower())
        return found

    def prepare(self, place: str) -> None:
        """Turn what was read as it stands into what it means; ``ConfigError`` begins with ``place``."""
        self.match = _clause(self.match, place)
        if isinstance(self.prices, list):
            self.prices = [_row(msgspec.convert(row, _Row), place) for row in self.prices]
        else:
            self.prices = _Prices(self.prices, place)
        self.price_variants = [_row(row, place) for row in self.price_variants or ()]


class _Provider(msgspec.Struct):
    """genai-prices' ``Provider``."""

    id: str
    models: list[_Model]


_decode: Callable[[bytes], list[_Provider]] = msgspec.json.Decoder(list[_Provider], float_hook=Decimal).decode


def _row(row: _Row, place: str) -> _Row:
    constraint = row.constraint
    if constraint is not None:
        kind: type[_Date | _Times] = _Date if "start_date" in constraint else _Times
        try:
            constraint = msgspec.convert(constraint, kind)
        except msgspec.ValidationError as error:
            raise ConfigError(f"{place} has a time that is none: {error}.") from None
    return _Row(_Prices(row.prices, place), constraint, row.when)


class _Clause:
    """A condition on a model's name; the attribute of its kind holds what it compares with, as in genai-prices."""

    def __init__(self, kind: str, value: Any, holds: Callable[[str], bool]) -> None:
        setattr(self, {"or": "or_", "and": "and_"}.get(kind, kind), value)
        self.is_match = holds


def _clause(raw: Any, place: str) -> _Clause:
    kind, value = next(iter(raw.items())) if isinstance(raw, dict) and len(raw) == 1 else ("", None)
    if kind in ("or", "and") and isinstance(value, list):
        parts = [_clause(part, place) for part in value]
        every = any if kind == "or" else all
        return _Clause(kind, parts, lambda name: every(part.is_match(name) for part in parts))
    if not isinstance(value, str) or kind not in _KINDS:
        raise ConfigError(f"{place} is found by a condition that this outlay does not know: {raw!r}; upgrade outlay.")
    text = value if kind == "regex" else value.lower()
    return _Clause(kind, value, lambda name: _KINDS[kind](name, text))


_KINDS: dict[str, Callable[[str, str], bool]] = {
    "equals": str.__eq__,
    "starts_with": str.startswith,
    "ends_with": str.endswith,
    "contains": str.__contains__,
    "regex": lambda name, pattern: re.search(pattern, name) is not None,
}
