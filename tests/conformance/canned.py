"""A host that answers with what is canned, plain or as a stream of any kind; it needs no SDK.

The bodies are written after the providers' public references, each named beside it.
"""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from outlay.loopback import Behaviour, ModelHost, Received
from outlay.loopback.delivery import Delivery, deliver_bytes
from outlay.loopback.host import Billed

Json = Any


@dataclass(frozen=True)
class Canned:
    """The answer of a path: a body, or a stream in pieces, or a file."""

    path: str
    """A regular expression that the request's path ends with."""
    body: Json = None
    pieces: tuple[bytes, ...] = ()
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"
    file: bytes | None = None
    status: int = 200

    def suits(self, request: Received) -> bool:
        """Return whether this answers a request; of two for one path, the stream answers who asks for one."""
        asked = b'"stream":true' in request.body.replace(b" ", b"")
        return re.search(f"{self.path}$", request.path) is not None and (not asked or bool(self.pieces))


class FieldHost(ModelHost):
    """A host that answers its paths with what is canned for them; it misbehaves as any other.

    Of several answers to ``GET`` of one path each is given once, in their order, and the last from then on.
    """

    def __init__(self, answers: Iterable[Canned]) -> None:
        super().__init__()
        self.answers = tuple(answers)
        self._gets: dict[str, int] = {}

    def _post(self, request: Received, behaviour: Behaviour, headers: dict[str, str]) -> Delivery:
        canned = next((answer for answer in self.answers if answer.method == "POST" and answer.suits(request)), None)
        if canned is None:
            return super()._post(request, behaviour, headers)
        if behaviour.cut_at != -1:
            bill = ("field", "", canned.body or {}, None, headers.get("x-request-id", ""), None, bool(canned.pieces))
            self.billed.append(Billed(request, *bill))
        return _deliver(canned, behaviour, headers)

    def _get(self, request: Received, behaviour: Behaviour, headers: dict[str, str]) -> Delivery:
        found = [answer for answer in self.answers if answer.method == "GET" and answer.suits(request)]
        if not found:
            return super()._get(request, behaviour, headers)
        with self._lock:
            before = self._gets[request.path] = self._gets.get(request.path, -1) + 1
        return _deliver(found[min(before, len(found) - 1)], behaviour, headers)


def _deliver(canned: Canned, behaviour: Behaviour, headers: dict[str, str]) -> Delivery:
    given = {"content-type": canned.kind} | headers | dict(canned.headers)
    if canned.pieces:
        return Delivery(canned.status, canned.pieces, behaviour, given, chunked=True)
    body = json.dumps(canned.body).encode() if canned.file is None else canned.file
    return deliver_bytes(body, behaviour, given, canned.status)


def events(*documents: Json, end: str = "", names: bool = False) -> tuple[bytes, ...]:
    """Return server-sent events, a piece each."""
    pieces = [
        (f"event: {document['type']}\n" if names else "") + f"data: {json.dumps(document)}\n\n"
        for document in documents
    ]
    return tuple(piece.encode() for piece in [*pieces, *([f"data: {end}\n\n"] if end else [])])


def lines(*documents: Json) -> tuple[bytes, ...]:
    """Return JSON lines, a piece each."""
    return tuple(json.dumps(document).encode() + b"\n" for document in documents)


def amazon(*messages: tuple[str, Json]) -> tuple[bytes, ...]:
    """Return (event type, payload) as Amazon's event stream: https://smithy.io/2.0/aws/amazon-eventstream.html."""
    return tuple(_message(name, json.dumps(payload).encode()) for name, payload in messages)


def _message(name: str, payload: bytes) -> bytes:
    kind = ":exception-type" if name.endswith("Exception") else ":event-type"
    told = {
        kind: name,
        ":content-type": "application/json",
        ":message-type": "exception" if name.endswith("Exception") else "event",
    }
    headers = b"".join(
        bytes([len(key)]) + key.encode() + b"\7" + len(text).to_bytes(2, "big") + text.encode()
        for key, text in told.items()
    )
    prelude = (16 + len(headers) + len(payload)).to_bytes(4, "big") + len(headers).to_bytes(4, "big")
    message = prelude + binascii.crc32(prelude).to_bytes(4, "big") + headers + payload
    return message + binascii.crc32(message).to_bytes(4, "big")
