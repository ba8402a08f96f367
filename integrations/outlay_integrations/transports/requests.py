"""requests: what many people call a model host by without an SDK.

One ``Session.send`` is one exchange, its redirects included.
"""

from __future__ import annotations

import functools
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from outlay.integration import Patch, Transport, guarded
from outlay_integrations.transports.urllib3 import begin, connected, header_of, moved, tee, teeable

if TYPE_CHECKING:
    from outlay.integration import Exchange

_sending: ContextVar[Any] = ContextVar("outlay_requests_session", default=None)
"""The session that sends a model call: it calls its own ``send`` for each redirect."""

UNSENT = frozenset(("ConnectTimeout", "ProxyError", "SSLError", "InvalidURL", "InvalidSchema", "MissingSchema"))
"""Exceptions that say that the provider never got the request."""

REFUSALS = frozenset((400, 404, 422))
"""Statuses by which a host may refuse to be asked for usage."""

SIGNED = ("digest", "content-digest", "content-md5", "x-amz-content-sha256", "signature")
"""Headers that vouch for a request's body."""


def _send(_: Any, wrapped: Any) -> Any:
    @functools.wraps(wrapped)
    def send(session: Any, request: Any, **kwargs: Any) -> Any:
        redirected = _sending.get() is session and kwargs.get("allow_redirects") is False
        exchange = None if redirected else _open(request, kwargs)
        if exchange is None:
            return wrapped(session, request, **kwargs)
        if exchange.policy is not None:
            _permit(exchange, request)
        asking = None if exchange.rewritten is None else _rewritten(exchange, request)
        before = _sending.set(session)
        try:
            response = wrapped(session, request if asking is None else asking, **kwargs)
            if exchange.refused is not None and response.status_code in REFUSALS and _refused(exchange, response):
                response.close()
                response = wrapped(session, _rewritten(exchange, request) or request, **kwargs)
        except BaseException as error:
            exchange.failed(error, sent=not _unsent(error))
            raise
        finally:
            exchange.send.alive = False
            _sending.reset(before)
        _follow(session, exchange, request, response)
        return response

    return send


@guarded("recognising a request")
def _open(request: Any, kwargs: dict[str, Any]) -> Exchange | None:
    return begin("requests", request, streams=kwargs.get("stream", False))


def _permit(exchange: Exchange, request: Any) -> None:
    """Ask the budgets; raise their refusal."""
    from outlay.integration import permit  # where there are budgets

    refusal = permit(exchange, fixed=_signed(request.headers))
    if refusal is not None:
        from outlay_integrations.transports.refusals import typed  # few are refused

        raise typed(refusal)


def _signed(headers: Any) -> bool:
    return headers.get("authorization", "").startswith("AWS4-") or any(name in headers for name in SIGNED)


@guarded("changing a request")
def _rewritten(exchange: Exchange, request: Any) -> Any:
    """Return the request that is to be sent; None where that is the one given."""
    if _signed(request.headers):
        exchange.leave_as_is()
    if exchange.rewritten is None:
        return None
    changed = request.copy()
    changed.body, changed.url = exchange.rewritten, moved(request.url, exchange.moved_to)
    changed.headers["Content-Length"] = str(len(exchange.rewritten))
    if exchange.refused is not None:
        changed.headers["Accept-Encoding"] = "identity"  # what comes back is filtered on the way
    return changed


@guarded("reading a refusal")
def _refused(exchange: Exchange, response: Any) -> bool:
    return exchange.refused is not None and exchange.refused(exchange, response.status_code, response.content)


def _unsent(error: BaseException) -> bool:
    if type(error).__name__ in UNSENT:
        return True
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return type(reason).__name__ in ("NewConnectionError", "NameResolutionError")


@guarded("following an answer")
def _follow(session: Any, exchange: Exchange, request: Any, response: Any) -> None:
    raw = response.raw
    if not connected(raw) and type(session.get_adapter(request.url)).__module__.startswith("requests"):
        exchange.marks += ("mocked",)
    if exchange.rewritten is not None:
        sent_to = (request.url, moved(request.url, exchange.moved_to))
        for answer in (*response.history, response):
            if answer.request.url in sent_to:
                answer.request = request  # what the application made, not what was changed by us
    body = response._content if response._content_consumed else None  # noqa: SLF001 - a property would read it
    if body is False or body is True:
        body = b""
    exchange.answered(response.status_code, header_of(response.headers), body)
    if body is not None and exchange.filter is not None:
        response._content = exchange.filtered(body)  # noqa: SLF001 - read by the client before we could filter
    elif body is None and not teeable(raw):
        exchange.missed()
    elif body is None:
        tee(exchange, raw)


TRANSPORT = Transport(name="requests", patches=(Patch("requests", "Session.send", _send),), sdks=("requests",))
