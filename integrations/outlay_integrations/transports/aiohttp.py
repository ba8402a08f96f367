"""aiohttp: what google-genai and LiteLLM send by where it is installed. One request of a session is one exchange."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from time import perf_counter_ns
from typing import Any

import wrapt

from outlay.integration import Exchange, Patch, Transport, guarded, meter

UNSENT = frozenset(
    (
        "ClientConnectorError", "ClientConnectorDNSError", "ClientConnectorSSLError", "ClientConnectorCertificateError",
        "ClientProxyConnectionError", "ConnectionTimeoutError", "InvalidURL", "InvalidUrlClientError",
        "NonHttpUrlClientError", "UnixClientConnectorError",
    )
)  # fmt: skip
"""Exceptions that say that the provider never got the request."""

Reading = Callable[[], Awaitable[bytes]]

REFUSALS = frozenset((400, 404, 422))
"""Statuses by which a host may refuse to be asked for usage."""

MANY = 8192
"""Pieces of a stream that are kept apart; more are joined."""


def _request(module: Any, wrapped: Any) -> Any:
    @functools.wraps(wrapped)
    async def request(session: Any, method: str, url: Any, **kwargs: Any) -> Any:
        exchange = _open(module, session, method, url, kwargs)
        if exchange is None:
            return await wrapped(session, method, url, **kwargs)
        asking = None if exchange.rewritten is None else _rewritten(module, exchange, kwargs)
        try:
            response = await wrapped(session, method, url, **(kwargs if asking is None else asking))
            if (
                asking is not None
                and response.status in REFUSALS
                and _refused(exchange, response, await response.read())
            ):
                response.close()
                response = await wrapped(session, method, url, **kwargs)
        except BaseException as error:
            _fail(exchange, error)
            raise
        finally:
            exchange.send.alive = False
        _follow(module, exchange, response)
        return response

    return request


@guarded("recognising a request")
def _open(module: Any, session: Any, method: str, url: Any, kwargs: dict[str, Any]) -> Exchange | None:
    if method.upper() not in ("POST", "GET"):
        return None
    built = session._build_url(url)  # noqa: SLF001 - the URL may be relative to the session's
    host = built.host or ""
    host = f"[{host}]" if ":" in host else host
    if built.explicit_port is not None and not built.is_default_port():
        host = f"{host}:{built.port}"
    match = meter.find(method.upper(), host, built.raw_path)
    if match is None:
        return None
    return meter.begin("aiohttp", match, host, built.raw_path, _body(module, session, kwargs), streams=False)


def _body(module: Any, session: Any, kwargs: dict[str, Any]) -> bytes | None:
    """Return the request's body, if it is in memory; what is given as JSON is written once, here, as aiohttp would."""
    data = kwargs.get("data")
    if isinstance(data, str):
        return data.encode()
    if isinstance(data, bytes):
        return data
    if data is not None or kwargs.get("json") is None:
        return None
    writes, writes_bytes = session._json_serialize, getattr(session, "_json_serialize_bytes", None)  # noqa: SLF001 - its own
    try:
        body = bytes(writes_bytes(kwargs["json"]) if writes_bytes else writes(kwargs["json"]).encode())
    except (TypeError, ValueError, AttributeError):
        return None  # aiohttp will say so to the application
    del kwargs["json"]
    kwargs["data"] = module.payload.BytesPayload(body, content_type="application/json", encoding="utf-8")
    return body


@guarded("asking for a stream's usage")
def _rewritten(module: Any, exchange: Exchange, kwargs: dict[str, Any]) -> dict[str, Any] | None:
    """Return the arguments that ask; None where the request must be sent as it is."""
    given = kwargs.get("headers") or {}
    headers = [*given.items()] if hasattr(given, "items") else [*given]
    names = {str(name).lower(): value for name, value in headers}
    if str(names.get("authorization", "")).startswith("AWS4-") or "content-length" in names:
        exchange.leave_as_is()
        return None
    headers = [(name, value) for name, value in headers if str(name).lower() != "accept-encoding"]
    headers.append(("Accept-Encoding", "identity"))  # what comes back is filtered on the way
    body: Any = exchange.rewritten
    if not isinstance(kwargs.get("data"), str | bytes):
        body = module.payload.BytesPayload(body, content_type="application/json", encoding="utf-8")
    return {**kwargs, "headers": headers, "data": body}


@guarded("reading a refusal")
def _refused(exchange: Exchange, response: Any, answer: bytes) -> bool:
    return exchange.refused is not None and exchange.refused(exchange, response.status, answer)


@guarded("noting a failure")
def _fail(exchange: Exchange, error: BaseException) -> None:
    status: int = getattr(error, "status", 0) if type(error).__name__ == "ClientResponseError" else 0
    if status >= 300:
        exchange.answered(status, _header(getattr(error, "headers", None) or {}), b"")  # raise_for_status=True
    else:
        exchange.failed(error, sent=type(error).__name__ not in UNSENT)


@guarded("following an answer")
def _follow(module: Any, exchange: Exchange, response: Any) -> None:
    body = response._body  # noqa: SLF001 - there if a middleware or a hook has read it
    exchange.answered(response.status, _header(response.headers), body)
    if body is None:
        response.content = Watched(module, exchange, response.content)
        response._outlay = exchange  # noqa: SLF001 - an attribute of ours
        response.__class__ = _teed(response.__class__)
    elif exchange.filter is not None:
        response._body = exchange.filtered(body)  # noqa: SLF001 - as above


def _header(headers: Any) -> Callable[[str], str | None]:
    """Return what looks up a header of an answer whose body comes decoded: as if it had never been encoded."""
    return lambda name: None if name == "content-encoding" else headers.get(name)


