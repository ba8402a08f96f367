"""Choose the behaviour towards each request: by a test's script, or by the request's own ``x-loopback`` header.

The header (and any string given to ``ModelHost.script``) is a list of steps, ``429,429,ok``, one for each attempt at
a call. A step joins names with ``+``, each with an argument where it takes one: ``gzip+split=1``, ``cut=3``,
``text=Hello there+cache_read=100``. ``NAMES`` has them all.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from outlay.loopback.behaviour import BEFORE_HEADERS, MISSING, OK, Behaviour
from outlay.loopback.connection import Received
from outlay.loopback.delivery import cut_randomly
from outlay.loopback.reply import Tokens

HEADER = "x-loopback"
Chooser = Callable[[Received], Behaviour]
Step = Behaviour | str
Change = Callable[[Behaviour, str], Behaviour]

USAGES: Mapping[str, Callable[[dict[str, Any]], object]] = {
    "missing": lambda _: MISSING,
    "null": lambda _: None,
    "negative": lambda usage: {key: -7 if isinstance(value, int) else value for key, value in usage.items()},
    "absurd": lambda usage: {key: 10**30 if isinstance(value, int) else value for key, value in usage.items()},
    "strings": lambda usage: {key: str(value) for key, value in usage.items()},
    "list": lambda usage: [usage],
    "empty": lambda _: {},
}
"""What ``usage=…`` makes an answer say in place of the truth."""


def _set(**fields: Any) -> Change:
    return lambda behaviour, _: replace(behaviour, **fields)


def _take(field: str, kind: Callable[[str], Any]) -> Change:
    return lambda behaviour, argument: replace(behaviour, **{field: kind(argument)})


def _sse(**fields: Any) -> Change:
    return lambda behaviour, _: replace(behaviour, sse=replace(behaviour.sse, **fields))


def _say(field: str) -> Change:
    def change(behaviour: Behaviour, argument: str) -> Behaviour:
        said: dict[str, Any] = {field: argument}
        return replace(behaviour, reply=replace(behaviour.reply, **said))

    return change


def _count(field: str) -> Change:
    def change(behaviour: Behaviour, argument: str) -> Behaviour:
        tokens: Tokens = replace(behaviour.reply.tokens, **{field: int(argument)})
        return replace(behaviour, reply=replace(behaviour.reply, tokens=tokens))

    return change


HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n"
SOON = 0.001
"""Seconds that a 429 asks to wait: long enough to be obeyed, short enough for a test."""

NAMES: Mapping[str, Change] = {
    "ok": _set(),
    "400": _set(status=400),
    "401": _set(status=401),
    "404": _set(status=404),
    "429": _set(status=429, retry_after=SOON),
    "500": _set(status=500, retry_after=SOON),
    "503": _set(status=503, retry_after=SOON),
    "529": _set(status=529, retry_after=SOON),
    "204": _set(status=204),
    "307": _set(status=307),
    "html": _set(status=502, retry_after=SOON, body=lambda _: HTML, headers={"content-type": "text/html"}),
    "not_json": _set(body=lambda _: b"certainly not JSON"),
    "truncated": _set(body=lambda body: body[: len(body) // 2]),
    "huge": lambda behaviour, size: replace(
        behaviour, reply=replace(behaviour.reply, text="x" * int(size or 50_000_000))
    ),
    "refuse": _take("refuse", lambda keys: frozenset((keys or "stream_options").split())),
    "usage": _take("tell", USAGES.__getitem__),
    "retry_after": _take("retry_after", float),
    "charset": _take("charset", str),
    "gzip": _set(encoding="gzip"),
    "deflate": _set(encoding="deflate"),
    "br": _set(encoding="br"),
    "zstd": _set(encoding="zstd"),
    "split": _take("split", int),
    "random": _take("split", lambda seed: cut_randomly(int(seed or 0))),
    "crlf": _sse(newline="\r\n"),
    "cr": _sse(newline="\r"),
    "bom": _sse(byte_order_mark=True),
    "comments": _sse(comments=True),
    "nospace": _sse(space=False),
    "slow": _take("delay", float),
    "error": _take("error_at", lambda place: int(place or 3)),
    "cut": _take("cut_at", lambda place: int(place or 3)),
    "drop": _set(cut_at=BEFORE_HEADERS),
    "hang": _take("hang_at", lambda place: int(place or BEFORE_HEADERS)),
    "polls": _take("polls", int),
    **{field: _say(field) for field in ("text", "thinking", "refusal", "model", "tier")},
    **{field: _count(field) for field in Tokens.__dataclass_fields__},
}
"""What a step may name."""


def read_steps(text: str) -> list[Behaviour]:
    """Read a list of steps as the header has it; ValueError for a name that ``NAMES`` has not."""
    return [_read_step(step) for step in text.split(",")]


def _read_step(step: str) -> Behaviour:
    behaviour = OK
    for part in step.strip().split("+"):
        name, _, argument = part.partition("=")
        if name.strip() not in NAMES:
            raise ValueError(f"the loopback host can't do {name.strip()!r}; it can do {', '.join(NAMES)}")
        behaviour = NAMES[name.strip()](behaviour, argument)
    return behaviour


class Script:
    """A queue of behaviours, one a request; when it is empty, ``default`` decides."""

    def __init__(self, default: Step | Chooser) -> None:
        self.default = default
        self._queue: deque[Behaviour] = deque()
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, *steps: Step) -> None:
        """Append steps to the queue."""
        for step in steps:
            self._queue.extend([step] if isinstance(step, Behaviour) else read_steps(step))

    def choose(self, request: Received) -> Behaviour:
        """Return the behaviour for ``request``: its own header's, the queue's next, or the default."""
        asked = request.header(HEADER)
        if asked is not None:
            steps = read_steps(asked)
            return steps[min(self._attempt(request, asked), len(steps) - 1)]
        with self._lock:
            if self._queue:
                return self._queue.popleft()
        if isinstance(self.default, Behaviour):
            return self.default
        return read_steps(self.default)[0] if isinstance(self.default, str) else self.default(request)

    def _attempt(self, request: Received, asked: str) -> int:
        """Count attempts from 0: as both SDKs say it, or else by the requests that had the same header."""
        said = request.header("x-stainless-retry-count")
        if said is not None:
            return int(said)
        with self._lock:
            self._seen[asked] += 1
            return self._seen[asked] - 1
