"""One program goes to four backends at once: each has every record, the same tree, the tokens and the cost."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import outlay
from outlay.ledger.ledger import Ledger
from outlay.loopback import ModelHost
from outlay.records import Call, Span
from outlay_integrations.exporters.ids import uuid_of
from tests.exporters import test_langsmith, test_mlflow, test_weave
from tests.exporters.program import CALLS, SPANS, spend
from tests.exporters.readback import Line, count, hold, tree, usd
from tests.exporters.receiver import Receiver, http_receiver
from tests.exporters.site import Answer, Site, serve
from tests.exporters.test_otlp import attributes

PERSONAL = ("LANGSMITH_", "LANGCHAIN_", "WANDB_", "WF_", "MLFLOW_")


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of the person who runs the tests out."""
    for name in [name for name in os.environ if name.startswith(PERSONAL)]:
        monkeypatch.delenv(name)


def test_one_program_goes_to_all_four(tmp_path: Path) -> None:
    """Tracked functions, streams, an error, async and threads, by the real SDKs."""
    receiver, mlflow, langsmith, weave = Receiver(), Site(test_mlflow.mlflow), Site(lambda _: Answer(202)), Site()
    with (
        ModelHost() as host,
        http_receiver(receiver) as otlp,
        serve(mlflow) as at_mlflow,
        serve(langsmith) as at_langsmith,
        serve(weave) as at_weave,
    ):
        exporters: dict[str, dict[str, object]] = {
            "otlp": {"endpoint": otlp, "metrics": False},
            "mlflow": {"tracking_uri": at_mlflow},
            "langsmith": {"endpoint": at_langsmith, "api_key": "k"},
            "weave": {"url": at_weave, "project": "team/shop"},
        }
        outlay.init(data=tmp_path, exporters=exporters, hosts={f"127.0.0.1:{host.port}": "openai"})
        spend(host)
        assert outlay.flush(60) == 0
        outlay.uninstrument()
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        calls = [one for _, one in ledger.calls_after(0, 100)]
        spans = [one for _, one in ledger.spans_after(0, 100)]
    records: dict[str, Call | Span] = {**{one.id: one for one in calls}, **{one.id: one for one in spans}}
    assert len(records) == CALLS + SPANS
    by_otlp = {span.span_id.hex(): span for span in receiver.spans}
    by_mlflow, by_langsmith, by_weave = (
        test_mlflow.spans(mlflow),
        test_langsmith.runs(langsmith),
        test_weave.calls(weave),
    )
    for found in (by_otlp, by_mlflow, by_langsmith, by_weave):
        assert set(found) == set(records)
    for one, record in records.items():
        parent = None if record.parent_id is None else records[record.parent_id]
        uuid = None if parent is None else str(uuid_of(parent))
        assert by_otlp[one].parent_span_id.hex() == by_mlflow[one].parent_span_id.hex() == (record.parent_id or "")
        assert by_langsmith[one].get("parent_run_id") == by_weave[one]["parent_id"] == uuid
    for call in calls:
        money = None if call.cost.usd is None else pytest.approx(float(call.cost.usd), abs=1e-9)
        tokens = None if call.usage is None else call.usage.input_tokens
        run = by_langsmith[call.id]["extra"]["metadata"].get("usage_metadata", {})
        assert attributes(by_otlp[call.id]).get("outlay.cost.total_usd") == money
        assert attributes(by_mlflow[call.id]).get("gen_ai.usage.input_tokens") == run.get("input_tokens") == tokens
        assert ("mlflow.llm.cost" in attributes(by_mlflow[call.id])) == (money is not None)
        assert run.get("total_cost") == (money if call.usage is not None else None)
        assert by_weave[call.id]["attributes"]["outlay"].get("cost_usd") == money
    hold("langsmith", tree(map(line, by_langsmith.values())))
    total = test_mlflow.last(mlflow, "own")["cost_usd"]
    assert total == pytest.approx(float(sum(call.cost.usd or 0 for call in calls)), abs=1e-9)


def line(run: dict[str, Any]) -> Line:
    """Return a run as docs/exporters.md shows it: type, tokens, cost, whether a first token is marked, tags, error."""
    usage = run["extra"]["metadata"].get("usage_metadata", {})
    words = (
        run["run_type"],
        count(usage.get("input_tokens")),
        count(usage.get("output_tokens")),
        usd(usage.get("total_cost")),
        ", ".join([*(event["name"] for event in run.get("events") or ()), *(run.get("tags") or ())]),
        run.get("error") or "",
    )
    return Line(run["id"], run.get("parent_run_id"), run["start_time"], run["name"], words)
