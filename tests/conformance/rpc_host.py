"""A gRPC server on this machine, grpcio's own, that answers RPCs with the messages that it is given."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import grpc

from outlay.loopback import Behaviour, Billed, Received
from outlay.loopback.script import Script, Step

CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    503: grpc.StatusCode.UNAVAILABLE,
}
"""gRPC's codes for the statuses of a script."""

UNSTEADY = frozenset(("user-agent", "x-goog-api-client", "traceparent"))


class RpcHost:
    """Answer each RPC with its messages; what is sent and heard is bytes, so that any API's messages will do."""

    def __init__(self, answers: Mapping[str, tuple[Any, ...]]) -> None:
        self.requests: list[Received] = []
        self.billed: list[Billed] = []
        self.port = 0
        self._answers = dict(answers)
        self._script = Script(Behaviour())
        self._released = threading.Event()
        self._pool = ThreadPoolExecutor(4)
        self._server = grpc.server(self._pool)
        self._server.add_generic_rpc_handlers((_Handler(self),))

    def __enter__(self) -> Self:
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._server.stop(None).wait()
        self._pool.shutdown()

    @property
    def target(self) -> str:
        """Where a channel leads to."""
        return f"127.0.0.1:{self.port}"

    def script(self, *steps: Step) -> None:
        """Queue behaviours for the next RPCs."""
        self._script.add(*steps)

    def handler(self, path: str) -> Any:
        """Return grpcio's handler of an RPC; None for one that has no answer here."""
        if path not in self._answers:
            return None
        if len(self._answers[path]) > 1:
            return grpc.unary_stream_rpc_method_handler(lambda body, context: self._stream(path, body, context))
        return grpc.unary_unary_rpc_method_handler(lambda body, context: next(self._stream(path, body, context)))

    def _stream(self, path: str, body: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        given = tuple((str(name), str(value)) for name, value in context.invocation_metadata() if name not in UNSTEADY)
        request = Received(len(self.requests) + 1, "POST", path, "", given, body)
        self.requests.append(request)
        behaviour = self._script.choose(request)
        if behaviour.status != 200:
            context.set_trailing_metadata((("x-number", str(request.number)),))
            context.abort(CODES[behaviour.status], behaviour.error or "no")
        for place, message in enumerate(self._answers[path]):
            self._misbehave(behaviour, place, context)
            yield getattr(message, "_pb", message).SerializeToString(deterministic=True)

    def _misbehave(self, behaviour: Behaviour, place: int, context: grpc.ServicerContext) -> None:
        self._released.wait(behaviour.delay)
        if behaviour.hang_at == place:
            context.add_callback(self._released.set)
            self._released.wait()
        if behaviour.error_at == place:
            context.abort(grpc.StatusCode.INTERNAL, "no")
        if behaviour.cut_at == place:
            with contextlib.suppress(ValueError):
                self._server.stop(None)
            self._released.wait(5)


class _Handler(grpc.GenericRpcHandler):  # type: ignore[misc]  # gRPC has no types
    def __init__(self, host: RpcHost) -> None:
        self._host = host

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Return the handler of the RPC that is called."""
        return self._host.handler(handler_call_details.method)
