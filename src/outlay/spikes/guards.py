"""Guards: what is wrong with a single call or run can be seen without a history of the series."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from outlay.config.spike_limits import Limits
from outlay.traffic import Watching

Rule = Literal["dear_call", "dear_run", "loop", "output_limit", "new_model"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What a guard has to say."""

    rule: Rule
    key: str
    """What makes it one: it is told once."""
    at: int
    feature: str
    site: str = ""
    model: str = ""
    call: str = ""
    amount: int | None = None
    usual: int | None = None
    count: int = 0
    repeated: str = ""
    """What a loop repeats: ``request`` or ``tools``."""


class Usual(msgspec.Struct):
    """What calls or runs of a function cost: the mean and the dearest, both of late."""

    count: int = 0
    mean: float = 0.0
    most: float = 0.0

    def learn(self, cost: int) -> None:
        """Take in one cost; what is far out moves the mean only so far."""
        self.count += 1
        bounded = min(cost, 10 * self.mean) if self.count > 20 else cost
        self.mean += max(1 / self.count, 0.01) * (bounded - self.mean)
        self.most = max(float(cost), self.most * 0.999)

    def exceeded(self, cost: int, limits: Limits) -> bool:
        """Return whether ``cost`` is far out of the usual: of its mean, and of its dearest."""
        far = cost >= limits.times * self.mean and cost >= 3 * self.most
        return far and self.count >= limits.known and limits.times > 0


class Run(msgspec.Struct):
    """The calls of one outermost span so far."""

    feature: str
    site: str
    began: int
    last: int
    cost: int = 0
    calls: int = 0
    seen: dict[str, int] = {}
    """How often each of the latest requests and tool calls was made."""
    most: int = 0
    """How often any was."""

    def repeat(self, what: str) -> int:
        """Return how often ``what`` was made, this time included."""
        self.seen[what] = times = self.seen.pop(what, 0) + 1  # the latest last: the oldest goes first
        if len(self.seen) > ALIKE:
            del self.seen[next(iter(self.seen))]
        self.most = max(self.most, times)
        return times


class Function(msgspec.Struct):
    """What is usual in a feature."""

    since: int
    calls: Usual = msgspec.field(default_factory=Usual)
    runs: Usual = msgspec.field(default_factory=Usual)
    models: list[str] = []
    recent: int = 0
    """One bit for each of the last 20 answers: whether it ended at its limit."""
    capped: float = 0.0
    """Share of answers that usually do."""
    looping: float = 0.0
    """Share of runs that usually repeat themselves: a vote among many answers is no accident."""


HOUR = 3_600 * 10**9
DAY = 24 * HOUR
IDLE = 600 * 10**9
"""Nanoseconds without a call after which a run is taken to be over."""
MOST = 1_000
"""Functions, runs and findings that are known at a time."""
ALIKE = 64
"""Requests and tool calls of a run that are known: a loop of so many steps is seen."""
OFTEN = 0.2
"""Share from which on something is usual."""
_LAST = (1 << 20) - 1
_RUNS = "\nruns"
"""Behind the name of an outermost span: what is usual of its runs, beside what is of its own calls."""


