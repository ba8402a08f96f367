"""``outlay calls`` lists calls, and shows one in full with the price it was priced by."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.cli.conftest import Cli

pytestmark = pytest.mark.usefixtures("shop_ledger")


def listed(cli: Cli, *arguments: str) -> list[dict[str, Any]]:
    """Return calls as programs get them."""
    done = cli("calls", *arguments, "--json")
    assert done.status == 0, done.err
    found: list[dict[str, Any]] = json.loads(done.out)
    return found


def test_the_latest_come_first(cli: Cli) -> None:
    """Without being asked for."""
    starts = [call["start"] for call in listed(cli, "--limit", "30")]
    assert starts == sorted(starts, reverse=True)
    assert len(starts) == 30


def test_the_dearest_come_first_where_asked_for(cli: Cli) -> None:
    """By what they cost."""
    costs = [Decimal(call["cost_usd"]) for call in listed(cli, "--dearest", "--limit", "200")]
    assert costs == sorted(costs, reverse=True)


def test_the_failed_and_the_unpriced_can_be_looked_at(cli: Cli) -> None:
    """Each call that a report's note counts can be found."""
    assert [call["error_type"] for call in listed(cli, "--failed")] == ["429"]
    assert [call["request_model"] for call in listed(cli, "--unpriced")] == ["house-model-7b"]
    assert "error: 429" in cli("calls", "--failed").out


def test_lists_can_be_narrowed(cli: Cli) -> None:
    """By time and by conditions."""
    day = ("--since", "2026-11-03", "--until", "2026-11-04")
    assert len(listed(cli, *day)) == 12
    assert len(listed(cli, *day, "--where", "feature=summarise", "--where", "user=u-42")) == 1
    assert cli("calls", "--since", "2030-01-01").out == "No such calls.\n"


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_list_fits_its_terminal(columns: int, cli: Cli) -> None:
    """One call is one line."""
    lines = cli("calls", "--limit", "7", columns=columns).out.splitlines()
    assert max(map(len, lines)) <= columns
    assert sum(line[:8] in {call["id"][:8] for call in listed(cli, "--limit", "7")} for line in lines) == 7


def test_one_call_is_shown_in_full(cli: Cli) -> None:
    """By the beginning of its id: its cost class by class, and the price row with its source."""
    dearest = listed(cli, "--dearest", "--limit", "1")[0]
    out = cli("calls", dearest["id"][:8].upper()).out
    for said in (dearest["id"], "serve/answer", "user=u-17" if "u-17" in str(dearest) else "user=", "1,350", "openai"):
        assert said in out
    full = json.loads(cli("calls", dearest["id"], "--json").out)
    rates = full["price"]["bands"][0]["rates"]
    parts = [
        Decimal(rates[name]["usd"]) / rates[name]["per"] * number for name, number in full["usage"]["classes"].items()
    ]
    assert sum(parts) == Decimal(full["cost_usd"])


def test_an_estimate_shows_its_bounds(cli: Cli) -> None:
    """And one without a price what to do."""
    abandoned, unknown = (
        listed(cli, "--where", condition)[0]["id"] for condition in ("outcome=abandoned", "provider=unknown")
    )
    assert "the usage is an estimate: at least $" in cli("calls", abandoned).out
    assert "No price is known for house-model-7b of unknown: put one into a price book." in cli("calls", unknown).out


def test_an_id_must_name_one_call(cli: Cli) -> None:
    """None, or several to choose from, is said in a sentence."""
    assert "no call has an id that begins with zz" in cli("calls", "zz").err
    every = cli("calls", "")
    assert every.status == 2
    assert "calls or more have an id" in every.err


def test_the_model_that_is_listed_finds_the_call(cli: Cli) -> None:
    """As reports name it, whatever date the answer put behind it."""
    (call, *_) = listed(cli, "--limit", "1")
    assert call["id"] in [found["id"] for found in listed(cli, "--where", f"model={call['model']}")]
