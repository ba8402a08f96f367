"""How the loopback host behaves towards one request: well, or badly in a chosen way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from outlay.loopback.reply import Reply

Encoding = Literal["gzip", "deflate", "br", "zstd"]
BEFORE_HEADERS = -1
"""For ``cut_at`` and ``hang_at``: before the status line. Otherwise they count pieces of the body."""

MISSING = object()
"""Returned by ``Behaviour.tell``: the answer has no usage at all."""


def tell_truth(usage: dict[str, Any]) -> object:
    """Report the usage as it was billed."""
    return usage


def keep(body: bytes) -> bytes:
    """Send the body as it is."""
    return body


@dataclass(frozen=True, kw_only=True)
class SseForm:
    """The freedoms that the event-stream format leaves to a server; the defaults are OpenAI's and Anthropic's."""

    newline: str = "\n"
    space: bool = True
    """Whether a space stands after each colon."""
    byte_order_mark: bool = False
    comments: bool = False
    """Whether a comment line stands before each event, as proxies send to keep a connection alive."""


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """What the host does with one request. The default answers it well.

    A *piece* is what the host writes to its socket at once: an event of a stream, or the whole plain body; with
    ``split`` the pieces are cut differently.
    """

    reply: Reply = field(default_factory=Reply)
    status: int = 200
    """Other than 200: an error of this status in the provider's own form, or with ``body`` whatever that makes."""
    error: str | None = None
    """The error's message; None is the provider's usual one."""
    retry_after: float | None = None
    """Seconds, sent as ``retry-after`` and ``retry-after-ms``."""
    refuse: frozenset[str] = frozenset()
    """Top-level keys of a request's body that are answered with 400, as old vLLM servers do."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers to add or replace."""
    tell: Callable[[dict[str, Any]], object] = tell_truth
    """Turns the true usage object into what the answer says in its place, or ``MISSING``."""
    body: Callable[[bytes], bytes] = keep
    """Turns a plain body into the bytes to send."""
    charset: str = "utf-8"
    pretty: bool | None = None
    """Indent plain JSON; None is as the provider does (OpenAI indents, Anthropic does not)."""
    sse: SseForm = field(default_factory=SseForm)
    encoding: Encoding | None = None
    """Content encoding; a stream is flushed at each piece."""
    split: int | Sequence[int] | None = None
    """Size of each piece in bytes, or the offsets at which the body is cut (by ``cut_randomly`` for instance)."""
    delay: float = 0.0
    """Seconds before each piece."""
    error_at: int | None = None
    """Events of a stream that are sent before an error event takes the place of the rest."""
    cut_at: int | None = None
    """Pieces that are sent before the connection is closed; a plain body is sent to its half."""
    hang_at: int | None = None
    """Pieces that are sent before the host stops until ``release()``."""
    polls: int = 2
    """For a background response: the GETs that it takes until it is completed."""


OK = Behaviour()
