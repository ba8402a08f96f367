"""httpx and httpx2: what openai, anthropic, groq, mistral and most other SDKs send by. One send is one exchange."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from outlay.integration import Exchange, Patch, Transport, begin, guard, recognise, watch, watch_async

_recognising = guard("recognising a request")
_following = guard("following an answer")


def _send(module: Any, wrapped: Any) -> Any:
    @functools.wraps(wrapped)
    def send(client: Any, *args: Any, **kwargs: Any) -> Any:
        exchange = _open(module, args, kwargs)
        if exchange is None:
            return wrapped(client, *args, **kwargs)
        exchange.enter()
        try:
            response = wrapped(client, *_sent(module, exchange, args), **_sent_by_name(module, exchange, kwargs))
            if (
                exchange.refused is not None
                and _may_refuse(response)
                and exchange.refused(exchange, response.status_code, response.read())
            ):
                response.close()
                response = wrapped(client, *args, **kwargs)
        except BaseException as error:
            exchange.failed(error, sent=type(error).__name__ not in UNSENT)
            raise
        finally:
            exchange.leave()
        _follow(module, client, exchange, response, args, kwargs)
        return response

    return send


def _send_async(module: Any, wrapped: Any) -> Any:
    @functools.wraps(wrapped)
    async def send(client: Any, *args: Any, **kwargs: Any) -> Any:
        exchange = _open(module, args, kwargs)
        if exchange is None:
            return await wrapped(client, *args, **kwargs)
        exchange.enter()
        try:
            response = await wrapped(client, *_sent(module, exchange, args), **_sent_by_name(module, exchange, kwargs))
            if (
                exchange.refused is not None
                and _may_refuse(response)
                and exchange.refused(exchange, response.status_code, await response.aread())
            ):
                await response.aclose()
                response = await wrapped(client, *args, **kwargs)
        except BaseException as error:
            exchange.failed(error, sent=type(error).__name__ not in UNSENT)
            raise
        finally:
            exchange.leave()
        _follow(module, client, exchange, response, args, kwargs)
        return response

    return send


UNSENT = frozenset(
    ("ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol", "LocalProtocolError")
)
"""Exceptions of both libraries that say that the provider never got the request."""


REFUSALS = frozenset((400, 404, 422))
"""Statuses by which a host may refuse to be asked for usage."""

_METHODS = frozenset(("POST", "GET"))


def _open(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Exchange | None:
    with _recognising:
        request = args[0] if args else kwargs["request"]
        method = request.method
        if method not in _METHODS:
            return None
        url = request.url
        host, path = url.netloc.decode("ascii"), url.raw_path.decode("ascii").partition("?")[0]
        match = recognise(method, host, path)
        if match is None:
            return None
        # Only a body that is in memory already: reading a generator or an upload would use it up.
        body = request.__dict__.get("_content")
        exchange = begin(module.__name__, match, host, path, body, streams=kwargs.get("stream", False))
        if exchange is not None and exchange.rewritten is not None and _signed(request):
            exchange.leave_as_is()
        return exchange
    return None


def _signed(request: Any) -> bool:
    """Return whether the body can't be changed any more (AWS Signature Version 4)."""
    return bool(request.headers.get("authorization", "").startswith("AWS4-"))


def _may_refuse(response: Any) -> bool:
    return response.status_code in REFUSALS


def _sent(module: Any, exchange: Exchange, args: tuple[Any, ...]) -> tuple[Any, ...]:
    if exchange.rewritten is None or not args:
        return args
    return (_rewritten(module, exchange.rewritten, args[0]), *args[1:])


def _sent_by_name(module: Any, exchange: Exchange, kwargs: dict[str, Any]) -> dict[str, Any]:
    if exchange.rewritten is None or "request" not in kwargs:
        return kwargs
    return {**kwargs, "request": _rewritten(module, exchange.rewritten, kwargs["request"])}


def _rewritten(module: Any, body: bytes, request: Any) -> Any:
    headers = request.headers.copy()
    headers["content-length"] = str(len(body))
    headers["accept-encoding"] = "identity"  # what comes back is filtered on the way
    return module.Request(request.method, request.url, headers=headers, content=body, extensions=request.extensions)


def _follow(
    module: Any, client: Any, exchange: Exchange, response: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    with _following:
        request = args[0] if args else kwargs["request"]
        exchange.answered(response.status_code, response.headers.get)
        if "network_stream" not in response.extensions and _connects(module, client):
            exchange.marks += ("mocked",)
        for answer in (*response.history, response) if exchange.rewritten is not None else ():
            if answer.request.url == request.url:
                answer.request = request
        if hasattr(response, "_content"):
            body = response.content
            if exchange.filter is not None:
                response._content = exchange.filtered(body)  # noqa: SLF001 - read by the client before we could filter
            exchange.whole(body)
        elif response.is_stream_consumed or response.is_closed:
            exchange.missed()  # an event hook has read the stream past us
        else:
            exchange.streamed = True
            tee = _async_tee if isinstance(response.stream, module.AsyncByteStream) else _tee
            response.stream = tee(module)(exchange, response.stream)


def _connects(module: Any, client: Any) -> bool:
    """Return whether the library itself sends for ``client``: without a connection, a mock has answered."""
    transport = type(getattr(client, "_transport", None))
    return bool(transport.__module__.partition(".")[0] == module.__name__)


# What a tee wraps stays reachable through it: httpx2 reads ``elapsed`` off a response's stream.


@functools.cache
def _tee(module: Any) -> Callable[[Exchange, Any], Any]:
    """Make the class of watched streams for one library."""

    class Tee(module.SyncByteStream):  # type: ignore[misc] # the library is known at run time only
        def __init__(self, exchange: Exchange, stream: Any) -> None:
            self._exchange = exchange
            self._stream = stream

        def __iter__(self) -> Iterator[bytes]:
            return watch(self._exchange, self._stream)

        def close(self) -> None:
            try:
                self._stream.close()
            finally:
                self._exchange.finish("abandoned")

        def __getattr__(self, name: str) -> Any:
            return getattr(self._stream, name)

        def __del__(self) -> None:
            self._exchange.drop()

    return Tee


@functools.cache
def _async_tee(module: Any) -> Callable[[Exchange, Any], Any]:
    """Make the class of watched asynchronous streams for one library."""

    class AsyncTee(module.AsyncByteStream):  # type: ignore[misc] # the library is known at run time only
        def __init__(self, exchange: Exchange, stream: Any) -> None:
            self._exchange = exchange
            self._stream = stream

        def __aiter__(self) -> AsyncIterator[bytes]:
            return watch_async(self._exchange, self._stream)

        async def aclose(self) -> None:
            try:
                await self._stream.aclose()
            finally:
                self._exchange.finish("abandoned")

        def __getattr__(self, name: str) -> Any:
            return getattr(self._stream, name)

        def __del__(self) -> None:
            self._exchange.drop()

    return AsyncTee


TRANSPORT = Transport(
    name="httpx",
    patches=tuple(
        patch
        for module in ("httpx", "httpx2")
        for patch in (Patch(module, "Client.send", _send), Patch(module, "AsyncClient.send", _send_async))
    ),
    sdks=("openai", "anthropic"),
)
