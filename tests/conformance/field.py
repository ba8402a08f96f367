"""Ways of calling the SDKs of the rest of the field: a host that answers as it is told, and what must come of it.

The bodies are written after the providers' public references, each named beside it; what they come to is worked out by
hand, apart from outlay's tables.
"""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from outlay.loopback import Behaviour, ModelHost, Received
from outlay.loopback.delivery import Delivery, deliver_bytes
from outlay.loopback.host import Billed
from tests.conformance.seen import Seen, value
from tests.conformance.shape import Kind, Shape

Json = Any


@dataclass(frozen=True)
class Canned:
    """The answer of a path: a body, or a stream in pieces."""

    path: str
    """A regular expression that the request's path ends with."""
    body: Json = None
    pieces: tuple[bytes, ...] = ()
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    def suits(self, request: Received) -> bool:
        """Return whether this answers a request; of two for one path, the stream answers who asks for one."""
        asked = b'"stream":true' in request.body.replace(b" ", b"")
        return re.search(f"{self.path}$", request.path) is not None and (not asked or bool(self.pieces))


class FieldHost(ModelHost):
    """A host that answers its paths with what is canned for them; it misbehaves as any other."""

    def __init__(self, answers: Iterable[Canned]) -> None:
        super().__init__()
        self.answers = tuple(answers)

    def _post(self, request: Received, behaviour: Behaviour, headers: dict[str, str]) -> Delivery:
        canned = next((answer for answer in self.answers if answer.suits(request)), None)
        if canned is None:
            return super()._post(request, behaviour, headers)
        if behaviour.cut_at != -1:
            bill = ("field", "", canned.body or {}, None, headers.get("x-request-id", ""), None, bool(canned.pieces))
            self.billed.append(Billed(request, *bill))
        given = {"content-type": canned.kind} | headers | dict(canned.headers)
        if canned.pieces:
            return Delivery(200, canned.pieces, behaviour, given, chunked=True)
        return deliver_bytes(json.dumps(canned.body).encode(), behaviour, given, 200)


@dataclass(frozen=True, kw_only=True)
class FieldShape(Shape):
    """One way of calling one of these SDKs."""

    make: Callable[[Kind, ModelHost], Any]
    answers: tuple[Canned, ...]
    api: str
    model: str | None
    """The model as it was asked for."""
    classes: Mapping[str, float] = field(default_factory=dict)
    """What the provider bills for the answer, where it tells all."""
    reasoning: int = 0
    usd: str | None = None
    """What that costs; None where nobody knows a price."""
    source: str = "computed"
    answered_by: str | None = None
    """The model that the answer names."""
    provider: str | None = None
    """Who bills, where that is not ``sdk``."""
    turns: bool = False
    """Whether its records are calls of their own, and not attempts at one."""
    http: Mapping[Kind, str] = field(default_factory=dict)
    """The HTTP client that each kind sends by."""

    def client(self, kind: Kind, host: ModelHost) -> Any:
        """Make the SDK's client."""
        return self.make(kind, host)

    def host(self) -> ModelHost:
        """Make a host that answers so."""
        return FieldHost(self.answers)

    def possible(self, kind: Kind) -> bool:
        """Return whether there is this kind of the SDK."""
        return kind in self.kinds

    def caught(self) -> tuple[type[Exception], ...]:
        """Return what may be seen: each SDK has errors of its own."""
        return (Exception,)


class Held:
    """An SDK's client, and how it is closed."""

    def __init__(self, sdk: Any, *closes: Callable[[], Any]) -> None:
        self.sdk = sdk
        self._closes = closes

    async def close(self) -> None:
        """Close all that has to be."""
        for close in self._closes:
            await value(close())


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


def plain(document: Any) -> Any:
    """Return an object of an SDK's as plain data, to be compared."""
    for name in ("model_dump", "to_json_dict", "dict"):
        if hasattr(document, name):
            return getattr(document, name)()
    return document


def note(seen: Seen, document: Any) -> None:
    """Note an object with its type."""
    seen.add((type(document).__qualname__, plain(document)))
