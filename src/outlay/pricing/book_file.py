"""Read a price book, and refuse what can't be meant; ``docs/pricing.md`` shows one."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from outlay.errors import ConfigError
from outlay.pricing.book import Book, BookPrice
from outlay.pricing.book_lines import read_adjustment, read_aliases, read_commitment, read_host, read_volume
from outlay.pricing.book_prices import read_price
from outlay.pricing.entry import Entry, File
from outlay.pricing.exchange import USD, Currencies
from outlay.pricing.table import Price
from outlay.providers import canonical

KNOWN = frozenset({"schema", "currency", "exchange", "price", "adjust", "volume", "commit", "host", "alias"})


def read(path: Path, listed: Callable[[str, str], Price | None]) -> Book:
    """Read the price book at ``path``; ``ConfigError`` names the file, the line in it, and the way out.

    ``listed`` gives the price that the table has in force for a provider's model, if any: a price of the book is held
    against it, to catch a mistaken unit.
    """
    try:
        data = path.read_bytes()
        text = data.decode()
        content = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"the price book {path} can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the price book {path} is not TOML: {error}") from error
    file = File(str(path), text, listed)
    currencies = Currencies(_head(file, content), _entries(file, content, "exchange"))
    prices = list(_prices(file, content, currencies))
    hosts = [pair for entry in _entries(file, content, "host") for pair in read_host(entry, currencies)]
    book = Book(
        prices=[*prices, *(price for _, price in hosts)],
        adjustments=[read_adjustment(entry) for entry in _entries(file, content, "adjust")],
        aliases=read_aliases(Entry(file, "alias", 0, {}), content.get("alias", {})),
        digest=hashlib.sha256(data).hexdigest(),
        path=str(path),
        hosts=[host for host, _ in hosts],
        volumes=[one for entry in _entries(file, content, "volume") for one in read_volume(entry, currencies)],
        commitments=[one for entry in _entries(file, content, "commit") for one in read_commitment(entry, currencies)],
    )
    for alias in content.get("alias", {}):
        _check_alias(file, book, alias)
    return book


def _prices(file: File, content: Mapping[str, Any], currencies: Currencies) -> Iterator[BookPrice]:
    """Yield the prices, each once: of two for the same calls at the same time nobody could say which holds."""
    seen: dict[Any, int] = {}
    for entry in _entries(file, content, "price"):
        for row in read_price(entry, currencies):
            price = msgspec.structs.replace(row.price, rates={}, multiply="", zero="", source="", least={}, most={})
            key = (row.provider, row.model, row.glob, msgspec.json.encode(price))
            if seen.setdefault(key, entry.number) != entry.number:
                first = Entry(file, "price", seen[key], {})
                entry.fail(
                    f"line {first.line} has a price for the same calls at the same time: leave one out, or say with "
                    "valid_from and valid_until when each holds"
                )
            yield row


def _check_alias(file: File, book: Book, alias: str) -> None:
    """Refuse a name that stands for a model without a price: a slip of the pen would price none of its calls."""
    provider, _, name = alias.partition(":")
    target = book.alias(canonical(provider), name)
    if target is None or book.prices(*target, None) or file.listed(*target) is not None:
        return
    place = _place(file, f'"{alias}')
    raise ConfigError(
        f"{place}: {alias} stands for {':'.join(target)}, of which neither the table nor this "
        "book has a price; `outlay prices MODEL` tells how a model is called"
    )


def _head(file: File, content: Mapping[str, Any]) -> str:
    """Check what stands at the top of a book; return its currency."""
    for key in sorted(content.keys() - KNOWN):
        raise ConfigError(f"{_place(file, key)}: {key} is not known here; a price book has {', '.join(sorted(KNOWN))}")
    if content.get("schema") != 1:
        raise ConfigError(f"{_place(file, 'schema')}: a price book begins with schema = 1")
    currency = content.get("currency", USD)
    if not isinstance(currency, str) or not re.fullmatch("[A-Z]{3}", currency):
        raise ConfigError(f'{_place(file, "currency")}: currency is three letters, like "USD" or "EUR"')
    return currency


def _place(file: File, key: str) -> str:
    """Return the file, and the line in it where a key or a table of this name is first seen."""
    found = re.search(rf"^\s*\[*\s*{re.escape(key)}\b", file.text, re.MULTILINE)
    return file.path if found is None else f"{file.path}:{file.text.count(chr(10), 0, found.end()) + 1}"


def _entries(file: File, content: Mapping[str, Any], kind: str) -> Iterator[Entry]:
    tables = content.get(kind, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ConfigError(f"{_place(file, kind)}: {kind} is written as [[{kind}]], with two brackets")
    return (Entry(file, kind, number, table) for number, table in enumerate(tables))
