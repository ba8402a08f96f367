"""Spans and metrics as a receiver gets them, and what the exporter makes of its answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import trustme
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent

from outlay.export import Batch, Content, Delivered, Later, Place, Refused
from outlay.records import Call, Cost, Span, Usage
from outlay_integrations.exporters.otlp.backend import OTLP
from tests.exporters.receiver import Answer, Receiver, grpc_receiver, http_receiver
from tests.ledger.samples import call

WAYS: dict[str, Callable[..., AbstractContextManager[str]]] = {"http/protobuf": http_receiver, "grpc": grpc_receiver}


@pytest.fixture(params=WAYS)
def protocol(request: pytest.FixtureRequest) -> str:
    """Return each protocol in turn."""
    return str(request.param)


@pytest.fixture
def receiver() -> Receiver:
    """Return a receiver that accepts all."""
    return Receiver()


@pytest.fixture
def opened(protocol: str, receiver: Receiver, tmp_path: Path) -> Iterator[Any]:
    """Yield an exporter that sends spans to ``receiver``."""
    with WAYS[protocol](receiver) as endpoint:
        options = OTLP.options(endpoint=endpoint, protocol=protocol, metrics=False, headers={"x-team": "search"})
        exporter = OTLP.open(options, Place(folder=tmp_path, project="shop"))
        yield exporter
        exporter.close()


def attributes(span: Any) -> dict[str, Any]:
    """Return the attributes of a span or a log record as Python has them."""
    return {pair.key: _plain(pair.value) for pair in span.attributes}


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "kvlist_value":
        return {pair.key: _plain(pair.value) for pair in value.kvlist_value.values}
    return [_plain(one) for one in value.array_value.values] if kind == "array_value" else getattr(value, kind)


WHOLE = call(
    id="00000000000000aa",
    trace_id="000000000000000000000000000000bb",
    parent_id="00000000000000cc",
    project="shop",
    feature="answer",
    path="serve/answer",
    host="llm.corp.example:8443",
    response_model="gpt-4o-mini-2024-07-18",
    response_id="chatcmpl-1",
    streamed=True,
    first_chunk=250_000_000,
    finish_reasons=("stop",),
    tags={"user": "u-1", "session": "s-1", "a.b": "dotted"},
    usage=Usage(
        classes={"input": 100, "cache_read": 50, "cache_write_5m": 20, "cache_write_1h": 10, "output": 30}, reasoning=12
    ),
    cost=Cost(status="priced", amount=3_000_000, by_class={"input": 1_000_000, "output": 2_000_000}, price_id="p"),
)


def test_a_call_is_a_span_by_the_conventions(opened: Any, receiver: Receiver) -> None:
    """Its own ids and times; totals include their parts; the cost beside them; a kept tag has no dots."""
    assert opened.send(Batch(records=(WHOLE,))) == Delivered()
    (span,) = receiver.spans
    assert (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()) == (
        WHOLE.trace_id,
        WHOLE.id,
        WHOLE.parent_id,
    )
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (WHOLE.start, WHOLE.end)
    assert (span.name, span.kind, span.status.code) == ("chat gpt-4o-mini", Sent.SPAN_KIND_CLIENT, 0)
    assert attributes(span) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.request.stream": True,
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.response.time_to_first_chunk": 0.25,
        "gen_ai.usage.input_tokens": 180,
        "gen_ai.usage.output_tokens": 30,
        "gen_ai.usage.cache_read.input_tokens": 50,
        "gen_ai.usage.cache_write.input_tokens": 30,
        "gen_ai.usage.cache_creation.input_tokens": 30,
        "outlay.usage.cache_write_1h.input_tokens": 10,
        "gen_ai.usage.reasoning.output_tokens": 12,
        "gen_ai.conversation.id": "s-1",
        "session.id": "s-1",
        "user.id": "u-1",
        "server.address": "llm.corp.example",
        "server.port": 8443,
        "outlay.cost.total_usd": 3e-06,
        "outlay.cost.input_usd": 1e-06,
        "outlay.cost.output_usd": 2e-06,
        "outlay.cost.status": "priced",
        "outlay.cost.source": "computed",
        "outlay.price.id": "p",
        "outlay.outcome": "ok",
        "outlay.attempt": 1,
        "outlay.project": "shop",
        "outlay.feature": "answer",
        "outlay.path": "serve/answer",
        "outlay.tag.user": "u-1",
        "outlay.tag.session": "s-1",
        "outlay.tag.a_b": "dotted",
    }
    assert receiver.headers[0]["x-team"] == "search"
    assert {pair.key: pair.value.string_value for pair in receiver.resources[0].attributes}["service.name"] == "shop"


def test_sounds_and_pictures_are_parts_of_the_totals(opened: Any, receiver: Receiver) -> None:
    """As the conventions count them, what came from a cache included."""
    usage = Usage(classes={"input": 1, "input_audio": 2, "cache_read_audio": 4, "input_image": 8, "output_audio": 16})
    opened.send(Batch(records=(call(usage=usage),)))
    found = {name: value for name, value in attributes(receiver.spans[0]).items() if name.startswith("gen_ai.usage.")}
    assert found == {
        "gen_ai.usage.input_tokens": 15,
        "gen_ai.usage.output_tokens": 16,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.usage.audio.input_tokens": 6,
        "gen_ai.usage.image.input_tokens": 8,
        "gen_ai.usage.audio.output_tokens": 16,
    }


def test_no_name_is_a_prefix_of_another(opened: Any, receiver: Receiver) -> None:
    """Receivers that make objects of dots reject such a span, and answer 200."""
    content = Content(input_messages="[]", output_messages="[]", system_instructions="[]", truncated=True)
    failed = call(
        outcome="error",
        error_type="429",
        retry_of="1" * 16,
        marks=("a",),
        cost=Cost(status="partial", amount=1, unpriced=("x",)),
    )
    opened.send(Batch(records=(WHOLE, failed), content={WHOLE.id: content, failed.id: content}))
    names = {name for span in receiver.spans for name in attributes(span)}
    assert [(name, other) for name in names for other in names if other.startswith(name + ".")] == []


def test_a_cost_that_is_not_known_is_said_and_not_made_up(opened: Any, receiver: Receiver) -> None:
    """No number at all; a call that costs nothing has explicit zeros."""
    unknown = call(cost=Cost(status="unknown"))
    free = call(cost=Cost(status="free", amount=0))
    reported = call(cost=Cost(status="priced", amount=5_000_000, source="reported"))
    opened.send(Batch(records=(unknown, free, reported)))
    costs = [{name: value for name, value in attributes(span).items() if "cost" in name} for span in receiver.spans]
    assert costs == [
        {"outlay.cost.status": "unknown", "outlay.cost.source": "computed"},
        {
            "outlay.cost.status": "free",
            "outlay.cost.source": "computed",
            "outlay.cost.total_usd": 0.0,
            "outlay.cost.input_usd": 0.0,
            "outlay.cost.output_usd": 0.0,
        },
        {"outlay.cost.status": "priced", "outlay.cost.source": "reported", "outlay.cost.total_usd": 5e-06},
    ]


def test_a_tracked_function_is_a_span_without_usage(opened: Any, receiver: Receiver) -> None:
    """Usage and cost stand at calls alone, or sums would count them twice."""
    span = Span(
        id="1" * 16, trace_id="2" * 32, name="nightly", feature="nightly", start=1, end=2, error_type="ValueError"
    )
    opened.send(Batch(records=(span,)))
    (sent,) = receiver.spans
    assert (sent.name, sent.kind, sent.status.code) == ("nightly", Sent.SPAN_KIND_INTERNAL, 2)
    assert attributes(sent) == {"error.type": "ValueError", "outlay.feature": "nightly"}


def test_content_is_sent_where_there_is_some(opened: Any, receiver: Receiver) -> None:
    """As the conventions' attributes, with what was cut marked."""
    said = Content(input_messages=json.dumps([{"role": "user"}]), truncated=True)
    opened.send(Batch(records=(WHOLE,), content={WHOLE.id: said}))
    found = attributes(receiver.spans[0])
    assert found["gen_ai.input.messages"] == '[{"role": "user"}]'
    assert found["outlay.content.truncated"] is True
    assert "gen_ai.output.messages" not in found


