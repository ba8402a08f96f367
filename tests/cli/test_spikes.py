"""The commands about spikes: what rose, why, and what people say of it."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from outlay.ledger.ledger import Ledger
from outlay.spikes.backtest import judge
from outlay.spikes.incidents import Incident
from outlay.spikes.watch import Watch
from tests.cli.conftest import Cli
from tests.spikes.days import DAY, HOUR, MINUTE, MONDAY, SECOND, SHOP, Trouble, calls

BEGIN = MONDAY + 3 * DAY
SINCE = BEGIN + 10 * HOUR
SURGE = Trouble("research", SINCE, SINCE + HOUR, calls=5, input=2)
TIME = ("--since", "2026-09-10", "--until", "2026-09-10T13:00")


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a ledger in which a surge was found."""
    folder = tmp_path_factory.mktemp("watched")
    with Ledger.open(folder / "ledger.db") as ledger:
        ledger.write(calls(MONDAY, BEGIN, SHOP[1:2]))
        watch = Watch(ledger, lambda _: None)
        for at in range(BEGIN, BEGIN + 13 * HOUR, 5 * MINUTE):
            ledger.write(calls(at, at + 5 * MINUTE, SHOP[1:2], (SURGE,)))
            watch.step(at + 5 * MINUTE + 20 * SECOND)
        watch.leave()
    return folder


@pytest.fixture
def surge(watched: Path, data: Path) -> Path:
    """Make that ledger the test's own."""
    shutil.copytree(watched, data)
    return data


def as_json(cli: Cli, *arguments: str) -> Any:
    """Return what a command prints for programs."""
    done = cli(*arguments, "--json")
    assert done.status == 0, done.err
    return json.loads(done.out)


@pytest.mark.usefixtures("surge")
def test_a_surge_is_listed_and_shown_with_its_cause(cli: Cli) -> None:
    """By the beginning of its id; the parts of its explanation add up to what it cost beyond the usual."""
    (listed,) = as_json(cli, "spikes", "--since", "2026-09-01")
    assert listed["series"][0] == ["model", "research", "gpt-4o-mini"]
    assert listed["since"] == "2026-09-10T10:00:00+00:00"
    shown = cli("spikes", "show", listed["id"][:4], columns=100)
    assert shown.status == 0
    assert "research on gpt-4o-mini" in shown.out
    assert "shop/research.py:8" in shown.out
    assert "volume" in shown.out
    parts = listed["explanation"]["parts_usd"].values()
    assert sum(map(Decimal, parts)) == Decimal(listed["explanation"]["difference_usd"])
    assert Decimal(listed["beyond_usual_usd"]) == Decimal(listed["explanation"]["difference_usd"])
    assert len(listed["examples"]) == 3


@pytest.mark.usefixtures("surge")
@pytest.mark.parametrize(
    ("command", "said"),
    [("ack", "acknowledged"), ("mute", "muted"), ("confirm", "confirmed"), ("dismiss", "dismissed")],
)
def test_what_people_say_stands_in_the_list(cli: Cli, command: str, said: str) -> None:
    """And is kept."""
    (listed,) = as_json(cli, "spikes", "--since", "2026-09-01")
    assert cli("spikes", command, listed["id"]).out == f"{listed['id']} {said}: research on gpt-4o-mini.\n"
    assert said in cli("spikes", "--since", "2026-09-01").out


@pytest.mark.usefixtures("surge")
def test_a_backtest_finds_what_was_found_and_measures_itself(cli: Cli) -> None:
    """By what people said of the incidents of that time."""
    before = as_json(cli, "spikes", "backtest", *TIME)
    assert [raised["series"][0][:2] for raised in before["raised"]] == [["model", "research"]]
    assert before["precision"] is None
    (listed,) = as_json(cli, "spikes", "--since", "2026-09-01")
    cli("spikes", "confirm", listed["id"])
    after = as_json(cli, "spikes", "backtest", *TIME)
    assert (after["precision"], after["confirmed"], after["confirmed_found"]) == (1.0, 1, 1)
    assert "Right by what people said: 100.0 % of 1" in cli("spikes", "backtest", *TIME).out


