"""Reports: what was spent, by whatever a call is known by, from rollups where they can answer and calls where not."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from zoneinfo import ZoneInfo

import msgspec

from outlay.ledger.calendar import Piece, Stretch, Unit, cover, divide
from outlay.ledger.rollups import HOUR
from outlay.ledger.rows import MILLI, SUMS
from outlay.records import Spend

OTHER = "(other)"
"""The key of values that were folded, because a dimension had more of them in an hour or a day than rollups keep."""

TIME_UNITS: tuple[Unit, ...] = ("hour", "day", "week", "month")
ROLLED = ("project", "feature", "path", "provider", "model")
FIELDS = (*ROLLED, "host", "api", "operation", "transport", "release", "site", "outcome", "status", "error_type")
"""What a report can be broken down or filtered by, beside time and ``tag:NAME``."""

_SLICES = 100
Progress = Callable[[float], None]
"""Told the share that is done, from 0 to 1."""
Sums = list[int]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a report. ``key`` has a value for each thing the report is broken down by; None: the call has none."""

    key: tuple[str | None, ...]
    attempts: int = 0
    requests: int = 0
    """Attempts that succeeded: a retried call is one request and several attempts."""
    errors: int = 0
    unpriced_calls: int = 0
    unpriced_tokens: int = 0
    estimated_calls: int = 0
    unbounded_calls: int = 0
    """Estimates that nothing bounds from above."""
    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    cache_write_12h: int = 0
    other_input: int = 0
    output: int = 0
    other_output: int = 0
    reasoning: int = 0
    """Output tokens spent on thinking; inside ``output`` and ``other_output`` already."""
    duration_us: int = 0
    """Microseconds that the requests took, added up."""
    cost: int = 0
    """Pico-USD."""
    lower: int = 0
    upper: int = 0

    @property
    def input_tokens(self) -> int:
        """Tokens read, cache reads and writes included."""
        return self.input + self.cache_read + self.cache_write_input_tokens + self.other_input

    @property
    def output_tokens(self) -> int:
        """Tokens written, reasoning included."""
        return self.output + self.other_output

    @property
    def cache_write_input_tokens(self) -> int:
        """Tokens written to a prompt cache, for any time to live."""
        return self.cache_write_5m + self.cache_write_1h + self.cache_write_12h

    @property
    def total_tokens(self) -> int:
        """``input_tokens`` and ``output_tokens`` together."""
        return self.input_tokens + self.output_tokens

    @property
    def spend(self) -> Spend:
        """The cost in USD, with its bounds and what it leaves out."""
        upper = None if self.unbounded_calls else self.upper
        spend = Spend(self.cost, unpriced_calls=self.unpriced_calls, lower=self.lower, upper=upper)
        if self.unbounded_calls:
            spend.upper = None
        return spend


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A report's lines, dearest first (in order of time where it is broken down by that), and their total."""

    by: tuple[str, ...]
    lines: tuple[Line, ...]
    total: Line
    folded: bool = False
    """Whether ``OTHER`` holds values that only ``exact=True`` tells apart."""
    approximate: bool = False
    """Whether calls were pruned whose hour a border of the report cuts: the hour counts where it begins."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a report is asked."""

    by: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None
    filters: Mapping[str, str | None] = {}
    zone: ZoneInfo
    exact: bool = False

    @property
    def unit(self) -> Unit | None:
        """The unit of time that the report is broken down by."""
        return next((unit for unit in TIME_UNITS if unit in self.by), None)

    @property
    def keys(self) -> tuple[str, ...]:
        """What the report is broken down by beside time."""
        return tuple(name for name in self.by if name not in TIME_UNITS)


def check(question: Question) -> None:
    """Raise ValueError where a report can't be broken down or filtered as asked."""
    if sum(name in TIME_UNITS for name in question.by) > 1:
        raise ValueError("a report has one unit of time: hour, day, week or month")
    for name in (*question.keys, *question.filters):
        if name not in FIELDS and not name.startswith("tag:"):
            raise ValueError(f"a report knows no {name!r}: use {', '.join((*TIME_UNITS, *FIELDS))} or tag:NAME")


def answer(database: sqlite3.Connection, question: Question, progress: Progress | None = None) -> Report:
    """Return the report that ``question`` asks for; ``progress`` is called while calls are read."""
    check(question)
    stretches = divide(question.unit, *_span(database, question), question.zone)
    dimension = None if question.exact else _dimension(question)
    pieces, approximate = _pieces(database, stretches, rolled=dimension is not None)
    folded = dimension is not None and _folded(database, dimension, pieces)
    if folded and question.filters:
        dimension = None
        pieces, approximate = _pieces(database, stretches, rolled=False)
    found: dict[tuple[int, tuple[str | None, ...]], Sums] = {}
    if dimension is not None:
        _read_rollups(database, question, dimension, pieces, found)
    _read_calls(database, question, [piece for piece in pieces if not piece.hours], found, progress)
    return _report(question, stretches, found, folded=folded and dimension is not None, approximate=approximate)


