"""The user's price book: what it lays over the table, and what it refuses."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from outlay.errors import ConfigError
from outlay.pricing import Prices
from outlay.records import Cost, Quantity, Usage

AT = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()) * 10**9
YEAR = 365 * 86_400 * 10**9

BOOK = """
schema = 1
currency = "USD"

[[price]]
provider = "azure"
model = "gpt-4o"
unit = "per_1m_tokens"
input = "2.75"
output = "11"
cache_read = "1.375"
web_search = { usd = "10", per = 1000 }
valid_from = 2026-01-01T00:00:00Z
valid_until = 2027-01-01
source = "contract 2026-014"

[[price]]
provider = "azure"
model = "gpt-4o"
region = "eu"
unit = "per_1m_tokens"
input = "3"

[[price]]
provider = "openai"
model = "gpt-4o"
when = { tier = "scale" }
unit = "per_1m_tokens"
input = "1.5"

[[price]]
provider = "acme"
model = "llama-*"
match = "glob"
unit = "per_1k_tokens"
input = "0.001"
output = "0.002"
over = [
  { input_tokens = 1000, input = "0.004" },
  { input_tokens = 5000, inclusive = true, input = "0.01", output = "0.03" },
]

[[price]]
provider = "acme"
model = "night-owl"
unit = "per_1m_tokens"
total = "1"

[[price]]
provider = "acme"
model = "night-owl"
unit = "per_1m_tokens"
total = "0.5"
daily = ["22:00-04:00"]
weekdays = "12345"

[[price]]
provider = "acme"
model = "inside"
free = true

[[price]]
provider = "acme"
model = "plan-*"
match = "glob"
included = true

[[price]]
provider = "acme"
model = "gold"
unit = "per_token"
input = "0.005"
sure = true

[[adjust]]
match = { provider = "anthropic" }
multiply = "0.85"
order = 10
why = "negotiated"

[[adjust]]
match = { model = "claude-opus-*" }
multiply = "1.1"
why = "a surcharge"

[[host]]
name = "acme-vllm"
gpu_hour = "2.49"

[alias]
"azure:my-gpt4o" = "azure:gpt-4o-2024-11-20"
"bedrock:arn:aws:bedrock:us-east-1:1:application-inference-profile/a1" = "aws:amazon.nova-lite-v1:0"
"""


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Prices:
    """Return prices with the book above."""
    path = tmp_path_factory.mktemp("book") / "prices.toml"
    path.write_text(BOOK)
    return Prices.load(path)


def cost(prices: Prices, provider: str, model: str, at: int = AT, region: str = "", **classes: Quantity) -> Cost:
    """Return the cost of a call with these classes."""
    terms = {"region": region} if region else {}
    return prices.cost(provider, (model,), Usage(classes=classes), at=at, terms=terms)


def test_a_price_of_the_book_wins_while_it_is_valid(prices: Prices) -> None:
    """Before and after, the table's price stands."""
    assert cost(prices, "azure", "gpt-4o", input=1_000_000).usd == Decimal("2.75")
    assert cost(prices, "azure", "gpt-4o", at=AT - YEAR, input=1_000_000).usd == Decimal("2.5")
    assert cost(prices, "azure", "gpt-4o", at=AT + YEAR, input=1_000_000).usd == Decimal("2.5")
    assert cost(prices, "openai", "gpt-4o", input=1_000_000).usd == Decimal("2.5")


def test_a_price_of_the_book_covers_the_other_names_of_its_model(prices: Prices) -> None:
    """The response names a snapshot, the contract the model."""
    found = cost(prices, "azure", "gpt-4o-2024-11-20", input=1_000_000)
    assert (found.usd, found.match, found.model) == (Decimal("2.75"), "book", "gpt-4o")


def test_a_price_of_the_book_is_the_whole_price(prices: Prices) -> None:
    """A class or a tier that it leaves out is not filled from the list."""
    assert cost(prices, "azure", "gpt-4o", input=10, cache_write_5m=10).unpriced == ("cache_write_5m",)
    batch = prices.cost("azure", ("gpt-4o",), Usage(classes={"input": 10}), at=AT, terms={"tier": "batch"})
    assert batch.unpriced == ("tier:batch",)


def test_a_term_or_a_region_changes_the_classes_it_names(prices: Prices) -> None:
    """A price for one region says nothing against the standing price in the others."""
    assert cost(prices, "azure", "gpt-4o", region="eu", input=1_000_000, output=1_000_000).usd == Decimal(14)
    assert cost(prices, "azure", "gpt-4o", region="us", input=1_000_000, output=1_000_000).usd == Decimal("13.75")
    usage = Usage(classes={"input": 1_000_000, "output": 1_000_000})
    scale = prices.cost("openai", ("gpt-4o",), usage, at=AT, terms={"tier": "scale"})
    assert (scale.status, scale.usd) == ("priced", Decimal("11.5"))


