"""Deliver to a real Phoenix, over HTTP and gRPC, read it all back, and count what an outage leaves.

``nox -s phoenix`` runs it where Phoenix is installed. Exits with an error where something is missing or differs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import outlay
from outlay.ledger.ledger import Ledger
from outlay.loopback import ModelHost
from outlay.records import Call, Span
from tests.exporters.program import CALLS, spend
from tests.exporters.readback import Line, count, hold, tree, usd
from tests.ports import free_port


class Phoenix:
    """A server of our own, with its data in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.http, self.grpc = free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait for it."""
        own = {
            "PHOENIX_WORKING_DIR": str(self._folder),
            "PHOENIX_HOST": "127.0.0.1",
            "PHOENIX_PORT": str(self.http),
            "PHOENIX_GRPC_PORT": str(self.grpc),
            "PHOENIX_TELEMETRY_ENABLED": "false",
        }
        with (self._folder / "log").open("ab") as log:
            command = [str(Path(sys.executable).with_name("phoenix")), "serve"]
            self._process = subprocess.Popen(command, env=os.environ | own, stdout=log, stderr=log)
        wait(lambda: self._answers("/healthz") is not None, 120)

    def stop(self) -> None:
        """End the server, softly: what it has accepted it keeps in memory for a while."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def spans(self) -> list[dict[str, Any]]:
        """Return every span that the server has."""
        found = self._answers("/v1/projects/default/spans?limit=1000")
        return [] if found is None else list(json.loads(found)["data"])

    def _answers(self, path: str) -> bytes | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=10) as answer:
                return bytes(answer.read())
        except (OSError, urllib.error.HTTPError):
            return None


def wait(done: Callable[[], bool], seconds: float) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not come to pass")
        time.sleep(0.2)


def kept(folder: Path) -> list[Call | Span]:
    """Return what the ledger has."""
    with Ledger.open(folder / "ledger.db") as ledger:
        calls: list[Call | Span] = [call for _, call in ledger.calls_after(0, 10_000)]
        return [*calls, *(span for _, span in ledger.spans_after(0, 10_000))]


def compare(folder: Path, phoenix: Phoenix) -> None:
    """Compare what Phoenix has with the ledger: every record once, the same tree, tokens and cost."""
    records = {record.id: record for record in kept(folder)}
    wait(lambda: len(phoenix.spans()) >= len(records), 60)
    spans = phoenix.spans()
    assert Counter(span["context"]["span_id"] for span in spans) == Counter(list(records))
    for span in spans:
        record, said = records[span["context"]["span_id"]], span["attributes"]
        assert (span["context"]["trace_id"], span["parent_id"]) == (record.trace_id, record.parent_id)
        if isinstance(record, Call):
            assert span["span_kind"] == "LLM"
            usage, cost = record.usage, record.cost.usd
            assert said.get("gen_ai.usage.input_tokens") == (usage and usage.input_tokens)
            assert said.get("gen_ai.usage.output_tokens") == (usage and usage.output_tokens)
            assert said["outlay.cost.status"] == record.cost.status
            assert ("outlay.cost.total_usd" in said) == (cost is not None)
            assert abs(said.get("outlay.cost.total_usd", 0) - float(cost or 0)) < 1e-9
            assert said["user.id"] == "u-42"
            assert (span["status_code"] == "ERROR") == (record.outcome == "error")


def show(phoenix: Phoenix) -> None:
    """Show one trace, as Phoenix gives it out, and as the page shows it."""
    spans = sorted(phoenix.spans(), key=lambda span: span["start_time"])
    first = spans[0]["context"]["trace_id"]
    shown = tree(line(span) for span in spans if span["context"]["trace_id"] == first)
    sys.stdout.write(shown)
    hold("otlp", shown)


def line(span: dict[str, Any]) -> Line:
    """Return a span as the page shows it: kind, tokens, cost, what is known of that, and whether it failed."""
    said = span["attributes"]
    words = (
        span["span_kind"],
        count(said.get("gen_ai.usage.input_tokens")),
        count(said.get("gen_ai.usage.output_tokens")),
        usd(said.get("outlay.cost.total_usd")),
        said.get("outlay.cost.status", ""),
        said.get("error.type", "") if span["status_code"] == "ERROR" else "",
    )
    return Line(span["context"]["span_id"], span["parent_id"], span["start_time"], span["name"], words)


def deliver(folder: Path, phoenix: Phoenix, protocol: str) -> None:
    """Run the program with Phoenix down, up, down in the middle, and up again."""
    port = phoenix.grpc if protocol == "grpc" else phoenix.http
    options = {"endpoint": f"http://127.0.0.1:{port}", "protocol": protocol, "metrics": False, "batch": 3}
    with ModelHost() as host:
        hosts = {f"127.0.0.1:{host.port}": "openai"}
        outlay.init(data=folder, exporters={"otlp": options}, hosts=hosts)
        spend(host)
        left = outlay.flush(2)
        assert left, "Phoenix was down, so something must be left"
        phoenix.start()
        assert outlay.flush(60) == 0
        for _ in range(3):
            spend(host)
        outlay.flush(0.2)
        phoenix.stop()
        spend(host)
        outlay.flush(1)
        phoenix.start()
        assert outlay.flush(120) == 0
        outlay.uninstrument()
    calls = [record for record in kept(folder) if isinstance(record, Call)]
    assert len(calls) == 5 * CALLS
    compare(folder, phoenix)
    show(phoenix)


def main() -> None:
    """Deliver by each protocol, to a server of its own."""
    for protocol in ("http/protobuf", "grpc"):
        folder = Path(tempfile.mkdtemp(prefix="outlay-phoenix-"))
        phoenix = Phoenix(folder)
        try:
            deliver(folder / "data", phoenix, protocol)
            sys.stdout.write(f"{protocol}: {len(phoenix.spans())} spans, each once, tokens and cost as in the ledger\n")
        finally:
            phoenix.stop()
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