@pytest.mark.usefixtures("surge")
@pytest.mark.parametrize("columns", [80, 100, 140])
def test_each_spike_has_a_sparkline_however_narrow_the_terminal_is(cli: Cli, columns: int) -> None:
    """And however much was said of it."""
    (listed,) = as_json(cli, "spikes", "--since", "2026-09-01")
    for command in ("ack", "confirm"):
        cli("spikes", command, listed["id"])
    shown = cli("spikes", "--since", "2026-09-01", columns=columns).out
    line = next(line for line in shown.splitlines() if line.startswith(listed["id"]))
    assert "acknowledged" in line
    assert len(re.findall("[▁▂▃▄▅▆▇█]", line)) >= 8
    assert max(map(len, shown.splitlines())) <= columns


@pytest.mark.parametrize(("near", "precision"), [("confirmed", 1.0), ("dismissed", 0.0)])
def test_of_two_that_were_judged_at_one_time_the_nearest_is_meant(near: str, precision: float) -> None:
    """One that still lasted when this one began, too, and was right or wrong for itself."""
    one, other = incident("one", 0), incident("other", 2)
    far = {"confirmed": "dismissed", "dismissed": "confirmed"}[near]
    words = {("one", "judgement"): far, ("other", "judgement"): near}
    assert judge([incident("new", 2)], {"one": one, "other": other}, words).precision == precision


def incident(name: str, hour: int) -> Incident:
    """Return an incident of three hours."""
    opened = BEGIN + hour * HOUR
    return Incident(
        id=name, series=[("whole",)], driver="input", opened=opened, raised=opened, last=opened + 3 * HOUR, score=0.9,
        days_known=9.0,
    )  # fmt: skip


@pytest.mark.usefixtures("surge")
def test_a_marker_is_shown_with_the_spike_after_it(cli: Cli) -> None:
    """Within an hour before it."""
    assert cli("mark", "release 1.4", "--at", "2026-09-10T09:50").status == 0
    (listed,) = as_json(cli, "spikes", "--since", "2026-09-01")
    assert "release 1.4 at 2026-09-10 09:50" in cli("spikes", "show", listed["id"]).out


@pytest.mark.usefixtures("shop_ledger")
def test_an_explanation_adds_up_and_names_who_carries_it(cli: Cli) -> None:
    """For any two times."""
    found = as_json(cli, "explain", "--since", "2026-11-01", "--until", "2026-11-10", "--against", "2026-10-05")
    assert sum(map(Decimal, found["parts_usd"].values())) == Decimal(found["difference_usd"])
    assert Decimal(found["after_usd"]) - Decimal(found["before_usd"]) == Decimal(found["difference_usd"])
    assert {carrier["dimension"]: carrier["value"] for carrier in found["carriers"]}["model"] == "o4-mini"


@pytest.mark.usefixtures("shop_ledger")
def test_a_trend_is_what_a_request_costs_in_each_step(cli: Cli) -> None:
    """The steps are the report's lines."""
    (answer, summarise) = as_json(
        cli, "trends", "--by", "feature", "--every", "week", "--since", "2026-10-05", "--until", "2026-11-16"
    )
    assert (answer["feature"], summarise["feature"]) == ("answer", "summarise")
    assert answer["first_usd"] < answer["last_usd"]
    assert summarise["first_usd"] == summarise["last_usd"]
    assert len(answer["steps"]) == 6


@pytest.mark.usefixtures("shop_ledger")
@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("spikes show abc", "no spike has an id that begins with abc"),
        ("explain --since 2026-11-01 --until 2026-11-05 --against 2026-10-30", "overlap"),
        ("trends --by day", "--every"),
        ("mark ''", "say what happened"),
    ],
)
def test_a_wrong_usage_is_one_sentence(cli: Cli, line: str, complaint: str) -> None:
    """With what to do."""
    done = cli(*shlex.split(line))
    assert (done.status, done.out) == (2, "")
    assert complaint in done.err
