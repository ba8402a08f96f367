"""aiohttp's websockets: what voice agents hold realtime sessions by. One answer is one exchange."""

from __future__ import annotations

import functools
from typing import Any

from outlay.integration import Patch
from outlay_integrations.transports.websockets import closed, received, send_async

ENDED = frozenset(("CLOSE", "CLOSED", "ERROR"))
"""Kinds of messages by which aiohttp says, instead of raising, that the other side has closed a websocket or is gone;
``CLOSING`` says that the application has."""


def _receive(_: Any, wrapped: Any) -> Any:
    @functools.wraps(wrapped)
    async def receive(socket: Any, *args: Any, **kwargs: Any) -> Any:
        socket._outlay_receives = True  # noqa: SLF001 - an attribute of ours
        try:
            message = await wrapped(socket, *args, **kwargs)
        finally:
            socket._outlay_receives = False  # noqa: SLF001 - as above
        kind = message.type.name
        if kind in ("TEXT", "BINARY"):
            received(socket, message.data)
        elif kind in ENDED:
            closed(socket, message.data if isinstance(message.data, Exception) else ConnectionResetError())
        elif kind == "CLOSING":
            closed(socket, None)
        return message

    return receive


def _close(_: Any, wrapped: Any) -> Any:
    @functools.wraps(wrapped)
    async def close(socket: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return await wrapped(socket, *args, **kwargs)
        finally:
            if not socket.__dict__.get("_outlay_receives"):  # else its message says who closed it
                closed(socket, None)

    return close


PATCHES = tuple(
    Patch("aiohttp", f"ClientWebSocketResponse.{name}", wrap)
    for name, wrap in {"send_str": send_async, "send_bytes": send_async, "receive": _receive, "close": _close}.items()
)