class Guards(msgspec.Struct):
    """What the guards know: bounded, and kept with the ledger."""

    functions: dict[str, Function] = {}
    runs: dict[str, Run] = {}
    told: dict[str, int] = {}

    def watch(self, calls: Iterable[Watching], limits: Limits) -> list[Finding]:
        """Look at calls in their order; return what is to be told, each once."""
        found: list[Finding] = []
        for call in calls:
            for finding in self._look(call, limits):
                if finding.key not in self.told:
                    self.told[finding.key] = finding.at
                    found.append(finding)
            if len(self.told) > MOST:
                del self.told[next(iter(self.told))]
        return found

    def _look(self, call: Watching, limits: Limits) -> Iterator[Finding]:
        name = f"{call.feature}\n{call.site}"
        function = self._known(name, call.end)
        yield from self._look_at_call(call, function, limits)
        yield from self._look_at_run(call, limits)
        yield from _look_at_model(call, function, limits)
        yield from _look_at_limit(call, function, limits)

    def _known(self, name: str, since: int) -> Function:
        function = self.functions.pop(name, None) or Function(since=since)
        self.functions[name] = function  # the latest last: the oldest goes first
        if len(self.functions) > MOST:
            del self.functions[next(iter(self.functions))]
        return function

    def _look_at_call(self, call: Watching, function: Function, limits: Limits) -> Iterator[Finding]:
        dear = call.cost >= limits.call_least and function.calls.exceeded(call.cost, limits)
        if dear or 0 < limits.call <= call.cost:
            usual = round(function.calls.mean) if function.calls.count else None
            # Once an hour for each function: a dear function is one thing, not a thousand.
            key = f"guard:dear_call:{call.feature}:{call.site}:{call.end // HOUR}"
            yield _finding("dear_call", key, call, amount=call.cost, usual=usual)
        if not call.failed:
            function.calls.learn(call.cost)

    def _look_at_run(self, call: Watching, limits: Limits) -> Iterator[Finding]:
        outermost = call.path.partition("/")[0] or call.feature
        run = self.runs.pop(call.trace_id, None) or Run(outermost, "", call.end, call.end)
        self.runs[call.trace_id] = run
        run.last = call.end
        run.cost += call.cost
        run.calls += 1
        of = self._known(f"{run.feature}\n{run.site}{_RUNS}", run.began)
        which = f"{run.feature}:{run.site}:{run.began // HOUR}"  # likewise
        if run.cost >= limits.run_least and of.runs.exceeded(run.cost, limits):
            usual = round(of.runs.mean)
            told = call._replace(feature=run.feature, site=run.site)
            yield _finding("dear_run", f"guard:dear_run:{which}", told, amount=run.cost, usual=usual, count=run.calls)
        if not call.failed:  # what failed is sent again by SDKs too, and costs nothing
            for what, digest in (("request", call.request_digest), ("tools", call.tools_digest)):
                times = run.repeat(f"{what} {digest}") if digest else 0
                if 0 < limits.repeats <= times and of.looping < OFTEN:
                    key = f"guard:loop:{which}"
                    yield _finding("loop", key, call, amount=run.cost, count=times, repeated=what)
        self._end_runs(call.end, limits)

    def _end_runs(self, now: int, limits: Limits) -> None:
        """Learn from runs that are over: the oldest stand first."""
        while self.runs:
            name = next(iter(self.runs))
            run = self.runs[name]
            if now - run.last < IDLE and len(self.runs) <= MOST:
                return
            del self.runs[name]
            function = self._known(f"{run.feature}\n{run.site}{_RUNS}", run.began)
            function.runs.learn(run.cost)
            function.looping += 0.05 * ((0 < limits.repeats <= run.most) - function.looping)


def _look_at_model(call: Watching, function: Function, limits: Limits) -> Iterator[Finding]:
    if call.failed or call.model in function.models:
        return
    known = 0 < limits.model_calls <= function.calls.count and call.end - function.since >= limits.model_days * DAY
    if function.models and known:
        yield _finding("new_model", f"guard:new_model:{call.feature}:{call.site}:{call.model}", call)
    function.models = [*function.models[-31:], call.model]


def _look_at_limit(call: Watching, function: Function, limits: Limits) -> Iterator[Finding]:
    if call.failed:
        return
    function.recent = (function.recent << 1 | call.capped) & _LAST
    capped = function.recent.bit_count()
    if 0 < limits.capped <= capped and function.capped < OFTEN:
        key = f"guard:output_limit:{call.feature}:{call.site}:{call.end // DAY}"
        yield _finding("output_limit", key, call, count=capped)
    function.capped += 0.005 * (call.capped - function.capped)


def _finding(
    rule: Rule,
    key: str,
    call: Watching,
    *,
    amount: int | None = None,
    usual: int | None = None,
    count: int = 0,
    repeated: str = "",
) -> Finding:
    return Finding(
        rule=rule,
        key=key,
        at=call.end,
        feature=call.feature,
        site=call.site,
        model=call.model,
        call=call.id,
        amount=amount,
        usual=usual,
        count=count,
        repeated=repeated,
    )
