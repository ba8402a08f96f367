"""``outlay export run`` and ``backfill``: delivering from the command line, beside programs or for once."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from outlay import plugins
from outlay.cli.books import data_option, opened
from outlay.cli.output import as_json, count, counted, print_json, progress, when
from outlay.cli.times import nanoseconds, period, zone_named, zone_option
from outlay.config import Settings
from outlay.delivery.asked import Asked, asked, delivered
from outlay.delivery.courier import Courier, Couriers
from outlay.delivery.lease import note_asked
from outlay.delivery.station import Station, lock_of

TICK = 1.0
"""Seconds between two looks at the spool."""
STEP = 0.5
"""Seconds that history is delivered at a time, between two looks at the clock."""
AT_END = 5.0
"""Seconds for what is left when the command is stopped."""


@click.command(short_help="Send history to an exporter.")
@click.option("--since", required=True, metavar="TIME", help="From when on: 2026-11-01, 7d, month.")
@click.option("--until", default="now", show_default=True, metavar="TIME", help="Up to when.")
@click.option("--to", "name", required=True, metavar="EXPORTER", help="The exporter that is to have it.")
@zone_option
@data_option
@as_json
def backfill(since: str, until: str, name: str, zone: str | None, data: Path | None, *, as_json: bool) -> int:
    """Send what was recorded in a time to an exporter: history from before it was asked for, or once more.

    Records have the same ids each time. What can't be sent now is sent by whoever delivers next.
    """
    with opened(data) as (ledger, settings, folder):
        first, last = period(since, until, zone_named(zone or settings.timezone), datetime.now(UTC))
        (one,) = _asked(settings, (name,))
        now = time.time_ns()
        ledger.backlog(name).begin(now, now)
        queued = ledger.backfill(name, nanoseconds(first), nanoseconds(last))
        station = Station(one, folder, project=settings.project, release=settings.release)
        with contextlib.closing(station):
            delivers = _deliver(station, queued)
            left, state = station.left(), ledger.backlog(name).state()
    trouble = "" if state is None else state.trouble
    if as_json:
        print_json({"exporter": name, "records": queued, "left": left.due, "set_aside": left.aside, "trouble": trouble})
        return 1 if trouble else 0
    click.echo(f"{name}: {counted(queued, 'record')} of this time, {count(left.due)} left to go.")
    if trouble:
        click.echo(f"It fails: {trouble}. Whoever delivers next goes on; see `outlay export status`.")
    elif not delivers:
        click.echo("Another process delivers to it just now, and sends them.")
    return 1 if trouble else 0


def _deliver(station: Station, queued: int) -> bool:
    """Deliver until nothing is left or there is trouble; return False where another process does."""
    with progress(f"sending {counted(queued, 'record')} to {station.asked.name}") as tell:
        while True:
            if not station.look(time.monotonic() + STEP):
                return False
            left = station.left().due
            if not left or station.resting():
                return True
            tell(1 - left / max(queued, left))


@click.command(short_help="Deliver beside your programs.")
@click.option(
    "--to", "names", multiple=True, metavar="EXPORTER", help="An exporter, in place of the set ones; repeatable."
)
@click.option("--once", is_flag=True, help="Deliver what is there, and end.")
@data_option
def run(names: tuple[str, ...], data: Path | None, *, once: bool) -> int:
    """Deliver until Ctrl-C or SIGTERM, from the ledger that programs here write: they need no backend's package then.

    Programs that ask for the same exporters share the work: one of them delivers, the others stand by.
    """
    with opened(data) as (ledger, settings, folder):
        wanted = _asked(settings, names or tuple(settings.exporters))
        for one in wanted:
            note_asked(lock_of(folder, one.name), time.time_ns())
        couriers = Couriers(
            tuple(Courier(one, folder, project=settings.project, release=settings.release) for one in wanted)
        )
        left = 0
        try:
            if once:
                left = couriers.flush(60.0)
            else:
                with _ended_by_signals():
                    click.echo(f"Delivering to {', '.join(one.name for one in wanted)} from {folder}; Ctrl-C ends it.")
                    while True:
                        if ledger.ingest(folder / "spool").records:
                            couriers.wake()
                        time.sleep(TICK)
        except KeyboardInterrupt:
            click.echo("Stopping.", err=True)
        finally:
            couriers.stop(AT_END)
    if once:
        click.echo(f"{counted(left, 'delivery', 'deliveries')} left at {when(time.time_ns())} UTC.")
    return 1 if left else 0


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Raise ``KeyboardInterrupt`` for what containers stop by too, and where a shell has a job ignore Ctrl-C."""
    before = [(one, signal.signal(one, signal.default_int_handler)) for one in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield
    finally:
        for one, handler in before:
            signal.signal(one, handler)


def _asked(settings: Settings, names: Sequence[str]) -> tuple[Asked, ...]:
    """Return the exporters ``names`` that are delivered to, with the options that the settings have for them."""
    found = asked(
        {name: settings.exporters.get(name, {}) for name in names}, plugins.exporter_names(), plugins.exporter
    )
    if not delivered(found):
        if found:
            raise click.UsageError(f"nothing is delivered to {found[0].name}: it follows calls where they are made.")
        raise click.UsageError("no exporter is set: name one with --to, or write  exporters = [...]  in outlay.toml.")
    return delivered(found)
