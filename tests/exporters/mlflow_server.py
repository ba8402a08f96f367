"""Deliver to a real MLflow server (sqlite), read it all back by its own client, and count what outages leave.

``nox -s mlflow`` runs it where mlflow is installed. Exits with an error where something is missing or differs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities import Trace

import outlay
from outlay.loopback import ModelHost
from outlay.records import Call
from tests.exporters.phoenix import kept, wait
from tests.exporters.program import CALLS, SPANS, spend
from tests.exporters.readback import Line, count, hold, tree, usd
from tests.ports import free_port

EXPERIMENT = "outlay proof"


class Server:
    """A tracking server of our own, with its data in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.url = f"http://127.0.0.1:{free_port()}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait for it."""
        store = ["--backend-store-uri", f"sqlite:///{self._folder / 'mlflow.db'}"]
        place = ["--host", "127.0.0.1", "--port", self.url.rpartition(":")[2], "--workers", "1"]
        own = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
        with (self._folder / "log").open("ab") as log:
            command = [sys.executable, "-m", "mlflow", "server", *store, *place]
            self._process = subprocess.Popen(
                command, env=os.environ | own, stdout=log, stderr=log, cwd=self._folder, start_new_session=True
            )
        wait(self._answers, 180)

    def stop(self) -> None:
        """End the server and its workers."""
        if self._process is not None:
            os.killpg(self._process.pid, 15)
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def traces() -> list[Trace]:
    """Return every trace of the experiment, as its users search for them."""
    found = mlflow.get_experiment_by_name(EXPERIMENT)
    return list(mlflow.search_traces(locations=[found.experiment_id], return_type="list", max_results=500))


def compare_traces(folder: Path) -> None:
    """Compare traces with the ledger: every record once, the same tree, tokens and cost, and the sums of both."""
    records = {record.id: record for record in kept(folder)}
    found = traces()
    spans = [span for trace in found for span in trace.data.spans]
    assert Counter(span.span_id for span in spans) == Counter(list(records))
    for span in spans:
        record = records[span.span_id]
        assert span.trace_id == f"tr-{record.trace_id}"
        assert span.parent_id == record.parent_id
        if isinstance(record, Call):
            compare_call(span, record)
        else:
            assert span.span_type == "CHAIN"
            assert (span.name, span.attributes.get("mlflow.llm.cost")) == (record.name, None)
    for trace in found:
        compare_trace(trace, [one for one in records.values() if isinstance(one, Call)])


def compare_call(span: Any, call: Call) -> None:
    """Compare one call's span."""
    assert span.span_type == "CHAT_MODEL"
    usage = span.attributes.get("mlflow.chat.tokenUsage")
    assert (usage is None) == (call.usage is None)
    if usage is not None and call.usage is not None:
        assert usage["input_tokens"] == call.usage.input_tokens
        assert usage["output_tokens"] == call.usage.output_tokens
        assert usage["total_tokens"] == call.usage.total_tokens
    assert span.attributes["outlay.cost.status"] == call.cost.status
    if call.cost.usd is not None:  # else MLflow puts a price of its own there
        assert abs(span.attributes["mlflow.llm.cost"]["total_cost"] - float(call.cost.usd)) < 1e-9
    assert (span.status.status_code.value == "ERROR") == (call.outcome == "error")


def compare_trace(trace: Trace, calls: list[Call]) -> None:
    """Compare a trace's sums, tags, session and user."""
    inside = [call for call in calls if f"tr-{call.trace_id}" == trace.info.trace_id]
    assert trace.info.state == "OK"
    assert trace.info.tags["mlflow.traceName"] == "serve"
    assert (trace.info.tags["team"], trace.info.tags["outlay.feature"]) == ("search", "serve")
    assert trace.info.trace_metadata["mlflow.trace.session"] == "s-7"
    assert trace.info.trace_metadata["mlflow.trace.user"] == "u-42"
    tokens = sum(call.usage.total_tokens for call in inside if call.usage)
    assert trace.info.token_usage["total_tokens"] == tokens
    costs = {span.span_id: span.attributes.get("mlflow.llm.cost") for span in trace.data.spans}
    own = sum(costs[call.id]["total_cost"] for call in inside if call.cost.usd is None)
    assert abs(trace.info.cost["total_cost"] - own - float(sum(call.cost.usd or 0 for call in inside))) < 1e-9


