"""Log events over gRPC, by the SDK's exporter; loaded where content goes as events."""

from __future__ import annotations

from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter

from outlay_integrations.exporters.otlp.over_grpc import Asking


class GrpcEvents(Asking, OTLPLogExporter):
    """Log events over gRPC."""

    encode = staticmethod(encode_logs)
