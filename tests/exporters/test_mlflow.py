"""Traces and run metrics as an MLflow server gets them, and what the exporter makes of its answers."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import outlay
from outlay.export import Delivered, Exporter, Later, Place, Refused
from outlay.guard import failure_of
from outlay.records import Call, Cost
from outlay_integrations.exporters.mlflow.backend import MLFLOW
from outlay_integrations.exporters.mlflow.totals import Book, Totals
from tests.exporters.records import FAILED, SPAN, TRACE, WHOLE, batch
from tests.exporters.site import Answer, Request, Site, serve
from tests.exporters.test_otlp import attributes
from tests.ledger.samples import call


def mlflow(request: Request) -> Answer:
    """Answer as a server that has one experiment, and makes runs."""
    path = request.path.partition("?")[0]
    if path == "/v1/traces":
        return Answer(200, b"", {"content-type": "application/x-protobuf"})
    if path.endswith("get-by-name"):
        return Answer(404, b'{"error_code": "RESOURCE_DOES_NOT_EXIST"}')
    if path.endswith("experiments/create"):
        return Answer(200, b'{"experiment_id": "7"}')
    if path.endswith("runs/create"):
        return Answer(200, json.dumps({"run": {"info": {"run_id": "own"}}}).encode())
    return Answer()


@pytest.fixture
def site() -> Site:
    """Return a server that accepts all."""
    return Site(mlflow)


@pytest.fixture
def exporter(site: Site, tmp_path: Path) -> Iterator[Exporter]:
    """Yield an exporter to ``site``."""
    with serve(site) as url:
        opened = MLFLOW.open(MLFLOW.options(tracking_uri=url, experiment="shop"), Place(folder=tmp_path))
        yield opened
        opened.close()


def spans(site: Site) -> dict[str, Any]:
    """Return the spans that were accepted, by id."""
    sent = [ExportTraceServiceRequest.FromString(request.body) for request in site.asked("/v1/traces")]
    found = [
        span
        for one in sent
        for resource in one.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    return {span.span_id.hex(): span for span in found}


def metrics(site: Site, run: str) -> list[dict[str, Any]]:
    """Return the metrics that were logged to a run."""
    bodies = [request.json for request in site.asked("log-batch")]
    return [metric for body in bodies if body["run_id"] == run for metric in body["metrics"]]


def last(site: Site, run: str) -> dict[str, float]:
    """Return the metrics of a run as its table shows them."""
    return {one["key"]: one["value"] for one in sorted(metrics(site, run), key=lambda one: int(one["step"]))}


def test_a_trace_has_its_tree_its_tokens_and_its_cost(exporter: Exporter, site: Site) -> None:
    """Usage and cost at calls alone, as JSON; the name, the tags, session and user at the root."""
    assert exporter.send(batch()) == Delivered()
    found = spans(site)
    assert [found[one.id].parent_span_id.hex() for one in (SPAN, WHOLE, FAILED)] == ["", SPAN.id, SPAN.id]
    assert {span.trace_id.hex() for span in found.values()} == {TRACE}
    whole, root = attributes(found[WHOLE.id]), attributes(found[SPAN.id])
    assert json.loads(whole["mlflow.chat.tokenUsage"]) == {
        "input_tokens": 180,
        "output_tokens": 30,
        "total_tokens": 210,
        "cache_read_input_tokens": 50,
        "cache_creation_input_tokens": 30,
        "cache_creation_input_tokens_above_1hr": 10,
    }
    cost = json.loads(whole["mlflow.llm.cost"])
    assert cost == pytest.approx({"input_cost": 23.25e-6, "output_cost": 14.25e-6, "total_cost": 37.5e-6}, abs=1e-15)
    assert (whole["mlflow.spanType"], whole["mlflow.llm.model"]) == ("CHAT_MODEL", "gpt-4o-mini-2024-07-18")
    assert json.loads(attributes(found[FAILED.id])["mlflow.llm.cost"])["total_cost"] == 0.0
    assert found[FAILED.id].status.code == 2
    assert {"mlflow.chat.tokenUsage", "mlflow.llm.cost"}.isdisjoint(root)
    assert root["mlflow.spanType"] == "CHAIN"
    assert root["mlflow.traceTag.mlflow.traceName"] == "answer"
    assert (root["mlflow.traceTag.team"], root["session.id"], root["user.id"]) == ("search", "s-1", "u-1")
    assert site.requests[0].path == "/api/2.0/mlflow/experiments/get-by-name?experiment_name=shop"
    assert {request.headers["x-mlflow-experiment-id"] for request in site.asked("/v1/traces")} == {"7"}


def test_a_cost_that_is_not_known_is_left_out_and_said(exporter: Exporter, site: Site) -> None:
    """MLflow may put a price of its own there, so the span and its trace say whose it is."""
    unknown = call(cost=Cost(status="unknown"), trace_id=TRACE, parent_id=SPAN.id, path="answer")
    exporter.send(batch(SPAN, unknown))
    found = spans(site)
    assert "mlflow.llm.cost" not in attributes(found[unknown.id])
    assert attributes(found[unknown.id])["outlay.cost.status"] == "unknown"
    assert attributes(found[SPAN.id])["mlflow.traceTag.outlay.unpriced_calls"] == "1"


def test_a_reported_cost_has_three_parts_that_add_up(exporter: Exporter, site: Site) -> None:
    """MLflow wants all three; the total is the provider's own."""
    reported = call(cost=Cost(status="priced", amount=9_000_000, source="reported"))
    exporter.send(batch(reported))
    cost = json.loads(attributes(spans(site)[reported.id])["mlflow.llm.cost"])
    assert cost["total_cost"] == 9e-6
    assert cost["input_cost"] + cost["output_cost"] == pytest.approx(9e-6, abs=1e-18)


