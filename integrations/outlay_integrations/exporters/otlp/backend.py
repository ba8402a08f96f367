"""The backend ``otlp``: its options, and what it does with a batch."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from outlay.integration import Backend, Batch, Call, Content, Delivered, Place, Result, Span
from outlay_integrations.exporters.addresses import check_address

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

    from outlay_integrations.exporters.otlp.details import Details
    from outlay_integrations.exporters.otlp.metrics import Metrics
    from outlay_integrations.exporters.otlp.transport import Transport

Protocol = Literal["", "grpc", "http/protobuf"]
CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What can be set under ``[exporters.otlp]``; what is not, is as ``OTEL_EXPORTER_OTLP_*`` says."""

    endpoint: str = ""
    """The receiver's base URL: ``http://localhost:4318``, or ``http://localhost:4317`` for gRPC."""
    protocol: Protocol = ""
    headers: dict[str, str] = {}
    spans: bool = True
    metrics: bool = True
    dialects: tuple[Literal["openinference", "openlit", "logfire"], ...] = ()
    """Who else's names the cost is given under."""
    content_as: Literal["", "attributes", "events", "both"] = ""
    """Where content goes: to attributes of spans, log events, or both. Else as
    ``OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`` says, else to attributes."""

    def __post_init__(self) -> None:
        if not _is_grpc(self, "TRACES"):  # which takes host:port too
            check_address("endpoint", self.endpoint, "http://localhost:4318")


WHERE = {"SPAN_ONLY": "attributes", "EVENT_ONLY": "events", "SPAN_AND_EVENT": "both", "NO_CONTENT": "nowhere"}
"""What instrumentations of OpenTelemetry's are told about content, in our words."""


class Otlp:
    """A receiver of spans, of metrics and of log events."""

    def __init__(
        self,
        transport: Transport | None,
        metrics: Metrics | None,
        details: Details | None,
        make: Callable[[Sequence[Call | Span], Mapping[str, Content]], Sequence[Any]],
    ) -> None:
        """Make one of its parts, each of which may be switched off; ``make`` makes the spans of records."""
        self._transport = transport
        self._metrics = metrics
        self._details = details
        self._make = make
        self._taken: set[str] = set()
        """Records whose spans were taken in a batch that comes again, since its log events were not."""
        self._told = Delivered()

    def send(self, batch: Batch) -> Result:
        """Send the spans of the batch; where they were taken, its metrics and its log events."""
        until = time.monotonic() + batch.timeout
        new = [record for record in batch.records if record.id not in self._taken]
        if self._transport is not None and new:
            result = self._transport.send(self._make(new, batch.content), batch.timeout)
            if not isinstance(result, Delivered):
                return result
            unnamed = self._told.unnamed + result.unnamed
            self._told = Delivered(unnamed=unnamed, reason=result.reason or self._told.reason)
        if self._metrics is not None:
            self._metrics.add([record for record in new if isinstance(record, Call)])
        if self._details is not None:
            wrong = self._details.send(batch, max(until - time.monotonic(), 0.05))
            if wrong is not None:
                self._taken.update(record.id for record in new)
                return wrong
        told, self._told = self._told, Delivered()
        self._taken.difference_update(record.id for record in batch.records)
        return told

    def close(self) -> None:
        """Close the connections."""
        for part in (self._transport, self._metrics, self._details):
            if part is not None:
                part.shutdown()


def _open(options: Options, place: Place) -> Otlp:
    from opentelemetry.sdk.resources import Resource

    from outlay_integrations.exporters.otlp import metrics, spans  # they need the SDK

    # What is given here wins over OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES, and should not.
    resource = Resource.create({} if _named() or not place.project else {"service.name": place.project})
    wanted: dict[str, Any] = {"headers": options.headers or None}
    where = options.content_as or WHERE.get(os.environ.get(CAPTURE, "").upper(), "attributes")

    def make(records: Sequence[Call | Span], content: Mapping[str, Content]) -> Sequence[Any]:
        return spans.spans(records, content if where in ("attributes", "both") else {}, resource, options.dialects)

    return Otlp(
        _transport(options, **wanted) if options.spans else None,
        metrics.Metrics(_metric_exporter(options, **wanted), resource) if options.metrics else None,
        _details(options, resource, **wanted) if where in ("events", "both") else None,
        make,
    )


def _named() -> bool:
    return bool(
        os.environ.get("OTEL_SERVICE_NAME") or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    )


def _is_grpc(options: Options, signal: str) -> bool:
    said = (
        options.protocol
        or os.environ.get(f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL")
        or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    )
    return said == "grpc"


def _transport(options: Options, headers: dict[str, str] | None) -> Transport:
    if _is_grpc(options, "TRACES"):
        from outlay_integrations.exporters.otlp.over_grpc import Grpc

        return Grpc(options.endpoint or None, headers)
    from outlay_integrations.exporters.otlp.over_http import Http

    return Http(_url(options.endpoint, "v1/traces"), headers)


def _details(options: Options, resource: Resource, headers: dict[str, str] | None) -> Details:
    from outlay_integrations.exporters.otlp.details import Details

    transport: Transport
    if _is_grpc(options, "LOGS"):
        from outlay_integrations.exporters.otlp.events_over_grpc import GrpcEvents

        transport = GrpcEvents(options.endpoint or None, headers)
    else:
        from outlay_integrations.exporters.otlp.events_over_http import HttpEvents

        transport = HttpEvents(_url(options.endpoint, "v1/logs"), headers)
    return Details(transport, resource)


def _metric_exporter(options: Options, headers: dict[str, str] | None) -> Any:
    if _is_grpc(options, "METRICS"):
        from opentelemetry.exporter.otlp.proto.grpc import metric_exporter as grpc

        return grpc.OTLPMetricExporter(endpoint=options.endpoint or None, headers=headers)
    from opentelemetry.exporter.otlp.proto.http import metric_exporter as http

    return http.OTLPMetricExporter(endpoint=_url(options.endpoint, "v1/metrics"), headers=headers)


def _url(endpoint: str, path: str) -> str | None:
    """Return the URL of a signal, whose path people leave out or write for the spans."""
    return f"{endpoint.rstrip('/').removesuffix('/v1/traces')}/{path}" if endpoint else None


OTLP = Backend(
    name="otlp",
    open=_open,
    options=Options,
    modules=(
        "opentelemetry.sdk",
        "opentelemetry.exporter.otlp.proto.http",
        "opentelemetry.exporter.otlp.proto.grpc",
    ),
    install="outlay[otlp]",
    batch=500,
)
