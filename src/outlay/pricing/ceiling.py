"""The most that a call can cost, whatever of its tokens turns out to be what: before it is made nobody knows."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping
from fractions import Fraction

import msgspec

from outlay.pricing.book import Book
from outlay.pricing.quote import Exact, Quote, quote
from outlay.pricing.resolution import Match
from outlay.pricing.schedule import ALWAYS, DAY, SECOND
from outlay.pricing.table import LoadedTable
from outlay.records import INPUT_CLASSES, OUTPUT_CLASSES

AHEAD = DAY
"""Nanoseconds after its start within which a call ends: its price is that of its end."""

KINDS = 64
"""Combinations of terms that are looked at; a model with more has no ceiling."""

PAST = frozenset(("batch",))
"""Terms that no call has that is answered at once."""

REFUSAL = "refusal"
"""The term of answers that were declined, which costs less or as much as any other answer."""


class Level(msgspec.Struct, frozen=True):
    """The dearest rates of calls whose input is more than so many tokens: pico-USD per token, rounded up."""

    over: int
    input: int | None
    output: int | None
    """None where no class of it has a price."""
    fee: int
    """Pico-USD that every call owes."""
    least: int
    """Tokens of input that are billed at least."""


class Ceiling(msgspec.Struct, frozen=True):
    """The dearest price of a model during a span of time."""

    start: int
    end: int
    """Nanoseconds since the epoch; the end is excluded."""
    levels: tuple[Level, ...]
    """In ascending order; empty where no price is known."""

    def amount(self, input_tokens: int, output_tokens: int) -> int | None:
        """Return the pico-USD of so many tokens at most; None where no price is known."""
        found = None
        for level in self.levels:
            if input_tokens > level.over:
                found = level
        if found is None or found.input is None or (output_tokens and found.output is None):
            return None
        # Each class is rounded by itself, at most half a pico-USD up: not more of them than there are classes.
        return found.fee + max(input_tokens, found.least) * found.input + output_tokens * (found.output or 0) + _ROUNDED


_ROUNDED = len(INPUT_CLASSES) + len(OUTPUT_CLASSES)


NO_CEILING = Ceiling(*ALWAYS, ())
"""That of a model without a price."""


def dearest(
    table: LoadedTable, book: Book, match: Match, at: int, terms: Mapping[str, str], without: Collection[str]
) -> Ceiling:
    """Return the dearest price of what ``match`` found, for calls that begin at ``at``.

    ``terms``: those that the request asks for; any other may turn out to hold. ``without``: usage classes that such a
    call can't have.
    """
    quotes: list[Quote] = []
    asked = list(itertools.islice(_possible(match, terms), KINDS + 1))
    when = at
    while when < at + 2 * AHEAD and len(asked) <= KINDS:  # the last call that this is asked for ends by then
        factor, _, until = book.factor(match.provider, match.model, when)
        made = [quote(match, kind, when, table.holidays, factor) for kind in asked]
        quotes += [one for one in made if not one.unpriced and (one.exact or one.zero)]
        when = max(when + SECOND, min([until, *(one.end for one in made)]))
    return Ceiling(at, at + AHEAD, tuple(_levels(quotes, frozenset(without))))


def _possible(match: Match, terms: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Yield the terms that a call may turn out to have: those asked for, or the standard, or where unasked any."""
    known: dict[str, set[str]] = {}
    for row in (*match.below, *match.rows):
        for key, value in row.when.items() if REFUSAL not in row.when else ():
            known.setdefault(key, set()).add(value)
    choices = []
    for key, values in known.items():
        said = terms.get(key, "" if key == "region" else None)  # the host tells the region, and nothing after it
        if said is None or (key == "tier" and said == "auto"):
            choices.append([(key, value) for value in sorted({"", *values} - PAST)])
        else:
            choices.append([(key, value) for value in sorted({"", said})])
    for kind in itertools.product(*choices):
        yield {key: value for key, value in kind if value}


def _levels(quotes: list[Quote], without: frozenset[str]) -> Iterator[Level]:
    """Yield the dearest rates at each number of input tokens from which on they may be others."""
    if not quotes:
        return
    most: dict[str, Fraction | None] = {"input": None, "output": None, "fee": Fraction(0), "least": Fraction(0)}
    for edge in sorted({-1, *(over for one in quotes for over, _, _ in one.bands)}):
        for one in quotes:
            exact = next((rates for over, _, rates in one.bands if over == edge), one.exact if edge == -1 else None)
            for name, rate in () if exact is None else _dearest(one, exact, without):
                before = most[name]
                most[name] = rate if before is None else max(before, rate)
        yield Level(edge, **{name: None if rate is None else -int(-rate // 1) for name, rate in most.items()})  # type: ignore[arg-type]  # fee and least are numbers


def _dearest(one: Quote, exact: Exact, without: frozenset[str]) -> Iterator[tuple[str, Fraction]]:
    """Yield the dearest rate of each kind."""
    for kind, classes in (("input", INPUT_CLASSES), ("output", OUTPUT_CLASSES)):
        rates = [exact[name] for name in classes if name in exact and name not in without]
        if rates or one.zero:
            yield kind, max(rates, default=Fraction(0))
    yield "fee", exact.get("requests", Fraction(0))
    yield "least", Fraction(max((one.least.get(name, 0) for name in INPUT_CLASSES), default=0))