def test_a_call_whose_parent_goes_elsewhere_is_a_root(exporter: Exporter, site: Site) -> None:
    """A span of the application's own OpenTelemetry never comes to MLflow, and the trace would never end."""
    orphan = call(parent_id="00000000000000ff", tags={"session": "s" * 300})
    exporter.send(batch(orphan))
    found = spans(site)[orphan.id]
    assert found.parent_span_id == b""
    assert attributes(found)["mlflow.traceTag.mlflow.traceName"] == "chat gpt-4o-mini"
    assert len(attributes(found)["session.id"]) == 250, "a longer one has MLflow refuse the whole request"


def test_the_run_of_a_call_gets_running_totals(exporter: Exporter, site: Site) -> None:
    """Under the names that people log themselves; its traces are linked to it."""
    inside = [call(tags={"mlflow_run": "r1"}) for _ in range(3)]
    assert exporter.send(batch(*inside)) == Delivered()
    steps = [one["value"] for one in metrics(site, "r1") if one["key"] == "cost_usd"]
    assert steps == pytest.approx([5.85e-06, 11.7e-06, 17.55e-06], abs=1e-15)
    assert last(site, "r1") == pytest.approx(
        {
            "input_tokens": 33,
            "output_tokens": 21,
            "total_tokens": 54,
            "cost_usd": 17.55e-06,
            "calls": 3,
            "unpriced_calls": 0,
            "latency_ms": 1000,
        }
    )
    assert site.asked("link-to-run")[0].json == {"run_id": "r1", "trace_ids": ["tr-" + "0" * 32]}


def test_a_call_that_comes_again_changes_no_total(site: Site, tmp_path: Path) -> None:
    """Also in a new process: it has the step and the totals that it had, which MLflow keeps once."""
    inside = [call(tags={"mlflow_run": "r1"}) for _ in range(3)]
    for _ in range(2):
        with serve(site) as url:
            exporter = MLFLOW.open(MLFLOW.options(tracking_uri=url), Place(folder=tmp_path))
            exporter.send(batch(*inside))
            exporter.close()
    first, second = [request.json for request in site.asked("log-batch")]
    assert first == second


