"""What is owed beside calls, each as a line of its own: hosts by the hour, commitments, discounts by volume."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console

from outlay.cli.output import count, money, share
from outlay.cli.output import spend as written
from outlay.cli.tables import Column, print_table
from outlay.cli.times import nanoseconds
from outlay.ledger.calendar import divide
from outlay.ledger.ledger import Ledger
from outlay.ledger.queries import month_of
from outlay.ledger.questions import TIME_UNITS
from outlay.money import Spend, pico, usd
from outlay.pricing.book import Book
from outlay.pricing.hosts import HOUR, Host, Presence, allocate
from outlay.pricing.monthly import Commitment, Spent, Volume, discount

LONGEST_CALL = 24 * HOUR
"""Calls that began so long before a time are looked at for what they did in it."""


@dataclass(frozen=True)
class Beside:
    """One line: what for, how much, and what a reader must know of it."""

    kind: str
    """``host``, ``idle``, ``running``, ``commitment`` or ``volume``."""
    name: str
    cost: int
    """Pico-USD; negative for a discount."""
    note: str
    key: tuple[str | None, ...] = ()
    """Whose calls a host's hours were, by what the report is broken down by."""


@dataclass(frozen=True)
class Period:
    """The time of a report."""

    first: datetime
    last: datetime
    now: datetime
    zone: ZoneInfo

    @property
    def since(self) -> int:
        """Its beginning in nanoseconds since the epoch."""
        return nanoseconds(self.first)

    @property
    def until(self) -> int:
        """Its end, or now where that is later: what has not been is not owed."""
        return min(nanoseconds(self.last), nanoseconds(self.now))


def beside_calls(ledger: Ledger, book: Book, by: tuple[str, ...], period: Period) -> list[Beside]:
    """Return the lines of a book for a time; ``by`` is what the report is broken down by."""
    names = tuple(name for name in by if name not in TIME_UNITS)
    lines = [line for host in book.hosts if host.by_clock for line in _host(ledger, host, names, period)]
    lines += [line for commitment in book.commitments for line in _commitment(ledger, commitment, period)]
    return [*lines, *_volumes(ledger, book.volumes, period)]


def _host(ledger: Ledger, host: Host, by: tuple[str, ...], period: Period) -> Iterator[Beside]:
    since, until = period.since, period.until
    calls = ledger.timeline(by, since=since - LONGEST_CALL, until=until, provider=host.name)
    present = [Presence(call.start, call.end, call.key, call.tokens) for call in calls]
    found = allocate(host, present, since, until, nanoseconds(period.now) // HOUR * HOUR)
    if not found.paid_ns:
        return
    hours = f"{float(found.paid_ns / HOUR):,.4g} h of {host.gpus} GPU{'s' if host.gpus > 1 else ''}"
    price = f"${float(host.gpu_hour):g} an hour each"
    if host.allocate == "none":
        yield Beside("host", host.name, found.total, f"{hours} at {price}")
        return
    how = "by tokens" if host.allocate == "tokens" else "by busy seconds"
    for key, cost in sorted(found.by_key.items(), key=lambda item: -item[1]):
        whose = ", ".join(part or "(none)" for part in key)
        yield Beside("host", f"{host.name}: {whose}" if whose else host.name, cost, f"shared out {how}", key)
    idle = share(found.paid_ns - found.busy_ns, found.paid_ns)
    yield Beside("idle", f"{host.name}: idle", found.idle, f"{idle} of {hours} at {price}")
    if found.running:
        yield Beside("running", f"{host.name}: this hour", found.running, "shared out when it is over")


def _commitment(ledger: Ledger, commitment: Commitment, period: Period) -> Iterator[Beside]:
    """Yield a line for each month that it is owed for: what calls did not draw counts once the month is over."""
    scope = commitment.scope
    for month in divide("month", *_whole_months(period), period.zone):
        if not commitment.owed(month.start):
            continue
        report = ledger.report(("provider", "model"), since=month.start, until=month.end, zone=period.zone.key)
        drawn = sum(line.cost for line in report.lines if scope.holds(line.key[0] or "", line.key[1] or ""))
        left = max(0, commitment.pico - drawn)
        whole = period.since <= month.start and month.end <= period.until
        missing = f"{money(usd(left))} not drawn{'' if whole else ' yet'}"
        note = f"{month.name}: {money(usd(commitment.pico))} a month, {money(usd(drawn))} drawn, {missing}"
        if commitment.why:
            note += f"; {commitment.why}"
        yield Beside("commitment", f"commitment {scope.provider}", left if whole else 0, note)


def _volumes(ledger: Ledger, volumes: tuple[Volume, ...], period: Period) -> Iterator[Beside]:
    """Yield a line for each scope and month in which a volume was reached."""
    alike = sorted(volumes, key=_alike)
    for _, group in groupby(alike, key=_alike):
        tiers = list(group)
        scope = tiers[0].scope
        for month in divide("month", *_whole_months(period), period.zone):
            held = [tier for tier in tiers if tier.counts(month.start)]
            provider = None if scope.provider == "*" else scope.provider
            calls = ledger.timeline(
                ("provider", "model"), since=month.start, until=min(month.end, period.until), provider=provider
            )
            spent = (
                Spent(call.start, call.tokens, call.cost)
                for call in calls
                if scope.holds(call.key[0] or "", call.key[1] or "")
            )
            less = discount(held, spent, period.since) if held else 0
            if less:
                name = f"volume {scope.provider} {'' if scope.models == ('*',) else scope.models[0]}".strip()
                yield Beside("volume", name, -less, f"{month.name}: {'; '.join(map(_tier, held))}")


def _alike(volume: Volume) -> tuple[Any, ...]:
    return (volume.scope, volume.tokens is None)


def _tier(volume: Volume) -> str:
    beyond = f"{count(volume.tokens)} tokens" if volume.tokens is not None else money(usd(round(volume.threshold)))
    return f"x {float(volume.factor):g} beyond {beyond}, {volume.why}"


def _whole_months(period: Period) -> tuple[int, int]:
    """Return the beginning of the first month of a time, and the end of its last."""
    if period.since >= period.until:
        return 0, 0
    return month_of(period.since, period.zone)[0], month_of(period.until - 1, period.zone)[1]


def show_beside(out: Console, lines: list[Beside], calls: Spend) -> None:
    """Print the lines below a report, and what all comes to with its calls."""
    whole = in_all(lines, calls)
    columns = [
        Column("beside calls", [*(line.name for line in lines), "in all, with calls"], figure=False),
        Column("cost", [*(money(usd(line.cost)) for line in lines), written(whole)]),
        Column("", [*(line.note for line in lines), ""], figure=False),
    ]
    out.print()
    print_table(out, columns, total=True)


def in_all(lines: list[Beside], calls: Spend) -> Spend:
    """Return what calls and lines cost together, with what the calls leave out."""
    return Spend(pico(Decimal(calls)) + sum(line.cost for line in lines), unpriced_calls=calls.unpriced_calls)


def beside_data(lines: list[Beside], by: tuple[str, ...], calls: Spend) -> dict[str, Any]:
    """Return the lines for programs."""
    names = [name.removeprefix("tag:") for name in by if name not in TIME_UNITS]
    rows = [
        {"kind": line.kind, "name": line.name, "cost_usd": usd(line.cost), "note": line.note}
        | dict(zip(names, line.key, strict=False))
        for line in lines
    ]
    return {"beside_calls": rows, "in_all_usd": Decimal(in_all(lines, calls))}