def _span(database: sqlite3.Connection, question: Question) -> tuple[int, int]:
    """Return the report's time, cut to the hours in which there are calls."""
    first, last = database.execute(
        "SELECT min(slot), max(slot) FROM rollups WHERE dimension = 'total' AND hours = 1"
    ).fetchone()
    if first is None:
        return 0, 0
    start, end = first * HOUR, (last + 1) * HOUR
    since, until = question.since, question.until
    return max(start, start if since is None else since), min(end, end if until is None else until)


def _dimension(question: Question) -> str | None:
    """Return the rollups' dimension that knows all that is asked; None where none does."""
    asked = {*question.keys, *question.filters} - {"project"}
    if asked <= {"provider", "model"}:
        return "total"
    if asked <= set(ROLLED):
        return "feature"
    if len(asked) == 1:
        (name,) = asked
        # That a tag is absent is known as a difference only.
        if name.startswith("tag:") and question.filters.get(name, "") is not None:
            return name
    return None


def _pieces(database: sqlite3.Connection, stretches: list[Stretch], *, rolled: bool) -> tuple[list[Piece], bool]:
    if not rolled:
        return [Piece(index, 0, stretch.start, stretch.end) for index, stretch in enumerate(stretches)], False
    row = database.execute("SELECT value FROM facts WHERE name = 'pruned_before'").fetchone()
    pruned = row[0] if row else 0
    pieces, approximate = [], False
    for piece in cover(stretches):
        if piece.hours or piece.start >= pruned:
            pieces.append(piece)
            continue
        approximate = True
        if piece.start % HOUR == 0:
            pieces.append(Piece(piece.stretch, 1, piece.start, piece.start + HOUR))
    return pieces, approximate


_PIECES = (
    "WITH pieces(stretch, hours, first, last) AS (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'),"
    " json_extract(value, '$[2]'), json_extract(value, '$[3]') FROM json_each(?))"
)
_JOIN = (
    " FROM pieces CROSS JOIN rollups r ON r.dimension = ? AND r.hours = pieces.hours"
    " AND r.slot >= pieces.first AND r.slot < pieces.last"
)


def _folded(database: sqlite3.Connection, dimension: str, pieces: list[Piece]) -> bool:
    sql = f"{_PIECES} SELECT 1 {_JOIN} WHERE r.folded = 1 LIMIT 1"  # noqa: S608  own words
    return database.execute(sql, (_slots(pieces), dimension)).fetchone() is not None


