"""Ask a stream for its usage: the one change that outlay makes to a request unasked. Those of budgets: ``amend``."""

from __future__ import annotations

import re

import msgspec

from outlay.wire.exchange import Exchange
from outlay.wire.paths import top_level

REMEMBERED = 10_000
"""Refusing hosts that are remembered."""


class Asking:
    """Decide which streams to ask, and remember the hosts that refuse to be asked."""

    def __init__(self) -> None:
        self._askers: dict[tuple[str, str], Asker] = {}
        self._refused: set[str] = set()

    def ask(self, exchange: Exchange) -> None:
        """Have ``exchange`` send the option, where its request is a stream that does not say it already."""
        option, body = exchange.match.reader.api.request.ask_usage, exchange.body
        if option is None or not body or not exchange.match.provider.ask_usage or exchange.host in self._refused:
            return
        asker = self._askers.get(option)
        if asker is None:
            asker = self._askers[option] = Asker(exchange.match.reader.api.request.stream, *option)
        exchange.rewritten = asker.ask(body)
        if exchange.rewritten is not None:
            exchange.marks += ("usage_requested",)
            exchange.refused = self.refused

    def refused(self, exchange: Exchange, status: int, answer: bytes) -> bool:
        """Return whether this answer refuses the option, so that the request must be sent again as it was."""
        option = exchange.match.reader.api.request.ask_usage
        if status not in (400, 404, 422) or option is None or not any(name.encode() in answer for name in option):
            return False
        if len(self._refused) < REMEMBERED:
            self._refused.add(exchange.host)
        exchange.rewritten, exchange.refused = exchange.changed, None
        exchange.marks += ("usage_refused",)
        return True


_TRUE = msgspec.Raw(b"true")


class Asker:
    """Add ``{"stream_options": {"include_usage": true}}``, or whatever a format's table says, to a request's body."""

    def __init__(self, stream: str, option: str, flag: str) -> None:
        self._stream = stream
        self._option = option
        self._flag = flag
        self._splice = b',"%s":{"%s":true}}' % (option.encode(), flag.encode())

    def ask(self, body: bytes) -> bytes | None:
        """Return ``body`` with the option, else byte for byte as it was; None where it does not stream, or asks."""
        document = top_level(body)
        if document is None or bytes(document.get(self._stream, b"")) != b"true":
            return None
        if self._option not in document:
            return body.rstrip()[:-1] + self._splice
        given = bytes(document[self._option])
        options = {} if given == b"null" else top_level(given)
        if options is None or options.get(self._flag) == _TRUE:
            return None
        if self._flag in options:  # a host that is told false knows the option; its caller will see no event of usage
            asking = msgspec.json.encode({**options, self._flag: _TRUE})
        else:
            asking = (given[:-1] + b"," if options else b"{") + b'"%s":true}' % self._flag.encode()
        document[self._option] = msgspec.Raw(asking)
        for place in re.finditer(rb'"%s"\s*:\s*%s' % (self._option.encode(), re.escape(given)), body):
            # A nested object may have the same text: the right place is the one that gives the document wanted.
            asked = body[: place.end() - len(given)] + bytes(document[self._option]) + body[place.end() :]
            if top_level(asked) == document:
                return asked
        return None