@functools.cache
def _teed(kind: Any) -> Any:
    """Make the subclass of a response's class that says when it was left; it calls itself by the same name."""

    class Teed(kind):  # type: ignore[misc] # the class is known at run time only
        def close(self) -> None:
            super().close()
            self._outlay.finish("abandoned")

        def release(self) -> Any:
            released = super().release()
            self._outlay.finish("abandoned")
            return released

        def __del__(self, *given: Any) -> None:
            self._outlay.drop()
            super().__del__(*given)

    Teed.__name__, Teed.__qualname__, Teed.__module__ = kind.__name__, kind.__qualname__, kind.__module__
    return Teed


@guarded("noting what was read")
def _note(exchange: Exchange, chunk: bytes, ended: bool) -> None:  # noqa: FBT001 - see guarded
    """Note a piece as it came; ``ended``: nothing is left to be read."""
    if chunk:
        exchange.first = exchange.first or perf_counter_ns()
        exchange.chunks.append(bytes(chunk))
        if len(exchange.chunks) > MANY:
            exchange.compact()
    if ended:
        exchange.finish("ok")


class Watched(wrapt.ObjectProxy):  # type: ignore[type-arg] # older versions know no arguments
    """A response's content, noted as it is read. aiohttp's StreamReader has slots: only a proxy can watch it.

    Its iterators are made anew on the proxy, else they would read past it.
    """

    def __init__(self, module: Any, exchange: Exchange, content: Any) -> None:
        super().__init__(content)
        self._self_streams: Any = module.streams
        self._self_exchange = exchange
        self._self_left = b""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._self_streams.AsyncStreamIterator(self.readline)  # type: ignore[no-any-return] # as the module

    def iter_chunked(self, n: int) -> AsyncIterator[bytes]:
        """Iterate over pieces of up to ``n`` bytes."""
        return self._self_streams.AsyncStreamIterator(lambda: self.read(n))  # type: ignore[no-any-return] # as the module

    def iter_any(self) -> AsyncIterator[bytes]:
        """Iterate over pieces as they come."""
        return self._self_streams.AsyncStreamIterator(self.readany)  # type: ignore[no-any-return] # as the module

    def iter_chunks(self) -> AsyncIterator[tuple[bytes, bool]]:
        """Iterate over pieces, each with whether an HTTP chunk ends with it."""
        return self._self_streams.ChunkTupleAsyncStreamIterator(self)  # type: ignore[no-any-return] # as the module

    async def read(self, n: int = -1) -> bytes:
        """Read up to ``n`` bytes, or all."""
        if n == 0:
            return b""
        return await self._self_read(functools.partial(self.__wrapped__.read, n), n, everything=n < 0)

    async def readany(self) -> bytes:
        """Read what is there."""
        return await self._self_read(self.__wrapped__.readany, -1)

    async def readexactly(self, n: int) -> bytes:
        """Read ``n`` bytes, no fewer."""
        return await self._self_read(functools.partial(self.__wrapped__.readexactly, n), n)

    async def readline(self, **limits: Any) -> bytes:
        """Read a line."""
        return await self._self_until(b"\n", functools.partial(self.__wrapped__.readline, **limits))

    async def readuntil(self, separator: bytes = b"\n", **limits: Any) -> bytes:
        """Read to a separator."""
        return await self._self_until(separator, functools.partial(self.__wrapped__.readuntil, separator, **limits))

    async def readchunk(self) -> tuple[bytes, bool]:
        """Read what is there, and whether an HTTP chunk ends with it."""
        ends = [False]

        async def read() -> bytes:
            chunk, ends[0] = await self.__wrapped__.readchunk()
            return bytes(chunk)

        return await self._self_read(read, -1, empty=ends), ends[0]

    def read_nowait(self, n: int = -1) -> bytes:
        """Read what is there, without waiting."""
        chunk = bytes(self.__wrapped__.read_nowait(n))
        _note(self._self_exchange, chunk, self.__wrapped__.at_eof())
        strip = self._self_exchange.filter
        return chunk if strip is None else strip.feed(chunk)

    async def _self_read(
        self, read: Reading, n: int, *, everything: bool = False, empty: list[bool] | None = None
    ) -> bytes:
        strip = self._self_exchange.filter
        while everything or not self._self_left:
            chunk = await self._self_next(read)
            ended = not chunk and not (empty and empty[0])
            if strip is None:
                return chunk
            self._self_left += strip.flush() if ended else strip.feed(chunk)
            if ended or everything:
                self._self_left += strip.flush() if everything else b""
                break
        given = self._self_left if n < 0 else self._self_left[:n]
        self._self_left = self._self_left[len(given) :]
        return given

    async def _self_until(self, separator: bytes, read: Reading) -> bytes:
        strip = self._self_exchange.filter
        if strip is None:
            return await self._self_next(read)
        while separator not in self._self_left and (chunk := await self._self_next(self.__wrapped__.readany)):
            self._self_left += strip.feed(chunk)
        if separator not in self._self_left:
            self._self_left += strip.flush()
        line, found, self._self_left = self._self_left.partition(separator)
        return line + found

    async def _self_next(self, read: Reading) -> bytes:
        try:
            chunk = await read()
        except BaseException as error:
            self._self_exchange.failed(error)
            raise
        _note(self._self_exchange, chunk, self.__wrapped__.at_eof())
        return chunk


TRANSPORT = Transport(
    name="aiohttp", patches=(Patch("aiohttp", "ClientSession._request", _request),), sdks=("google-genai", "litellm")
)
