"""``outlay demo``: the main job on a fresh machine, with no key and no network."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.markup import escape

import outlay
from outlay.cli.books import data_option, opened
from outlay.cli.output import as_json, console, print_json
from outlay.cli.report import as_data, show
from outlay.errors import MissingExtra
from outlay.loopback import ModelHost

PROJECT = "outlay-demo"


@click.command(short_help="Run a small application against a model host on this machine, and show its report.")
@data_option
@as_json
def command(data: Path | None, *, as_json: bool) -> None:
    """Run a small application through the real openai and anthropic SDKs against a model host on this machine.

    No key and no network are needed. The calls stay in the ledger, in the project "outlay-demo".
    """
    try:
        from outlay.cli import demo_application
    except ImportError as error:
        raise MissingExtra(f"the demo needs the {error.name} package: pip install 'outlay[demo]'") from None
    started = time.time_ns()
    with ModelHost() as openai_host, ModelHost() as anthropic_host:
        hosts = {_netloc(openai_host.url): "openai", _netloc(anthropic_host.url): "anthropic"}
        outlay.init(PROJECT, data=data, hosts=hosts)
        demo_application.run(openai_host.openai_url, anthropic_host.anthropic_url)
        outlay.uninstrument()
        billed = len(openai_host.billed) + len(anthropic_host.billed)
    _tell(data, started, billed, as_json=as_json)


def _netloc(url: str) -> str:
    return url.removeprefix("http://")


def _tell(data: Path | None, started: int, billed: int, *, as_json: bool) -> None:
    with opened(data) as (ledger, settings, folder):
        report = ledger.report(
            ("feature", "model"), since=started, filters={"project": PROJECT}, zone=settings.timezone
        )
        calls = ledger.calls(limit=1000, since=started, filters={"project": PROJECT})
    first, last = (datetime.fromtimestamp(at / 1e9, UTC) for at in (started, time.time_ns()))
    if as_json:
        print_json({**as_data(report, first, last, None), "billed_by_the_hosts": billed, "ledger": str(folder)})
        return
    out = console()
    out.print(
        "[bold]outlay demo[/]: a support bot, three users, the real openai and anthropic SDKs, no key, no network.\n"
    )
    show(report, first, last, None)
    exact = sum(call.usage is not None and not call.usage.estimated for call in calls)
    out.print(
        f"\nThe model hosts put {billed} answers on the bill. outlay has {exact} of them to the token, and "
        f"{report.total.estimated_calls} that broke off in mid-stream as estimates, between bounds."
    )
    place = "" if data is None else f" --data {escape(str(data))}"
    out.print(f"The calls stay in {escape(str(folder / 'ledger.db'))}. Look again, from any side:")
    for line in (f"--by user,feature{place}", f"--by hour{place}"):
        out.print(f"  outlay report {line}")
    out.print(f"  outlay calls --dearest{place}")
