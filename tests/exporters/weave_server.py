"""Deliver to the trace server in memory that weave's own package ships, through outages, and read everything back.

``nox -s weave`` runs it where weave is installed. Each body is read by the package's own models. Exits with an error
where something is missing or differs.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import weave
from pydantic import ValidationError

import outlay
from outlay.loopback import ModelHost
from outlay.records import Call
from outlay_integrations.exporters.ids import uuid_of
from tests.exporters.phoenix import kept
from tests.exporters.program import CALLS, spend
from tests.exporters.readback import Line, count, hold, tree, usd
from tests.exporters.site import Answer, Request, Site, serve

# The wheel ships its trace server, but for one module: a list of models that only its playground reads.
MISSING = "weave.trace_server.model_providers"
for name in (MISSING, f"{MISSING}.model_providers"):
    sys.modules[name] = MagicMock()

from weave.trace_server import trace_server_interface as tsi  # noqa: E402 - what it imports is put in place above
from weave.trace_server.in_memory_trace_server import InMemoryTraceServer  # noqa: E402 - the same

PROJECT = "team/shop"


class Traces(InMemoryTraceServer):  # type: ignore[misc]  # where mypy runs, weave is not installed
    """The server in memory, which forgets the cache prices that it is told; ClickHouse has columns for them."""

    def cost_create(self, req: tsi.CostCreateReq) -> tsi.CostCreateRes:
        """Keep prices, those of caches too."""
        made = super().cost_create(req)
        rows = {row["id"]: row for row in self._llm_token_prices}
        for cost_id, model in made.ids:
            cost = req.costs[model]
            rows[cost_id]["cache_read_input_token_cost"] = cost.cache_read_input_token_cost
            rows[cost_id]["cache_creation_input_token_cost"] = cost.cache_creation_input_token_cost
        return made


def rule(traces: Traces, request: Request) -> Answer:
    """Hand a request to the server, as weave's own service does."""
    try:
        if request.path == "/cost/create":
            traces.cost_create(tsi.CostCreateReq(**request.json, wb_user_id="u"))
        elif request.path == f"/v2/{PROJECT}/calls/complete":
            traces.calls_complete(tsi.CallsUpsertCompleteReq.model_validate_json(request.body))
        else:
            return Answer(404)
    except ValidationError as error:
        return Answer(422, str(error).encode())
    return Answer()


@contextmanager
def up(traces: Traces, port: int = 0, answers: int | None = None) -> Iterator[str]:
    """Serve the traces; after so many answers the server fails, though it takes what it is sent."""
    site = Site()

    def answer(request: Request) -> Answer:
        found = rule(traces, request)
        return Answer(500) if answers is not None and len(site.requests) > answers else found

    site.rule = answer
    with serve(site, port) as url:
        yield url


def compare(traces: Traces, folder: Path) -> int:
    """Compare what Weave shows with the ledger: every record once, the same tree, tokens, and its cost and ours."""
    records = {str(uuid_of(record)): record for record in kept(folder)}
    query = tsi.CallsQueryReq(project_id=PROJECT, include_costs=True)
    found = {call.id: call for call in traces.calls_query(query).calls}
    assert found.keys() == records.keys()
    ids = {record.id: one for one, record in records.items()}
    equal = 0
    for one, record in records.items():
        shown: Any = found[one]
        assert shown.trace_id == record.trace_id
        assert shown.parent_id == (None if record.parent_id is None else ids[record.parent_id])
        if isinstance(record, Call):
            equal += compare_call(shown, record)
        else:
            assert "usage" not in shown.summary
    return equal


def compare_call(shown: Any, call: Call) -> int:
    """Compare one call; return 1 where Weave computes a cost of its own, which is ours then."""
    assert shown.attributes["user"] == "u-42"
    assert shown.thread_id == "s-7"
    assert (shown.exception is not None) == (call.outcome == "error")
    own = shown.attributes["outlay"]
    assert own["cost_status"] == call.cost.status
    assert own.get("cost_usd") == (None if call.cost.usd is None else float(call.cost.usd))
    if call.usage is None:
        return 0
    (usage,) = shown.summary["usage"].values()
    assert (usage["input_tokens"], usage["output_tokens"]) == (call.usage.input_tokens, call.usage.output_tokens)
    if call.cost.usd is None:
        assert own["weave_cost"] == "unknown"
        return 0
    (costs,) = shown.summary["weave"]["costs"].values()
    computed = sum(value for name, value in costs.items() if name.endswith("tokens_total_cost"))
    assert "weave_cost" not in own
    assert abs(computed - float(call.cost.usd)) < 1e-9
    return 1


def deliver(folder: Path) -> None:
    """Run the program with Weave down, up, failing after it has accepted, and up again."""
    traces = Traces()
    with ModelHost() as host:
        with up(traces) as url:
            port = int(url.rpartition(":")[2])
        outlay.init(
            data=folder,
            exporters={"weave": {"url": url, "project": PROJECT, "batch": 5}},
            hosts={f"127.0.0.1:{host.port}": "openai"},
        )
        spend(host)
        assert outlay.flush(2), "Weave is down, so something must be left"
        with up(traces, port, answers=4):
            spend(host)
            assert outlay.flush(20)
        spend(host)
        with up(traces, port):
            assert outlay.flush(120) == 0
        outlay.uninstrument()
    calls = [record for record in kept(folder) if isinstance(record, Call)]
    assert len(calls) == 3 * CALLS
    equal = compare(traces, folder)
    show(traces)
    sys.stdout.write(
        f"weave {weave.__version__}: {len(kept(folder))} records, each once; "
        f"Weave's own cost is ours for {equal} of {len(calls)} calls, the others have no price or failed\n"
    )


def show(traces: Traces) -> None:
    """Show one trace, as its users query it, and as the page shows it."""
    query = tsi.CallsQueryReq(
        project_id=PROJECT, include_costs=True, sort_by=[{"field": "started_at", "direction": "asc"}]
    )
    found = list(traces.calls_query(query).calls)
    shown = tree(line(one) for one in found if one.trace_id == found[0].trace_id)
    sys.stdout.write(shown)
    hold("weave", shown)


def line(call: Any) -> Line:
    """Return a call as the page shows it: tokens, cost by Weave, what we say it cost, and its error."""
    usage: Any = next(iter(call.summary.get("usage", {}).values()), {})
    costs: Any = next(iter((call.summary.get("weave") or {}).get("costs", {}).values()), {})
    computed = sum(value for name, value in costs.items() if name.endswith("tokens_total_cost")) if costs else None
    own = call.attributes["outlay"]
    words = (
        count(usage.get("input_tokens")),
        count(usage.get("output_tokens")),
        usd(computed),
        usd(own.get("cost_usd")) or own.get("cost_status", ""),
        call.exception or "",
    )
    return Line(call.id, call.parent_id, call.started_at, call.display_name or call.op_name, words)


def main() -> None:
    """Deliver to a server of our own."""
    folder = Path(tempfile.mkdtemp(prefix="outlay-weave-"))
    try:
        deliver(folder / "data")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
