"""The backend ``otlp``: its options, and what it does with a batch."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from outlay.integration import Backend, Batch, Delivered, Place, Result

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

    from outlay_integrations.exporters.otlp.metrics import Metrics
    from outlay_integrations.exporters.otlp.transport import Transport

Protocol = Literal["", "grpc", "http/protobuf"]


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


class Otlp:
    """A receiver of spans and of metrics."""

    def __init__(
        self, transport: Transport | None, metrics: Metrics | None, resource: Resource, dialects: tuple[str, ...]
    ) -> None:
        self._transport = transport
        self._metrics = metrics
        self._resource = resource
        self._dialects = dialects

    def send(self, batch: Batch) -> Result:
        """Send the spans of the batch; where they were taken, its metrics."""
        from outlay_integrations.exporters.otlp.spans import spans  # needs the SDK

        result: Result = Delivered()
        if self._transport is not None:
            made = spans(batch.records, batch.content, self._resource, self._dialects)
            result = self._transport.send(made, batch.timeout)
        if self._metrics is not None and isinstance(result, Delivered):
            self._metrics.add(batch.calls)
        return result

    def close(self) -> None:
        """Close the connections."""
        for part in (self._transport, self._metrics):
            if part is not None:
                part.shutdown()


def _open(options: Options, place: Place) -> Otlp:
    from opentelemetry.sdk.resources import Resource

    from outlay_integrations.exporters.otlp import metrics

    # What is given here wins over OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES, and should not.
    resource = Resource.create({} if _named() or not place.project else {"service.name": place.project})
    wanted: dict[str, Any] = {"headers": options.headers or None}
    return Otlp(
        _transport(options, **wanted) if options.spans else None,
        metrics.Metrics(_metric_exporter(options, **wanted), resource) if options.metrics else None,
        resource,
        options.dialects,
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
