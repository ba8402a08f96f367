"""Who receives alerts in tests: a web server and a mail server on this machine, that do as they are told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message as Mail
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, NamedTuple

from aiosmtpd.controller import Controller


class Answer(NamedTuple):
    """What a web server does with a request."""

    status: int = 200
    headers: Mapping[str, str] = MappingProxyType({})
    after: float = 0.0
    """Seconds that it takes."""


class Request(NamedTuple):
    """What came."""

    path: str
    headers: dict[str, str]
    body: bytes


class Server(ThreadingHTTPServer):
    """A server whose clients may go away before its answer."""

    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Say nothing."""


class Web:
    """A web server: it answers with the next of ``answers``, and with 200 when there are none left."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answers: list[Answer] = []
        self._server = Server(("127.0.0.1", 0), self._handler())
        self.host = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait_for(self, number: int, seconds: float = 20.0) -> list[Request]:
        """Return the requests when there are ``number``; fail when that takes too long."""
        deadline = time.monotonic() + seconds
        while len(self.requests) < number:
            assert time.monotonic() < deadline, f"{len(self.requests)} of {number} requests came"
            time.sleep(0.01)
        return list(self.requests)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                web.requests.append(Request(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                answer = web.answers.pop(0) if web.answers else Answer()
                time.sleep(answer.after)
                self.send_response(answer.status)
                for name, value in {"Content-Length": "2", **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


@contextmanager
def web_server() -> Iterator[Web]:
    """Yield a web server."""
    made = Web()
    try:
        yield made
    finally:
        made.close()


class Post:
    """A mail server's box."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.refuse = False

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd calls it so
        """Take a mail, or refuse it."""
        if self.refuse:
            return "451 not now"
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return "250 taken"


class Box(Controller):
    """A mail server on whatever port is free; its own start would look for it at port 0."""

    def _trigger_server(self) -> None:
        server: Any = self.server
        self.port = server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # aiosmtpd has types in part


@contextmanager
def mail_server() -> Iterator[tuple[Post, str]]:
    """Yield a mail server's box, and its address."""
    post = Post()
    controller = Box(post, hostname="127.0.0.1", port=0)
    controller.start()
    try:
        yield post, f"127.0.0.1:{controller.port}"
    finally:
        controller.stop()