def _slots(pieces: list[Piece]) -> str:
    slots = [(p.stretch, p.hours, p.start // HOUR, p.end // HOUR) for p in pieces if p.hours]
    return msgspec.json.encode(slots).decode()


def _read_rollups(
    database: sqlite3.Connection,
    question: Question,
    dimension: str,
    pieces: list[Piece],
    found: dict[tuple[int, tuple[str | None, ...]], Sums],
) -> None:
    for stretch, key, sums in _rolled(database, question, dimension, pieces, question.keys, question.filters):
        _add(found, (stretch, key), sums)
    if dimension.startswith("tag:") and dimension in question.keys and dimension not in question.filters:
        _add_untagged(database, question, dimension, pieces, found)


def _rolled(
    database: sqlite3.Connection,
    question: Question,
    dimension: str,
    pieces: list[Piece],
    keys: Sequence[str],
    filters: Mapping[str, str | None],
) -> Iterable[tuple[int, tuple[str | None, ...], Sums]]:
    columns = ["value" if name.startswith("tag:") else name for name in keys]
    shown = [name if name == "project" else f"iif(r.folded, '{OTHER}', r.{name})" for name in columns]
    grouped = "".join(f", {name}" for name in shown)
    where = "".join(f" AND r.{'value' if name.startswith('tag:') else name} = ?" for name in filters)
    sums = ", ".join(f"sum(r.{name})" for name in SUMS)
    sql = f"{_PIECES} SELECT stretch{grouped}, {sums} {_JOIN} WHERE true{where} GROUP BY stretch{grouped}"  # noqa: S608  own words
    width = 1 + len(keys)
    for row in database.execute(sql, (_slots(pieces), dimension, *filters.values())):
        yield row[0], row[1:width], list(row[width:])


def _add_untagged(
    database: sqlite3.Connection,
    question: Question,
    dimension: str,
    pieces: list[Piece],
    found: dict[tuple[int, tuple[str | None, ...]], Sums],
) -> None:
    """Add what the calls without the tag spent: the total less what those with it did."""
    at = question.keys.index(dimension)
    others = [name for name in question.keys if name != dimension]
    rest: dict[tuple[int, tuple[str | None, ...]], Sums] = {}
    for stretch, key, sums in _rolled(database, question, "total", pieces, others, question.filters):
        _add(rest, (stretch, (*key[:at], None, *key[at:])), sums)
    for (stretch, key), sums in found.items():
        untagged = rest[stretch, (*key[:at], None, *key[at + 1 :])]
        for index, value in enumerate(sums):
            untagged[index] -= value
    for place, sums in rest.items():
        if sums[0]:
            _add(found, place, sums)


_CALL_SUMS = (
    "count(*), sum(outcome IN ('ok', 'abandoned')), sum(outcome = 'error'), count(unpriced_tokens),"
    " sum(unpriced_tokens), sum(estimated), sum(estimated = 1 AND cost IS NOT NULL AND cost_upper IS NULL),"
    " sum(input), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(cache_write_12h), sum(other_input),"
    " sum(output), sum(other_output), sum(reasoning),"
    " sum(iif(outcome IN ('ok', 'abandoned'), min(max(\"end\" - start, 0) / 1000, 1000000000000), 0)),"
    f" sum(cost / {MILLI}), sum(cost % {MILLI}),"
    f" sum(coalesce(cost_lower, cost) / {MILLI}), sum(coalesce(cost_lower, cost) % {MILLI}),"
    f" sum(coalesce(cost_upper, cost) / {MILLI}), sum(coalesce(cost_upper, cost) % {MILLI})"
)
"""``SUMS`` of calls. Amounts are summed in two parts, each far from 64 bits."""


def _read_calls(
    database: sqlite3.Connection,
    question: Question,
    pieces: list[Piece],
    found: dict[tuple[int, tuple[str | None, ...]], Sums],
    progress: Progress | None,
) -> None:
    keys = [_expression(database, name) for name in question.keys]
    where = "".join(f" AND {_expression(database, name)} IS ?" for name in question.filters)
    grouped = "".join(f", {key}" for key in keys)
    group = f" GROUP BY {', '.join(str(index + 2) for index in range(len(keys)))}" if keys else ""
    sql = f"SELECT count(*){grouped}, {_CALL_SUMS} FROM calls WHERE start >= ? AND start < ?{where}{group}"  # noqa: S608  own words
    width = 1 + len(keys)
    slices = list(_slices(pieces))
    for index, piece in enumerate(slices):
        for row in database.execute(sql, (piece.start, piece.end, *question.filters.values())):
            if row[0]:
                key = tuple(None if part is None else str(part) for part in row[1:width])
                _add(found, (piece.stretch, key), [value or 0 for value in row[width:]])
        if progress is not None:
            progress((index + 1) / len(slices))


def _expression(database: sqlite3.Connection, name: str) -> str:
    if not name.startswith("tag:"):
        return name
    tag = name[4:]
    if tag.isprintable() and not set(tag) & set("\"\\'?"):
        return f"json_extract(tags, '$.\"{tag}\"')"
    # JSON paths have no way to write such a name.
    decode = msgspec.json.Decoder(dict[str, str]).decode
    function = f"tag_{tag.encode().hex()}"
    database.create_function(function, 1, lambda tags: decode(tags).get(tag), deterministic=True)
    return f"{function}(tags)"


def _slices(pieces: list[Piece]) -> Iterable[Piece]:
    """Cut long pieces, so that reading them can be followed."""
    length = max(sum(piece.end - piece.start for piece in pieces) // _SLICES, HOUR)
    for piece in pieces:
        for start in range(piece.start, piece.end, length):
            yield Piece(piece.stretch, 0, start, min(start + length, piece.end))


def _add(
    found: dict[tuple[int, tuple[str | None, ...]], Sums], place: tuple[int, tuple[str | None, ...]], sums: Sums
) -> None:
    known = found.get(place)
    found[place] = sums if known is None else [left + right for left, right in zip(known, sums, strict=True)]


def _report(
    question: Question,
    stretches: list[Stretch],
    found: dict[tuple[int, tuple[str | None, ...]], Sums],
    *,
    folded: bool,
    approximate: bool,
) -> Report:
    total = [0] * len(SUMS)
    lines = []
    # In order of time; the dearest first within.
    for (stretch, key), sums in sorted(found.items(), key=lambda item: (item[0][0], -_amount(item[1]))):
        total = [left + right for left, right in zip(total, sums, strict=True)]
        parts = iter(key)
        full = tuple(stretches[stretch].name if name in TIME_UNITS else next(parts) for name in question.by)
        lines.append(_line(full, sums))
    return Report(by=question.by, lines=tuple(lines), total=_line((), total), folded=folded, approximate=approximate)


def _amount(sums: Sums) -> int:
    return sums[-6] * MILLI + sums[-5]


def _line(key: tuple[str | None, ...], sums: Sums) -> Line:
    counts = dict(zip(SUMS[:-6], sums[:-6], strict=True))
    cost, lower, upper = (sums[at] * MILLI + sums[at + 1] for at in (-6, -4, -2))
    return Line(key=key, **counts, cost=cost, lower=lower, upper=upper)
