"""``outlay doctor``: whether everything is metered here, and everything kept."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import click
from rich.console import Console

from outlay.cli.books import data_option
from outlay.cli.health import Health, as_data, prices_dated, read_kept, read_settings
from outlay.cli.output import as_json, console, count, counted, print_json, progress
from outlay.cli.probes import Probe, clients, probes, unproven
from outlay.cli.sdk_calls import CALLS
from outlay.cli.tables import Column, print_table
from outlay.cli.times import moment, nanoseconds


@click.command(short_help="Show what is metered here and what is not, proven by calls through each SDK.")
@click.option("--since", default="30d", show_default=True, help="How far back to look for misses, losses and errors.")
@click.option("--sdk", "sdks", multiple=True, metavar="PACKAGE", help="Try this SDK alone; can be given several times.")
@data_option
@as_json
def command(since: str, sdks: tuple[str, ...], data: Path | None, *, as_json: bool) -> int:
    """Show what is metered here and what is not, proven by calls through each SDK to a host on this machine.

    Exits with 1 where something needs attention.
    """
    if strange := sorted(set(sdks) - {call.sdk for call in CALLS}):
        known = ", ".join(sorted({call.sdk for call in CALLS}))
        raise click.UsageError(f"outlay calls through no SDK {strange[0]!r} here; it does through {known}.")
    now = datetime.now(UTC)
    began = nanoseconds(moment(since, UTC, now))
    settings, disabled = read_settings(data)
    health = Health(
        clients=clients(),
        probes=_probed(sdks),
        unproven=unproven(),
        settings=settings,
        disabled=disabled,
        prices_dated=prices_dated(data),
        kept=read_kept(data, began),
        now=now,
    )
    if as_json:
        print_json(as_data(health))
    else:
        _show(console(), health)
    return 1 if health.attention() else 0


def _probed(sdks: tuple[str, ...]) -> list[Probe]:
    made: list[Probe] = []
    with progress("calling a host on this machine through each SDK") as tell:
        for probe in probes(sdks):
            made.append(probe)
            tell(len(made) / max(len(CALLS), len(made)))
    return made


def _show(out: Console, health: Health) -> None:
    out.print(f"Python {platform.python_version()} on {platform.system()}, outlay {version('outlay')}\n")
    _show_clients(out, health)
    out.print()
    _show_sdks(out, health)
    out.print()
    for name, value in _facts(health):
        out.print(f"{name:<9} {value}", soft_wrap=True)  # paths are for copying
    attention = health.attention()
    out.print()
    if not attention:
        out.print("Nothing needs attention.", style="green")
        return
    out.print(f"{counted(len(attention), 'thing needs', 'things need')} attention:", style="bold yellow")
    for sentence in attention:
        out.print(f"- {sentence}", soft_wrap=True)


def _show_clients(out: Console, health: Health) -> None:
    metered = [client.verdict for client in health.clients]
    columns = [
        Column("client", [client.name for client in health.clients], figure=False),
        Column("version", [client.version for client in health.clients], figure=False),
        Column("calls through it", metered, figure=False),
    ]
    print_table(out, columns)


def _show_sdks(out: Console, health: Health) -> None:
    if not health.probes and not health.unproven:
        out.print("No SDK of a model provider is installed that outlay knows.")
        return
    rows = [(probe.sdk, probe.version, f"{probe.way} call", probe.verdict) for probe in health.probes]
    rows += [(name, installed, "", "not tried: doctor has no call for it") for name, installed in health.unproven]
    heads = ("SDK", "version", "tried by", "what it showed")
    print_table(
        out, [Column(name, cells, figure=False) for name, cells in zip(heads, zip(*rows, strict=True), strict=True)]
    )


def _facts(health: Health) -> list[tuple[str, str]]:
    kept = health.kept
    given = [f"{name} = {value!r}, from {place}" for name, (value, place) in health.settings.items()]
    waiting = sum(segment.size - segment.carried for segment in kept.waiting)
    spool = f"{counted(len(kept.waiting), 'file')}, {counted(waiting, 'byte')} not in the ledger yet"
    return [
        *(("settings" if index == 0 else "", line) for index, line in enumerate(given or ["all at their defaults"])),
        ("prices", f"table of {health.prices_dated}"),
        ("ledger", f"{kept.folder / 'ledger.db'}{'' if kept.there else ', not there yet'}"),
        ("spool", f"{kept.folder / 'spool'}, {spool}"),
        ("coverage", _coverage(health)),
    ]


def _coverage(health: Health) -> str:
    rows = health.kept.coverage
    sent = sum(row.requests - row.free for row in rows)
    free = sum(row.free for row in rows)
    if not sent:
        return "no calls to model hosts in this time"
    metered = sum(row.metered for row in rows)
    besides = f"; {counted(free, 'request')} besides that nobody bills" if free else ""
    return f"{count(metered)} of {counted(sent, 'call')} to model hosts metered ({100 * metered / sent:.1f} %){besides}"
