"""Measure outlay's spike detector on made-up streams with labelled incidents: what it finds, how soon, how rightly.

    python -m benchmarks.spikes --seeds 5000-5031

With --minutes the one-minute series tell too, as they do in outlay.

An alert is the first bucket over the threshold after an hour of quiet, and again each six hours while it goes on. It is
right within an incident, false outside, and neither in the 24 hours after an incident, a deploy or a batch out of the
order. Weeks 1 and 2 hold no incident: false alerts there are the cold start. Needs numpy.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from benchmarks.streams import BUCKET, DAY, KINDS, LEARNING, START, WEEKS, Stream, stream
from outlay.spikes.detector import THRESHOLD, Bucket, Detector
from outlay.spikes.minutes import Rush, rush
from outlay.spikes.state import pack

QUIET, REPEAT = 12, 72
"""Buckets after which an alert is a new one, and after which one that goes on is given again."""
GRACE = DAY // BUCKET
"""Buckets after an incident in which an alert is neither right nor wrong."""
FREE = ("latency_regression", "error_burst")
"""Kinds that cost nothing."""
STEPS = ("call_surge", "retry_storm", "dearer_model")
"""Kinds that are there at once, and that a minute can tell."""
BUSY = 20
"""Calls in a bucket from which on a series is busy."""
DRIVERS = {
    "agent_loop": ("calls", "input", "output"),
    "prompt_regression": ("input", "output"),
    "dearer_model": ("price", "misses"),
    "retry_storm": ("calls", "errors", "latency"),
    "cache_collapse": ("price", "misses"),
    "latency_regression": ("latency",),
    "error_burst": ("errors",),
    "slow_leak": ("input", "output"),
    "call_surge": ("calls",),
}
"""The channels that a kind moves."""


@dataclass
class Course:
    """What the detector said of one stream, bucket by bucket."""

    scores: list[float] = field(default_factory=list)
    drivers: list[str] = field(default_factory=list)
    minutes: list[int] = field(default_factory=list)
    """Minutes of the bucket after which that was said."""
    microseconds: float = 0.0
    """For one bucket, of the processor's time."""
    state: int = 0
    """Bytes that the detector takes when it is kept."""


@dataclass
class Result:
    """What came of all streams."""

    delays: dict[str, list[int | None]] = field(default_factory=dict)
    """Minutes to the first alert, by kind; None for what was missed."""
    lost: list[tuple[str, float, float]] = field(default_factory=list)
    """Kind, USD beyond the usual up to the first alert, and in all."""
    false: int = 0
    cold: int = 0
    weeks: float = 0.0
    named: int = 0
    """Alerts in incidents that name a channel which the incident moved."""
    alerts: int = 0
    soon: list[int] = field(default_factory=list)
    """Minutes from the beginning of what is there at once to the first alert, in busy series."""
    false_drivers: Counter[str] = field(default_factory=Counter)
    microseconds: list[float] = field(default_factory=list)
    states: list[int] = field(default_factory=list)


NAMES = ("calls", "errors", "input", "cached", "output", "cost", "latency")


def watch(made: Stream, *, by_minute: bool = False) -> Course:
    """Show ``made`` to a new detector."""
    detector, course = Detector(), Course()
    rows = zip(*(getattr(made, name).tolist() for name in NAMES), strict=True)
    small = [Bucket(*row) for row in zip(*(made.minutes[name].tolist() for name in NAMES), strict=True)]
    began = time.process_time()
    for at, (calls, errors, read, cached, written, cost, latency) in enumerate(rows):
        early = _early(detector, small, at * BUCKET) if by_minute else None
        # The stream has the mean latency of all calls, outlay's ledger the time of those that were answered.
        score = detector.update(
            START + at * BUCKET * 60, Bucket(calls, errors, read, cached, written, cost, latency * (calls - errors))
        )
        minutes, driver = BUCKET, detector.driver
        if early is not None:
            minutes, rushing = early
            score, driver = max(score, rushing.score), rushing.driver
        course.scores.append(score)
        course.drivers.append(driver)
        course.minutes.append(minutes)
    course.microseconds = (time.process_time() - began) / len(course.scores) * 1e6
    course.state = len(pack(detector))
    return course


def _early(detector: Detector, minutes: Sequence[Bucket], since: int) -> tuple[int, Rush] | None:
    """Return what the minutes of the bucket from ``since`` on say, and after how many of them."""
    for number in range(1, BUCKET):
        until = since + number
        found = rush(detector, START + (until - 1) * 60, minutes[max(0, until - BUCKET) : until][::-1])
        if found is not None:
            return number, found
    return None


def alerts(scores: Sequence[float], threshold: float) -> list[int]:
    """Return the buckets in which somebody would be told."""
    found: list[int] = []
    last = sent = -(10**9)
    for at, score in enumerate(scores):
        if score >= threshold:
            if at - last > QUIET or at - sent >= REPEAT:
                found.append(at)
                sent = at
            last = at
    return found


