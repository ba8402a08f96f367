"""Log events over HTTP, by the SDK's exporter; loaded where content goes as events."""

from __future__ import annotations

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from outlay_integrations.exporters.otlp.over_http import Listening


class HttpEvents(Listening, OTLPLogExporter):
    """Log events over HTTP."""

    answers = ExportLogsServiceResponse
