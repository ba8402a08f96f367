"""``outlay report`` shows what was spent, by whatever a call is known by, and how far the total can be believed."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from outlay.ledger.ledger import Ledger
from tests.cli import shop
from tests.cli.conftest import Cli, words_of
from tests.ledger.samples import call

pytestmark = pytest.mark.usefixtures("shop_ledger")
NOVEMBER = ("--since", "2026-11-01", "--until", "2026-11-20")
WORTH = 60
"""Columns that every terminal has."""


def report(cli: Cli, *arguments: str) -> dict[str, Any]:
    """Return the report as programs get it."""
    done = cli("report", *arguments, "--json")
    assert done.status == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


@pytest.mark.parametrize(
    ("by", "keys"),
    [
        ("model", {"o4-mini", "claude-haiku-4-5", "gpt-4o-mini", "house-model-7b"}),
        ("provider", {"openai", "anthropic", "unknown"}),
        ("feature", {"answer", "summarise"}),
        ("path", {"serve/answer", "serve/summarise"}),
        ("project", {"shop", "lab"}),
        ("user", set(shop.USERS)),
        ("tag:team", {"support"}),
        ("month", {"2026-11"}),
        ("week", {"2026-W44", "2026-W45", "2026-W46", "2026-W47"}),
        ("outcome", {"ok", "error", "abandoned"}),
    ],
)
def test_a_report_can_be_broken_down_by(by: str, keys: set[str], cli: Cli) -> None:
    """Each line's calls and money add up to the total, whatever it is broken down by."""
    found = report(cli, "--by", by, *NOVEMBER)
    assert {line[by.removeprefix("tag:")] for line in found["lines"]} == keys
    for name in ("requests", "attempts", "errors", "input_tokens", "output_tokens"):
        assert sum(line[name] for line in found["lines"]) == found["total"][name]
    assert sum(Decimal(line["cost_usd"]) for line in found["lines"]) == Decimal(found["total"]["cost_usd"])


def test_days_and_hours_are_those_of_the_zone(cli: Cli) -> None:
    """A day in Tokyo begins at 15:00 UTC."""
    found = report(cli, "--by", "hour", "--since", "2026-11-03", "--until", "2026-11-04", "--zone", "Asia/Tokyo")
    assert [line["hour"] for line in found["lines"]] == ["2026-11-03T18:00+09:00"]


def test_conditions_narrow_a_report(cli: Cli) -> None:
    """All of them hold; a declared tag needs no prefix, any other has one, and a provider goes by any of its names."""
    mini = report(cli, "--where", "model=gpt-4o-mini", "--where", "user=u-17", "--where", "tag:team=support", *NOVEMBER)
    assert mini["total"]["requests"] == 19
    assert report(cli, "--where", "provider=claude", *NOVEMBER)["total"]["requests"] == 57
    assert report(cli, "--where", "user=", *NOVEMBER)["total"]["attempts"] == 0


def test_the_total_says_what_it_leaves_out(cli: Cli) -> None:
    """Calls without a price and estimates are told in a sentence each, and marked at the amounts."""
    out = cli("report", *NOVEMBER).out
    assert "+ 1 call (1,100 tokens) without a (full) price: see `outlay calls --unpriced`." in out
    assert "1 call is an estimate: the total is at least $" in out
    total = next(words_of(line) for line in out.splitlines() if line.startswith("total"))
    assert any(cell.endswith(" +") for cell in total)


def test_the_month_is_projected_where_it_has_begun_and_not_ended(cli: Cli) -> None:
    """Neither a whole month nor a part that misses its beginning has a projection."""
    assert "Projected for November" in cli("report", *NOVEMBER).out
    for since, until in (("2026-10-01", "2026-11-01"), ("2026-11-02", "2026-11-20")):
        assert "Projected" not in cli("report", "--since", since, "--until", until).out


def test_each_request_has_its_cost_and_each_output_its_reasoning(cli: Cli) -> None:
    """A model that thinks much is dear by the answer, however cheap by the token."""
    lines = {line["model"]: line for line in report(cli, *NOVEMBER)["lines"]}
    thinker = lines["o4-mini"]
    assert Decimal(thinker["cost_per_request_usd"]) * thinker["requests"] == Decimal(thinker["cost_usd"])
    assert thinker["reasoning_output_tokens"] * 1_350 == thinker["output_tokens"] * 1_200
    assert "88.9 %" in cli("report", *NOVEMBER).out


def test_cost_is_split_by_what_was_paid_for(cli: Cli) -> None:
    """Input, cache, output and the rest are each line's cost."""
    found = report(cli, "--cost", "--by", "feature,model", *NOVEMBER)
    for line in [*found["lines"], found["total"]]:
        assert sum(map(Decimal, line["cost_by_driver_usd"].values())) == Decimal(line["cost_usd"])
    thinker = next(line for line in found["lines"] if line["model"] == "o4-mini")["cost_by_driver_usd"]
    assert Decimal(thinker["output"]) > 10 * Decimal(thinker["input"])
    assert {"input $", "cache $", "output $"} <= set(words_of(cli("report", "--cost", *NOVEMBER).out.splitlines()[1]))