def judge(result: Result, made: Stream, course: Course, threshold: float) -> None:
    """Add to ``result`` how right the detector was about one stream."""
    told = alerts(course.scores, threshold)
    spans = [(one.since // BUCKET, -(-one.until // BUCKET), one.kind) for one in made.incidents]
    for one, (since, until, kind) in zip(made.incidents, spans, strict=True):
        within = [at for at in told if since <= at < until]
        seen = within[0] if within else None
        excess = made.excess[since:until]
        delay = None if seen is None else (seen - since) * BUCKET + course.minutes[seen]
        result.delays.setdefault(kind, []).append(delay)
        if delay is not None and kind in STEPS and made.calls[since - 12 : since].mean() >= BUSY:
            result.soon.append(delay - one.since % BUCKET)
        lost = float(excess.sum())
        if seen is not None:  # of the bucket in which it was told, the minutes until then
            lost = float(excess[: seen - since].sum() + excess[seen - since] * course.minutes[seen] / BUCKET)
        result.lost.append((kind, lost, float(excess.sum())))
        result.alerts += len(within)
        result.named += sum(course.drivers[at] in DRIVERS[kind] for at in within)
    for at in told:
        if any(since <= at <= until + GRACE for since, until, _ in spans):
            continue
        if any(since // BUCKET <= at <= until // BUCKET + QUIET for since, until in made.neutral):
            continue
        if at < LEARNING // BUCKET:
            result.cold += 1
        else:
            result.false += 1
            result.false_drivers[course.drivers[at]] += 1
    busy = sum(until - since + GRACE for since, until, _ in spans) * BUCKET / (7 * DAY)
    result.weeks += max(WEEKS - LEARNING / (7 * DAY) - busy, 0.5)
    result.microseconds.append(course.microseconds)
    result.states.append(course.state)


def report(result: Result, streams: int) -> str:
    """Return the figures, a line each."""
    delays = [delay for kind in result.delays.values() for delay in kind]
    found = [delay for delay in delays if delay is not None]
    paid = [(lost, whole) for kind, lost, whole in result.lost if whole > 0 and kind not in FREE]
    lines = [
        f"streams                     {streams}, {len(delays)} incidents, {result.weeks:.1f} weeks without one",
        f"recall                      {len(found) / len(delays):.3f}",
        f"false alerts a week         {result.false / result.weeks:.2f}  {dict(result.false_drivers)}",
        f"in weeks 1 and 2            {result.cold / (2 * streams):.2f}",
        f"delay, minutes              p50 {np.percentile(found, 50):.0f}, p90 {np.percentile(found, 90):.0f}",
        f"busy series, minutes        mean {statistics.mean(result.soon):.1f} of {len(result.soon)} that began at once",
        f"USD before the alert        {_share(paid)} % of all, {_mean(paid)} % mean",
        f"right channel named         {100 * result.named / max(1, result.alerts):.1f} % of {result.alerts} alerts",
        f"a bucket                    {statistics.median(result.microseconds):.0f} µs",
        f"a series kept               {max(result.states):,} bytes at most",
    ]
    for kind in KINDS:
        times = result.delays.get(kind, [])
        seen = sorted(delay for delay in times if delay is not None)
        middle = f"median {statistics.median(seen):.0f}, mean {statistics.mean(seen):.1f} min" if seen else ""
        lines.append(f"  {kind:<24}  {len(seen)} of {len(times)}  {middle}")
    return "\n".join(lines)


def _share(paid: Sequence[tuple[float, float]]) -> str:
    return f"{100 * sum(lost for lost, _ in paid) / sum(whole for _, whole in paid):.1f}"


def _mean(paid: Sequence[tuple[float, float]]) -> str:
    return f"{100 * statistics.mean(lost / whole for lost, whole in paid):.1f}"


def _run(seed: int, *, by_minute: bool) -> tuple[Stream, Course]:
    made = stream(seed)
    course = watch(made, by_minute=by_minute)
    made.minutes = {}
    return made, course


def numbers(words: str) -> list[int]:
    """Return the numbers from one to another: ``5000-5031``."""
    first, _, last = words.partition("-")
    return list(range(int(first), int(last or first) + 1))


def main(arguments: Iterable[str] | None = None) -> None:
    """Print the figures of the seeds asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", default="5000-5031", type=numbers, help="those of 1000-1031 were used for tuning")
    parser.add_argument("--threshold", default=THRESHOLD, type=float, help="the one that outlay ships, unless given")
    parser.add_argument("--minutes", action="store_true", help="let the one-minute series tell too")
    parser.add_argument("--processes", default=1, type=int)
    given = parser.parse_args(None if arguments is None else list(arguments))
    result = Result()
    with ProcessPoolExecutor(given.processes) as pool:
        for made, course in pool.map(partial(_run, by_minute=given.minutes), given.seeds):
            judge(result, made, course, given.threshold)
    print(report(result, len(given.seeds)))


if __name__ == "__main__":
    main()
