"""The acceptance cases: bills that are known to the last digit, through the functions that users and the meter call."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from outlay.errors import UnknownPrice
from outlay.money import usd
from outlay.pricing import Prices
from outlay.records import Usage

CASES = json.loads((Path(__file__).parents[1] / "data" / "price_cases.json").read_text())
UNITS = {"1 unit": "per_token", "1000 units": "per_1k_tokens", "1000000 units": "per_1m_tokens"}


def book_of(case: dict[str, Any]) -> str:
    """Write the rates of a case as its price book would have them."""
    if "gpu_hours" in case["rates"]:
        return f'schema = 1\n[[host]]\nname = "{case["provider"]}"\ngpu_hour = "{case["rates"]["gpu_hours"]["usd"]}"\n'
    head = ["schema = 1", "[[price]]", f'provider = "{case["provider"]}"', f'model = "{case["model"]}"']
    rates = {name: f'"{rate["usd"]}"' for name, rate in case["rates"].items()}
    units = {rate["per"] for rate in case["rates"].values()}
    if "total" in case["price_book_form"]:
        rates = {"total": rates["input"]}
    if units <= UNITS.keys() and len(units) == 1:
        head.append(f'unit = "{UNITS[units.pop()]}"')
    else:
        rates = {name: f"{{ usd = {rates[name]}, per = {case['rates'][name]['per'].split()[0]} }}" for name in rates}
    return "\n".join([*head, *(f"{name} = {rate}" for name, rate in rates.items()), 'source = "the case"'])


def prices_of(case: dict[str, Any], folder: Path) -> Prices:
    """Return the table alone, or with the book of a case that brings its own rates."""
    if case["mode"] == "catalog":
        return Prices.load()
    (folder / "prices.toml").write_text(book_of(case))
    return Prices.load(folder / "prices.toml")


def expected(case: dict[str, Any]) -> Decimal | None:
    """Return the bill of a case; None where there can be none."""
    return None if case["expected_usd"] is None else Decimal(case["expected_usd"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_known_bill_comes_out_exact(case: dict[str, Any], tmp_path: Path) -> None:
    """Amount, status and the classes named without a price are those of the case."""
    terms = {key: value for key, value in case["context"].items() if key != "response_model"}
    if case["service_tier"]:
        terms["tier"] = case["service_tier"]
    cost = prices_of(case, tmp_path).cost(
        case["provider"],
        (case["context"].get("response_model"), case["model"]),
        Usage(classes=case["usage"]),
        at=int(datetime.fromisoformat(case["timestamp"]).timestamp()) * 10**9,
        terms=terms,
    )
    assert (cost.status, cost.usd) == (case["expected_status"], expected(case))
    assert cost.unpriced == tuple(case.get("unpriced", ()))


PUBLIC = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output")


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if set(case["usage"]) <= set(PUBLIC) and not case["context"]],
    ids=lambda case: case["id"],
)
def test_a_known_bill_comes_out_of_calculate_cost_too(case: dict[str, Any], tmp_path: Path) -> None:
    """In totals that include their parts, with the reasoning that the case speaks of; unknown raises."""
    used = [case["usage"].get(name, 0) for name in PUBLIC]
    ask = {
        "input_tokens": sum(used[:4]),
        "cache_read_input_tokens": used[1],
        "cache_write_input_tokens": used[2] + used[3],
        "cache_write_1h_input_tokens": used[3],
        "output_tokens": used[4],
        "reasoning_output_tokens": case.get("informational", {}).get("reasoning_within_output", 0),
    }
    prices = prices_of(case, tmp_path)
    at = datetime.fromisoformat(case["timestamp"])
    if expected(case) is None:
        with pytest.raises(UnknownPrice):
            prices.calculate(case["model"], provider=case["provider"], at=at, tier=case["service_tier"], **ask)
    else:
        cost = prices.calculate(case["model"], provider=case["provider"], at=at, tier=case["service_tier"], **ask)
        assert cost == expected(case)


@pytest.mark.parametrize(
    ("unit", "input_price", "output_price"),
    [("per_token", "5e-06", "1.6e-05"), ("per_1k_tokens", "0.005", "0.016"), ("per_1m_tokens", "5", "16")],
)
def test_one_price_in_three_units_is_one_price(unit: str, input_price: str, output_price: str, tmp_path: Path) -> None:
    """A report took a price per token for one per 1K, and printed 0.13 USD for 130."""
    book = tmp_path / "prices.toml"
    book.write_text(
        f'schema = 1\n[[price]]\nprovider = "vertex_ai"\nmodel = "llama-3.2-90b-vision"\nunit = "{unit}"\n'
        f'input = "{input_price}"\noutput = "{output_price}"\n'
    )
    cost = Prices.load(book).cost(
        "gcp.vertex_ai", ("llama-3.2-90b-vision",), Usage(classes={"input": 10_000_000, "output": 5_000_000}), at=0
    )
    assert cost.usd == Decimal(130)


def test_reasoning_models_cost_by_the_answer_and_not_by_the_token() -> None:
    """R1 is 27.397 times cheaper than o1 per output token, and 4.4047 times per answer that is 6.22 times as long."""
    at = int(datetime.fromisoformat("2025-03-01T12:00:00Z").timestamp()) * 10**9
    prices, million = Prices.load(), 1_000_000
    o1 = prices.cost("openai", ("o1",), Usage(classes={"output": million}), at=at).amount
    r1 = prices.cost("deepseek", ("deepseek-reasoner",), Usage(classes={"output": million}), at=at).amount
    assert o1 is not None
    assert r1 is not None
    assert round(usd(o1) / usd(r1), 3) == Decimal("27.397")
    assert round(usd(o1) / usd(r1) / Decimal("6.22"), 4) == Decimal("4.4047")