def test_other_units_are_named_where_they_are_used(prices: Prices) -> None:
    """Searches are priced per the number that the book says."""
    assert cost(prices, "azure", "gpt-4o", web_search=3).usd == Decimal("0.03")


@pytest.mark.parametrize(
    ("tokens", "dollars"), [(1000, "0.021"), (1001, "0.024004"), (4999, "0.039996"), (5000, "0.35")]
)
def test_bands_are_over_or_from_a_number_of_tokens(prices: Prices, tokens: int, dollars: str) -> None:
    """Over 1,000, and from 5,000 on, with ten thousand tokens of output."""
    assert cost(prices, "acme", "llama-9-70b", input=tokens, output=10_000).usd == Decimal(dollars)


def test_a_window_of_the_book_has_its_hours_and_weekdays(prices: Prices) -> None:
    """Friday's window ends on Saturday at 4; Saturday has none."""
    friday = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp()) * 10**9
    hour = 3600 * 10**9
    for hours, dollars in ((21, 2), (22, 1), (27, 1), (28, 2), (46, 2)):
        assert cost(prices, "acme", "night-owl", at=friday + hours * hour, input=10**6, output=10**6).usd == dollars


def test_adjustments_multiply_the_price_that_stands(prices: Prices) -> None:
    """All that match, exactly."""
    assert cost(prices, "anthropic", "claude-sonnet-4-6", input=1_000_000).usd == Decimal("2.55")
    assert cost(prices, "anthropic", "claude-opus-4-5", input=1_000_000).usd == Decimal("4.675")
    assert cost(prices, "openai", "gpt-4o-mini", input=1_000_000).usd == Decimal("0.15")


def test_a_gpu_hour_has_its_price_whatever_model_runs(prices: Prices) -> None:
    """Half an hour is half its price."""
    assert cost(prices, "acme-vllm", "meta-llama/Llama-3.3-70B-Instruct", gpu_hours=0.5).usd == Decimal("1.245")


def test_an_alias_stands_for_another_name(prices: Prices) -> None:
    """For deployments and profiles, which say nothing about their model."""
    found = cost(prices, "azure", "my-gpt4o", input=1_000_000)
    assert (found.usd, found.match) == (Decimal("2.75"), "user_alias+book")
    profile = "arn:aws:bedrock:us-east-1:1:application-inference-profile/a1"
    assert cost(prices, "aws", profile, input=1_000_000).match == "user_alias"


def test_what_the_book_calls_free_or_included_costs_nothing(prices: Prices) -> None:
    """And says so."""
    found = cost(prices, "acme", "inside", input=1_000_000)
    assert (found.status, found.amount) == ("free", 0)
    found = cost(prices, "acme", "plan-7", input=1_000_000, web_search=3)
    assert (found.status, found.amount, found.unpriced) == ("included", 0, ())


def test_an_odd_price_is_taken_when_the_user_is_sure(prices: Prices) -> None:
    """5,000 USD per million tokens."""
    assert cost(prices, "acme", "gold", input=2).usd == Decimal("0.01")


def test_the_version_names_the_table_and_the_book(prices: Prices, tmp_path: Path) -> None:
    """Another book is another version."""
    (tmp_path / "prices.toml").write_text("schema = 1")
    versions = {prices.version, Prices.load().version, Prices.load(tmp_path / "prices.toml").version}
    assert len(versions) == 3


def test_a_price_that_no_decimal_can_hold_is_exact(tmp_path: Path) -> None:
    """A dollar for three searches: nine cost three dollars, and one is rounded once."""
    path = tmp_path / "prices.toml"
    path.write_text(
        'schema = 1\n[[price]]\nprovider = "acme"\nmodel = "m"\nweb_search = { usd = "1", per = 3 }\n', encoding="utf-8"
    )
    prices = Prices.load(path)
    assert cost(prices, "acme", "m", web_search=9).amount == 3 * 10**12
    assert cost(prices, "acme", "m", web_search=1).amount == 333_333_333_333