PARTIAL = ExportTraceServiceResponse(
    partial_success=ExportTracePartialSuccess(rejected_spans=2, error_message="too old")
).SerializeToString()


@pytest.mark.parametrize(
    "answer, expected",
    [
        ((200, {}, PARTIAL), Delivered(unnamed=2, reason="too old")),
        ((400, {}, b""), Refused),
        ((429, {}, b""), Later),
        ((503, {}, b""), Later),
        ((500, {}, b""), Later),
    ],
)
def test_the_answer_decides(opened: Any, receiver: Receiver, answer: Answer, expected: Any) -> None:
    """What was sent is to blame, or it comes again; a part that was rejected is counted."""
    receiver.answer = lambda _: answer
    result = opened.send(Batch(records=(WHOLE,)))
    assert result == expected if isinstance(expected, Delivered) else isinstance(result, expected)
    assert receiver.requests == 1, "who tries again, and when, is decided in one place"


@pytest.fixture
def http(receiver: Receiver, tmp_path: Path) -> Iterator[Any]:
    """Yield an exporter of spans and metrics over HTTP."""
    with http_receiver(receiver) as endpoint:
        exporter = OTLP.open(OTLP.options(endpoint=endpoint), Place(folder=tmp_path))
        yield exporter
        exporter.close()


