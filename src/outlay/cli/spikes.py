"""``outlay spikes``: what rose, why, and what people say of it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Literal

import click
import msgspec
from rich.console import Console

from outlay.cli.bars import sparkline
from outlay.cli.books import data_option, opened
from outlay.cli.incident import costs_of, incident_data, show_incident
from outlay.cli.output import as_json, console, counted, money, print_json, progress, share, when
from outlay.cli.tables import Column, print_table
from outlay.cli.times import moment, nanoseconds, period, zone_named, zone_option
from outlay.config.spike_limits import limits_of
from outlay.ledger.ledger import Ledger
from outlay.money import usd
from outlay.readable import readable
from outlay.spikes.backtest import Backtest, guard, judge, replay
from outlay.spikes.incidents import Incident
from outlay.spikes.message import excess_of, sentence
from outlay.spikes.series import title_of
from outlay.spikes.watch import Told

LISTED = "list"
DAY = 86_400 * 10**9
FOR_EVER = 2**63 - 1
AROUND = 3 * 3_600 * 10**9
"""Nanoseconds before an incident that its sparkline shows."""
ROOMY = 100
"""Characters of a line from which on a sparkline has its full length."""

id_argument = click.argument("incident_id", metavar="ID")


class Listing(click.Group):
    """A group that lists where none of its commands is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the command in that is meant: ``outlay spikes --since 7d``."""
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args.insert(0, LISTED)
        return super().parse_args(ctx, args)


@click.group(cls=Listing, short_help="Show what rose, why, and who carries it.")
def command() -> None:
    """Show the spikes that are open and recent; `outlay spikes show ID`: one in full."""


@command.command(LISTED, short_help="List those that are open and recent; the word can be left out.")
@click.option("--since", default="7d", show_default=True, help="A date or time, today, yesterday, week, 24h, 7d, …")
@zone_option
@data_option
@as_json
def listed(since: str, zone: str | None, data: Path | None, *, as_json: bool) -> None:
    """List the incidents that are open, or were since a time, the latest first."""
    with opened(data) as (ledger, settings, _):
        clock = zone_named(zone or settings.timezone)
        found = told_since(ledger, nanoseconds(moment(since, clock, datetime.now(UTC))))
        words = words_of(ledger)
        if as_json:
            print_json([incident_data(told, words) for told in found])
            return
        _show(console(), ledger, found, words, clock)


@command.command("show", short_help="Show one: what rose, why, and who carries it.")
@id_argument
@zone_option
@data_option
@as_json
def show(incident_id: str, zone: str | None, data: Path | None, *, as_json: bool) -> None:
    """Show the incident whose ID (or its beginning) is given: its explanation, its carriers, its course."""
    with opened(data) as (ledger, settings, _):
        told = the_incident(ledger, incident_id)
        words = words_of(ledger)
        if as_json:
            print_json(incident_data(told, words))
        else:
            show_incident(console(), ledger, told, words, zone_named(zone or settings.timezone))


def _review(name: str, word: Literal["acknowledged", "confirmed", "dismissed"], does: str) -> None:
    @command.command(name, short_help=does)
    @id_argument
    @data_option
    @as_json
    def say(incident_id: str, data: Path | None, *, as_json: bool) -> None:
        _say(incident_id, word, FOR_EVER, data, as_json=as_json)

    say.help = does


_review("ack", "acknowledged", "Say that somebody looks after it: it is told of again only when it is over.")
_review("confirm", "confirmed", "Say that it was right: `outlay spikes backtest` counts it.")
_review("dismiss", "dismissed", "Say that all is well: the new level is the usual one, and no more is told of it.")


@command.command("mute", short_help="Tell nothing of it for a while.")
@id_argument
@click.option("--for", "days", default=1.0, show_default=True, type=click.FloatRange(0.01, 3650), help="Days.")
@data_option
@as_json
def mute(incident_id: str, days: float, data: Path | None, *, as_json: bool) -> None:
    """Tell nothing of an incident for so many days; it stays in the list."""
    _say(incident_id, "muted", time.time_ns() + round(days * DAY), data, as_json=as_json)


@command.command("backtest", short_help="Show what would have been told in the past.")
@click.option("--since", default="7d", show_default=True, help="A date or time, today, yesterday, week, 24h, 7d, …")
@click.option("--until", default="now", show_default=True, help="The same.")
@zone_option
@data_option
@as_json
def backtest(since: str, until: str, zone: str | None, data: Path | None, *, as_json: bool) -> None:
    """Replay the ledger, and print what would have been told, by the settings of now.

    Where incidents of that time were confirmed or dismissed, with the precision.
    """
    with opened(data) as (ledger, settings, _):
        clock = zone_named(zone or settings.timezone)
        first, last = map(nanoseconds, period(since, until, clock, datetime.now(UTC)))
        with progress("replaying the ledger"):
            raised = list(replay(ledger, first, last, settings.spike_tags))
            findings = guard(ledger, first, last, limits_of(settings.spike_limits))
        told = {one.incident.id: one.incident for one in told_since(ledger, first) if one.incident.opened < last}
        result = judge(raised, told, words_of(ledger))
        result.findings = findings
    if as_json:
        print_json(_backtest_data(result))
    else:
        _show_backtest(console(), result, clock)


def told_since(ledger: Ledger, since: int) -> list[Told]:
    """Return the incidents that are open or were since ``since``, the latest first."""
    return [msgspec.json.decode(kept.body, type=readable(Told)) for kept in ledger.incidents(since)]


def the_incident(ledger: Ledger, given: str) -> Told:
    """Return the only incident whose id begins with ``given``."""
    found = [told for told in told_since(ledger, 0) if told.incident.id.startswith(given.lower())]
    if not found:
        raise click.UsageError(f"no spike has an id that begins with {given}: `outlay spikes` lists them.")
    if len(found) > 1:
        choice = ", ".join(told.incident.id for told in found)
        raise click.UsageError(f"{len(found)} spikes have an id that begins with {given}: {choice}.")
    return found[0]


def words_of(ledger: Ledger) -> dict[tuple[str, str], str]:
    """Return what people said, by id and kind of word; what was muted until before now is no word any more."""
    now = time.time_ns()
    return {key: word for key, (word, until) in ledger.reviews().items() if until > now}


def _say(
    incident_id: str,
    word: Literal["acknowledged", "muted", "confirmed", "dismissed"],
    until: int,
    data: Path | None,
    *,
    as_json: bool,
) -> None:
    with opened(data) as (ledger, _, _):
        incident = the_incident(ledger, incident_id).incident
        ledger.review(incident.id, word, until)
    if as_json:
        print_json({"id": incident.id, "word": word})
    else:
        click.echo(f"{incident.id} {word}: {title_of(incident.subject)}.")


def state_of(incident: Incident, words: dict[tuple[str, str], str]) -> str:
    """Return an incident's state, and what people said of it."""
    said = [words[incident.id, kind] for kind in ("state", "judgement") if (incident.id, kind) in words]
    return ", ".join(["open" if incident.closed is None else "over", *said])


