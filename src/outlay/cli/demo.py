"""``outlay demo``: the main job on a fresh machine, with no key and no network."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

import outlay
from outlay.cli.books import data_option, opened
from outlay.cli.output import as_json, console, counted, print_json
from outlay.cli.spend import show_lines
from outlay.cli.statement import Statement, as_data
from outlay.errors import BudgetExceeded, MissingExtra
from outlay.loopback import Billed, ModelHost
from outlay.records import Call, Usage

PROJECT = "outlay-demo"


@dataclass(frozen=True)
class Proof:
    """The answers that the hosts put on the bill, and what outlay knows of each."""

    billed: int
    exact: int
    """Recorded with the tokens that were billed."""
    within: int
    """Broken off or left in mid-stream: estimated, and the tokens that were billed lie between the bounds."""

    @property
    def holds(self) -> bool:
        """Whether every answer is accounted for."""
        return self.billed == self.exact + self.within


@click.command(short_help="Run a small application against model hosts on this machine, and show its report.")
@data_option
@as_json
def command(data: Path | None, *, as_json: bool) -> int:
    """Run a small application through the real openai and anthropic SDKs against model hosts on this machine.

    No key and no network are needed. The calls stay in the ledger, in the project "outlay-demo".
    """
    try:
        from outlay.cli import demo_application
    except ImportError as error:
        raise MissingExtra(f"the demo needs the {error.name} package: pip install 'outlay[demo]'") from None
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"  # a proxy would not find this machine's own hosts
    started = time.time_ns()
    with ExitStack() as running:
        hosts = {provider: running.enter_context(ModelHost()) for provider in ("openai", "anthropic")}
        places = {provider: host.url.removeprefix("http://") for provider, host in hosts.items()}
        named = {place: provider for provider, place in places.items()}
        budgets = [demo_application.BUDGET]
        outlay.init(PROJECT, data=data, hosts=named, disabled=False, instrument=True, ask_usage=True, budgets=budgets)
        refusal = demo_application.run(hosts["openai"].openai_url, hosts["anthropic"].anthropic_url)
        outlay.uninstrument()
        bills = {(places[provider], bill.request_id): bill for provider, host in hosts.items() for bill in host.billed}
    return _tell(data, started, bills, refusal, as_json=as_json)


def _tell(
    data: Path | None, started: int, bills: dict[tuple[str, str], Billed], refusal: BudgetExceeded, *, as_json: bool
) -> int:
    filters = {"project": PROJECT}
    with opened(data) as (ledger, _, folder):
        report = ledger.report(("feature", "model"), since=started, filters=filters)
        calls = ledger.calls(limit=1000, since=started, filters=filters)
    now = datetime.now(UTC)
    statement = Statement(report, datetime.fromtimestamp(started / 1e9, UTC), now)
    proof = prove(bills, calls)
    if as_json:
        stopped = {name: refusal.facts[name] for name in ("budget", "limit", "spent")}
        print_json({**as_data(statement), "proof": asdict(proof), "stopped": stopped, "ledger": folder / "ledger.db"})
    else:
        _show(statement, proof, refusal, folder, "" if data is None else f" --data {data}")
    return 0 if proof.holds else 1


def prove(bills: dict[tuple[str, str], Billed], calls: Sequence[Call]) -> Proof:
    """Compare what the hosts billed, by host and request, with what was recorded."""
    known = {(call.host, call.request_id): call.usage for call in calls}
    exact = within = 0
    for place, bill in bills.items():
        usage, tokens = known.get(place), billed_tokens(bill)
        if usage is None:
            continue
        if usage.estimated:
            within += _bounded(usage, tokens)
        else:
            exact += (usage.input_tokens, usage.output_tokens) == tokens
    return Proof(len(bills), exact, within)


def billed_tokens(bill: Billed) -> tuple[int, int]:
    """Return the input and output tokens of a bill, whichever way its provider writes them."""
    usage: dict[str, Any] = bill.usage
    # Anthropic counts cached input apart.
    apart = sum(usage.get(f"cache_{way}_input_tokens") or 0 for way in ("creation", "read"))
    read, written = (
        int(next(usage[name] for name in names if name in usage))
        for names in (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens"))
    )
    return read + apart, written


def _bounded(usage: Usage, tokens: tuple[int, int]) -> bool:
    least, most = Usage(classes=usage.lower or {}), Usage(classes=usage.upper or {})
    bounds = ((least.input_tokens, most.input_tokens), (least.output_tokens, most.output_tokens))
    return all(low <= number <= high for number, (low, high) in zip(tokens, bounds, strict=True))


def _show(statement: Statement, proof: Proof, refusal: BudgetExceeded, folder: Path, place: str) -> None:
    out = console()
    sdks = " and ".join(f"{name} {version(name)}" for name in ("openai", "anthropic"))
    out.print("A support bot served three customers, with threads and asyncio, through the real SDKs", style="bold")
    out.print(f"({sdks}) against model hosts on this machine: no key, no network.\n")
    show_lines(out, statement, datetime.now(UTC))
    out.print(f"\nThe hosts billed {counted(proof.billed, 'answer')}. outlay has {proof.exact} of them to the token;")
    out.print(f"{proof.within} that ended in mid-stream are estimates, with what was billed between their bounds.")
    if not proof.holds:
        out.print(f"{proof.billed - proof.exact - proof.within} are WRONG: please report this.", style="bold red")
    out.print("\nThe research agent never ends by itself. Its budget stopped it before the next call was sent:")
    out.print(str(refusal), style="bold")
    out.print(f"\nThe calls stay in {folder / 'ledger.db'}. Look at them from any side:\n", soft_wrap=True)
    for line in ("report --by user", "report --by feature,model --cost", "calls --dearest", "calls --failed"):
        out.print(f"  outlay {line}{place}")
    out.print(f"\nTake them out again: outlay prune --project {PROJECT}{place}")
