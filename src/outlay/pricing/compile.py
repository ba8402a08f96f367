"""Compile the price table from genai-prices' data and the corrections: ``python -m outlay.pricing.compile``.

``outlay prices update`` does the same from newer data, without stopping at what is out of date. The same input gives
the same bytes, so the table's SHA-256 names its content.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from outlay.pricing import source
from outlay.pricing.clauses import bedrock_names, names_of, open_to
from outlay.pricing.corrections import Corrections
from outlay.pricing.overlay import Unfit, apply, strict
from outlay.pricing.table import SCHEMA, LoadedTable, Price, Provider, Rate, Rates, packed
from outlay.pricing.units import GENAI_UNITS
from outlay.providers import canonical

if TYPE_CHECKING:
    from genai_prices import types as genai

HERE = Path(__file__).parent
TERMS = {"processing": "tier", "service_tier": "tier"}
"""genai-prices' context keys to ours; others (``speed``, ``route``) are called the same."""


def main(arguments: list[str] | None = None) -> int:
    """Write the table; ``--check`` only says whether the one there is what would be written."""
    parser = argparse.ArgumentParser(prog="python -m outlay.pricing.compile", description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the table is out of date")
    parser.add_argument(
        "--dated", type=date.fromisoformat, help="the day the data stands for (default: of the corrections)"
    )
    parser.add_argument("--to", type=Path, default=HERE / "table.json")
    options = parser.parse_args(arguments)
    data = compile_table(options.dated)
    LoadedTable(data)
    if options.check:
        same = options.to.is_file() and options.to.read_bytes() == data
        _say("up to date" if same else f"{options.to} is out of date: run python -m outlay.pricing.compile")
        return 0 if same else 1
    options.to.write_bytes(data)
    _say(f"{options.to}: {len(data):,} bytes, version {LoadedTable(data).version[:16]}")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


Providers = dict[str, Provider]
Check = Callable[[Providers], Providers]
"""What looks at all that a table would hold, and takes out what must not be in it."""


def compile_table(
    dated: date | None = None,
    data: source.Source | None = None,
    *,
    unfit: Unfit = strict,
    check: Check = lambda providers: providers,
) -> bytes:
    """Return the table's bytes: JSON, one model a line, in a fixed order.

    ``unfit`` is told of what can't be used: a correction that is out of date, a unit that is not known.
    """
    data = data or source.installed()
    corrections = Corrections.load(HERE / "corrections.toml")
    known = msgspec.toml.decode((HERE / "names.toml").read_bytes(), type=dict[str, list[str]])
    providers = {canonical(one.id): _provider(one, known, unfit) for one in data.providers}
    return _lines(
        {
            "schema": SCHEMA,
            "dated": (dated or corrections.dated).isoformat(),
            "compiled_from": data.name,
            "holidays": corrections.holidays,
        },
        check(apply(corrections, providers, unfit)),
    )


def _provider(source: genai.Provider, known: Mapping[str, list[str]], unfit: Unfit) -> Provider:
    name, models = canonical(source.id), source.models
    if name == "openrouter":  # its free variants are known by their ending, whether listed or not
        models = [model for model in models if not model.id.lower().endswith(":free")]
    names = names_of(source, models, known.get(name, ()))
    if name == "aws.bedrock":
        names = bedrock_names(source, names)
    ids = {model.id.lower(): model for model in models}
    opened = {
        alias: kinds for alias, model in names.items() if model in ids and (kinds := open_to(source, alias, ids[model]))
    }
    return Provider(
        models={model.id.lower(): _model(model, unfit) for model in models},
        aliases={alias: model for alias, model in names.items() if alias != model and model in ids},
        dated=opened,
    )


def _model(source: genai.ModelInfo, unfit: Unfit) -> Rates | list[Price]:
    def rates(prices: genai.ModelPrice) -> Rates:
        return _rates(prices, source.id, unfit)

    if isinstance(source.prices, list):
        rows = [Price(rates=rates(item.prices), **_times(item.constraint)) for item in source.prices]
    elif source.price_variants:
        rows = [Price(rates=rates(source.prices))]
    else:
        return rates(source.prices)
    # genai-prices takes the first variant that holds for a price, a table the last.
    for variant in reversed(source.price_variants or ()):
        when = {TERMS.get(key, key): value for key, value in variant.when.items()}
        rows.append(Price(rates=rates(variant.prices), when=when, **_times(variant.constraint)))
    return rows


def _times(constraint: Any) -> dict[str, Any]:
    if constraint is None:
        return {}
    if hasattr(constraint, "start_date"):
        return {"since": constraint.start_date.isoformat()}
    return {"daily": [f"{_utc(constraint.start_time)}-{_utc(constraint.end_time)}"]}


def _utc(moment: Any) -> str:
    aware = datetime.combine(date(1970, 1, 1), moment)
    return f"{aware if aware.tzinfo is None else aware.astimezone(UTC):%H:%M}"


def _rates(prices: genai.ModelPrice, model: str, unfit: Unfit) -> Rates:
    given = {key: value for key, value in vars(prices).items() if value is not None}
    for key in given.keys() - GENAI_UNITS.keys():
        unfit(f"{model}: the data has a price per {key}, which this outlay does not know.")
    rates = {GENAI_UNITS[key]: _rate(value) for key, value in given.items() if key in GENAI_UNITS}
    # Where a price per hour stands twice, for all audio and for audio heard, both are the same.
    return {name: rates[name] for name in sorted(rates)}


def _rate(value: Any) -> Rate:
    if not hasattr(value, "tiers"):
        return f"{value.normalize():f}"
    bands = [part for tier in value.tiers for part in (tier.start, f"{tier.price.normalize():f}")]
    return [f"{value.base.normalize():f}", *bands]


def _lines(head: Mapping[str, Any], providers: Mapping[str, Provider]) -> bytes:
    """Encode with a line for each model, so that a new table can be read as a diff."""
    encode = msgspec.json.Encoder(order="deterministic").encode
    blocks = []
    for name in sorted(providers):
        provider = providers[name]
        rest = packed(msgspec.structs.replace(provider, models={}))
        fields = encode(rest)[1:-1]
        models = b",\n".join(encode(key) + b":" + encode(provider.models[key]) for key in sorted(provider.models))
        blocks.append(encode(name) + b':{"models":{' + models + b"}" + (b",\n" + fields if fields else b"") + b"}")
    return encode(head)[:-1] + b',"providers":{\n' + b",\n".join(blocks) + b"\n}}\n"


if __name__ == "__main__":
    sys.exit(main())
