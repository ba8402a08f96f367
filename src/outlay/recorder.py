"""Make the record of a call: whose it is, what its answer says, what that comes to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Raw

from outlay.context import Home
from outlay.ids import getrandbits
from outlay.records import NO_RAW_USAGE, Call, Cost, Outcome, Usage
from outlay.wire.digests import NONE, digests
from outlay.wire.exchange import Exchange
from outlay.wire.outcomes import estimated, served_by
from outlay.wire.pending import background_id
from outlay.wire.reading import Reading
from outlay.wire.regions import terms_of

if TYPE_CHECKING:
    from outlay.pricing import Prices  # loaded with the first call

NOT_BILLED = Cost(status="free", amount=0)
UNKNOWN_COST = Cost(status="unknown")


class Recorder:
    """Make records, each priced at the prices of its end."""

    def __init__(self, prices: Callable[[], Prices], home: Home) -> None:
        self._load_prices = prices
        self._prices: Prices | None = None
        self._home = home

    def record(self, exchange: Exchange, reading: Reading, outcome: Outcome, error_type: str | None) -> Call:
        """Return the record of a call, priced."""
        home, scope, match = self._home, exchange.scope, exchange.match
        span, api, provider, tags = scope.span, match.reader.api, match.provider, scope.tags
        end = exchange.start + exchange.ended - exchange.began
        biller = provider.name if provider.served_by is None else served_by(exchange)
        request_model, requested_tier = exchange.asked or match.reader.request.asked(exchange.body, exchange.path)
        terms = reading.terms
        if provider.terms or provider.region:
            terms = {**terms_of(provider, exchange.host, exchange.path), **terms}
        if reading.whole and reading.usage is not None:
            usage: Usage | None = Usage(classes=reading.usage, reasoning=reading.reasoning)
        else:
            usage = estimated(exchange, reading, outcome)
        if usage is not None:
            models = (request_model, reading.model) if api.request.asked_first else (reading.model, request_model)
            prices = self._prices or self._load()
            cost = prices.cost(biller, models, usage, at=end, terms=terms, reported=reading.reported)
            if reading.items:
                cost = prices.with_items(cost, biller, reading.items, at=end, terms=terms)
        else:
            cost = NOT_BILLED if not exchange.sent or (outcome == "error" and exchange.status) else UNKNOWN_COST
        if span is not None and span.tally:
            place: tuple[str, str | None] = span.trace_id, span.id
        else:
            place = exchange.trace or (getrandbits(128).to_bytes(16).hex(), None)
        run = outcome != "error" and (span is not None or exchange.trace is not None)  # what failed repeats nothing
        request_digest, tools_digest = digests(exchange, reading, home.secret, place[0]) if run else NONE
        return Call(
            id=background_id(biller, reading.id) if reading.background and reading.id else exchange.id,
            trace_id=place[0],
            parent_id=place[1],
            project=home.project,
            feature=span.feature if span else "",
            path=span.path if span else "",
            site=span.site if span else None,
            release=home.release,
            tags={**home.tags, **tags} if home.tags and tags else tags or home.tags,
            provider=biller,
            api=api.name,
            operation=api.operation,
            transport=exchange.transport,
            host=exchange.host,
            request_model=request_model,
            response_model=reading.model,
            response_id=reading.id,
            request_id=exchange.request_id,
            # A record is known by id and start: whoever polls a background answer must write the same.
            start=exchange.start if reading.created is None else reading.created,
            end=end,
            first_chunk=exchange.first - exchange.began if exchange.events and exchange.first else None,
            streamed=exchange.events,
            outcome=outcome,
            status=exchange.status,
            error_type=error_type,
            attempt=exchange.attempt,
            retry_of=exchange.retry_of,
            finish_reasons=reading.finish_reasons,
            terms=terms,
            requested_tier=requested_tier,
            usage=usage,
            raw_usage=Raw(reading.raw_usage) if reading.raw_usage else NO_RAW_USAGE,
            cost=cost,
            marks=exchange.marks + reading.marks,
            request_digest=request_digest,
            tools_digest=tools_digest,
        )

    def _load(self) -> Prices:
        """Return the prices, loaded with the first call."""
        self._prices = prices = self._load_prices()
        return prices
