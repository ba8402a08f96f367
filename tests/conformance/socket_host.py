"""A websocket server on this machine, websockets' own, that answers each message that asks with a row of messages."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterable
from typing import Any, Self

import trustme
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request
from websockets.sync.server import Server, ServerConnection, serve

from outlay.loopback import Billed, Received

Answers = Callable[[dict[str, Any]], Iterable[Any]]
"""From a message that came to those that answer it; ``GONE`` closes the connection."""

GONE = object()


class SocketHost:
    """Take what clients send, and answer it."""

    def __init__(self, greeting: Iterable[Any], answers: Answers, *, tls: bool = False) -> None:
        self.requests: list[Received] = []
        self.billed: list[Billed] = []
        self._greeting = tuple(greeting)
        self._answers = answers
        self.port = 0
        self._authority = trustme.CA() if tls else None
        self._server: Server | None = None
        self._thread = threading.Thread(target=self._run, name="sockets")
        self._ready = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._thread.join()

    def trusted(self) -> ssl.SSLContext:
        """Return the context in which a client trusts this host."""
        assert self._authority is not None
        context = ssl.create_default_context()
        self._authority.configure_trust(context)
        return context

    def _served(self) -> ssl.SSLContext | None:
        if self._authority is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert("127.0.0.1").configure_cert(context)
        return context

    def script(self, *steps: object) -> None:
        """Take no script: what goes wrong here is part of the answers."""
        assert not steps

    def _run(self) -> None:
        with serve(self._talk, "127.0.0.1", 0, process_request=self._asked, ssl=self._served()) as self._server:
            self.port = int(self._server.socket.getsockname()[1])
            self._ready.set()
            self._server.serve_forever()

    def _asked(self, _: ServerConnection, request: Request) -> None:
        """Note the handshake before it is answered: the client may be gone right after."""
        self._note("GET", request.path, b"", tuple((name.lower(), text) for name, text in request.headers.raw_items()))

    def _talk(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        try:
            self._send(connection, self._greeting)
            for message in connection:
                raw = message if isinstance(message, bytes) else message.encode()
                self._note("SEND", connection.request.path, raw)
                asked = _read(raw)
                self._send(connection, self._answers(asked) if asked else ())
        except ConnectionClosed:
            return

    def _note(self, method: str, path: str, body: bytes, headers: tuple[tuple[str, str], ...] = ()) -> None:
        path, _, query = path.partition("?")
        self.requests.append(Received(len(self.requests) + 1, method, path, query, headers, body))

    @staticmethod
    def _send(connection: ServerConnection, messages: Iterable[Any]) -> None:
        for message in messages:
            if message is GONE:
                connection.socket.shutdown(2)
                return
            connection.send(json.dumps(message))


def _read(raw: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(raw)
    except ValueError:
        return {}
    return asked if isinstance(asked, dict) else {}
