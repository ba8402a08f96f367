"""websockets: what openai's and google-genai's realtime sessions are held by. One answer is one exchange."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from outlay.integration import Patch, Transport, guarded, meter

if TYPE_CHECKING:
    from outlay.integration import Conversation, Exchange

UNSENT = frozenset(("ConnectionClosed", "ConnectionClosedOK", "ConnectionClosedError", "TypeError"))
"""Exceptions of ``send`` that say that the provider never got the message."""


def _send(_: Any, wrapped: Any) -> Any:
    @functools.wraps(wrapped)
    def send(connection: Any, message: Any, *args: Any, **kwargs: Any) -> Any:
        exchange = _sent(connection, message)
        if exchange is None:
            return wrapped(connection, message, *args, **kwargs)
        if exchange.policy is not None:
            from outlay.integration import permit  # where there are budgets

            message = _permitted(exchange, permit(exchange, fixed=False), message)
        try:
            return wrapped(connection, message, *args, **kwargs)
        except BaseException as error:
            exchange.failed(error, sent=type(error).__name__ not in UNSENT)
            raise
        finally:
            exchange.send.alive = False

    return send


def send_async(_: Any, wrapped: Any) -> Any:
    """Wrap what sends a message."""

    @functools.wraps(wrapped)
    async def send(connection: Any, message: Any, *args: Any, **kwargs: Any) -> Any:
        exchange = _sent(connection, message)
        if exchange is None:
            return await wrapped(connection, message, *args, **kwargs)
        if exchange.policy is not None:
            from outlay.integration import permit_async  # as above

            message = _permitted(exchange, await permit_async(exchange, fixed=False), message)
        try:
            return await wrapped(connection, message, *args, **kwargs)
        except BaseException as error:
            exchange.failed(error, sent=type(error).__name__ not in UNSENT)
            raise
        finally:
            exchange.send.alive = False

    return send


def _permitted(exchange: Exchange, refusal: Exception | None, message: Any) -> Any:
    """Return the message to be sent, as the budgets have it; raise their refusal."""
    if refusal is not None:
        from outlay_integrations.transports.refusals import typed

        raise typed(refusal)
    if exchange.rewritten is None:
        return message
    return exchange.rewritten.decode() if isinstance(message, str) else exchange.rewritten


def _recv(_: Any, wrapped: Any) -> Any:
    @functools.wraps(wrapped)
    def recv(connection: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            message = wrapped(connection, *args, **kwargs)
        except BaseException as error:
            _lost(connection, error)
            raise
        received(connection, message)
        return message

    return recv


def _recv_async(_: Any, wrapped: Any) -> Any:
    @functools.wraps(wrapped)
    async def recv(connection: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            message = await wrapped(connection, *args, **kwargs)
        except BaseException as error:
            _lost(connection, error)
            raise
        received(connection, message)
        return message

    return recv


def _close(_: Any, wrapped: Any) -> Any:
    @functools.wraps(wrapped)
    def close(connection: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return wrapped(connection, *args, **kwargs)
        finally:
            closed(connection, None)

    return close


def _close_async(_: Any, wrapped: Any) -> Any:
    @functools.wraps(wrapped)
    async def close(connection: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return await wrapped(connection, *args, **kwargs)
        finally:
            closed(connection, None)

    return close


@guarded("reading a message")
def _sent(connection: Any, message: Any) -> Exchange | None:
    followed = connection.__dict__.get("_outlay")
    if followed is None:
        followed = _follow(connection)
    return followed.sent(message) if followed else None


@guarded("reading a message")
def received(connection: Any, message: Any) -> None:
    """Take a message that came."""
    followed = connection.__dict__.get("_outlay")
    if followed is None:
        followed = _follow(connection)
    if followed:
        followed.received(message)


@guarded("noting a failure")
def _lost(connection: Any, error: BaseException) -> None:
    """Note that a websocket is closed; a timeout or a cancellation leaves it open, and its next message comes."""
    followed = connection.__dict__.get("_outlay")
    if followed and type(error).__name__.startswith("ConnectionClosed"):
        followed.closed(error)


@guarded("noting an end")
def closed(connection: Any, error: BaseException | None) -> None:
    """Settle what is open: the application has closed a websocket, or else ``error`` has."""
    followed = connection.__dict__.get("_outlay")
    if followed:
        followed.closed(error)


def _follow(connection: Any) -> Conversation | bool:
    """Recognise a websocket at its first message; False is noted on one on whose path no format is spoken."""
    opened = connection.__dict__.get("_response")
    if opened is not None:  # aiohttp's
        transport, url = "aiohttp", opened.url
        name, path, query = url.host or "", url.raw_path, url.raw_query_string
        port = None if url.is_default_port() else url.port
    else:
        transport, uri = "websockets", connection.protocol.uri
        name, (path, _, query) = uri.host, connection.request.path.partition("?")
        port = None if uri.port == (443 if uri.secure else 80) else uri.port
    host = f"[{name}]" if ":" in name else name
    if port is not None:
        host = f"{host}:{port}"
    matches = meter.sockets(host, path)
    if not matches:
        if meter.held is not None:
            connection._outlay = False  # noqa: SLF001 - an attribute of ours
        return False
    from outlay.integration import Conversation  # with the first that is followed: this file is loaded at every start

    begin = functools.partial(_begin, transport, host, path)
    followed = Conversation(matches, query, begin, budgets=meter.budgets)
    connection._outlay = followed  # noqa: SLF001 - as above
    return followed


def _begin(transport: str, host: str, path: str, match: Any, body: bytes | None) -> Exchange | None:
    return meter.begin(transport, match, host, path, body, streams=False)


TRANSPORT = Transport(
    name="websockets",
    patches=tuple(
        Patch(f"websockets.{kind}.client", f"ClientConnection.{name}", wrap)
        for kind, wraps in (
            ("sync", {"send": _send, "recv": _recv, "close": _close}),
            ("asyncio", {"send": send_async, "recv": _recv_async, "close": _close_async}),
        )
        for name, wrap in wraps.items()
    ),
    sdks=("openai", "google-genai"),
)