def test_calls_outside_of_a_run_are_added_up_in_one_of_the_projects_own(exporter: Exporter, site: Site) -> None:
    """It is made once, and gets one point a batch."""
    for _ in range(2):
        exporter.send(batch(call(project="shop"), call(project="shop", cost=Cost(status="unknown"))))
    assert [request.json["run_name"] for request in site.asked("runs/create")] == ["outlay shop"]
    assert [one["step"] for one in metrics(site, "own") if one["key"] == "cost_usd"] == [1, 3]
    shown = last(site, "own")
    assert (shown["calls"], shown["unpriced_calls"], shown["total_tokens"]) == (4, 2, 72)
    assert shown["cost_usd"] == pytest.approx(11.7e-06, abs=1e-15)


def test_a_run_that_was_deleted_holds_nothing_up(
    exporter: Exporter, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """The traces are there; a server that can't log now is asked again."""
    gone = Answer(404, b'{"error_code": "RESOURCE_DOES_NOT_EXIST"}')
    site.rule = lambda request: gone if "runs/" in request.path else mlflow(request)
    assert exporter.send(batch(call(tags={"mlflow_run": "r1"}))) == Delivered()
    site.rule = lambda request: Answer(503) if "log-batch" in request.path else mlflow(request)
    assert isinstance(exporter.send(batch(call(tags={"mlflow_run": "r1"}))), Later)
    assert [record.levelname for record in caplog.records if "MLflow has no run" in record.getMessage()] == ["WARNING"]


@pytest.mark.parametrize(
    "answer, expected",
    [
        (Answer(400, b'{"detail": "Session ID is too long"}'), Refused),
        (Answer(422), Refused),
        (Answer(429, headers={"retry-after": "7"}), Later),
        (Answer(500), Later),
        (Answer(404), Later),
        (Answer(200, b"<html>", {"content-type": "text/html"}), Later),
    ],
)
def test_the_answer_decides(exporter: Exporter, site: Site, answer: Answer, expected: type) -> None:
    """Batches are taken whole or not at all: what is refused is split by who delivers."""
    site.rule = lambda _: answer
    result = exporter.send(batch())
    assert isinstance(result, expected)
    assert [request.path for request in site.requests[2:]] == ["/v1/traces"], "once, and no metrics"
    assert not isinstance(result, Later) or answer.status != 429 or result.after == 7


@pytest.mark.parametrize("uri, sentence", [("", "set MLFLOW_TRACKING_URI"), ("sqlite:///m.db", "run `mlflow server")])
def test_an_address_that_is_no_server_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str, sentence: str
) -> None:
    """With what to do about it."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(ValueError, match=sentence):
        MLFLOW.open(MLFLOW.options(tracking_uri=uri), Place(folder=tmp_path))


def test_the_environment_of_its_ecosystem_configures_it(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Address, experiment and who asks."""
    with serve(site) as url:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
        monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "nightly")
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
        exporter = MLFLOW.open(MLFLOW.options(), Place(folder=tmp_path))
        exporter.send(batch())
        exporter.close()
    assert "experiment_name=nightly" in site.requests[0].path
    assert {request.headers["authorization"] for request in site.requests} == {"Bearer t0ken"}


