"""How soon a slow leak could be found at all: outlay's watch beside a filter that is told everything but the leak.

    python -m benchmarks.leaks --seeds 1000-1031

The filter knows the usual prompt, how much single prompts differ, when the leak began and how fast it grows; all that
is left to it is to weigh evidence, by the log-likelihood ratio of a ramp: the sum of n r^2 / 2 s^2 over the buckets,
for n calls, a rise r (a logarithm) and a variance s^2 of one call. It needs as much of it as outlay does. Needs numpy.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable

import numpy as np

from benchmarks.spikes import alerts, numbers, watch
from benchmarks.streams import BUCKET, DAY, Incident, Stream, stream
from outlay.spikes.detector import THRESHOLD
from outlay.spikes.traits import INPUT

WEEK = 7 * DAY // BUCKET


def ideal(made: Stream, leak: Incident) -> int | None:
    """Return after how many minutes the filter has the evidence; None where the leak is over before."""
    since, until = leak.since // BUCKET, min(-(-leak.until // BUCKET), len(made.calls))
    before = slice(since - WEEK, since)
    calls, read = made.calls[before], made.input[before]
    some = calls > 0
    usual = read.sum() / calls.sum()
    spread = np.mean(np.log(read[some] / calls[some] / usual) ** 2 * calls[some])
    passed = (np.arange(until - since) + 0.5) * BUCKET
    rise = np.log(leak.factor) * passed / (leak.until - leak.since)
    evidence = np.cumsum(made.calls[since:until] * rise**2) / (2 * spread)
    place = int(np.searchsorted(evidence, INPUT.limit))
    return (place + 1) * BUCKET if place < len(evidence) else None


def found(told: list[int], leak: Incident) -> int | None:
    """Return after how many minutes outlay told of it."""
    since, until = leak.since // BUCKET, -(-leak.until // BUCKET)
    return next(((at - since + 1) * BUCKET for at in told if since <= at < until), None)


def main(arguments: Iterable[str] | None = None) -> None:
    """Print the delays of both."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", default="1000-1031", type=numbers)
    given = parser.parse_args(None if arguments is None else list(arguments))
    ours, best, others = [], [], 0
    for seed in given.seeds:
        made = stream(seed)
        told = alerts(watch(made).scores, THRESHOLD)
        leaks = [one for one in made.incidents if one.kind == "slow_leak"]
        others += len(made.incidents) - len(leaks)
        ours += [found(told, leak) for leak in leaks]
        best += [ideal(made, leak) for leak in leaks]
    both = [(one, two) for one, two in zip(ours, best, strict=True) if one is not None and two is not None]
    print(f"leaks                         {len(ours)} of {len(ours) + others} incidents")
    for name, delays in (("outlay", ours), ("told everything but the leak", best)):
        seen = [delay for delay in delays if delay is not None]
        print(f"{name:30}found {len(seen)}, minutes p50 {np.median(seen):.0f}, p90 {np.percentile(seen, 90):.0f}")
    print(f"outlay's delay over the other's, median  {np.median([one / two for one, two in both]):.2f}")


if __name__ == "__main__":
    main()
