"""botocore: what boto3 sends by. One ``URLLib3Session.send`` is one attempt at one call.

Its requests are signed before they come here, so none is rewritten.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from outlay.integration import Patch, Transport, guarded
from outlay_integrations.transports.urllib3 import begin, connected, header_of, tee, teeable

if TYPE_CHECKING:
    from outlay.integration import Exchange

UNSENT = frozenset(("EndpointConnectionError", "ConnectTimeoutError", "ProxyConnectionError", "SSLError"))
"""Exceptions that say that the provider never got the request."""


def _send(_: Any, wrapped: Any) -> Any:
    @functools.wraps(wrapped)
    def send(session: Any, request: Any) -> Any:
        exchange = _open(request)
        if exchange is None:
            return wrapped(session, request)
        try:
            response = wrapped(session, request)
        except BaseException as error:
            exchange.failed(error, sent=type(error).__name__ not in UNSENT)
            raise
        finally:
            exchange.send.alive = False
        _follow(exchange, response)
        return response

    return send


@guarded("recognising a request")
def _open(request: Any) -> Exchange | None:
    exchange = begin("botocore", request, streams=bool(request.stream_output))
    if exchange is not None and exchange.rewritten is not None:
        exchange.leave_as_is()
    return exchange


@guarded("following an answer")
def _follow(exchange: Exchange, response: Any) -> None:
    raw = response.raw
    if not connected(raw):
        exchange.marks += ("mocked",)
    body = response._content  # noqa: SLF001 - a property would read it
    exchange.answered(response.status_code, header_of(response.headers), body)
    if body is None and teeable(raw):
        tee(exchange, raw)
    elif body is None:
        exchange.missed()


TRANSPORT = Transport(
    name="botocore", patches=(Patch("botocore.httpsession", "URLLib3Session.send", _send),), sdks=("boto3",)
)
