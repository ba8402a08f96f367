"""Run metrics: what the calls of a run used and cost so far, under the names that people log them by themselves."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from outlay.integration import Call, Later

if TYPE_CHECKING:
    import requests

    from outlay_integrations.exporters.mlflow.server import Server
    from outlay_integrations.exporters.mlflow.totals import Book, Point

logger = logging.getLogger("outlay")
RUN = "mlflow_run"
"""Tag that holds the id of the run a call belongs to."""
MOST = 1000
"""Metrics in one request, by MLflow's limit."""
LINKED = 100
"""Traces in one request that links them to a run."""

Metric = dict[str, Any]


def active_run() -> Mapping[str, str]:
    """Return the run of MLflow's that is active on this thread, as a tag; where mlflow is not loaded, nothing."""
    fluent: Any = sys.modules.get("mlflow.tracking.fluent")
    if fluent is None or not hasattr(fluent, "active_run"):  # some thread may be importing it just now
        return {}
    run = fluent.active_run()
    return {} if run is None else {RUN: run.info.run_id}


class Runs:
    """The runs that calls belong to."""

    def __init__(self, server: Server, book: Book, experiment: str, *, own: bool) -> None:
        self._server = server
        self._book = book
        self._experiment = experiment
        self._own = own
        self._lost: set[str] = set()
        """Runs that are not there, of which that was said."""

    def close(self) -> None:
        """Close the book."""
        self._book.close()

    def log(self, calls: Sequence[Call]) -> Later | None:
        """Log the metrics of ``calls``, each to its run, and link its trace; return what is wrong, or None."""
        by_run: dict[str, list[Call]] = {}
        for call in calls:
            if run := call.tags.get(RUN):
                by_run.setdefault(run, []).append(call)
        for run, inside in by_run.items():
            points = self._book.enter(run, inside)
            if (wrong := self._log(run, [metric for point in points for metric in _metrics(point, detailed=True)])) or (
                wrong := self._link(run, inside)
            ):
                return wrong
        return self._log_own([call for call in calls if RUN not in call.tags]) if self._own else None

    def _log_own(self, calls: Sequence[Call]) -> Later | None:
        """Log where the totals of calls outside of any run stand, once a batch, to a run of ours."""
        for project in {call.project: None for call in calls}:
            run = self._book.own_run(project, self._experiment) or self._make(project)
            points = self._book.enter(run, [call for call in calls if call.project == project])
            last = max(points, key=lambda point: point.step)
            if wrong := self._log(run, list(_metrics(last, detailed=False))):
                return wrong
        return None

    def _make(self, project: str) -> str:
        body = {"experiment_id": self._experiment, "run_name": f"outlay {project}".rstrip(), "tags": [_tag(project)]}
        answer = self._server.post("runs/create", body)
        answer.raise_for_status()
        run = str(answer.json()["run"]["info"]["run_id"])
        self._book.note_own_run(project, self._experiment, run)
        return run

    def _log(self, run: str, metrics: list[Metric]) -> Later | None:
        for begin in range(0, len(metrics), MOST):
            answer = self._server.post("runs/log-batch", {"run_id": run, "metrics": metrics[begin : begin + MOST]})
            if wrong := _later(answer):
                return wrong
            if answer.status_code == 404 and run not in self._lost:
                self._lost.add(run)
                logger.warning("MLflow has no run %s: its calls are traced, and in the totals of no run.", run)
        return None

    def _link(self, run: str, calls: Sequence[Call]) -> Later | None:
        traces = list(dict.fromkeys(f"tr-{call.trace_id}" for call in calls))
        for begin in range(0, len(traces), LINKED):
            body = {"run_id": run, "trace_ids": traces[begin : begin + LINKED]}
            if wrong := _later(self._server.post("traces/link-to-run", body)):
                return wrong
        return None


def _later(answer: requests.Response) -> Later | None:
    """Return trouble that passes: a run that was deleted, or a server without the route, takes no record with it."""
    from outlay_integrations.exporters.answers import trouble  # needs requests

    found = trouble(answer)
    return found if isinstance(found, Later) and answer.status_code != 404 else None


def _tag(project: str) -> dict[str, str]:
    return {"key": "outlay.project", "value": project or "-"}


def _metrics(point: Point, *, detailed: bool) -> Iterator[Metric]:
    totals, call = point.totals, point.call
    found: dict[str, float] = {
        "input_tokens": totals.input_tokens,
        "output_tokens": totals.output_tokens,
        "total_tokens": totals.input_tokens + totals.output_tokens,
        "cost_usd": totals.pico_usd / 1e12,
        "calls": totals.calls,
        "unpriced_calls": totals.unpriced_calls,
    }
    if detailed:
        found["latency_ms"] = call.duration / 1e6
        if call.first_chunk is not None:
            found["ttft_ms"] = call.first_chunk / 1e6
    for key, value in found.items():
        yield {"key": key, "value": value, "timestamp": call.end // 10**6, "step": point.step}
