"""Other currencies than USD: their rates of exchange, as the price book states them, each with its dates."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

from outlay.pricing.entry import Entry
from outlay.pricing.schedule import instant

USD = "USD"


class Period(NamedTuple):
    """A time in which one unit of a currency is worth so many USD."""

    usd: Fraction = Fraction(1)
    since: str = ""
    until: str = ""
    note: str = ""
    """What is said of the rate where a price is told."""


class Currencies:
    """The currency of a book, and the rates of exchange of others."""

    def __init__(self, default: str = USD, rates: Iterable[Entry] = ()) -> None:
        self.default = default
        self._periods: dict[str, list[Period]] = {USD: [Period()]}
        entries: dict[str, list[tuple[str, Entry]]] = {}
        for entry in rates:
            entry.only(frozenset({"currency", "usd", "valid_from", "source"}))
            code = entry.text("currency")
            if code == USD:
                entry.fail("USD is what other currencies are turned into: give the rate of another one")
            entries.setdefault(code, []).append((entry.instant("valid_from"), entry))
        for code, dated in entries.items():
            dated.sort(key=lambda pair: instant(pair[0]) if pair[0] else -(2**63))
            ends = [since for since, _ in dated[1:]] + [""]
            self._periods[code] = [
                _period(code, entry, since, until) for (since, entry), until in zip(dated, ends, strict=True)
            ]

    def periods(self, entry: Entry) -> list[Period]:
        """Return the times in which an entry's amounts hold, each with the worth of one unit of its currency.

        They lie inside the entry's own dates. Before the first rate of a currency nothing is known.
        """
        code = entry.text("currency", self.default)
        if code not in self._periods:
            entry.fail(
                f'nothing says what {code} is worth: add [[exchange]] with currency = "{code}", usd = "1.08", '
                'valid_from = 2026-01-01 and source = "…"'
            )
        since, until = entry.instant("valid_from"), entry.instant("valid_until")
        if since and until and instant(since) >= instant(until):
            entry.fail("valid_until must be after valid_from")
        found = [
            period._replace(since=_later(since, period.since), until=_earlier(until, period.until))
            for period in self._periods[code]
        ]
        held = [one for one in found if not (one.since and one.until and instant(one.since) >= instant(one.until))]
        if not held:
            entry.fail(f"no rate of {code} holds between valid_from and valid_until: add an [[exchange]] that does")
        return held


def _period(code: str, entry: Entry, since: str, until: str) -> Period:
    usd = entry.usd("usd", entry.content.get("usd"))
    if not Fraction(1, 10**6) <= usd <= 1000:
        entry.fail(f"usd = {entry.content['usd']} is no rate: it is what one {code} is worth in USD, like 1.08")
    since_when = f" since {since[:10]}" if since else ""
    note = f" ({code} at {entry.content['usd']} USD{since_when}, {entry.text('source')})"
    return Period(usd, since, until, note)


def _later(one: str, other: str) -> str:
    return max((one, other), key=lambda text: instant(text) if text else -(2**63))


def _earlier(one: str, other: str) -> str:
    return min((one, other), key=lambda text: instant(text) if text else 2**63)
