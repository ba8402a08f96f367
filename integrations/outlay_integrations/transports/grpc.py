"""gRPC: what xai-sdk and Google's generated clients send by. One RPC with one request is one exchange.

An RPC is a POST to ``/package.Service/Method`` (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md), by
which it is recognised. RPCs that stream their requests pass.
"""

from __future__ import annotations

import functools
import json
import re
from typing import TYPE_CHECKING, Any

from outlay.integration import Patch, Transport, guarded, meter

if TYPE_CHECKING:
    from outlay.integration import Exchange


def _unary(_: Any, wrapped: Any) -> Any:
    """Wrap a blocking call; ``with_call`` gives a pair whose first is the answer."""
    paired = wrapped.__name__ == "with_call"

    @functools.wraps(wrapped)
    def call(rpc: Any, *args: Any, **kwargs: Any) -> Any:
        exchange = _open(rpc, rpc._method, rpc._channel, args, kwargs)  # noqa: SLF001 - nothing public tells them
        if exchange is None:
            return wrapped(rpc, *args, **kwargs)
        _permit(exchange)
        try:
            answer = wrapped(rpc, *args, **kwargs)
        except BaseException as error:
            fail(exchange, error)
            raise
        finally:
            exchange.send.alive = False
        answered(exchange, answer[0] if paired else answer)
        return answer

    return call


def _watched(module: Any, wrapped: Any) -> Any:
    """Wrap a call that gives at once an object by which the answer, or a stream of them, comes later."""
    kind = "Answer" if wrapped.__name__ == "future" else "Answers"

    @functools.wraps(wrapped)
    def call(rpc: Any, *args: Any, **kwargs: Any) -> Any:
        exchange = _open(rpc, rpc._method, rpc._channel, args, kwargs)  # noqa: SLF001 - as above
        if exchange is None:
            return wrapped(rpc, *args, **kwargs)
        _permit(exchange)
        try:
            coming = wrapped(rpc, *args, **kwargs)
        except BaseException as error:
            fail(exchange, error)
            raise
        finally:
            exchange.send.alive = False
        _watch(module, exchange, coming, kind)
        return coming

    return call


def _watched_async(module: Any, wrapped: Any) -> Any:
    """Wrap the making of such an object of grpc.aio's: interceptors make one for every attempt."""
    kind = "AsyncAnswers" if "UnaryStream" in wrapped.__qualname__ else "AsyncAnswer"

    @functools.wraps(wrapped)
    def init(coming: Any, *args: Any, **kwargs: Any) -> None:
        method = args[6] if len(args) > 6 else kwargs["method"]
        channel = args[5] if len(args) > 5 else kwargs["channel"]
        exchange = _open(coming, method, channel, args, kwargs)
        if exchange is None:
            wrapped(coming, *args, **kwargs)
            return
        if exchange.policy is not None:
            coming._outlay_asks = exchange  # noqa: SLF001 - an attribute of ours, for the task that sends
        try:
            wrapped(coming, *args, **kwargs)
        except BaseException as error:
            fail(exchange, error)
            raise
        finally:
            exchange.send.alive = False
        _watch(module, exchange, coming, kind)

    return init


def _asked_async(_: Any, wrapped: Any) -> Any:
    """Wrap what sends for such an object, in a task of its own: budgets are asked there, off the event loop."""

    @functools.wraps(wrapped)
    async def send(coming: Any) -> Any:
        exchange = coming.__dict__.pop("_outlay_asks", None)
        if exchange is not None:
            from outlay.integration import permit_async  # where there are budgets

            _refuse(await permit_async(exchange, fixed=True))
        return await wrapped(coming)

    return send


def _permit(exchange: Exchange) -> None:
    """Ask the budgets; raise their refusal."""
    if exchange.policy is not None:
        from outlay.integration import permit  # as above

        _refuse(permit(exchange, fixed=True))


def _refuse(refusal: Exception | None) -> None:
    if refusal is not None:
        from outlay_integrations.transports.refusals import typed

        raise typed(refusal)


