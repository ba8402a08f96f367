"""genai-prices' data as its data.json has it, written from the package that is installed."""

from __future__ import annotations

import dataclasses
import json
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from genai_prices.data import providers
from genai_prices.types import ModelPrice


def data() -> list[dict[str, Any]]:
    """Return the providers, ready to be changed and written."""
    found: list[dict[str, Any]] = [
        {"id": provider.id, "name": provider.name, "models": [_plain(model) for model in provider.models]}
        for provider in providers
    ]
    return found


def prices_of(found: list[dict[str, Any]], provider: str, model: str) -> dict[str, Any]:
    """Return the first prices of a model, to change them."""
    models = next(one["models"] for one in found if one["id"] == provider)
    prices = next(one["prices"] for one in models if one["id"] == model)
    first: dict[str, Any] = prices[0]["prices"] if isinstance(prices, list) else prices
    return first


def write(path: Path, found: list[dict[str, Any]]) -> Path:
    """Write the data into a file."""
    path.write_text(json.dumps(found), encoding="utf-8")
    return path


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, ModelPrice):
        return {name: _plain(price) for name, price in vars(value).items() if price is not None}
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value) if getattr(value, field.name) is not None]
        return {name.rstrip("_"): _plain(getattr(value, name)) for name in names}
    return value
