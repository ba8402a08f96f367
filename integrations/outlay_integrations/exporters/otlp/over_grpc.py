"""OTLP over gRPC, by the SDK's exporter, which reads its environment: endpoint, headers, TLS, compression, timeout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import grpc
from google.rpc.error_details_pb2 import RetryInfo
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

from outlay.integration import Later, Refused, Result
from outlay_integrations.exporters.otlp.transport import NoRoute, accepted


class Asking:
    """What makes one of the SDK's exporters say what became of a batch; it stands before the exporter's class."""

    encode: Any
    """Makes the request of records."""

    def __init__(self, endpoint: str | None, headers: Mapping[str, str] | None) -> None:
        exporter: Any = super()
        exporter.__init__(endpoint=endpoint, headers=dict(headers) if headers else None)

    def send(self, records: Sequence[Any], timeout: float) -> Result:
        """Send ``records`` and return what the receiver said."""
        exporter: Any = self
        stub, request, wait = exporter._client, self.encode(records), min(timeout, exporter._timeout)  # noqa: SLF001 - of its own class
        try:
            answer = stub.Export(request, metadata=exporter._headers, timeout=wait)  # noqa: SLF001 - the same
        except grpc.RpcError as error:
            return _judge(error)
        return accepted(answer)


class Grpc(Asking, OTLPSpanExporter):
    """Spans over gRPC."""

    encode = staticmethod(encode_spans)


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
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return NoRoute(f"{code.name}: {details[:200]}")
    return Later(f"{code.name}: {details[:200]}", after)
