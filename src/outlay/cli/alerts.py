"""``outlay alerts``: what was raised and who was told; ``outlay alerts test CHANNEL``: whether a channel works."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

import click
import msgspec

from outlay.alerts import Alert, Driver
from outlay.alerts.channel import opened as opened_channel
from outlay.alerts.delivery import explained
from outlay.alerts.message import Message, as_data, plain
from outlay.cli.books import data_option, opened
from outlay.cli.groups import Group
from outlay.cli.output import as_json, console, counted, print_json, when
from outlay.cli.times import moment, nanoseconds, zone_named, zone_option
from outlay.config import Settings, load
from outlay.config.channels import Address, read
from outlay.guard import failure_of
from outlay.ledger.told import Delivered, Told
from outlay.money import PICO


@click.group(cls=Group, default="list", short_help="Show which alerts were raised, and who was told; try a channel.")
def command() -> None:
    """Show which alerts were raised, where each went, and why one did not arrive; or try a channel."""


@command.command("list", short_help="Show alerts; the word can be left out.")
@click.option("--since", default="30d", show_default=True, help="How far back to look.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many, the latest first.")
@click.option("--undelivered", is_flag=True, help="Only those that wait for a channel, or were given up.")
@zone_option
@data_option
@as_json
def history(since: str, limit: int, zone: str | None, data: Path | None, *, undelivered: bool, as_json: bool) -> None:
    """Show alerts, the latest first, each with the channels that it went to."""
    with opened(data) as (ledger, settings, _):
        clock = zone_named(zone or settings.timezone)
        first = nanoseconds(moment(since, clock, datetime.now(UTC)))
        found = ledger.told(since=first, limit=limit, undelivered=undelivered)
    if as_json:
        print_json([_as_data(told) for told in found])
    elif found:
        _show(found, clock)
    else:
        console().print(
            f"No alert {'waits or was given up' if undelivered else 'was raised'} since {when(first, clock)}."
        )


@command.command("test", short_help="Send a sample now, and say what happened.")
@click.argument("channels", nargs=-1, metavar="[CHANNEL]…")
@as_json
def test(channels: tuple[str, ...], *, as_json: bool) -> int:
    """Send a sample alert now, by each CHANNEL: a URL, or the number of one that is set; without any, by all that are.

    Exits with 1 where one did not take it. Others can see a URL on a command line: better set it, and use its number.
    """
    settings = load({"disabled": False})
    tried = [_try(address, settings) for address in _chosen(channels, settings)]
    if as_json:
        print_json(tried)
    else:
        for one in tried:
            said = f"took it, in {one['seconds']} s" if one["delivered"] else f"did not take it: {one['trouble']}"
            click.echo(f"{one['channel']} {said}")
    return 0 if all(one["delivered"] for one in tried) else 1


def _chosen(channels: Sequence[str], settings: Settings) -> list[Address]:
    if not channels and not settings.alert_channels:
        raise click.UsageError("no channel is set: name one, like `outlay alerts test log://`, or set alert_channels.")
    chosen: list[Address] = []
    for name in channels:
        if not name.isdigit():
            chosen += read("the command line", [name])
        elif not 1 <= int(name) <= len(settings.alert_channels):
            raise click.UsageError(
                f"there is no channel {name}: {counted(len(settings.alert_channels), 'is', 'are')} set."
            )
        else:
            chosen.append(settings.alert_channels[int(name) - 1])
    if any(address.scheme.startswith("webhook+") for address in chosen) and settings.alert_webhook_secret is None:
        raise click.UsageError("messages to a webhook are signed: set OUTLAY_ALERT_WEBHOOK_SECRET.")
    return chosen or list(settings.alert_channels)


def _try(address: Address, settings: Settings) -> dict[str, Any]:
    message = Message(secrets.token_hex(12), (sample(time.time_ns(), settings.project),), settings.timezone)
    began = time.monotonic()
    error = failure_of(lambda: opened_channel(address, settings.alert_webhook_secret).send(message))
    took = f"{time.monotonic() - began:.2f}"
    trouble = None if error is None else explained(error, address)[0]
    return {"channel": address.name, "delivered": error is None, "seconds": took, "trouble": trouble}


def sample(at: int, project: str) -> Alert:
    """Return an alert that says that it is none."""
    return Alert(
        key=f"test:{at}",
        kind="test",
        severity="info",
        project=project,
        at=at,
        subject="test",
        title="a test of this channel: $8.40 of $10.00, nothing is wrong",
        text="Somebody ran `outlay alerts test`. The figures are made up.",
        advice="Nothing: this is how alerts look here.",
        amount=84 * PICO // 10,
        limit=10 * PICO,
        drivers=(
            Driver(dimension="feature", value="summarise", amount=63 * PICO // 10),
            Driver(dimension="model", value="gpt-4o", amount=42 * PICO // 10),
            Driver(dimension="user", value="u-42", amount=21 * PICO // 10),
        ),
    )


def _show(found: Sequence[Told], clock: tzinfo) -> None:
    out = console()
    for told in found:
        alert = told.alert
        of = f"{alert.project}: " if alert.project else ""
        line = f"{when(alert.at, clock)}  {alert.severity:<8}  {plain(of + alert.title, LINE)}"
        out.print(line, soft_wrap=True, style=_STYLES[alert.severity])
        for one in told.deliveries:
            out.print(f"    {plain(_became(one, clock), LINE)}", soft_wrap=True)
        if not told.deliveries:
            out.print("    nobody was told: no channel is set", soft_wrap=True)


_STYLES = {"info": "", "warning": "bold", "critical": "bold red"}
LINE = 500
"""Characters of a line, at most."""


def _became(one: Delivered, clock: tzinfo) -> str:
    tries = counted(one.attempts, "try", "tries")
    if one.state == "sent":
        return f"sent {when(one.changed, clock)} to {one.channel}"
    if one.state == "failed":
        return f"given up after {tries}: {one.channel} ({one.trouble})"
    if one.trouble:
        return f"again {when(one.due, clock)} to {one.channel}, after {tries} ({one.trouble})"
    return f"{'being sent' if one.attempts else 'waits'} for {one.channel}"


def _as_data(told: Told) -> dict[str, Any]:
    deliveries = [msgspec.structs.asdict(one) for one in told.deliveries]
    for one in deliveries:
        one["changed"] = datetime.fromtimestamp(one["changed"] // 10**9, UTC)
        one["due"] = datetime.fromtimestamp(one["due"] // 10**9, UTC) if one["due"] else None
    return {**as_data(told.alert), "deliveries": deliveries}