def compare_run(run_id: str, calls: list[Call]) -> None:
    """Compare a run's metrics with the ledger's sums of its calls."""
    metrics = mlflow.get_run(run_id).data.metrics
    assert metrics["calls"] == len(calls)
    assert metrics["unpriced_calls"] == sum(call.cost.usd is None for call in calls)
    assert metrics["input_tokens"] == sum(call.usage.input_tokens for call in calls if call.usage)
    assert metrics["output_tokens"] == sum(call.usage.output_tokens for call in calls if call.usage)
    assert metrics["total_tokens"] == sum(call.usage.total_tokens for call in calls if call.usage)
    assert abs(metrics["cost_usd"] - float(sum(call.cost.usd or 0 for call in calls))) < 1e-9


def deliver(folder: Path, server: Server) -> None:
    """Run the program with MLflow down, up, down in the middle, and up again; then once inside a run."""
    options = {"tracking_uri": server.url, "experiment": EXPERIMENT, "batch": 5}
    with ModelHost() as host:
        outlay.init(data=folder, exporters={"mlflow": options}, hosts={f"127.0.0.1:{host.port}": "openai"})
        spend(host)
        assert outlay.flush(2), "MLflow is down, so something must be left"
        server.start()
        assert outlay.flush(120) == 0
        for _ in range(2):
            spend(host)
        outlay.flush(0.2)
        server.stop()
        spend(host)
        outlay.flush(1)
        server.start()
        assert outlay.flush(120) == 0
        mlflow.set_tracking_uri(server.url)
        mlflow.set_experiment(EXPERIMENT)
        with mlflow.start_run() as run:
            spend(host)
        assert outlay.flush(120) == 0
        outlay.uninstrument()
    calls = [record for record in kept(folder) if isinstance(record, Call)]
    assert len(calls) == 5 * CALLS
    compare_traces(folder)
    inside = [call for call in calls if call.tags.get("mlflow_run") == run.info.run_id]
    assert len(inside) == CALLS, "those in a pool too, since their function is carried"
    compare_run(run.info.run_id, inside)
    linked = mlflow.search_traces(run_id=run.info.run_id, return_type="list")
    assert {trace.info.trace_id for trace in linked} == {f"tr-{call.trace_id}" for call in inside}
    show(run.info.run_id)
    (own,) = mlflow.search_runs(filter_string="tags.`outlay.project` != ''", output_format="list")
    compare_run(own.info.run_id, [call for call in calls if call not in inside])


def show(run_id: str) -> None:
    """Show one trace and the metrics of its run, as their users look for them, and as the page shows them."""
    (trace,) = mlflow.search_traces(run_id=run_id, return_type="list")
    info = trace.info
    head = f"{info.tags['mlflow.traceName']}  {info.state}  {info.token_usage}\n  {rounded(info.cost)}\n"
    metrics = {name: value for name, value in mlflow.get_run(run_id).data.metrics.items() if not name.endswith("_ms")}
    took = ", ".join(name for name in ("latency_ms", "ttft_ms") if name in mlflow.get_run(run_id).data.metrics)
    shown = f"{head}{tree(map(line, trace.data.spans))}\nthe run: {rounded(metrics)}, {took}\n"
    sys.stdout.write(shown)
    hold("mlflow", shown)


def rounded(figures: dict[str, float]) -> dict[str, float]:
    """Return figures without what floats have too much, in the order of their names."""
    return {name: round(figures[name], 10) for name in sorted(figures)}


def line(span: Any) -> Line:
    """Return a span as the page shows it: type, tokens, cost by MLflow, and what we say of it."""
    usage, cost = span.attributes.get("mlflow.chat.tokenUsage") or {}, span.attributes.get("mlflow.llm.cost")
    words = (
        span.span_type,
        count(usage.get("input_tokens")),
        count(usage.get("output_tokens")),
        usd(cost and cost["total_cost"]),
        span.attributes.get("outlay.cost.status", ""),
    )
    return Line(span.span_id, span.parent_id, span.start_time_ns, span.name, words)


def main() -> None:
    """Deliver to a server of our own."""
    folder = Path(tempfile.mkdtemp(prefix="outlay-mlflow-"))
    server = Server(folder)
    try:
        deliver(folder / "data", server)
        total = len(traces())
        sys.stdout.write(
            f"MLflow {mlflow.__version__}: {total} traces of {CALLS + SPANS} spans, each once; "
            "tokens and cost as in the ledger\n"
        )
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
