"""Guards need no history of a series: one call, one run, one model is enough."""

from __future__ import annotations

from collections.abc import Sequence

from outlay.spikes.guards import CENT, DAY, MOST, Finding, Guards, Limits
from outlay.traffic import Watching

HOUR = 3_600 * 10**9
LIMITS = Limits()


def call(number: int, *, cost: int = CENT, run: str = "", **given: object) -> Watching:
    """Return the call of this number, a minute after the one before."""
    usual: dict[str, object] = {
        "id": f"{number:016x}",
        "end": number * HOUR // 60,
        "trace_id": run or f"{number:032x}",
        "feature": "answer",
        "site": "app.py:1",
        "provider": "openai",
        "model": "gpt-4o",
        "cost": cost,
        "input": 1000 + number,
        "output": 100,
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


def test_a_loop_is_told() -> None:
    """Calls of one run that read the same again and again."""
    calls = [call(number, run="f" * 32, input=5000) for number in range(LIMITS.repeats)]
    (finding,) = found(Guards(), calls)
    assert (finding.rule, finding.count) == ("loop", LIMITS.repeats)


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
