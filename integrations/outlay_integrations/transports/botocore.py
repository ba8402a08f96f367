"""botocore: what boto3 sends by. One ``URLLib3Session.send`` is one attempt at one call.

Its requests are signed before they come there. So where there are budgets they are asked before, when an attempt's
request is made: what they change is signed with it.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from outlay.integration import Patch, Transport, guarded, meter
from outlay_integrations.transports.urllib3 import begin, connected, header_of, moved, recognised, tee, teeable

if TYPE_CHECKING:
    from outlay.integration import Exchange

UNSENT = frozenset(("EndpointConnectionError", "ConnectTimeoutError", "ProxyConnectionError", "SSLError"))
"""Exceptions that say that the provider never got the request."""


class Permitted:
    """An exchange between the making of its request and its send; one that is never sent costs nothing."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        exchange.sent = exchange.send.alive = False

    def __del__(self) -> None:
        if not self.exchange.sent:
            self.exchange.drop()


def _create_request(_: Any, wrapped: Any) -> Any:
    @functools.wraps(wrapped)
    def create_request(endpoint: Any, params: Any, operation_model: Any = None) -> Any:
        exchange = _open_early(params) if meter.budgets else None
        if exchange is None:
            return wrapped(endpoint, params, operation_model)
        _permit(exchange)
        given = params
        if exchange.rewritten is not None:
            given = {**params, "body": exchange.rewritten, "url": moved(params["url"], exchange.moved_to)}
        try:
            request = wrapped(endpoint, given, operation_model)
        except BaseException as error:
            exchange.failed(error, sent=False)
            raise
        finally:
            exchange.send.alive = False
        request.outlay = Permitted(exchange)
        return request

    return create_request


@guarded("recognising a request")
def _open_early(params: Any) -> Exchange | None:
    exchange = recognised("botocore", params["method"], params["url"], params["body"], streams=False)
    if exchange is not None:
        exchange.leave_as_is()
    return exchange


def _permit(exchange: Exchange) -> None:
    """Ask the budgets; raise their refusal."""
    from outlay.integration import permit
    from outlay_integrations.transports.refusals import typed

    refusal = permit(exchange, fixed=False)
    if refusal is not None:
        raise typed(refusal)


def _send(_: Any, wrapped: Any) -> Any:
    @functools.wraps(wrapped)
    def send(session: Any, request: Any) -> Any:
        permitted = getattr(request, "outlay", None)
        exchange = _open(request) if permitted is None else permitted.exchange
        if exchange is None:
            return wrapped(session, request)
        exchange.sent = exchange.send.alive = True
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
    name="botocore",
    patches=(
        Patch("botocore.httpsession", "URLLib3Session.send", _send),
        Patch("botocore.endpoint", "Endpoint.create_request", _create_request),
    ),
    sdks=("boto3",),
)
