"""How an exchange went: what its bytes say, whether they are whole, what was used where they don't say."""

from __future__ import annotations

from outlay.providers import canonical
from outlay.records import Outcome, Usage
from outlay.wire import encodings
from outlay.wire.estimate import estimate
from outlay.wire.exchange import Exchange
from outlay.wire.framing import is_stream
from outlay.wire.paths import Fields
from outlay.wire.reading import Reading
from outlay.wire.values import charged_usd


def read(exchange: Exchange) -> Reading:
    """Return what the answer says, as far as it came, by its body and, of some formats, its headers."""
    reading, header, charged = _read_body(exchange), exchange.header, exchange.match.provider.cost_header
    if exchange.match.reader.request.measures_anything and reading.whole and reading.error is None:
        _measure(exchange, reading)
    if header is not None:
        if exchange.match.reader.tells_in_headers and not _declined(exchange):
            exchange.match.reader.headers(reading, header)
        if charged is not None and reading.reported is None:
            reading.reported = charged_usd(header(charged))
    return reading


def _read_body(exchange: Exchange) -> Reading:
    answer = exchange.answer
    if exchange.reading is not None:
        return exchange.match.reader.counted(exchange.reading)
    if answer is None:
        chunks, source = exchange.chunks, exchange.source
        body = b"".join(chunks) if source is None else source.answer(chunks)
        answer = encodings.decode(body, exchange.encoding) if exchange.encoding else body
        exchange.answer = answer = answer or b""
        exchange.chunks = []
    reader = exchange.match.reader
    if reader.api.answer.binary and exchange.status == 200 and not exchange.events:
        return Reading(whole=True)
    if answer[:1] == b"[" and exchange.status == 200:
        exchange.events = reader.api.stream is not None  # Gemini's array of JSON: nothing but its first byte says so
    if exchange.events:
        return reader.stream(answer)
    reading = reader.plain(answer) if answer else None
    if reading is None and answer and is_stream(exchange.header and exchange.header("content-type")):
        exchange.events = True  # lines of JSON that were read at once
        return reader.stream(answer)
    if reading is None:
        reading = Reading()
        reading.marks = () if exchange.status is None or _declined(exchange) else ("unreadable",)
    return reading


def _measure(exchange: Exchange, reading: Reading) -> None:
    """Take from the request what is billed, and the terms of it, where the answer has no usage object."""
    request = exchange.match.reader.request
    if reading.usage is None and not _declined(exchange) and reading.status not in exchange.match.reader.uncounted:
        reading.usage, reading.told = request.measured(exchange.body), True
    if reading.told:
        reading.terms = {**request.terms(exchange.body), **reading.terms}


def served_by(exchange: Exchange) -> str:
    """Return who bills: of a router, the provider that its answer names, whose models it sells at that one's price."""
    provider, header = exchange.match.provider, exchange.header
    told = header(provider.served_by) if header is not None and provider.served_by is not None else None
    return canonical(f"{provider.name}_{told}") if told else provider.name


def _declined(exchange: Exchange) -> bool:
    """Return whether the status says that there is no answer: an error, or a redirect that nobody followed."""
    return exchange.status is not None and exchange.status >= 300


def still_running(exchange: Exchange, reading: Reading) -> bool:
    """Return whether an answer that is made in the background is not there yet."""
    return not reading.whole or reading.accepted or reading.status in exchange.match.reader.running


def asked_for(exchange: Exchange) -> str | None:
    """Return the id of the call that a poll asks for, where it is the poll that says so."""
    place = exchange.match.reader.api.asks_for
    if not place:
        return exchange.path.rpartition("/")[2]
    asked = exchange.body if exchange.source is None else exchange.source.request()
    said = Fields((place,)).read(asked) if asked else None
    return said[0] if said is not None and isinstance(said[0], str) else None


def judge(
    exchange: Exchange, reading: Reading, outcome: Outcome, error: BaseException | None
) -> tuple[Outcome, str | None]:
    """Return the outcome and, for an error, its type. The bytes decide whether a stream was whole, not how it ended."""
    if exchange.refusal is not None:
        return "error", "budget_exceeded"
    if _declined(exchange):
        return "error", reading.error or str(exchange.status)
    if reading.error is not None:
        return "error", reading.error
    if reading.background and still_running(exchange, reading):
        return "pending", None
    if reading.status in exchange.match.reader.api.answer.unbilled:
        return "error", reading.status
    if reading.whole or "body_unseen" in exchange.marks:
        return "ok", None
    if outcome == "ok" and exchange.events:
        return "error", "incomplete_stream"
    return outcome, exchange.trouble or (None if error is None else type(error).__qualname__)


def estimated(exchange: Exchange, reading: Reading, outcome: Outcome) -> Usage | None:
    """Return what a call used whose provider gave no final figures; None where it is billed for nothing, or unknown."""
    events = exchange.events
    if not exchange.match.reader.api.estimable:
        return None
    if outcome == "pending" or not exchange.sent or _declined(exchange) or (reading.error and not events):
        return None
    reader, answer = exchange.match.reader, exchange.answer or b""
    reading.marks += ("usage_missing",) if reading.whole else ()
    text = reader.text_length(answer, streamed=events)
    body = exchange.changed or exchange.body
    limit = reader.request.limit(body)
    asked = body if exchange.source is None else exchange.source.request()
    return estimate(reading.usage, asked, text, limit, answered=exchange.status is not None)