def test_the_active_run_is_noted_when_a_call_begins(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where mlflow is loaded, and whatever the allow-list of tags says; a run that was tagged by hand wins."""
    run: SimpleNamespace | None = SimpleNamespace(info=SimpleNamespace(run_id="r9"))
    monkeypatch.setitem(sys.modules, "mlflow.tracking.fluent", SimpleNamespace(active_run=lambda: run))
    with serve(site) as url:
        outlay.init(data=tmp_path, exporters={"mlflow": {"tracking_uri": url, "tags": ["team"]}})
        outlay.record(provider="openai", model="gpt-4o-mini", input_tokens=10, tags={"user": "u-1"})
        with outlay.tags(mlflow_run="mine"):
            outlay.record(provider="openai", model="gpt-4o-mini", input_tokens=10)

        @outlay.carry
        def work() -> None:
            outlay.record(provider="openai", model="gpt-4o-mini", input_tokens=10)

        run = None  # as on any other thread
        work()
        assert outlay.flush(30) == 0
        outlay.uninstrument()
    assert last(site, "r9")["input_tokens"] == 20, "what is carried to another thread has it too"
    assert last(site, "mine")["input_tokens"] == 10
    assert all("mlflow.traceTag.user" not in attributes(span) for span in spans(site).values())


AMOUNTS = st.integers(0, 10**20)


@settings(max_examples=10)  # each writes to the disk for good, many times
@given(st.lists(st.tuples(AMOUNTS, st.integers(0, 10**7)), max_size=12), st.randoms())
def test_totals_are_exact_whatever_comes_again(
    tmp_path_factory: pytest.TempPathFactory, made: list[Any], chance: Any
) -> None:
    """Past 64 bits too; a call that was settled anew counts with what it has now."""
    book = Book(tmp_path_factory.mktemp("book"))
    calls: dict[str, Call] = {}
    for amount, tokens in made:
        one = call(cost=Cost(status="priced", amount=amount))
        calls[one.id] = one
        again = chance.choice(list(calls.values()))
        if tokens % 3 == 0:
            again = calls[again.id] = call(id=again.id, cost=Cost(status="priced", amount=amount // 2))
        book.enter("r", [one, again])
    points = book.enter("r", list(calls.values()))
    book.close()
    latest = max(points, key=lambda point: point.step).totals if points else Totals()
    assert latest.pico_usd == sum(one.cost.amount or 0 for one in calls.values())
    assert latest.calls == len(calls)


def test_a_long_run_takes_no_longer(tmp_path: Path) -> None:
    """To enter a call, however many the run has: SQLite's own steps are counted."""
    book = Book(tmp_path)
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    def cost() -> int:
        nonlocal steps
        steps = 0
        book.enter("r", [call()])
        return steps

    book.enter("r", [call() for _ in range(10)])
    book._rows.set_progress_handler(count, 1)  # noqa: SLF001 - what it does inside is what is counted
    short = cost()
    book._rows.set_progress_handler(None, 0)  # noqa: SLF001 - the same
    book.enter("r", [call() for _ in range(2_000)])
    book._rows.set_progress_handler(count, 1)  # noqa: SLF001 - the same
    assert cost() < 2 * short
    book.close()


@pytest.mark.parametrize(
    "environment, trusted",
    [
        ({}, False),
        ({"MLFLOW_TRACKING_SERVER_CERT_PATH": "ours.pem"}, True),
        ({"MLFLOW_TRACKING_INSECURE_TLS": "true"}, True),
    ],
)
def test_certificates_are_as_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], trusted: bool
) -> None:
    """What is said for MLflow wins over what is said for all that requests sends."""
    ours, other = trustme.CA(), trustme.CA()
    for authority, name in ((ours, "ours.pem"), (other, "other.pem")):
        authority.cert_pem.write_to_path(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "other.pem"))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    site = Site(mlflow)
    sent: list[object] = []

    def send(url: str) -> None:
        opened = MLFLOW.open(MLFLOW.options(tracking_uri=url, experiment="shop"), Place(folder=tmp_path))
        sent.append(opened.send(batch()))
        opened.close()

    with serve(site, certificate=ours.issue_cert("127.0.0.1")) as url, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # urllib3's, of a request that is not verified
        failure = failure_of(lambda: send(url))
    assert (sent == [Delivered()]) == trusted, failure
    assert bool(spans(site)) == trusted
