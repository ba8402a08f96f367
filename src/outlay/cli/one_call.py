"""One call in full: what went over the wire, what it used, and by which price row it was priced."""

from __future__ import annotations

from datetime import tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from rich.markup import escape

from outlay.cli.output import console, count, money, print_json, seconds, table, when
from outlay.config import Settings
from outlay.pricing import Prices
from outlay.pricing.explanation import Explanation
from outlay.records import NO_RAW_USAGE, Call, usd


def show_call(call: Call, settings: Settings, zone: tzinfo, *, as_json: bool) -> None:
    """Print a call, its usage, its cost class by class, and its price."""
    prices = Prices.load(Path(settings.price_book).expanduser() if settings.price_book else None)
    models = (call.response_model, call.request_model)
    price = prices.explain(call.provider, models, at=call.end, terms=call.terms)
    if as_json:
        print_json({**msgspec.to_builtins(call), "cost_usd": call.cost.usd, "price": _price_data(price)})
        return
    out = console()
    for name, value in _facts(call, zone):
        out.print(f"[bold]{name:>14}[/]  {escape(value)}")
    out.print()
    out.print(_cost_table(call))
    if price is None:
        out.print(
            f"No price is known for {escape(str(models[0] or models[1]))} of {call.provider}: put one into a price book."
        )
        return
    _show_price(out, call, price, current=prices.version == call.cost.table, zone=zone)


def _facts(call: Call, zone: tzinfo) -> list[tuple[str, str]]:
    facts = [
        ("id", f"{call.id} (trace {call.trace_id})"),
        ("began", f"{when(call.start, zone)}, took {seconds(call.duration)}" + _first_chunk(call)),
        ("model", f"{call.response_model or '?'} (asked for: {call.request_model or '?'})"),
        ("provider", f"{call.provider}, {call.api} at {call.host} by {call.transport or 'outlay.record'}"),
        ("feature", call.path or "(none)"),
        ("site", call.site or ""),
        ("tags", ", ".join(f"{name}={value}" for name, value in call.tags.items())),
        ("outcome", call.outcome + (f": {call.error_type}" if call.error_type else "")),
        ("attempt", str(call.attempt) + (f", after {call.retry_of}" if call.retry_of else "")),
        ("finished by", ", ".join(call.finish_reasons)),
        ("terms", ", ".join(f"{name}={value}" for name, value in call.terms.items())),
        ("request id", call.request_id or ""),
        ("answer id", call.response_id or ""),
        ("usage as told", bytes(memoryview(call.raw_usage)).decode() if call.raw_usage != NO_RAW_USAGE else ""),
        ("marks", ", ".join(call.marks)),
    ]
    return [(name, value) for name, value in facts if value]


def _first_chunk(call: Call) -> str:
    return "" if call.first_chunk is None else f", first chunk after {seconds(call.first_chunk)}"


def _cost_table(call: Call) -> Any:
    usage, cost = call.usage, call.cost
    classes = usage.classes if usage is not None else {}
    rows = [
        [name, count(int(quantity)), "no price" if name in cost.unpriced else money(_part(cost.by_class, name))]
        for name, quantity in classes.items()
    ]
    words = [cost.status, cost.source] + (["usage estimated"] if usage is not None and usage.estimated else [])
    if cost.lower is not None:
        upper = "any amount" if cost.upper is None else money(usd(cost.upper))
        words.append(f"between {money(usd(cost.lower))} and {upper}")
    return table(["class", "quantity", "cost"], rows, total=[", ".join(words), "", money(cost.usd)])


def _part(by_class: dict[str, int], name: str) -> Decimal | None:
    return usd(by_class[name]) if name in by_class else None


def _show_price(out: Any, call: Call, price: Explanation, *, current: bool, zone: tzinfo) -> None:
    out.print(f"\nPriced as [bold]{escape(price.model)}[/] of {price.provider}; the name matched by: {price.rule}.")
    for band in price.bands:
        over = f"over {count(band.over)} input tokens: " if band.over else ""
        rates = ", ".join(
            f"{name} ${usd_amount:f} per {count(units)}" for name, (usd_amount, units) in band.rates.items()
        )
        out.print(f"  {over}{rates}")
    since = "since ever" if price.since is None else f"since {price.since:%Y-%m-%d %H:%M} UTC"
    out.print(f"  row {price.price_id}, {since}; from {escape(', '.join(price.sources))}")
    if not current or price.price_id != call.cost.price_id:
        out.print("  The call was priced by another table or book: its own cost stands above.")


def _price_data(price: Explanation | None) -> dict[str, Any] | None:
    if price is None:
        return None
    return {
        "provider": price.provider,
        "model": price.model,
        "matched_by": price.rule,
        "price_id": price.price_id,
        "since": price.since,
        "until": price.until,
        "sources": list(price.sources),
        "bands": [
            {
                "over_input_tokens": band.over,
                "rates": {name: {"usd": amount, "per": units} for name, (amount, units) in band.rates.items()},
            }
            for band in price.bands
        ],
    }