RATE = '[[exchange]]\ncurrency = "EUR"\nusd = "1.1"\nsource = "x"\nvalid_from = 2026-06-01\n'
PRICE = '[[price]]\nprovider = "openai"\nmodel = "gpt-4o"\nunit = "per_1m_tokens"\n'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("schema = 1\nprices = 1", "prices is not known here"),
        ("", "begins with schema = 1"),
        ("schema = 1\n[price]\nx = 1", "with two brackets"),
        ("schema = 1\n\ncurrency = 1", r"prices\.toml:3: currency is three letters"),
        (
            f'schema = 1\ncurrency = "EUR"\n{PRICE}input = "2"',
            r"toml:3: .* nothing says what EUR is worth: add \[\[exch",
        ),
        (f'schema = 1\n{PRICE}input = "2"\nfree = 1', "free is true or false"),
        (f'schema = 1\n{PRICE}input = "2"\ncache_read = "0.0002"', "cache_read is 0.0001 times the price of input"),
        (f'schema = 1\n{PRICE}input = "2"\nover = 3', "over needs input_tokens"),
        (f'schema = 1\n{PRICE}input = "2"\nvalid_from = 2026-02-01\nvalid_until = 2026-01-01', "must be after"),
        ("schema = ", "is not TOML"),
        (f'schema = 1\n{PRICE}inptu = "1"', r"prices\.toml:2: \[\[price\]\] gpt-4o: inptu is not a key"),
        (f'schema = 1\n\n{PRICE}input = "2.5"\n\n{PRICE}input = 2.5', r"prices\.toml:9: .*decimal in quotes"),
        (f'schema = 1\n{PRICE}input = "-1"', "not negative"),
        (f'schema = 1\n{PRICE}input = "NaN"', "finite"),
        (f'schema = 1\n{PRICE}input = "two"', "is not a number"),
        (f"schema = 1\n{PRICE}", "names a class, such as"),
        (f'schema = 1\n{PRICE}input = "2"\nfree = true', "not both"),
        (f'schema = 1\n{PRICE}input = "2"\ntotal = "2"', "total is the price of all tokens"),
        (f'schema = 1\n{PRICE}input = "2"\nmatch = "prefix"', 'match is "exact" or "glob"'),
        (f'schema = 1\n{PRICE}input = "2"\nvalid_from = 2026-01-01T00:00:00', "has no time zone"),
        (f'schema = 1\n{PRICE}input = "2"\nvalid_from = "2026-01-01"', "without quotes"),
        (f'schema = 1\n{PRICE}input = "2"\ndaily = ["25:00-26:00"]', "windows in UTC"),
        (f'schema = 1\n{PRICE}input = "2"\nweekdays = "Mon"', "ISO numbers"),
        (f'schema = 1\n{PRICE}input = "2"\nwhen = "batch"', "terms of the call"),
        (f'schema = 1\n{PRICE}input = "2"\nweb_search = "10"', r"web_search needs the number it is for"),
        (f'schema = 1\n{PRICE}input = "2"\nweb_search = {{ usd = "10" }}', "the number of units it is for"),
        (f'schema = 1\n{PRICE}input = "2"\nover = [{{ input = "3" }}]', "over needs input_tokens"),
        (f'schema = 1\n{PRICE}input = "2"\nover = [{{ input_tokens = 5, output = "3" }}]', "which has no price below"),
        ('schema = 1\n[[price]]\nprovider = "a"\nmodel = "m"\ninput = "2"', "unit must say what a token price is for"),
        ('schema = 1\n[[price]]\nprovider = "a"\ninput = "2"', "model must be a text"),
        ('schema = 1\n[[adjust]]\nmatch = {}\nmultiply = "0.9"\nwhy = "x"', "match is written"),
        ('schema = 1\n[[adjust]]\nmatch = { provider = "openai" }\nmultiply = "85"\nwhy = "x"', "15 % off"),
        ('schema = 1\n[[adjust]]\nmatch = { provider = "openai" }\nmultiply = "0.9"', "why must be a text"),
        (
            'schema = 1\n[[adjust]]\nmatch = { provider = "o" }\nmultiply = "0.9"\nwhy = "x"\norder = "1"',
            "whole number",
        ),
        ('schema = 1\n[[adjust]]\nmatch = { provider = 3 }\nmultiply = "0.9"\nwhy = "x"', "match is written"),
        ('schema = 1\n[[host]]\nname = "h"\ngpu_hour = "2"\ngpus = 1.5', "how many GPUs are paid for"),
        ('schema = 1\n[[host]]\nname = "h"\ngpu_hour = "2"\nallocate = "tokens"', "allocate needs gpus"),
        ('schema = 1\n[[host]]\nname = "h"\ngpu_hour = "2"\ngpus = 1\nallocate = "fair"', "none, tokens, busy_seconds"),
        ('schema = 1\n[[host]]\nname = "h"\ngpu_hour = "2490"\ngpus = 1', "is no price of one GPU for one hour"),
        ('schema = 1\n[[commit]]\nprovider = "aws"\nmonthly = 50000', "decimal in quotes"),
        ('schema = 1\n[[commit]]\nprovider = "aws"\nmonthly = "0"', "above 0"),
        ('schema = 1\n[[commit]]\nprovider = "aws"\nmonthly = "1"\ncovers = "x"', "covers is a list"),
        ('schema = 1\n[[volume]]\nmatch = { provider = "a" }\nmultiply = "0.9"\nwhy = "x"', "one of them"),
        (
            'schema = 1\n[[volume]]\nmatch = { provider = "a" }\nmonthly_tokens = 0\nmultiply = "0.9"\nwhy = "x"',
            "a whole number of tokens",
        ),
        ('schema = 1\n[[exchange]]\ncurrency = "EUR"\nusd = "108000"\nsource = "x"', "is no rate"),
        ('schema = 1\n[[exchange]]\ncurrency = "USD"\nusd = "1"\nsource = "x"', "give the rate of another one"),
        ('schema = 1\n[[exchange]]\ncurrency = "EUR"\nusd = "1.1"', "source must be a text"),
        (
            f'schema = 1\n{RATE}{PRICE}input = "2"\ncurrency = "EUR"\nvalid_until = 2026-01-01',
            "no rate of EUR holds between",
        ),
        ('schema = 1\n[alias]\n"my-model" = "openai:gpt-4o"', '"provider:model", on both sides'),
        ("schema = 1\nalias = 1", "aliases are written"),
        ('schema = 1\n[alias]\n"azure:mine" = "azure:gpt-9000"', "toml:3: azure:mine stands for .*gpt-9000, of which"),
        ('schema = 1\n[alias]\n"openai:a" = "openai:b"\n"openai:b" = "openai:gpt-4o"', "openai:a stands for openai:b"),
        (f'schema = 1\n{PRICE.replace("gpt-4o", "gpt-4*")}input = "2"', 'add match = "glob"'),
        (f'schema = 1\n{PRICE}input = "2"\n{PRICE}input = "3"', "toml:7: .* line 2 has a price for the same calls"),
    ],
)
def test_a_book_that_cannot_be_meant_is_refused_with_the_way_out(text: str, problem: str, tmp_path: Path) -> None:
    """Before any call is priced; the message names the file, and the line of the table."""
    path = tmp_path / "prices.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=problem) as raised:
        Prices.load(path)
    assert str(path) in str(raised.value)


