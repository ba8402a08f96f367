"""The part of a report for which the calls themselves are read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from outlay.ledger.calendar import Piece
from outlay.ledger.counters import COMMON, MILLI, SUMS
from outlay.ledger.questions import Question
from outlay.ledger.reading import Progress, Rows, read_slices
from outlay.ledger.sums import Found, Place, add
from outlay.ledger.view import KNOWN, RARE, column

_encode = msgspec.json.Encoder().encode
_TIME = " WHERE e.start >= ? AND e.start < ?"
_KEPT_SUMS = (
    "count(*), sum(e.input), sum(e.cache_read), sum(e.output), sum(e.reasoning),"
    ' sum(min(max(e."end" - e.start, 0) / 1000, 1000000000000)),'
    f" sum(e.cost / {MILLI}), sum(e.cost % {MILLI})"
)
"""What the common ``SUMS`` are made of. Amounts are summed in two parts, each far from 64 bits."""
_RARE_SUMS = "count(*), sum(e.unpriced_tokens), " + ", ".join(
    [
        *(f"sum(e.{name})" for name in SUMS[SUMS.index("cache_write_5m") : SUMS.index("bounded_milli")]),
        *(f"sum(e.{name} {part} {MILLI})" for name in ("cost", "cost_lower", "cost_upper") for part in "/%"),
    ]
)
"""What the others are made of."""


def _bit(name: str) -> int:
    return 1 << KNOWN.index(name)


_RARE = f"known & {sum(map(_bit, RARE))} OR estimated = 1"
"""Labels whose calls add to more than the common sums."""
_UNPRICED, _COST, _LOWER, _UPPER = map(_bit, ("unpriced_tokens", "cost", "cost_lower", "cost_upper"))


class _Label(msgspec.Struct, gc=False):
    """What a label says of all its calls at once."""

    parts: tuple[str | None, ...]
    request: bool
    error: bool
    estimated: bool
    known: int

    def sums(self, read: Sequence[int], first: int) -> list[int]:
        """Return what calls add to ``SUMS`` from ``first`` on, from what was ``read`` of them; the others are zero."""
        made = self._rare(read) if first else self._common(read)
        return [0] * first + made + [0] * (len(SUMS) - first - len(made))

    def _common(self, read: Sequence[int]) -> list[int]:
        count, duration = read[0], read[5] if self.request else 0
        return [count, count * self.request, count * self.error, *read[1:5], duration, *read[6:8]]

    def _rare(self, read: Sequence[int]) -> list[int]:
        count, unpriced_tokens, *tokens = read[:7]
        cost, lower, upper = read[7:9], read[9:11], read[11:13]
        if not self.known & (_LOWER | _UPPER):
            cost = lower = upper = (0, 0)
        return [
            count if self.known & _UNPRICED else 0,
            unpriced_tokens,
            count * self.estimated,
            count if self.estimated and self.known & (_COST | _UPPER) == _COST else 0,
            *tokens,
            *cost,
            *(lower if self.known & _LOWER else cost),
            *(upper if self.known & _UPPER else cost),
        ]


def holds_rare(database: sqlite3.Connection) -> bool:
    """Return whether some calls may add to more than the common sums."""
    return database.execute(f"SELECT 1 FROM labels WHERE {_RARE}").fetchone() is not None  # noqa: S608  own words


class _Labels(dict[int, _Label]):
    """The ledger's labels by number, as far as a report's ``fields`` need them."""

    def __init__(self, database: sqlite3.Connection, fields: Sequence[str]) -> None:
        super().__init__()
        self._database = database
        self._sql = f"SELECT number, outcome, estimated, known{''.join(f', {name}' for name in fields)} FROM labels"  # noqa: S608  own words
        self._read("")
        self.rare = holds_rare(database)

    def __missing__(self, number: int) -> _Label:
        """Read a label that came while calls were read."""
        self._read(f" WHERE number = {number:d}")
        return self[number]

    def _read(self, where: str) -> None:
        for number, outcome, estimated, known, *parts in self._database.execute(self._sql + where):
            self[number] = _Label(
                parts=tuple(None if part is None else str(part) for part in parts),
                request=outcome in ("ok", "abandoned"),
                error=outcome == "error",
                estimated=estimated == 1,
                known=known,
            )


def read_calls(
    database: sqlite3.Connection,
    question: Question,
    pieces: list[Piece],
    found: Found,
    progress: Progress | None,
) -> None:
    """Add to ``found`` what the calls in ``pieces`` add up to, grouped by label first: few, and all else follows."""
    if not pieces:
        return
    fields = [name for name in question.keys if not name.startswith("tag:")]
    tags = [name for name in question.keys if name.startswith("tag:")]
    labels = _Labels(database, fields)
    places = [[*fields, *tags].index(name) for name in question.keys]
    sums = [_KEPT_SUMS, _RARE_SUMS] if labels.rare else [_KEPT_SUMS]

    def read(reader: sqlite3.Connection, piece: Piece) -> list[Rows]:
        return [_read(reader, question.filters, piece, tags, summed) for summed in sums]

    for piece, (kept, *rare) in read_slices(database, pieces, read, progress):
        for row in kept:
            _add(found, piece.stretch, places, labels[row[0]], row, len(tags), 0)
        for row in rare[0] if rare else ():
            _add(found, piece.stretch, places, labels[row[0]], row, len(tags), COMMON)


def read_by_label(database: sqlite3.Connection, piece: Piece, tag: str) -> Iterator[tuple[int, str | None, list[int]]]:
    """Yield what the calls of ``piece`` add up to, by label and by the value of ``tag`` (None: they have none).

    A label comes twice where its calls add to more than the common sums.
    """
    labels = _Labels(database, ())
    for first, summed in ((0, _KEPT_SUMS), (COMMON, _RARE_SUMS)):
        if first and not labels.rare:
            return
        for number, value, *read in _read(database, {}, piece, [tag], summed):
            yield number, value, labels[number].sums(read, first)


def _read(
    reader: sqlite3.Connection, filters: Mapping[str, str | None], piece: Piece, tags: Sequence[str], summed: str
) -> Rows:
    shown = "".join(f", {expression(reader, name)}" for name in tags)
    grouped = ", ".join(str(index + 1) for index in range(1 + len(tags)))
    where, values = conditions(reader, filters)
    if summed is _RARE_SUMS:
        where += f" AND e.label IN (SELECT number FROM labels WHERE {_RARE})"  # noqa: S608  own words
    sql = f"SELECT e.label{shown}, {summed} FROM entries e{_TIME}{where} GROUP BY {grouped}"  # noqa: S608  own words
    return reader.execute(sql, (piece.start, piece.end, *values)).fetchall()


def _add(
    found: Found, stretch: int, places: list[int], label: _Label, row: tuple[Any, ...], tags: int, first: int
) -> None:
    parts = label.parts + row[1 : 1 + tags]
    key = tuple([parts[place] for place in places])
    add(found, (stretch, key), label.sums(row[1 + tags :], first))


_PARTS = "CROSS JOIN json_each(iif(l.cost_source = 'computed', e.cost_by_class, '{}')) part"
_AMOUNTS = (
    f"part.key, sum(part.value / {MILLI}), sum(part.value % {MILLI})"
    # A provider that states its charge does not say what it was for.
    f" FROM entries e CROSS JOIN labels l ON l.number = e.label {_PARTS}{_TIME}"
)
"""Pico-USD by usage class, summed in two parts as amounts are everywhere."""


def read_amounts(
    database: sqlite3.Connection, question: Question, pieces: list[Piece], progress: Progress | None
) -> dict[Place, dict[str, int]]:
    """Return what the calls in ``pieces`` cost by usage class, in pico-USD."""
    group = ", ".join(str(index + 1) for index in range(len(question.keys) + 1))

    def read(reader: sqlite3.Connection, piece: Piece) -> list[Rows]:
        shown = "".join(f"{expression(reader, name)}, " for name in question.keys)
        where, values = conditions(reader, question.filters)
        sql = f"SELECT {shown}{_AMOUNTS}{where} GROUP BY {group}"
        return [reader.execute(sql, (piece.start, piece.end, *values)).fetchall()]

    found: dict[Place, dict[str, int]] = {}
    for piece, (rows,) in read_slices(database, pieces, read, progress):
        for *values, name, milli, pico in rows:
            key = tuple(None if value is None else str(value) for value in values)
            amounts = found.setdefault((piece.stretch, key), {})
            amounts[name] = amounts.get(name, 0) + milli * MILLI + pico
    return found


def conditions(database: sqlite3.Connection, filters: Mapping[str, str | None]) -> tuple[str, list[str | None]]:
    """Return the SQL that ``filters`` add to a condition on an entry ``e``, and its values."""
    where, values = "", list[str | None]()
    for name, value in filters.items():
        if not name.startswith("tag:"):
            where += f" AND e.label IN (SELECT number FROM labels WHERE {name} IS ?)"  # noqa: S608  own words
        elif value is None:
            where += f" AND {expression(database, name)} IS ?"
        else:
            # Whether the text is there at all is seen in a third of the time that JSON takes to be read.
            where += f" AND instr(e.tags, ?) AND {expression(database, name)} IS ?"
            values.append(_encode({name[4:]: value}).decode()[1:-1])
        values.append(value)
    return where, values


def expression(database: sqlite3.Connection, name: str) -> str:
    """Return the SQL that gives a call's ``name``: a column, or ``tag:NAME``."""
    if not name.startswith("tag:"):
        return column(name)
    tag = name[4:]
    if tag.isprintable() and not set(tag) & set("\"\\'?"):
        return f"json_extract(e.tags, '$.\"{tag}\"')"
    # JSON paths have no way to write such a name.
    decode = msgspec.json.Decoder(dict[str, str]).decode
    function = f"tag_{tag.encode().hex()}"
    database.create_function(function, 1, lambda tags: decode(tags).get(tag), deterministic=True)
    return f"{function}(e.tags)"
