"""httpx and httpx2: what openai, anthropic, groq, mistral and most other SDKs send by. One send is one exchange."""

from __future__ import annotations

import functools
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any

from outlay.integration import Patch, Transport, guarded, meter

if TYPE_CHECKING:
    from outlay.integration import Exchange


def _send(module: Any, wrapped: Any) -> Any:
    @functools.wraps(wrapped)
    def send(client: Any, request: Any, **options: Any) -> Any:
        exchange = _open(module, request, options)
        if exchange is None:
            return wrapped(client, request, **options)
        if exchange.policy is not None:
            from outlay.integration import permit  # where there are budgets

            if (refusal := permit(exchange, fixed=_fixed(request))) is not None:
                return _refuse(module, refusal, request)
        sent = request if exchange.rewritten is None else _rewritten(module, exchange, request) or request
        try:
            response = wrapped(client, sent, **options)
            if _may_refuse(exchange, response) and _refused(exchange, response.status_code, response.read()):
                response.close()
                sent = _rewritten(module, exchange, request) or request
                response = wrapped(client, sent, **options)
        except BaseException as error:
            exchange.failed(error, sent=type(error).__name__ not in UNSENT)
            raise
        finally:
            exchange.send.alive = False
        _follow(module, client, exchange, response, request, sent)
        return response

    return send


def _send_async(module: Any, wrapped: Any) -> Any:
    @functools.wraps(wrapped)
    async def send(client: Any, request: Any, **options: Any) -> Any:
        exchange = _open(module, request, options)
        if exchange is None:
            return await wrapped(client, request, **options)
        if exchange.policy is not None:
            from outlay.integration import permit_async  # as above

            if (refusal := await permit_async(exchange, fixed=_fixed(request))) is not None:
                return _refuse(module, refusal, request)
        sent = request if exchange.rewritten is None else _rewritten(module, exchange, request) or request
        try:
            response = await wrapped(client, sent, **options)
            if _may_refuse(exchange, response) and _refused(exchange, response.status_code, await response.aread()):
                await response.aclose()
                sent = _rewritten(module, exchange, request) or request
                response = await wrapped(client, sent, **options)
        except BaseException as error:
            exchange.failed(error, sent=type(error).__name__ not in UNSENT)
            raise
        finally:
            exchange.send.alive = False
        _follow(module, client, exchange, response, request, sent)
        return response

    return send


UNSENT = frozenset(
    ("ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol", "LocalProtocolError")
)
"""Exceptions of both libraries that say that the provider never got the request."""


REFUSALS = frozenset((400, 404, 422))
"""Statuses by which a host may refuse to be asked for usage."""

_METHODS = frozenset(("POST", "GET"))


@guarded("recognising a request")
def _open(module: Any, request: Any, options: dict[str, Any]) -> Exchange | None:
    method = request.method
    if method not in _METHODS:
        return None
    # The parsed URL behind ``url`` has the same three fields, without a property of Python's around each.
    url = getattr(request.url, "_uri_reference", request.url)
    host = url.host if ":" not in url.host else f"[{url.host}]"
    if url.port is not None:
        host = f"{host}:{url.port}"
    match = meter.find(method, host, url.path)
    if match is None:
        return None
    # Only a body that is in memory already: reading a generator or an upload would use it up.
    body = request.__dict__.get("_content")
    if body is None:
        body = _form(request.stream)
    return meter.begin(module.__name__, match, host, url.path, body, streams=options.get("stream", False))


def _form(stream: Any) -> bytes | None:
    """Return the texts of a form as JSON; its files are not touched."""
    fields = getattr(stream, "fields", None)
    if not isinstance(fields, list):
        return None
    texts = {field.name: field.value for field in fields if isinstance(getattr(field, "value", None), str)}
    return json.dumps(texts).encode()


def _fixed(request: Any) -> bool:
    """Return whether a request can't be changed any more: its body is signed, or not in memory."""
    return _signed(request) or "_content" not in request.__dict__


def _signed(request: Any) -> bool:
    return (_headers(request)("authorization") or "").startswith("AWS4-")


def _refuse(module: Any, refusal: Exception, request: Any) -> Any:
    """Raise the refusal, or return what raises it to an SDK that would catch it here."""
    from outlay_integrations.transports.refusals import catches_all, raising, typed  # few are refused

    error = typed(refusal)
    if catches_all(request.headers):
        return raising(module.Response, error)
    raise error


