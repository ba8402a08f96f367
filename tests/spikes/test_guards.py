"""Guards need no history of a series: one call, one run, one model is enough."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from outlay.config.spike_limits import Limits, limits_of, read
from outlay.spikes.guards import ALIKE, DAY, MOST, Finding, Guards
from outlay.traffic import Watching

HOUR = 3_600 * 10**9
CENT = 10**10
LIMITS = Limits()


def call(number: int, *, cost: int = CENT, run: str = "", **given: object) -> Watching:
    """Return the call of this number, a minute after the one before."""
    usual: dict[str, object] = {
        "id": f"{number:016x}",
        "end": number * HOUR // 60,
        "trace_id": run or f"{number:032x}",
        "feature": "answer",
        "path": given.get("feature", "answer"),
        "site": "app.py:1",
        "provider": "openai",
        "model": "gpt-4o",
        "cost": cost,
        "request_digest": f"{number:08x}",
        "tools_digest": "",
        "capped": False,
        "failed": False,
    }
    return Watching(**usual | given)  # type: ignore[arg-type]  # the names are Watching's own


def found(guards: Guards, calls: Sequence[Watching]) -> list[Finding]:
    """Return what guards say of the calls."""
    return guards.watch(calls, LIMITS)


def test_usual_calls_are_nothing_to_tell() -> None:
    """A thousand of them, some three times as dear as others."""
    assert found(Guards(), [call(number, cost=CENT * (1 + number % 3)) for number in range(1000)]) == []


def test_a_call_far_out_of_its_functions_usual_is_told() -> None:
    """Ten times the mean, and three times the dearest there was; with what is usual beside."""
    guards = Guards()
    found(guards, [call(number) for number in range(100)])
    (finding,) = found(guards, [call(100, cost=40 * CENT)])
    assert (finding.rule, finding.amount, finding.usual) == ("dear_call", 40 * CENT, CENT)
    assert found(guards, [call(101, cost=40 * CENT)]) == []  # within the hour, and no longer out of the usual


def test_a_call_over_the_limit_is_told_of_without_any_history() -> None:
    """The very first one."""
    (finding,) = found(Guards(), [call(0, cost=LIMITS.call)])
    assert (finding.rule, finding.usual) == ("dear_call", None)


def test_a_run_that_costs_more_than_runs_do_is_told_while_it_runs() -> None:
    """Each of its calls is as cheap as any."""
    guards = Guards()
    found(guards, [call(number) for number in range(100)])
    told = found(guards, [call(number, run="f" * 32) for number in range(100, 200)])
    (finding,) = [one for one in told if one.rule == "dear_run"]
    assert (finding.count, finding.amount) == (50, 50 * CENT)


def test_a_run_is_judged_and_named_by_its_outermost_span() -> None:
    """Two agents that begin with the same step: each has a usual of its own, whichever of its steps is called now."""
    guards, number = Guards(), 0

    def run(agent: str, calls: int) -> list[Finding]:
        nonlocal number
        told = []
        trace = f"{number:032x}"
        for at in range(calls):
            step = "plan" if at == 0 else "act"
            told += found(guards, [call(number, run=trace, feature=step, path=f"{agent}/{step}")])
            number += 1
        number += 60  # an hour later
        return told

    for _ in range(30):
        assert run("small", 1) == run("large", 40) == []
    (finding,) = run("small", 60)
    assert (finding.rule, finding.feature) == ("dear_run", "small")
    assert run("large", 60) == []


@pytest.mark.parametrize("digest", ["request_digest", "tools_digest"])
def test_a_loop_is_told(digest: str) -> None:
    """Requests of one run that are equal, or tool calls, among others that are not."""
    same: dict[str, Any] = {digest: "0123abcd"}
    calls = [call(number, run="f" * 32, **(same if number % 2 else {})) for number in range(40)]
    (finding,) = found(Guards(), calls)
    assert (finding.rule, finding.count, finding.call) == ("loop", LIMITS.repeats, calls[39].id)
    assert finding.repeated == digest.partition("_")[0]


def test_a_loop_of_several_steps_is_told_however_long_the_run_was_before() -> None:
    """A thousand steps that are all different, then thirty that come again and again."""
    steps = [*range(1000), *[number % 30 for number in range(600)]]
    calls = [call(at, run="f" * 32, request_digest=f"{step:08x}", cost=0) for at, step in enumerate(steps)]
    (finding,) = found(Guards(), calls)
    assert (finding.rule, finding.count) == ("loop", LIMITS.repeats)


def test_the_same_request_in_many_runs_or_failing_is_no_loop() -> None:
    """Each run is judged for itself; what failed is sent again by SDKs too."""
    assert found(Guards(), [call(number, request_digest="0123abcd") for number in range(100)]) == []
    failing = [call(at, run="f" * 32, request_digest="0123abcd", failed=True) for at in range(100)]
    assert found(Guards(), failing) == []


def test_a_function_whose_runs_always_repeat_themselves_is_let_be() -> None:
    """A vote among many answers to one question: told of at first, and no more once it is known to be so."""
    guards, told = Guards(), []
    for run in range(50):
        first = run * 60 * 25
        told += found(guards, [call(first + at, run=f"{run:032x}", request_digest="0123abcd") for at in range(25)])
    assert 1 <= len(told) <= 6
    assert {finding.rule for finding in told} == {"loop"}


def test_runs_of_a_function_that_loop_in_the_same_hour_are_told_of_once() -> None:
    """A hundred users who run into the same loop are one thing."""
    calls = [call(0, run=f"{run:032x}", end=run, request_digest="0123abcd") for _ in range(25) for run in range(100)]
    assert len(found(Guards(), calls)) == 1


def test_answers_that_are_cut_off_are_told() -> None:
    """When they begin to be; a function that always ends so is let be."""
    guards = Guards()
    found(guards, [call(number) for number in range(50)])
    (finding,) = found(guards, [call(number, capped=True) for number in range(50, 60)])
    assert (finding.rule, finding.count) == ("output_limit", 10)


def test_a_model_that_a_feature_never_used_is_told() -> None:
    """After a day and a hundred calls with others; before that every model is new."""
    guards = Guards()
    assert found(guards, [call(0, model="gpt-4o-mini")]) == []
    assert found(guards, [call(number) for number in range(1, DAY // (HOUR // 60) + 1)]) == []
    (finding,) = found(guards, [call(2000, model="o4-mini")])
    assert (finding.rule, finding.model) == ("new_model", "o4-mini")
    assert found(guards, [call(2001, model="o4-mini")]) == []


def test_what_guards_know_is_bounded() -> None:
    """However many functions and runs there are."""
    guards = Guards()
    found(guards, [call(number, feature=f"f{number}", cost=LIMITS.call) for number in range(3 * MOST)])
    assert max(len(guards.functions), len(guards.runs), len(guards.told)) <= MOST
    found(guards, [call(number, run="f" * 32) for number in range(3 * MOST)])
    assert max(len(run.seen) for run in guards.runs.values()) <= ALIKE


SILENT = {
    "call": call(0, cost=LIMITS.call, request_digest=""),
    "times": call(100, cost=40 * CENT, request_digest=""),
    "repeats": call(100, run="f" * 32, request_digest="0123abcd"),
    "capped": call(100, capped=True, request_digest=""),
    "model_calls": call(2000, model="o4-mini", request_digest=""),
}
"""Limits, and a call that with those before it is told of because of them."""


@pytest.mark.parametrize("name", SILENT)
def test_a_limit_that_is_set_is_the_one_that_holds(name: str) -> None:
    """What is told of by a limit is not if that is 0, and is sooner if it is less."""
    before = [call(number) for number in range(1500 if name == "model_calls" else 50)] if name != "call" else []
    last = [SILENT[name]] * 20
    for limits, tells in ((Limits(), True), (limits_of(read("here", {name: 0})), False)):
        guards = Guards()
        assert guards.watch(before, limits) == []
        assert bool(guards.watch(last, limits)) is tells
    for setting, at in (({"repeats": 3}, 3), ({"repeats": 50}, None)):
        told = Guards().watch([SILENT["repeats"]] * 40, limits_of(read("here", setting)))
        assert [finding.count for finding in told] == ([at] if at else [])
    (told_of,) = Guards().watch([call(0, cost=CENT)], limits_of(read("here", {"call": "0.01"})))
    assert told_of.rule == "dear_call"
