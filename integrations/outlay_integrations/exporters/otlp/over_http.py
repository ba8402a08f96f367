"""OTLP over HTTP, by the SDK's exporter, which reads its environment: endpoint, headers, TLS, compression, timeout.

Its own ``export`` tells success and failure alone, tries again within its timeout, and drops what is too large. Here
the answer itself decides: ``partial_success``, the status, ``Retry-After``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import requests
from google.protobuf.message import DecodeError
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from outlay.integration import Delivered, Later, Refused, Result
from outlay_integrations.exporters.answers import trouble
from outlay_integrations.exporters.otlp.transport import NoRoute, accepted

NO_ROUTE = frozenset((404, 405, 501))
"""Statuses of a receiver that does not take this kind of telemetry, or not there."""


class _Session(requests.Session):
    """A session that keeps what a receiver said to itself: the SDK sees success, and neither waits nor logs."""

    answer: requests.Response | None = None
    error: requests.RequestException | None = None
    timeout = 30.0

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request, within our time."""
        kwargs["timeout"] = min(kwargs.get("timeout") or self.timeout, self.timeout)
        if self.verify is not True:  # else REQUESTS_CA_BUNDLE would win over what is said for OTLP alone
            kwargs.setdefault("verify", self.verify)
        try:
            self.answer = super().request(method, url, *args, **kwargs)
        except requests.RequestException as error:
            self.error = error
        success = requests.Response()
        success.status_code = 200
        return success


class Listening:
    """What makes one of the SDK's exporters say what became of a batch; it stands before the exporter's class."""

    answers: Any
    """What the receiver answers with: a message of protobuf's."""

    def __init__(self, endpoint: str | None, headers: Mapping[str, str] | None) -> None:
        self._heard = _Session()
        exporter: Any = super()
        exporter.__init__(endpoint=endpoint, headers=dict(headers) if headers else None, session=self._heard)

    def send(self, records: Sequence[Any], timeout: float) -> Result:
        """Send ``records`` and return what the receiver said."""
        heard, exporter = self._heard, cast("Any", self)
        heard.answer, heard.error, heard.timeout = None, None, timeout
        exporter.export(records)
        if heard.error is not None:
            return Later(f"{type(heard.error).__name__}: {heard.error}")
        if heard.answer is None:
            return Refused("the batch can't be encoded, or is larger than OTLP allows")
        return self._judge(heard.answer)

    def _judge(self, answer: requests.Response) -> Result:
        found = trouble(answer)
        if answer.status_code in NO_ROUTE and isinstance(found, Later):
            return NoRoute(found.reason)
        if found is not None:
            return found
        try:
            return accepted(self.answers.FromString(answer.content))
        except DecodeError:  # JSON, or the word OK: it was taken all the same
            return Delivered()


class Http(Listening, OTLPSpanExporter):
    """Spans over HTTP."""

    answers = ExportTraceServiceResponse