@guarded("changing a request")
def _rewritten(module: Any, exchange: Exchange, request: Any) -> Any:
    """Return the request that is to be sent; None where that is the one given."""
    if _signed(request):  # the body can't be changed any more
        exchange.leave_as_is()
    if exchange.rewritten is None:
        return None
    changed = _with_body(module, request, exchange.rewritten, filtered=exchange.refused is not None)
    if exchange.moved_to is not None:
        query = b"?" + request.url.query if request.url.query else b""
        changed.__dict__["url"] = request.url.copy_with(raw_path=exchange.moved_to.encode() + query)
    return changed


def _with_body(module: Any, request: Any, body: bytes, *, filtered: bool) -> Any:
    """Return a request like this one with another body; an answer that is filtered on the way comes uncompressed."""
    changes = {b"content-length": b"%d" % len(body)}
    if filtered:
        changes[b"accept-encoding"] = b"identity"
    headers, extensions = _with_headers(request.headers, changes), dict(request.extensions)
    return _like(request, headers=headers, stream=module.ByteStream(body), _content=body, extensions=extensions)


def _with_headers(headers: Any, changes: dict[bytes, bytes]) -> Any:
    """Return headers like these with other values."""
    held = getattr(headers, "_list", None)
    if held is None:
        made = headers.copy()
        made.update({key.decode(): value.decode() for key, value in changes.items()})
        return made
    held = held.copy()
    for at, (name, key, _) in enumerate(held):
        if key in changes:
            held[at] = name, key, changes.pop(key)
    held += [(key, key, value) for key, value in changes.items()]
    return _like(headers, _list=held)


def _like(given: Any, **changes: Any) -> Any:
    """Return an object of the library's like this one: to make it anew is to go through all headers and the URL."""
    made = object.__new__(type(given))
    made.__dict__.update(given.__dict__, **changes)
    return made


def _may_refuse(exchange: Exchange, response: Any) -> bool:
    return exchange.refused is not None and response.status_code in REFUSALS


@guarded("reading a refusal")
def _refused(exchange: Exchange, status: int, answer: bytes) -> bool:
    return exchange.refused is not None and exchange.refused(exchange, status, answer)


@guarded("following an answer")
def _follow(module: Any, client: Any, exchange: Exchange, response: Any, request: Any, sent: Any) -> None:
    if "network_stream" not in response.extensions and _connects(module, client):
        exchange.marks += ("mocked",)
    if sent is not request:
        _give_back(response, request, sent)
    body = response.__dict__.get("_content")
    exchange.answered(response.status_code, _headers(response), body)
    if body is None and (response.is_stream_consumed or response.is_closed):
        exchange.missed()  # an event hook has read the stream past us
    elif body is None:
        tee = _async_tee if isinstance(response.stream, module.AsyncByteStream) else _tee
        response.stream = tee(module)(exchange, response.stream)
    elif exchange.filter is not None:
        response._content = exchange.filtered(body)  # noqa: SLF001 - read by the client before we could filter


def _give_back(response: Any, request: Any, sent: Any) -> None:
    """Let the answers show the request that the application made, not the one that was changed by us."""
    for answer in (*response.history, response):
        if answer.request is sent or answer.request.url == request.url:
            answer.request = request


def _headers(message: Any) -> Callable[[str], str | None]:
    """Return what looks up a header by its lower-case name, in one step where the library keeps a list."""
    held = getattr(message.headers, "_list", None)
    return message.headers.get if held is None else functools.partial(_header, held)


def _header(held: list[tuple[bytes, bytes, bytes]], name: str) -> str | None:
    wanted = name.encode()
    for _, key, value in held:
        if key == wanted:
            return value.decode("latin-1")
    return None


def _connects(module: Any, client: Any) -> bool:
    """Return whether the library itself sends for ``client``: without a connection, a mock has answered."""
    transport = type(getattr(client, "_transport", None))
    return bool(transport.__module__.partition(".")[0] == module.__name__)


# What a tee wraps stays reachable through it: httpx2 reads ``elapsed`` off a response's stream.


@functools.cache
def _tee(module: Any) -> Callable[[Exchange, Any], Any]:
    """Make the class of watched streams for one library."""
    from outlay.integration import watch  # with the first stream: this file is loaded at every start

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
    from outlay.integration import watch_async  # as above

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