def _show(out: Console, ledger: Ledger, found: list[Told], words: dict[tuple[str, str], str], zone: tzinfo) -> None:
    if not found:
        out.print("No spikes.")
        return
    incidents = [told.incident for told in found]
    width = 24 if out.width >= ROOMY else 8
    columns = [
        Column("id", [incident.id for incident in incidents], figure=False),
        Column("since", [when(incident.opened, zone)[:-3] for incident in incidents], figure=False, leaves=1),
        Column("what", [title_of(incident.subject) for incident in incidents], figure=False),
        Column("rose", [incident.driver for incident in incidents], figure=False, leaves=2),
        Column("beyond usual", [money(usd(excess_of(told.incident, told.cause))) for told in found]),
        Column("state", [state_of(incident, words) for incident in incidents], figure=False),
        Column("course", [_course(ledger, incident, width) for incident in incidents], figure=False),
    ]
    print_table(out, columns)


def _course(ledger: Ledger, incident: Incident, width: int) -> str:
    return sparkline(costs_of(ledger, incident.subject, incident.opened - AROUND, incident.last), width)


def _show_backtest(out: Console, result: Backtest, zone: tzinfo) -> None:
    out.print(f"{counted(len(result.raised), 'spike')} would have been told of.", style="bold")
    if result.raised:
        columns = [
            Column("since", [when(incident.opened, zone)[:-3] for incident in result.raised], figure=False),
            Column("what", [title_of(incident.subject) for incident in result.raised], figure=False),
            Column("rose", [incident.driver for incident in result.raised], figure=False),
            Column("beyond usual", [money(usd(incident.excess_pico)) for incident in result.raised]),
            Column("score", [f"{incident.score:.2f}" for incident in result.raised]),
        ]
        print_table(out, columns)
    if result.findings:
        out.print()
        out.print(f"{counted(len(result.findings), 'finding')} of guards:", style="bold")
        for finding in result.findings:
            out.print(f"  {when(finding.at, zone)[:-3]}  {sentence(finding)}", highlight=False)
        out.print()
    if result.precision is None:
        out.print("None of them was confirmed or dismissed: `outlay spikes confirm ID` says how right they were.")
    else:
        judged = result.right + result.wrong
        out.print(f"Right by what people said: {share(result.right, judged)} of {judged} that were judged.")
        out.print(f"Found of those that were confirmed: {result.found} of {result.confirmed}.")


def _backtest_data(result: Backtest) -> dict[str, object]:
    return {
        "raised": [incident_data(Told(incident=incident), {}) for incident in result.raised],
        "findings": [
            {
                "rule": found.rule,
                "at": datetime.fromtimestamp(found.at // 10**9, UTC),
                "title": sentence(found),
                "call": found.call,
            }
            for found in result.findings
        ],
        "judged_right": result.right,
        "judged_wrong": result.wrong,
        "precision": result.precision,
        "confirmed": result.confirmed,
        "confirmed_found": result.found,
    }
