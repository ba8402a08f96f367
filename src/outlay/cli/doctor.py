"""``outlay doctor``: is everything metered here, and is everything kept?"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from outlay.cli.books import data_option, opened
from outlay.cli.output import as_json, console, count, print_json, table, when
from outlay.cli.probes import Client, Probe, clients, probes, unproven
from outlay.ledger.queries import Covered


@click.command(short_help="Show what is metered here and what is not, proven by a call through each SDK.")
@data_option
@as_json
def command(data: Path | None, *, as_json: bool) -> None:
    """Show what is metered here and what is not, proven by a call through each SDK to a host on this machine.

    Exits with 1 where something needs attention.
    """
    found = {"clients": clients(), "probes": probes()}
    with opened(data) as (ledger, _, folder):
        kept: dict[str, Any] = {
            "folder": folder,
            "coverage": ledger.coverage(),
            "losses": ledger.losses(),
            "swallowed": ledger.swallowed(),
            "waiting": ledger.waiting(folder / "spool"),
        }
    if as_json:
        print_json(_as_data(found, kept))
    else:
        _show(console(), found, kept)
    missed = sum(covered.missed for covered in kept["coverage"])
    healthy = (
        all(probe.right for probe in found["probes"]) and not missed and not kept["losses"] and not kept["swallowed"]
    )
    raise SystemExit(0 if healthy else 1)


def _show(out: Console, found: dict[str, Any], kept: dict[str, Any]) -> None:
    _show_clients(out, found["clients"])
    _show_probes(out, found["probes"])
    _show_coverage(out, kept["coverage"])
    _show_keeping(out, kept)


def _show_clients(out: Console, installed: list[Client]) -> None:
    rows = [[client.name, client.version, "metered" if client.metered else "not metered"] for client in installed]
    out.print(table(["HTTP client", "version", ""], rows, left=3))
    if any(not client.metered for client in installed):
        out.print("Calls that go through a client that is not metered can be told by outlay.record().")


def _show_probes(out: Console, made: list[Probe]) -> None:
    rows = [[probe.sdk, probe.version, _verdict(probe)] for probe in made]
    rows += [[sdk, version, "not tried: no loopback call for it yet"] for sdk, version in unproven()]
    out.print()
    out.print(table(["SDK", "version", "a call through it, to a host on this machine"], rows, left=3))


def _verdict(probe: Probe) -> str:
    if probe.trouble is not None:
        return f"failed: {probe.trouble}"
    return (
        "one call, one record, the tokens that were billed"
        if probe.right
        else f"{probe.calls} records, or wrong tokens"
    )


def _show_coverage(out: Console, coverage: list[Covered]) -> None:
    billed = sum(covered.requests - covered.free for covered in coverage)
    metered = sum(covered.metered for covered in coverage)
    out.print()
    if not billed:
        out.print("Coverage: no requests to model hosts yet.")
        return
    out.print(
        f"Coverage: {count(metered)} of {count(billed)} billed requests to model hosts are metered ({100 * metered / billed:.1f} %)."
    )
    misses = [covered for covered in coverage if covered.missed]
    if misses:
        rows = [[f"{miss.method} {miss.host}{miss.path}", miss.provider, count(miss.missed)] for miss in misses]
        out.print(table(["not metered", "provider", "requests"], rows, left=2))


def _show_keeping(out: Console, kept: dict[str, Any]) -> None:
    folder = kept["folder"]
    waiting = sum(segment.size - segment.carried for segment in kept["waiting"])
    out.print()
    out.print(f"Ledger: {escape(str(folder / 'ledger.db'))}")
    out.print(
        f"Spool:  {escape(str(folder / 'spool'))}, {len(kept['waiting'])} files, {count(waiting)} bytes not yet in the ledger"
    )
    for lost in kept["losses"]:
        out.print(f"Lost:   {count(lost.records)} records, last at {when(lost.last)} UTC: {escape(lost.reason)}")
    for error in kept["swallowed"]:
        out.print(
            f"Errors: {count(error.count)} × {error.error} at {escape(error.activity)}, last at {when(error.last)} UTC"
        )
    if not kept["losses"] and not kept["swallowed"]:
        out.print("Nothing was lost, no error of outlay's was swallowed.")


def _as_data(found: dict[str, Any], kept: dict[str, Any]) -> dict[str, Any]:
    return {
        "clients": [asdict(client) for client in found["clients"]],
        "sdks": [asdict(probe) for probe in found["probes"]],
        "ledger": str(kept["folder"] / "ledger.db"),
        "spool": str(kept["folder"] / "spool"),
        "coverage": [
            {name: getattr(covered, name) for name in (*covered.__struct_fields__, "missed")}
            for covered in kept["coverage"]
        ],
        **{
            part: [{name: getattr(row, name) for name in row.__struct_fields__} for row in kept[part]]
            for part in ("losses", "swallowed", "waiting")
        },
    }
