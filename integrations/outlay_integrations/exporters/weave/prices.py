"""Which prices Weave was told, and when they began: kept beside the ledger, so that each is told once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from outlay.integration import Call, readable
from outlay_integrations.exporters.ids import moment
from outlay_integrations.exporters.weave.calls import model_of
from outlay_integrations.exporters.weave.rates import NEAR, Rates, rates

MILLISECOND = 10**6


class Price(msgspec.Struct, omit_defaults=True):
    """One price of a model, in force from ``since`` to the next one's."""

    since: int
    """Nanoseconds since the epoch, at a whole millisecond: what Weave keeps."""
    rates: Rates
    provider: str
    terms: dict[str, str]
    price_id: str | None
    seen: int
    """Start of the latest call that this price was right for."""


class Prices:
    """What a project of Weave's was told, by model."""

    def __init__(self, folder: Path, project: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = folder / f"prices-{project.replace('/', '-')}.json"
        kept = self._file.read_bytes() if self._file.exists() else b"{}"
        self._known = msgspec.json.decode(kept, type=readable(dict[str, list[Price]]))
        self._new: list[tuple[str, Price]] = []

    def differences(self, calls: Iterable[Call]) -> dict[str, str]:
        """Return by id why the cost that Weave computes for a call is not ours; those that are missing are equal.

        What has to be told for that is in ``news`` then.
        """
        found = {call.id: self._difference(call) for call in sorted(calls, key=lambda call: call.start)}
        return {one: reason for one, reason in found.items() if reason is not None}

    def news(self) -> list[dict[str, Any]]:
        """Return the bodies, by model, that tell Weave what is new, one date of each model in a body."""
        bodies: list[dict[str, Any]] = []
        for model, price in self._new:
            body = next((body for body in bodies if model not in body), None)
            if body is None:
                bodies.append(body := {})
            body[model] = _body(price)
        return bodies

    def settle(self) -> None:
        """Note what Weave was told, and until when each price was right."""
        draft = self._file.with_suffix(".new")
        draft.write_bytes(msgspec.json.encode(self._known))
        draft.replace(self._file)
        self._new.clear()

    def forget_news(self) -> None:
        """Note that Weave was not told."""
        for model, price in self._new:
            self._known[model].remove(price)
        self._new.clear()

    def _difference(self, call: Call) -> str | None:
        told = rates(call)
        known = self._known.setdefault(model_of(call), [])
        now = max((price for price in known if price.since <= call.start), key=lambda price: price.since, default=None)
        if now is not None and call.usage is not None and call.cost.amount is not None:
            shown = now.rates.cost(call)
            if shown is not None and abs(shown - call.cost.amount / 1e12) <= NEAR:
                now.seen = max(now.seen, call.start)
                return None
        if isinstance(told, str):
            return told
        if now is None:
            self._tell(call, told)
            return None
        return self._change(call, told, now)

    def _change(self, call: Call, told: Rates, now: Price) -> str | None:
        """Return why a call that was priced otherwise stays so; or tell Weave of a rate that is new, or has changed."""
        if (call.provider, call.terms) != (now.provider, now.terms):
            return "another provider, tier or region"
        merged = now.rates.over(told)
        if now.rates.cost(call) is None and abs((merged.cost(call) or 0.0) - (call.cost.amount or 0) / 1e12) <= NEAR:
            self._tell(call, merged)
            return None
        cheaper = (told.cost(call) or 0.0) < (now.rates.over(told).cost(call) or 0.0)
        # A band of long prompts belongs to the same row of the price table, and costs more than its base.
        if call.start <= now.seen or (call.cost.price_id == now.price_id and not cheaper):
            return "another band or rate"
        self._tell(call, told.over(now.rates) if call.cost.price_id == now.price_id else told)
        return None

    def _tell(self, call: Call, told: Rates) -> None:
        since = call.start // MILLISECOND * MILLISECOND
        price = Price(since, told, call.provider, dict(call.terms), call.cost.price_id, call.start)
        self._known[model_of(call)].append(price)
        self._new.append((model_of(call), price))


def _body(price: Price) -> dict[str, Any]:
    told = price.rates
    return {
        "prompt_token_cost": told.prompt or 0.0,
        "completion_token_cost": told.completion or 0.0,
        "cache_read_input_token_cost": told.read or 0.0,
        "cache_creation_input_token_cost": told.write or 0.0,
        "prompt_token_cost_unit": "USD",
        "completion_token_cost_unit": "USD",
        "effective_date": moment(price.since).isoformat(),
        "provider_id": price.provider,
    }