@guarded("recognising a request")
def _open(
    rpc: Any, method: bytes | str, channel: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Exchange | None:
    target = getattr(rpc, "_target", None)
    if target is None:  # an older gRPC's, or asyncio's
        target = channel.target() if callable(channel.target) else channel.target
    host, path = _place(target, method)
    match = meter.find("POST", host, path)
    if match is None:
        return None
    request = args[0] if args else kwargs["request"]
    if (rest := match.reader.api.rest) is not None:
        path = _FIELD.sub(lambda field: str(getattr(request, field[1])), f"/{rest}")
        match = meter.find("POST", host, path)
        if match is None:
            return None
    from outlay.integration import Messages  # with the first call: this file is loaded at every start

    source = Messages(match.reader, request)
    body = source.request() if meter.budgets else source.brief()
    exchange = meter.begin("grpc", match, host, path, body, streams=False)
    if exchange is not None:
        exchange.source = source
    return exchange


_FIELD = re.compile(r"\{(\w+)\}")


@functools.lru_cache(maxsize=4096)
def _place(target: bytes | str, method: bytes | str) -> tuple[str, str]:
    """Return (host, path) of a channel's target and a method: https://github.com/grpc/grpc/blob/master/doc/naming.md."""
    name = target if isinstance(target, str) else target.decode()
    host = name.rpartition("/")[2].removeprefix("dns:").removesuffix(":443")
    return host, method if isinstance(method, str) else method.decode()


@guarded("following an answer")
def _watch(module: Any, exchange: Exchange, coming: Any, kind: str) -> None:
    from outlay_integrations.transports import grpc_answers  # as above

    grpc_answers.watch(module, exchange, coming, kind)


@guarded("following an answer")
def answered(exchange: Exchange, answer: Any) -> None:
    """Settle with the one answer of an RPC."""
    source: Any = exchange.source
    source.ended = True
    exchange.answered(200, _nothing, source.answer([answer]))


@guarded("noting a failure")
def fail(exchange: Exchange, error: BaseException) -> None:
    """Settle an RPC that failed: the status that its peer answered, or what happened on this side."""
    code = getattr(error, "code", None)
    name: str | None = code().name if callable(code) else None
    if name is None:
        exchange.failed(error)
    elif exchange.status is None and _answered_by_peer(name, error):
        exchange.answered(STATUSES[name], _nothing, json.dumps({"error": {"code": name}}).encode())
    else:
        exchange.trouble = name
        if name == "CANCELLED":
            exchange.finish("cancelled", error)
        else:
            exchange.failed(error, sent=not any(words in (error.details() or "") for words in UNSENT))  # type: ignore[attr-defined] # an error of gRPC's


def _answered_by_peer(name: str, error: Any) -> bool:
    """Return whether a status came over the wire: gRPC tells its own failures by some of the same codes."""
    if error.initial_metadata() or error.trailing_metadata():
        return True
    return name not in OWN and "message larger" not in (error.details() or "")


def _nothing(_: str) -> None:
    return None


OWN = frozenset(("CANCELLED", "DEADLINE_EXCEEDED", "UNAVAILABLE"))
"""Codes that are gRPC's own where nothing else came with them."""

UNSENT = ("failed to connect", "errors resolving", "DNS resolution failed", "Sent message larger")
"""What gRPC says when the provider never got the request."""

STATUSES = {
    "CANCELLED": 499, "UNKNOWN": 500, "INVALID_ARGUMENT": 400, "DEADLINE_EXCEEDED": 504, "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409, "PERMISSION_DENIED": 403, "UNAUTHENTICATED": 401, "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400, "ABORTED": 409, "OUT_OF_RANGE": 400, "UNIMPLEMENTED": 501, "INTERNAL": 500,
    "UNAVAILABLE": 503, "DATA_LOSS": 500,
}  # fmt: skip
"""gRPC's codes as the HTTP statuses that they map to: https://cloud.google.com/apis/design/errors#handling_errors."""

TRANSPORT = Transport(
    name="grpc",
    patches=(
        *(Patch("grpc._channel", f"_UnaryUnaryMultiCallable.{name}", _unary) for name in ("__call__", "with_call")),
        Patch("grpc._channel", "_UnaryUnaryMultiCallable.future", _watched),
        Patch("grpc._channel", "_UnaryStreamMultiCallable.__call__", _watched),
        Patch("grpc._channel", "_SingleThreadedUnaryStreamMultiCallable.__call__", _watched),
        Patch("grpc.aio._call", "UnaryUnaryCall._invoke", _asked_async),
        Patch("grpc.aio._call", "UnaryStreamCall._send_unary_request", _asked_async),
        Patch("grpc.aio._call", "UnaryUnaryCall.__init__", _watched_async),
        Patch("grpc.aio._call", "UnaryStreamCall.__init__", _watched_async),
    ),
    sdks=("xai-sdk", "google-cloud-aiplatform"),
)