@pytest.mark.parametrize(
    "after, least, most", [("120", 120, 120), ("Wed, 21 Oct 2099 07:28:00 GMT", 1e8, 1e10), ("x", None, None)]
)
def test_retry_after_is_handed_on(http: Any, receiver: Receiver, after: str, least: float | None, most: float) -> None:
    """Seconds or a date; what is neither is nothing."""
    receiver.answer = lambda _: (429, {"retry-after": after}, b"slow down")
    result = http.send(Batch(records=(WHOLE,)))
    assert isinstance(result, Later)
    assert "429" in result.reason
    assert "slow down" in result.reason
    assert result.after is None if least is None else least <= (result.after or 0) <= most


def test_a_receiver_by_grpc_says_when_to_come_again(receiver: Receiver, tmp_path: Path) -> None:
    """By ``RetryInfo``, in the trailing metadata of its error."""
    receiver.retry_after = 90
    receiver.answer = lambda _: (429, {}, b"")
    with grpc_receiver(receiver) as endpoint:
        exporter = OTLP.open(OTLP.options(endpoint=endpoint, protocol="grpc", metrics=False), Place(folder=tmp_path))
        result = exporter.send(Batch(records=(WHOLE,)))
        exporter.close()
    assert isinstance(result, Later)
    assert (result.after, result.reason) == (90.0, "RESOURCE_EXHAUSTED: 429")


