"""The page that Prometheus scrapes."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from outlay.export import Batch, Delivered, Place
from outlay.records import Cost
from outlay_integrations.exporters.prometheus import PROMETHEUS
from tests.ledger.samples import call
from tests.ports import free_port


def test_the_page_counts_calls_tokens_and_cost(tmp_path: Path) -> None:
    """By project, feature, provider and model; what has no price is counted beside."""
    port = free_port()
    exporter = PROMETHEUS.open(PROMETHEUS.options(port=port), Place(folder=tmp_path))
    plain = call(project="shop", feature="answer")
    unpriced = call(project="shop", feature="answer", cost=Cost(status="unknown"))
    failed = call(project="shop", feature="answer", outcome="error", usage=None, cost=Cost(status="free", amount=0))
    assert exporter.send(Batch(records=(plain, unpriced, failed))) == Delivered()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        page = answer.read().decode()
    exporter.close()
    samples = {
        (sample.name, sample.labels.get("outcome") or sample.labels.get("type")): sample
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if not sample.name.endswith(("_created", "_bucket"))
    }
    assert samples["outlay_calls_total", "ok"].value == 2
    assert samples["outlay_calls_total", "error"].value == 1
    assert samples["outlay_tokens_total", "input"].value == 22
    assert samples["outlay_cost_usd_total", None].value == pytest.approx(5.85e-06)
    assert samples["outlay_unpriced_calls_total", None].value == 1
    assert samples["outlay_call_duration_seconds_count", None].value == 3
    assert samples["outlay_cost_usd_total", None].labels == {
        "project": "shop",
        "feature": "answer",
        "provider": "openai",
        "model": "gpt-4o-mini",
    }


def test_the_port_is_free_again_when_the_exporter_is_closed(tmp_path: Path) -> None:
    """Whoever has the lease next serves the page; while the port is taken, opening fails and is tried again."""
    port = free_port()
    options = PROMETHEUS.options(port=port)
    first = PROMETHEUS.open(options, Place(folder=tmp_path))
    with pytest.raises(OSError, match="in use"):
        PROMETHEUS.open(options, Place(folder=tmp_path))
    first.close()
    PROMETHEUS.open(options, Place(folder=tmp_path)).close()
