"""Tags from requests, for Starlette, FastAPI, Django, Litestar, Quart and whatever else speaks ASGI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from outlay.middleware.requests import request_tags

Connection = MutableMapping[str, Any]
"""What ASGI calls a scope."""
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Connection, Receive, Send], Awaitable[None]]


class ASGI:
    """Tag the model calls of each HTTP request and each websocket, streamed answers and background tasks included.

    ``tags`` gets the connection's ASGI scope and returns the tags; an error in it costs the tags, never the request.
    """

    def __init__(self, app: Application, *, tags: Callable[[Connection], Mapping[str, object]]) -> None:
        self.app = app
        self._tags = tags

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        with request_tags(self._tags, scope):
            await self.app(scope, receive, send)
