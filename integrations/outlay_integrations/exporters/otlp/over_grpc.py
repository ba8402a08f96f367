"""OTLP over gRPC, by the SDK's exporter, which reads its environment: endpoint, headers, TLS, compression, timeout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import grpc
from google.rpc.error_details_pb2 import RetryInfo
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan

from outlay.integration import Later, Refused, Result
from outlay_integrations.exporters.otlp.transport import accepted


class Grpc(OTLPSpanExporter):
    """OTLP over gRPC."""

    def __init__(self, endpoint: str | None, headers: Mapping[str, str] | None) -> None:
        super().__init__(endpoint=endpoint, headers=dict(headers) if headers else None)

    def send(self, spans: Sequence[ReadableSpan], timeout: float) -> Result:
        """Send ``spans`` and return what the receiver said."""
        stub: Any = self._client
        try:
            answer = stub.Export(encode_spans(spans), metadata=self._headers, timeout=min(timeout, self._timeout))
        except grpc.RpcError as error:
            return _judge(error)
        return accepted(answer)


def _judge(error: Any) -> Result:
    code, details = error.code(), error.details() or ""
    after = None
    for name, value in error.trailing_metadata() or ():
        if name == "google.rpc.retryinfo-bin":
            info = RetryInfo.FromString(value)
            after = info.retry_delay.seconds + info.retry_delay.nanos / 1e9
    too_large = code is grpc.StatusCode.RESOURCE_EXHAUSTED and after is None and "larger than" in details
    if code is grpc.StatusCode.INVALID_ARGUMENT or too_large:
        return Refused(f"{code.name}: {details[:200]}")
    return Later(f"{code.name}: {details[:200]}", after)
