"""An OTLP receiver on loopback, over HTTP and gRPC, that keeps what it accepts and misbehaves as it is told."""

from __future__ import annotations

import gzip
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import (
    LogsServiceServicer,
    add_LogsServiceServicer_to_server,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

Answer = tuple[int, dict[str, str], bytes]
"""Status, headers and body."""
ACCEPTED: Answer = (200, {}, b"")


class Receiver:
    """What was received, and what to do with what comes next."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.resources: list[Any] = []
        self.metrics: list[Any] = []
        self.logs: list[Any] = []
        """Log records, as they were accepted."""
        self.answer_logs: Callable[[int], Answer] = lambda _: ACCEPTED
        """From the number of the request for logs, counted from 0, to its answer; only 200 keeps them."""
        self.log_requests = 0
        self.headers: list[dict[str, str]] = []
        self.answer: Callable[[int], Answer] = lambda _: ACCEPTED
        """From the number of the request, counted from 0, to its answer; only 200 keeps the spans."""
        self.requests = 0
        self.retry_after: int | None = None
        """Seconds that an error by gRPC says to wait."""
        self.hang = 0.0
        self.cut = False
        """Whether connections are closed in the middle, without an answer."""
        self._lock = threading.Lock()

    @property
    def ids(self) -> Counter[str]:
        """How often each span was accepted, by its id."""
        return Counter(span.span_id.hex() for span in self.spans)

    def take(self, body: bytes) -> Answer:
        """Decide about a request for spans."""
        with self._lock:
            number, self.requests = self.requests, self.requests + 1
        time.sleep(self.hang)
        status, headers, answer = self.answer(number)
        if status == 200:
            self.keep(ExportTraceServiceRequest.FromString(body))
        return status, headers, answer

    def take_logs(self, request: ExportLogsServiceRequest) -> Answer:
        """Decide about a request for logs."""
        number, self.log_requests = self.log_requests, self.log_requests + 1
        found = self.answer_logs(number)
        if found[0] == 200:
            self.logs += [
                one for resource in request.resource_logs for scope in resource.scope_logs for one in scope.log_records
            ]
        return found

    def keep(self, request: ExportTraceServiceRequest) -> None:
        """Keep the spans of a request."""
        for resource in request.resource_spans:
            self.resources.append(resource.resource)
            for scope in resource.scope_spans:
                self.spans += scope.spans


@contextmanager
def http_receiver(receiver: Receiver, port: int = 0, certificate: Any = None) -> Iterator[str]:
    """Serve ``receiver`` over HTTP, or HTTPS with a certificate of trustme's; yield its base URL."""

    class Handler(BaseHTTPRequestHandler):
        """Hands requests on."""

        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Take spans or metrics."""
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            receiver.headers.append({name.lower(): value for name, value in self.headers.items()})
            if self.path == "/v1/metrics":
                receiver.metrics.append(ExportMetricsServiceRequest.FromString(body))
                status, headers, answer = ACCEPTED
            elif self.path == "/v1/logs":
                status, headers, answer = receiver.take_logs(ExportLogsServiceRequest.FromString(body))
            else:
                status, headers, answer = receiver.take(body)
            if receiver.cut:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in {"content-type": "application/x-protobuf", **headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        """A server whose clients may go away."""

        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, *_: Any) -> None:
            """Say nothing."""

    with Server(("127.0.0.1", port), Handler) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.configure_cert(context)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http{'' if certificate is None else 's'}://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    404: grpc.StatusCode.UNIMPLEMENTED,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
}


@contextmanager
def grpc_receiver(receiver: Receiver, certificate: Any = None) -> Iterator[str]:
    """Serve ``receiver`` over gRPC, with a certificate of trustme's or without; yield its address."""

    class Servicer(TraceServiceServicer):
        """Hands requests on."""

        def Export(self, request: ExportTraceServiceRequest, context: Any) -> ExportTraceServiceResponse:  # noqa: N802 - the service's own name
            """Take spans."""
            receiver.headers.append(dict(context.invocation_metadata()))
            status, _, answer = receiver.take(request.SerializeToString())
            if receiver.retry_after is not None:
                info = RetryInfo(retry_delay=Duration(seconds=receiver.retry_after))
                context.set_trailing_metadata((("google.rpc.retryinfo-bin", info.SerializeToString()),))
            if status != 200:
                context.abort(CODES.get(status, grpc.StatusCode.UNAVAILABLE), str(status))
            return ExportTraceServiceResponse.FromString(answer)  # type: ignore[no-any-return]  # generated code has no types

    class LogsServicer(LogsServiceServicer):
        """Hands requests for logs on."""

        def Export(self, request: ExportLogsServiceRequest, context: Any) -> ExportLogsServiceResponse:  # noqa: N802 - the service's own name
            """Take log records."""
            status, _, answer = receiver.take_logs(request)
            if status != 200:
                context.abort(CODES.get(status, grpc.StatusCode.UNAVAILABLE), str(status))
            return ExportLogsServiceResponse.FromString(answer)  # type: ignore[no-any-return]  # generated code has no types

    pool = futures.ThreadPoolExecutor(2)
    server = grpc.server(pool)
    add_LogsServiceServicer_to_server(LogsServicer(), server)  # type: ignore[no-untyped-call]  # generated code has no types
    add_TraceServiceServicer_to_server(Servicer(), server)  # type: ignore[no-untyped-call]  # generated code has no types
    if certificate is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
        credentials = grpc.ssl_server_credentials([(certificate.private_key_pem.bytes(), chain)])
        port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    try:
        yield f"http{'' if certificate is None else 's'}://127.0.0.1:{port}"
    finally:
        server.stop(0).wait()
        pool.shutdown()