def test_what_moved_adds_up_to_the_difference(cli: Cli) -> None:
    """In November the shop asked the thinking model twice as often: the volume and the models moved, prices did not."""
    found = report(cli, "--changes", "--where", "project=shop", *NOVEMBER)["changes"]
    drivers = {name: Decimal(found[f"{name}_usd"]) for name in ("volume", "model", "input", "output", "other")}
    assert sum(drivers.values()) == Decimal(found["after_usd"]) - Decimal(found["before_usd"])
    assert drivers["volume"] > 0
    assert drivers["model"] > 0
    assert "What moved against 2026-10-13" in cli("report", "--changes", *NOVEMBER).out


@pytest.mark.parametrize("columns", [WORTH, 80, 100, 120, 140])
@pytest.mark.parametrize(
    "arguments", [(), ("--by", "user,feature,model"), ("--by", "hour"), ("--cost",), ("--changes",)], ids=" ".join
)
def test_no_table_is_torn_by_a_narrow_terminal(columns: int, arguments: tuple[str, ...], cli: Cli) -> None:
    """Each row is one line, and no figure is cut."""
    wide = cli("report", *NOVEMBER, *arguments).out
    out = cli("report", *NOVEMBER, *arguments, columns=columns).out
    lines = out.splitlines()
    assert max(map(len, lines)) <= columns
    figures = {cell for line in wide.splitlines() for cell in words_of(line) if cell[0] in "0123456789$?"}
    table = lines[2 : next(index for index, line in enumerate(lines) if line.startswith("total")) + 1]
    keys = len(lines[1].split("requests")[0].split())
    shown = {cell for line in table for cell in words_of(line)[keys:]}
    assert shown <= figures


def test_columns_with_nothing_to_say_are_left_out(cli: Cli) -> None:
    """No errors, no retries, no cache: no columns for them."""
    head = cli("report", *NOVEMBER, "--where", "model=o4-mini").out.splitlines()[1]
    assert words_of(head) == [
        "model",
        "requests",
        "tokens",
        "input",
        "output",
        "reasoning",
        "cost",
        "per request",
        "share",
    ]


def test_an_empty_time_says_where_to_look(cli: Cli) -> None:
    """Nothing was spent there, which is no error."""
    done = cli("report", "--since", "2020-01-01", "--until", "2020-02-01")
    assert done.status == 0
    assert "No calls in this time" in done.out


def test_errors_are_told_by_provider_and_model(cli: Cli) -> None:
    """One 429, and the two seconds until the attempt that came through."""
    done = cli("report", "--errors", *NOVEMBER, columns=100)
    rows = [words_of(line) for line in done.out.splitlines()]
    assert rows[1] == ["provider", "model", "attempts", "failed", "of all", "429", "retried", "time lost"]
    assert rows[2] == ["openai", "gpt-4o-mini", "60", "1", "1.7 %", "1", "1", "2.0 s"]
    assert rows[3][:3] == ["total", "232", "1"]
    found = report(cli, "--errors", "--by", "user", *NOVEMBER)
    assert [(line["user"], line["rate_limited"], line["lost_seconds"]) for line in found["lines"][:1]] == [
        ("u-99", 1, "2")
    ]
    assert (
        "None of 171 attempts failed."
        in cli("report", "--errors", "--since", "2026-10-13", "--until", "2026-11-01").out
    )


def test_errors_have_no_unit_of_time(cli: Cli) -> None:
    """The sentence says what to do instead."""
    done = cli("report", "--errors", "--by", "day")
    assert (done.status, done.err) == (2, "outlay: --errors has no day: narrow the time with --since and --until.\n")


def test_errors_are_a_report_of_their_own(cli: Cli) -> None:
    """An option that would do nothing is refused."""
    done = cli("report", "--errors", "--cost")
    assert (done.status, done.err) == (2, "outlay: --errors is a report of its own: leave out --cost.\n")


def test_by_may_be_said_more_than_once(cli: Cli) -> None:
    """As good as with commas."""
    assert report(cli, "--by", "user", "--by", "model", *NOVEMBER) == report(cli, "--by", "user,model", *NOVEMBER)


def test_what_a_budget_refused_is_no_failure_of_the_provider(cli: Cli, data: Path) -> None:
    """It was never sent."""
    with Ledger.open(data / "ledger.db") as ledger:
        ledger.write([call(project="mine", outcome="error", error_type="budget_exceeded", status=None)])
    (line,) = report(cli, "--errors", "--since", "1970-01-01", "--where", "project=mine")["lines"]
    assert (line["refused"], line["no_answer"], line["failed"]) == (1, 0, 1)


def test_what_a_terminal_would_obey_is_shown(cli: Cli, data: Path) -> None:
    """Tags may come from outside: a colour, a title, a line of its own."""
    with Ledger.open(data / "ledger.db") as ledger:
        ledger.write([call(project="mine", tags={"user": "\x1b[31mred\x1b]0;t\x07\nnext"})])
    done = cli("report", "--by", "user", "--since", "1970-01-01", "--where", "project=mine")
    assert "\\x1b[31mred\\x1b]0;t\\x07\\x0anext" in done.out
    assert "\x1b" not in done.out
