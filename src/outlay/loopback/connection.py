"""HTTP/1.1 over one socket: read requests, write deliveries, keep the connection alive between them."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from io import BufferedReader
from typing import Any

from outlay.loopback.behaviour import BEFORE_HEADERS
from outlay.loopback.delivery import Delivery


@dataclass(frozen=True)
class Received:
    """A request as it came over the wire, and its number at the host (from 1)."""

    number: int
    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    """Names in lower case, in the order sent."""
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first header of this name (in lower case), or None."""
        return next((value for key, value in self.headers if key == name), None)

    def json(self) -> Any:
        """Decode the body as JSON; ValueError where it is none."""
        return json.loads(self.body)


Answering = Callable[[str, str, tuple[tuple[str, str], ...], bytes], Delivery]
"""Takes method, target, headers and body."""


class Connection:
    """One client's connection, served on the thread that calls ``serve``."""

    def __init__(
        self, client: socket.socket, answer: Answering, released: threading.Event, closing: threading.Event
    ) -> None:
        self.client = client
        self._answer = answer
        self._released = released
        self._closing = closing

    def serve(self) -> None:
        """Answer requests until either side closes the connection."""
        try:
            self.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.client.makefile("rb") as reader:
                while self._serve_one(reader):
                    pass
        except OSError:
            pass  # the client left, or the host closes: there is nobody to tell
        finally:
            self.close()

    def close(self) -> None:
        """End the connection for both sides, also where a forked child holds a copy of the socket."""
        with contextlib.suppress(OSError):  # it may have ended already
            self.client.shutdown(socket.SHUT_RDWR)
        self.client.close()

    def _serve_one(self, reader: BufferedReader) -> bool:
        line = reader.readline().split()
        if len(line) != 3:
            return False
        method, target, _ = (word.decode("latin-1") for word in line)
        headers = _read_headers(reader)
        found = dict(headers)
        body = _read_body(reader, found)
        delivery = self._answer(method, target, headers, body)
        return self._send(delivery, method) and found.get("connection", "").lower() != "close"

    def _send(self, delivery: Delivery, method: str) -> bool:
        behaviour = delivery.behaviour
        if behaviour.cut_at == BEFORE_HEADERS or not self._pause(delivery, BEFORE_HEADERS):
            return False
        head = _head(delivery)
        if method == "HEAD" or delivery.status == HTTPStatus.NO_CONTENT:
            self.client.sendall(head)
            return True
        if len(delivery.pieces) == 1 and not delivery.chunked and behaviour.cut_at is None:
            if not self._pause(delivery, 0):
                return False
            self.client.sendall(head + delivery.pieces[0])
            return True
        self.client.sendall(head)
        return self._send_pieces(delivery)

    def _send_pieces(self, delivery: Delivery) -> bool:
        cut_at = delivery.behaviour.cut_at
        if cut_at is not None and not delivery.chunked:
            cut_at = min(cut_at, len(delivery.pieces) - 1)
        for place, piece in enumerate(delivery.pieces):
            if place == cut_at or not self._pause(delivery, place):
                return False
            self.client.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if delivery.chunked else piece)
        if cut_at is not None or not self._pause(delivery, len(delivery.pieces)):
            return False
        if delivery.chunked:
            self.client.sendall(b"0\r\n\r\n")
        return True

    def _pause(self, delivery: Delivery, place: int) -> bool:
        """Wait as the behaviour asks for before the piece at ``place``; return whether to go on."""
        behaviour = delivery.behaviour
        if behaviour.hang_at == place:
            self._released.wait()
        if behaviour.delay and 0 <= place < len(delivery.pieces):
            self._closing.wait(behaviour.delay)
        return not self._closing.is_set()


def _read_headers(reader: BufferedReader) -> tuple[tuple[str, str], ...]:
    headers = []
    while line := reader.readline().rstrip(b"\r\n"):
        name, _, value = line.partition(b":")
        headers.append((name.decode("latin-1").lower(), value.strip().decode("latin-1")))
    return tuple(headers)


def _read_body(reader: BufferedReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return reader.read(int(headers.get("content-length", 0)))
    parts = []
    while size := int(reader.readline().split(b";")[0] or b"0", 16):
        parts.append(reader.read(size))
        reader.readline()
    reader.readline()
    return b"".join(parts)


def _head(delivery: Delivery) -> bytes:
    try:
        phrase = HTTPStatus(delivery.status).phrase
    except ValueError:
        phrase = "Unknown"  # 529 is Anthropic's own
    headers = dict(delivery.headers)
    if delivery.chunked:
        headers["transfer-encoding"] = "chunked"
    elif delivery.status != HTTPStatus.NO_CONTENT:
        headers["content-length"] = str(sum(map(len, delivery.pieces)))
    lines = [f"HTTP/1.1 {delivery.status} {phrase}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1")
