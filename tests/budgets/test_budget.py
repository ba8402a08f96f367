"""Budgets as they are written: what can't be used is said in one sentence, before any call is made."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from typing import Any

import pytest

import outlay
from outlay import Budget, ConfigError
from outlay.budgets.tables import budgets_of


def test_a_budget_is_short_to_write() -> None:
    """With what most want as it is."""
    budget = Budget("month", limit=200)
    assert (budget.limit, budget.per, budget.alerts, budget.blocks) == (Decimal(200), "month", (80, 100), False)
    assert (budget.unbounded, budget.on_store_down) == ("allow", "open")
    hard = Budget("day", limit=0.1, per="day", scope="tenant", block=True)
    assert (hard.limit, hard.scope, hard.blocks_at) == (Decimal("0.1"), ("tenant",), 100)
    assert (hard.unbounded, hard.on_store_down) == ("deny", "closed")


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"limit": -1}, "limit must be an amount of USD above 0 and up to 9,000,000, not -1"),
        ({"limit": "ten"}, "limit must be an amount"),
        ({"limit": True}, "limit must be an amount"),
        ({"limit": float("nan")}, "limit must be an amount"),
        ({"per": "fortnight"}, "per must be one of hour, day, week"),
        ({"per": 7}, "per must be one of"),
        ({"per": "0d"}, "per must be one of"),
        ({"timezone": "Berlin"}, "is no IANA zone: write one like 'Europe/Berlin'"),
        ({"alerts": [0]}, "alerts holds whole percents from 1 to 1000, not 0"),
        ({"alerts": ["half"]}, "alerts holds whole percents"),
        ({"at": {80: "block"}}, "at holds block, downgrade(model), cap(tokens) or a function, not 'block'"),
        ({"at": {80: outlay.cap(0)}}, "at holds block"),
        ({"at": {80: ()}}, "at holds no action for 80"),
        ({"block": "yes"}, "block must be true or false"),
        ({"missing": "drop"}, "missing must be one of none, deny, not 'drop'"),
        ({"unbounded": "maybe"}, "unbounded must be one of deny, allow"),
        ({"input_bound": "guess"}, "input_bound must be one of bytes, learned"),
        ({"unbounded": "deny", "ceiling": 1}, "ceiling and unbounded exclude each other"),
        ({"on_store_down": "shrug"}, "on_store_down must be one of closed, open, lease_only"),
        ({"week_start": "Funday"}, "week_start must be one of monday"),
        ({"carry_over": True, "per": "7d"}, "carry_over needs windows that follow each other"),
        ({"run": "agent"}, "run names the span of a budget per='run'"),
        ({"output_ceiling": 1.5}, "output_ceiling must be a number of tokens, not 1.5"),
        ({"scope": [""]}, "scope and where hold names"),
        ({"scope": None}, "scope and where hold names"),
        ({"scope": 5}, "scope and where hold names"),
        ({"scope": ("a", "a")}, "scope names something twice: a, a"),
        ({"where": "gpt"}, "where is like {'model': 'gpt-4o*'}, not 'gpt'"),
        ({"where": {"model": 5}}, "scope and where hold names"),
        ({"where": {"model": []}}, "where names patterns for 'model'"),
        ({"where": {5: "x"}}, "where names patterns for 5"),
        ({"limit": "1e-10"}, "limit must be an amount of USD above 0"),
        ({"alerts": 80}, "alerts holds whole percents, like [50, 80, 100], not 80"),
        ({"alerts": None}, "alerts holds whole percents"),
        ({"at": 5}, "at is like {80: "),
        ({"at": [100]}, "at is like {80: "),
        ({"run": "", "per": "run"}, "run is the name of a span, not ''"),
        ({"run": 5, "per": "run"}, "run is the name of a span, not 5"),
    ],
)
def test_what_cannot_be_used_is_said(settings: dict[str, Any], complaint: str) -> None:
    """In one sentence that names the budget and what is wrong with it."""
    with pytest.raises(ConfigError) as error:
        Budget("month", **({"limit": 1} | settings))
    assert complaint in str(error.value)
    assert str(error.value).count("\n") == 0


@pytest.mark.parametrize("name", ["gemini", "google", "gcp.gemini"])
def test_a_provider_has_all_of_its_names(name: str) -> None:
    """Else a budget on one of them would hold nothing, in silence."""
    assert Budget("g", limit=1, where={"provider": name}).where == {"provider": ("gcp.gemini",)}


@pytest.mark.parametrize("name", ["", " ", "x" * 101, "a\nb", 7])
def test_a_name_is_needed(name: Any) -> None:
    """It is the budget's identity."""
    with pytest.raises(ConfigError, match="a budget needs a name"):
        Budget(name, limit=1)


FILE = """
[[budgets]]
name = "month"
limit = 200
per = "month"
timezone = "Europe/Berlin"
alerts = [50, 80, 100]

[[budgets]]
name = "gpt-4"
limit = "20"
per = "7d"
where = { model = "gpt-4*" }
at = { "80" = "downgrade:gpt-4o-mini", "90" = ["cap:500", "block"], "100" = "block" }
"""


def test_a_file_says_the_same() -> None:
    """Tables have the keywords of ``Budget``; actions are words."""
    month, gpt = budgets_of(tomllib.loads(FILE)["budgets"])
    assert (month.name, int(month.limit), month.timezone, month.alerts) == (
        "month",
        200,
        "Europe/Berlin",
        (50, 80, 100),
    )
    assert gpt.at == (
        (80, (outlay.downgrade("gpt-4o-mini"),)),
        (90, (outlay.cap(500), outlay.block)),
        (100, (outlay.block,)),
    )
    assert gpt.blocks_at == 100


@pytest.mark.parametrize(
    ("tables", "complaint"),
    [
        ([{"name": "a"}], "the budget 'a' has no limit"),
        ([{"limit": 1}], "the budget '' has no name"),
        ([{"name": "a", "limit": 1, "pre": "day"}], "a budget has no 'pre'; did you mean 'per'?"),
        ([{"name": "a", "limit": 1}, {"name": "a", "limit": 2}], "two budgets are called 'a'"),
        ([{"name": "a", "limit": 1, "at": {"80": "explode"}}], "at holds 'block', 'downgrade:MODEL' or 'cap:TOKENS'"),
        ([{"name": "a", "limit": 1, "at": {"most": "block"}}], "at holds whole percents from 1 to 1000, not 'most'"),
        ([{"name": "a", "limit": 1, "at": "block"}], "at must be a table"),
        ([{"name": "a", "limit": 1, "where": "gpt"}], "where is like"),
        (["month"], "'month' is no budget"),
    ],
)
def test_a_file_that_cannot_be_used_is_said(tables: list[Any], complaint: str) -> None:
    """With the place where it stands."""
    with pytest.raises(ConfigError) as error:
        budgets_of(tables, "outlay.toml")
    assert complaint in str(error.value)


def test_a_bad_budget_is_an_error_when_outlay_starts() -> None:
    """Not when the first call is made."""
    with pytest.raises(ConfigError, match="did you mean 'limit'"):
        outlay.init(budgets=[{"name": "month", "limits": 1}])
