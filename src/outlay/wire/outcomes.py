"""How an exchange went: what its bytes say, whether they are whole, what was used where they don't say."""

from __future__ import annotations

from outlay.records import Outcome, Usage
from outlay.wire import encodings
from outlay.wire.estimate import estimate
from outlay.wire.exchange import Exchange
from outlay.wire.reader import Reading


def read(exchange: Exchange) -> Reading:
    """Return what the answer says, as far as it came."""
    answer = exchange.answer
    if answer is None:
        body = b"".join(exchange.chunks)
        answer = encodings.decode(body, exchange.encoding) if exchange.encoding else body
        exchange.answer = answer = answer or b""
        exchange.chunks = []
    reader = exchange.match.reader
    if exchange.events:
        return reader.stream(answer)
    reading = reader.plain(answer) if answer else None
    if reading is None:
        reading = Reading()
        reading.marks = () if exchange.status is None or _declined(exchange) else ("unreadable",)
    return reading


def _declined(exchange: Exchange) -> bool:
    """Return whether the status says that there is no answer: an error, or a redirect that nobody followed."""
    return exchange.status is not None and exchange.status >= 300


def still_running(exchange: Exchange, reading: Reading) -> bool:
    """Return whether an answer that is made in the background is not there yet."""
    return not reading.whole or reading.status in exchange.match.reader.running


def judge(
    exchange: Exchange, reading: Reading, outcome: Outcome, error: BaseException | None
) -> tuple[Outcome, str | None]:
    """Return the outcome and, for an error, its type. The bytes decide whether a stream was whole, not how it ended."""
    if _declined(exchange):
        return "error", reading.error or str(exchange.status)
    if reading.error is not None:
        return "error", reading.error
    if reading.background and still_running(exchange, reading):
        return "pending", None
    if reading.whole or "body_unseen" in exchange.marks:
        return "ok", None
    if outcome == "ok" and exchange.events:
        return "error", "incomplete_stream"
    return outcome, None if error is None else type(error).__qualname__


def estimated(exchange: Exchange, reading: Reading, outcome: Outcome) -> Usage | None:
    """Return what a call used whose provider gave no final figures; None where it is billed for nothing, or unknown."""
    events = exchange.events
    if outcome == "pending" or not exchange.sent or _declined(exchange) or (reading.error and not events):
        return None
    reader, answer = exchange.match.reader, exchange.answer or b""
    reading.marks += ("usage_missing",) if reading.whole else ()
    text = reader.text_length(answer, streamed=events)
    limit = reader.request.limit(exchange.body)
    return estimate(reading.usage, exchange.body, text, limit, answered=exchange.status is not None)
