"""The output of a batch: each of its lines is a call's answer, whoever downloads the file and how often."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache

from outlay.wire import encodings
from outlay.wire.exchange import Exchange
from outlay.wire.paths import Fields
from outlay.wire.reader import Reading
from outlay.wire.values import moment


def calls(exchange: Exchange) -> Iterator[tuple[Exchange, Reading]]:
    """Yield the calls of a batch's output, each at the time that its answer says.

    A line that says none is left out: downloaded again it could not be told from a call of its own.
    """
    reader, created = exchange.match.reader, _created(exchange.match.reader.api.answer.created)
    for line in _body(exchange).split(b"\n"):
        reading = reader.plain(line) if line.startswith(b"{") else None
        at = next((said for said in created.read(line) or () if said), None) if reading is not None else None
        start = moment(at)
        if reading is None or reading.id is None or start is None:
            continue
        reading.background, reading.created = True, start
        one = copy.copy(exchange)
        one.start, one.began, one.ended, one.first, one.events = start, 0, 0, 0, False
        yield one, reading


def _body(exchange: Exchange) -> bytes:
    if exchange.answer is not None:
        return exchange.answer
    body = b"".join(exchange.chunks)
    return (encodings.decode(body, exchange.encoding) if exchange.encoding else body) or b""


@cache
def _created(paths: tuple[str, ...]) -> Fields:
    return Fields(paths)