def test_the_book_in_the_documentation_is_one(tmp_path: Path) -> None:
    """What people copy works."""
    page = (Path(__file__).parents[2] / "docs" / "pricing.md").read_text()
    (tmp_path / "prices.toml").write_text(page.partition("```toml\n")[2].partition("```")[0])
    prices = Prices.load(tmp_path / "prices.toml")
    distilled = "deepseek-ai/DeepSeek-R1-Distill-Llama-8B"
    night = AT + 12 * 3600 * 10**9
    assert cost(prices, "nscale", distilled, at=night, input=10_000_000, output=5_000_000).usd == Decimal("0.75")


def test_a_book_that_is_not_there_is_named(tmp_path: Path) -> None:
    """And one that is no text."""
    with pytest.raises(ConfigError, match="can't be read: No such file"):
        Prices.load(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is not TOML"):
        Prices.load(tmp_path / "bytes.toml")


@pytest.mark.parametrize(
    ("unit", "amount", "cause"),
    [
        ("per_token", "2.5", "per 1M tokens, written as one per token"),
        ("per_1k_tokens", "2.5", "per 1M tokens written as one per 1K"),
        ("per_token", "0.0025", "per 1K written as one per token"),
        ("per_1m_tokens", "0.0025", "per 1K tokens written as one per 1M"),
        ("per_1m_tokens", "0.0000025", "per token, written as one per 1M"),
    ],
)
@pytest.mark.parametrize("model", ["gpt-4o", "an-unknown-model"])
def test_a_price_of_an_implausible_size_is_refused_with_its_likely_cause(
    unit: str, amount: str, cause: str, model: str, tmp_path: Path
) -> None:
    """Against the list price where there is one, else against what text has ever cost."""
    path = tmp_path / "prices.toml"
    path.write_text(
        f'schema = 1\n[[price]]\nprovider = "openai"\nmodel = "{model}"\nunit = "{unit}"\ninput = "{amount}"\n'
    )
    if model == "an-unknown-model" and (unit, amount) == ("per_1m_tokens", "0.0025"):
        Prices.load(path)  # the cheapest model there is costs no more
        return
    with pytest.raises(ConfigError, match=cause) as raised:
        Prices.load(path)
    assert "sure = true" in str(raised.value)
