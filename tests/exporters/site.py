"""A backend's HTTP interface on loopback that keeps what it accepts, and misbehaves as it is told."""

from __future__ import annotations

import gzip
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Request(NamedTuple):
    """What was asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def parts(self) -> dict[str, Any]:
        """The parts of a multipart form, by their names; each is JSON."""
        message = BytesParser().parsebytes(f"content-type: {self.headers['content-type']}\r\n\r\n".encode() + self.body)
        parts: Any = message.get_payload()
        return {
            str(part.get_param("name", header="content-disposition")): json.loads(part.get_payload(decode=True))
            for part in parts
        }


SILENT = 0
"""A status for: take it, and hang up without a word."""


class Answer(NamedTuple):
    """What to say."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = {}  # noqa: RUF012 - a tuple's default, which nobody changes


Rule = Callable[[Request], Answer]


class Site:
    """What was asked, and what to say to what comes next."""

    def __init__(self, rule: Rule = lambda _: Answer()) -> None:
        self.requests: list[Request] = []
        self.accepted: list[Request] = []
        self.rule = rule
        self.hang = 0.0
        self.cut = False
        """Whether connections are closed without an answer, after the request was taken."""
        self.gone = False
        """Whether the server has ended; who is still connected to it hears nothing more."""

    def asked(self, path: str) -> list[Request]:
        """Return the requests to a path that were accepted."""
        return [request for request in self.accepted if request.path.partition("?")[0].endswith(path)]

    def take(self, request: Request) -> Answer:
        """Decide about a request."""
        self.requests.append(request)
        time.sleep(self.hang)
        answer = self.rule(request)
        if answer.status < 300:
            self.accepted.append(request)
        return answer


@contextmanager
def serve(site: Site, port: int = 0, certificate: Any = None) -> Iterator[str]:
    """Serve ``site``, with a certificate of trustme's or without; yield its base URL."""

    class Handler(BaseHTTPRequestHandler):
        """Hands requests on."""

        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            """Take a request."""
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            if site.gone:
                self.close_connection = True
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            found = site.take(Request(self.command, self.path, headers, body))
            if site.cut or found.status == SILENT:
                self.close_connection = True
                return
            self.send_response(found.status)
            for name, value in {"content-type": "application/json", **found.headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(found.body)))
            self.end_headers()
            self.wfile.write(found.body)

        do_GET = do_POST = answer  # noqa: N815 - names of the standard library's

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        """A server whose clients may go away."""

        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """Say nothing."""

    with Server(("127.0.0.1", port), Handler) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.configure_cert(context)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        site.gone = False
        try:
            yield f"http{'' if certificate is None else 's'}://127.0.0.1:{server.server_port}"
        finally:
            site.gone = True
            server.shutdown()
            thread.join()
