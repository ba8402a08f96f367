"""aiohttp: what google-genai and LiteLLM send by where it is installed. One request of a session is one exchange."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from outlay.integration import Patch, Transport, guarded, meter
from outlay_integrations.transports.aiohttp_sockets import PATCHES
from outlay_integrations.transports.urllib3 import moved

if TYPE_CHECKING:
    from outlay.integration import Exchange

UNSENT = frozenset(
    (
        "ClientConnectorError", "ClientConnectorDNSError", "ClientConnectorSSLError", "ClientConnectorCertificateError",
        "ClientProxyConnectionError", "ConnectionTimeoutError", "InvalidURL", "InvalidUrlClientError",
        "NonHttpUrlClientError", "UnixClientConnectorError",
    )
)  # fmt: skip
"""Exceptions that say that the provider never got the request."""

REFUSALS = frozenset((400, 404, 422))
"""Statuses by which a host may refuse to be asked for usage."""


def _request(module: Any, wrapped: Any) -> Any:
    @functools.wraps(wrapped)
    async def request(session: Any, method: str, url: Any, **kwargs: Any) -> Any:
        exchange = _open(module, session, method, url, kwargs)
        if exchange is None:
            return await wrapped(session, method, url, **kwargs)
        if exchange.policy is not None:
            await _permit(exchange, kwargs)
        asking = None if exchange.rewritten is None else _rewritten(module, exchange, kwargs)
        try:
            response = await wrapped(session, method, _url(session, url, exchange), **(asking or kwargs))
            if (
                exchange.refused is not None
                and response.status in REFUSALS
                and _refused(exchange, response, await response.read())
            ):
                response.close()
                again = _rewritten(module, exchange, kwargs) or kwargs
                response = await wrapped(session, method, _url(session, url, exchange), **again)
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
    if method.upper() not in ("POST", "GET") or (method == "GET" and "Upgrade" in (kwargs.get("headers") or ())):
        return None  # the opening of a websocket is no call either
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


async def _permit(exchange: Exchange, kwargs: dict[str, Any]) -> None:
    """Ask the budgets; raise their refusal."""
    from outlay.integration import permit_async  # where there are budgets

    refusal = await permit_async(exchange, fixed=_signed(_headers(kwargs)))
    if refusal is not None:
        from outlay_integrations.transports.refusals import typed  # few are refused

        raise typed(refusal)


def _url(session: Any, url: Any, exchange: Exchange) -> Any:
    """Return the URL to send to, which may be another than the one given."""
    if exchange.moved_to is None:
        return url
    built = session._build_url(url)  # noqa: SLF001 - as in _open
    other = type(built)(moved(str(built), exchange.moved_to), encoded=True)
    return other if session._base_url is None else other.relative()  # noqa: SLF001 - then it takes no absolute one


def _headers(kwargs: dict[str, Any]) -> list[tuple[Any, Any]]:
    given = kwargs.get("headers") or {}
    return [*given.items()] if hasattr(given, "items") else [*given]


def _signed(headers: list[tuple[Any, Any]]) -> bool:
    """Return whether the headers vouch for the body, or for its length."""
    names = {str(name).lower(): value for name, value in headers}
    return str(names.get("authorization", "")).startswith("AWS4-") or "content-length" in names


@guarded("changing a request")
def _rewritten(module: Any, exchange: Exchange, kwargs: dict[str, Any]) -> dict[str, Any] | None:
    """Return the arguments to send by; None where those are the ones given."""
    headers = _headers(kwargs)
    if _signed(headers):
        exchange.leave_as_is()
    if exchange.rewritten is None:
        return None
    if exchange.refused is not None:
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
        # With the first stream: this file is loaded at every start.
        from outlay_integrations.transports.aiohttp_content import Watched

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


TRANSPORT = Transport(
    name="aiohttp",
    patches=(Patch("aiohttp", "ClientSession._request", _request), *PATCHES),
    sdks=("google-genai", "litellm"),
)
