"""One call in full: what went over the wire, what it used, and by which price row it was priced."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from outlay.cli.output import console, count, money, print_json, seconds, when
from outlay.cli.tables import Column, print_table
from outlay.ledger.restated import Restated
from outlay.money import usd
from outlay.pricing import Prices
from outlay.pricing.explanation import Explanation
from outlay.records import NO_RAW_USAGE, Call


def show_call(call: Call, restated: Restated | None, prices: Prices, zone: tzinfo, *, as_json: bool) -> None:
    """Print a call, its usage, its cost class by class, its restated cost and its price."""
    models = (call.response_model, call.request_model)
    price = prices.explain(call.provider, models, at=call.end, terms=call.terms)
    if as_json:
        print_json(call_data(call) | {"restated": _restated_data(restated), "price": price_data(price)})
        return
    out = console()
    for name, value in _facts(call, zone):
        out.print(Text.assemble((f"{name:>13}", "bold"), "  ", value))
    out.print()
    _show_cost(out, call)
    if restated is not None:
        amount = money(None if restated.cost is None else usd(restated.cost))
        out.print(
            f"Restated on {when(restated.at, zone)}: {amount}, {restated.status}; {restated.reason} in table "
            f"{restated.price_table}."
        )
    out.print()
    if price is None:
        model = models[0] or models[1] or "a model without a name"
        out.print(f"No price is known for {model} of {call.provider}: put one into a price book.")
    else:
        _show_price(out, call, price, current=prices.version == call.cost.table)


def call_data(call: Call) -> dict[str, Any]:
    """Return a call for programs: its record's fields (docs/ledger.md), its model in reports, and its cost in USD."""
    fields: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(call))
    return fields | {"model": call.model, "cost_usd": call.cost.usd}


def _facts(call: Call, zone: tzinfo) -> list[tuple[str, str]]:
    first = "" if call.first_chunk is None else f", first chunk after {seconds(call.first_chunk)}"
    asked = f" (asked for {call.request_model})" if call.request_model != call.response_model else ""
    facts = [
        ("call", f"{call.id}, trace {call.trace_id or '(forgotten)'}"),
        ("began", f"{when(call.start, zone)} {zone}, took {seconds(call.duration)}{first}"),
        ("model", (call.response_model or "(not told)") + asked),
        ("provider", f"{call.provider}, {call.api}" + (f" at {call.host} by {call.transport}" if call.host else "")),
        ("project", call.project + (f", release {call.release}" if call.release else "")),
        ("feature", (call.path or call.feature) + (f", at {call.site}" if call.site else "")),
        ("tags", ", ".join(f"{name}={value}" for name, value in call.tags.items())),
        ("outcome", call.outcome + (f": {call.error_type}" if call.error_type else "")),
        (
            "attempt",
            "" if call.attempt == 1 else f"{call.attempt}" + (f", after {call.retry_of}" * bool(call.retry_of)),
        ),
        ("finished by", ", ".join(call.finish_reasons)),
        ("terms", ", ".join(f"{name}={value}" for name, value in call.terms.items())),
        ("request id", call.request_id or ""),
        ("answer id", call.response_id or ""),
        ("usage as told", bytes(memoryview(call.raw_usage)).decode() if call.raw_usage != NO_RAW_USAGE else ""),
        ("marks", ", ".join(call.marks)),
    ]
    return [(name, value) for name, value in facts if value]


def _show_cost(out: Console, call: Call) -> None:
    usage, cost = call.usage, call.cost
    classes = usage.classes if usage is not None else {}
    names = [name for name, quantity in classes.items() if quantity]
    amounts = [_amount(call, name) for name in names]
    total = money(cost.usd) + (" +" if cost.status == "partial" else "")
    columns = [
        Column("class", [*names, "cost"], figure=False),
        Column("quantity", [*(f"{classes[name]:,}" for name in names), ""]),
        Column("cost", [*amounts, total]),
    ]
    print_table(out, columns, total=True)
    if usage is not None and usage.reasoning:
        out.print(f"{count(usage.reasoning)} of the output's tokens were spent on thinking.")
    out.print(f"{_status(call)}.")


def _amount(call: Call, name: str) -> str:
    by_class = call.cost.by_class
    if name in by_class:
        return money(usd(by_class[name]))
    return "no price" if name in call.cost.unpriced or call.cost.status == "unknown" else ""


def _status(call: Call) -> str:
    cost = call.cost
    words = [cost.status if cost.source == "computed" else f"{cost.status}, as the provider stated it"]
    if cost.source == "reported" and cost.computed is not None:
        words.append(f"computed from the price it would be {money(usd(cost.computed))}")
    if call.usage is not None and call.usage.estimated:
        upper = "no upper bound" if cost.upper is None else f"at most {money(usd(cost.upper))}"
        lower = "nothing is known" if cost.lower is None else f"at least {money(usd(cost.lower))}, {upper}"
        words.append(f"the usage is an estimate: {lower}")
    return "; ".join(words).capitalize()


def _show_price(out: Console, call: Call, price: Explanation, *, current: bool) -> None:
    out.print(f"Price of {price.model} of {price.provider}; its name matched by: {price.rule}.")
    used = set() if call.usage is None else {name for name, quantity in call.usage.classes.items() if quantity}
    for band in price.bands:
        over = f"over {count(band.over)} input tokens: " if band.over else ""
        rates = {name: rate for name, rate in band.rates.items() if name in (used or ("input", "output"))}
        named = ", ".join(f"{name} ${amount:f} per {count(units)}" for name, (amount, units) in rates.items())
        out.print(f"  {over}{named}")
    since = "since ever" if price.since is None else f"since {price.since:%Y-%m-%d %H:%M} UTC"
    out.print(f"  row {price.price_id}, {since}, from {', '.join(price.sources)}")
    if not current and call.cost.price_id is not None and price.price_id != call.cost.price_id:
        out.print(f"  The call itself was priced by row {call.cost.price_id} of another table or book.")


def _restated_data(restated: Restated | None) -> dict[str, Any] | None:
    if restated is None:
        return None
    amount = None if restated.cost is None else usd(restated.cost)
    return msgspec.structs.asdict(restated) | {"cost_usd": amount}


def price_data(price: Explanation | None) -> dict[str, Any] | None:
    """Return a price for programs; None where none is known."""
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