@pytest.mark.parametrize("trusted", [True, False])
def test_certificates_are_as_the_environment_says(
    protocol: str, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trusted: bool
) -> None:
    """By ``OTEL_EXPORTER_OTLP_CERTIFICATE``; a receiver that nobody vouches for gets nothing."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    if trusted:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(tmp_path / "ca.pem"))
    with WAYS[protocol](receiver, certificate=authority.issue_cert("127.0.0.1", "localhost")) as endpoint:
        options = OTLP.options(endpoint=endpoint, protocol=protocol, metrics=False)
        exporter = OTLP.open(options, Place(folder=tmp_path))
        result = exporter.send(Batch(records=(WHOLE,), timeout=5.0))
        exporter.close()
    assert isinstance(result, Delivered if trusted else Later)
    assert len(receiver.spans) == trusted


def test_garbage_and_a_wrong_page_and_a_lost_connection(http: Any, receiver: Receiver) -> None:
    """An answer that can't be read but says 200 was taken; a page of a proxy is no receiver; a cut is tried later."""
    receiver.answer = lambda _: (200, {}, b"\xff\xff garbage")
    assert http.send(Batch(records=(WHOLE,))) == Delivered()
    receiver.answer = lambda _: (200, {"content-type": "text/html"}, b"<html>")
    assert isinstance(http.send(Batch(records=(WHOLE,))), Later)
    receiver.cut = True
    assert isinstance(http.send(Batch(records=(WHOLE,))), Later)


def test_a_receiver_that_hangs_is_left_in_time(http: Any, receiver: Receiver) -> None:
    """The batch says how long a send may take."""
    receiver.hang = 1.0
    assert isinstance(http.send(Batch(records=(WHOLE,), timeout=0.1)), Later)


def test_metrics_say_what_calls_took_and_cost(http: Any, receiver: Receiver) -> None:
    """By the conventions' names and buckets; what has no price is counted; history is left out."""
    import time

    now = time.time_ns()
    fresh = call(start=now - 2 * 10**9, end=now, first_chunk=300_000_000, feature="answer")
    unpriced = call(start=now - 2 * 10**9, end=now, cost=Cost(status="unknown"))
    http.send(Batch(records=(fresh, unpriced, WHOLE)))
    metrics = {
        metric.name: metric
        for request in receiver.metrics
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    assert set(metrics) == {
        "gen_ai.client.token.usage",
        "gen_ai.client.operation.duration",
        "gen_ai.client.operation.time_to_first_chunk",
        "outlay.cost",
        "outlay.unpriced_calls",
    }
    tokens = metrics["gen_ai.client.token.usage"].histogram.data_points
    by_type = {
        pair.value.string_value: point
        for point in tokens
        for pair in point.attributes
        if pair.key == "gen_ai.token.type"
    }
    assert set(by_type) == {"input", "output"}
    assert sum(point.count for point in tokens) == 4
    assert list(tokens[0].explicit_bounds)[:3] == [1, 4, 16]
    assert metrics["gen_ai.client.operation.duration"].histogram.data_points[0].sum == 2.0
    (cost,) = metrics["outlay.cost"].sum.data_points
    assert cost.as_double == pytest.approx(5.85e-06)
    assert metrics["outlay.unpriced_calls"].sum.data_points[0].as_int == 1


def test_the_environment_of_its_ecosystem_configures_it(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Endpoint, headers, compression, name of the service: as everybody who sends OTLP sets them."""
    with http_receiver(receiver) as endpoint:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20x")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
        monkeypatch.setenv("OTEL_SERVICE_NAME", "billing")
        exporter = OTLP.open(OTLP.options(), Place(folder=tmp_path, project="shop"))
        assert exporter.send(Batch(records=(WHOLE,))) == Delivered()
        exporter.close()
    assert len(receiver.spans) == 1
    assert receiver.headers[0]["authorization"] == "Bearer x"
    assert receiver.headers[0]["content-encoding"] == "gzip"
    named = {pair.key: pair.value.string_value for pair in receiver.resources[0].attributes}
    assert named["service.name"] == "billing"


def test_a_call_that_was_forgotten_stands_alone() -> None:
    """It has no trace any more: one is made of its id."""
    from outlay_integrations.exporters.otlp.spans import spans

    bare: Call = call(trace_id="", id="00000000000000aa")
    (span,) = spans([bare], {}, None, ())  # type: ignore[arg-type]  # a resource is not looked at
    context = span.get_span_context()
    assert context is not None
    assert context.trace_id == int("00000000000000aa" * 2, 16)
