"""What doctor looks at, and which of it needs attention: a sentence each, with what to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec

from outlay.cli.books import holds_something, located, opened
from outlay.cli.output import counted, when
from outlay.cli.probes import Client, Probe
from outlay.cli.standing import Standing, standings
from outlay.cli.statement import stale_days
from outlay.cli.times import nanoseconds
from outlay.config import DEFAULTS, traced
from outlay.config.channels import Address, Secret
from outlay.errors import LedgerError
from outlay.ledger.queries import Caught, Covered, Lost, Waiting
from outlay.ledger.told import Silence
from outlay.pricing.shelf import FOLDER, newest


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What the ledger and the spool hold about themselves."""

    folder: Path
    trouble: str | None = None
    """Why the ledger could not be read."""
    there: bool = False
    coverage: list[Covered] = field(default_factory=list)
    losses: list[Lost] = field(default_factory=list)
    swallowed: list[Caught] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    silences: list[Silence] = field(default_factory=list)
    exporters: list[Standing] = field(default_factory=list)

    @property
    def unnamed(self) -> list[str]:
        """Hosts that served calls, and of which nobody said who bills for them."""
        return sorted({row.host for row in self.coverage if row.provider == "unknown" and row.metered})


@dataclass(frozen=True, kw_only=True)
class Health:
    """Everything that doctor found."""

    clients: list[Client]
    probes: list[Probe]
    unproven: list[tuple[str, str]]
    settings: dict[str, tuple[Any, str]]
    """Those that were given: value, and where it stands."""
    disabled: bool
    prices_dated: date
    kept: Kept
    now: datetime

    def attention(self) -> list[str]:
        """Return what needs attention."""
        kept = self.kept
        found = (
            ["outlay is disabled here (OUTLAY_DISABLED, or the setting): nothing is metered."] if self.disabled else []
        )
        found += [
            f"{probe.sdk} {probe.version}, {probe.way}: {probe.verdict}." for probe in self.probes if not probe.right
        ]
        found += [
            f"{counted(row.missed, 'request')} of {row.provider} ({row.method} {row.host}{row.path}) went by "
            "unmetered: tell what they cost by outlay.record()."
            for row in kept.coverage
            if row.missed
        ]
        found += [
            f'{host}: nobody said who bills for it. Write  "{host}" = "<provider>"  under [hosts] in outlay.toml.'
            for host in kept.unnamed
        ]
        found += [f"The ledger can't be read: {kept.trouble}"] if kept.trouble else []
        found += [sentence for one in kept.exporters if (sentence := one.attention(nanoseconds(self.now)))]
        found += [
            f"{counted(lost.records, 'record')} lost, last at {when(lost.last)} UTC: {lost.reason}"
            for lost in kept.losses
        ]
        found += [
            f"{counted(error.count, 'error')} of outlay's own ({error.error} at {error.activity}), last at "
            f"{when(error.last)} UTC; OUTLAY_STRICT=1 raises them: please report the traceback."
            for error in kept.swallowed
        ]
        found += [
            f"{counted(silence.alerts, 'alert')} did not reach {silence.channel} since {when(silence.since)} UTC "
            f"({silence.trouble}): see `outlay alerts`, and try the channel by `outlay alerts test`."
            for silence in kept.silences
        ]
        if age := stale_days(self.prices_dated, self.now):
            found.append(f"The price table is {age} days old: upgrade outlay, or run `outlay prices update`.")
        return found


def read_settings(data: Path | None) -> tuple[dict[str, tuple[Any, str]], bool]:
    """Return the settings that were given, each with where it stands, and whether outlay is disabled."""
    arguments = {} if data is None else {"data": str(data)}
    settings, where = traced(arguments)
    if settings.disabled:
        return {}, True
    where = {name: "--data" if data is not None and name == "data" else place for name, place in where.items()}
    return {name: (_shown(getattr(settings, name)), place) for name, place in where.items() if place != DEFAULTS}, False


def _shown(value: Any) -> Any:
    """Return a setting as it may be shown: channels by their names, a secret not at all."""
    if isinstance(value, dict) and not all(isinstance(one, str) for one in value.values()):
        return list(value)  # exporters: their options may be keys
    if isinstance(value, Secret):
        return repr(value)
    if isinstance(value, tuple):
        return tuple(one.name if isinstance(one, Address) else one for one in value)
    return value


def read_kept(data: Path | None, since: int) -> Kept:
    """Return what ledger and spool know of themselves since ``since`` (ns since the epoch)."""
    _, folder = located(data)
    try:
        if not holds_something(folder):
            return Kept(folder=folder)
        with opened(data) as (ledger, _, _):
            return Kept(
                folder=folder,
                there=True,
                coverage=ledger.coverage(since),
                losses=ledger.losses(since),
                swallowed=[error for error in ledger.swallowed() if error.last >= since],
                waiting=ledger.waiting(folder / "spool"),
                silences=ledger.silences(),
                exporters=standings(ledger),
            )
    except LedgerError as error:
        return Kept(folder=folder, trouble=str(error))


def prices_dated(data: Path | None) -> date:
    """Return the date of the price table that is in use here."""
    _, folder = located(data)
    return newest(folder / FOLDER).dated


def as_data(health: Health) -> dict[str, Any]:
    """Return what was found, for programs."""
    kept = health.kept
    rows = {name: [msgspec.structs.asdict(row) for row in getattr(kept, name)] for name in _ROWS}
    missed = {
        "coverage": [{**row, "missed": seen.missed} for row, seen in zip(rows["coverage"], kept.coverage, strict=True)]
    }
    return {
        "attention": health.attention(),
        "clients": [vars(client) for client in health.clients],
        "sdks": [vars(probe) for probe in health.probes],
        "sdks_not_tried": [{"sdk": name, "version": installed} for name, installed in health.unproven],
        "settings": {name: {"value": value, "from": place} for name, (value, place) in health.settings.items()},
        "disabled": health.disabled,
        "prices_dated": health.prices_dated.isoformat(),
        "ledger": kept.folder / "ledger.db",
        "spool": kept.folder / "spool",
        "hosts_without_provider": kept.unnamed,
        "exporters": [one.as_data() for one in kept.exporters],
        **rows,
        **missed,
    }


_ROWS = ("coverage", "losses", "swallowed", "waiting", "silences")
