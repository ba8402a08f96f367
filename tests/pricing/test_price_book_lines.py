"""What a book says beside prices: other currencies, dated discounts, volumes, commitments, hosts by the hour."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outlay.errors import ConfigError
from outlay.pricing import Prices
from outlay.pricing.book import Book
from outlay.pricing.hosts import HOUR, Host, Presence, allocate, apportion
from outlay.pricing.monthly import Scope, Spent, Volume, discount
from outlay.pricing.table import Price
from outlay.records import Usage

MIDNIGHT = int(datetime(2026, 11, 2, tzinfo=UTC).timestamp()) * 10**9
"""A Monday."""


def load(text: str, folder: Path) -> Prices:
    """Return prices with a book of this text."""
    (folder / "prices.toml").write_text("schema = 1\n" + text, encoding="utf-8")
    return Prices.load(folder / "prices.toml")


def at(day: str) -> int:
    """Return a moment in nanoseconds since the epoch."""
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 10**9


EUROS = """
[[exchange]]
currency = "EUR"
usd = "1.08"
valid_from = 2026-01-01
source = "ECB of 2026-01-02"
[[exchange]]
currency = "EUR"
usd = "1.20"
valid_from = 2026-07-01
source = "ECB of 2026-07-01"
[[price]]
provider = "acme"
model = "m"
currency = "EUR"
unit = "per_1m_tokens"
input = "10"
over = [{ input_tokens = 1000000, input = "20" }]
valid_until = 2027-01-01
source = "contract"
"""


def test_a_price_in_another_currency_follows_its_dated_rate(tmp_path: Path) -> None:
    """Exactly; the rate stands in the price's source, and before the first one nothing is known."""
    prices = load(EUROS, tmp_path)

    def dollars(day: str, tokens: int = 10**6) -> Decimal | None:
        return prices.cost("acme", ("m",), Usage(classes={"input": tokens}), at=at(day)).usd

    assert [dollars(day) for day in ("2025-12-31", "2026-01-01", "2026-06-30", "2026-07-01", "2027-01-01")] == [
        None,
        Decimal("10.8"),
        Decimal("10.8"),
        Decimal(12),
        None,
    ]
    assert dollars("2026-03-01", 2 * 10**6) == Decimal("43.2")
    found = prices.explain("acme", ("m",), at=at("2026-08-01"))
    assert found is not None
    assert found.sources == ("contract (EUR at 1.20 USD since 2026-07-01, ECB of 2026-07-01)",)


def test_the_currency_of_a_book_is_that_of_its_prices(tmp_path: Path) -> None:
    """Of its hosts and months too; a price may say another."""
    text = EUROS.replace('currency = "EUR"\nunit', "unit").replace("valid_from = 2026-01-01\n", "")
    prices = load(
        f'currency = "EUR"\n{text}[[host]]\nname = "h"\ngpu_hour = "2"\ngpus = 1\n'
        '[[commit]]\nprovider = "acme"\nmonthly = "100"\n'
        '[[price]]\nprovider = "acme"\nmodel = "d"\nunit = "per_1m_tokens"\ninput = "10"\ncurrency = "USD"\n',
        tmp_path,
    )
    usage = Usage(classes={"input": 10**6})
    assert prices.cost("acme", ("m",), usage, at=at("2026-08-01")).usd == 12
    assert prices.cost("acme", ("d",), usage, at=at("2026-08-01")).usd == 10
    assert [host.gpu_hour for host in prices.book.hosts] == [Fraction("2.16"), Fraction("2.4")]
    assert [commitment.amount for commitment in prices.book.commitments] == [108, 120]


def test_a_discount_has_its_dates(tmp_path: Path) -> None:
    """Both edges; a call that was priced before them does not keep its price."""
    prices = load(
        '[[adjust]]\nmatch = { provider = "openai" }\nmultiply = "0.5"\nwhy = "a year"\n'
        "valid_from = 2026-01-01\nvalid_until = 2027-01-01\n",
        tmp_path,
    )
    usage = Usage(classes={"input": 10**6})
    for day, cost in (("2025-12-31", "30"), ("2026-01-01", "15"), ("2026-12-31", "15"), ("2027-01-01", "30")):
        assert prices.cost("openai", ("gpt-4",), usage, at=at(day)).usd == Decimal(cost)


def test_calls_on_a_host_by_the_clock_are_included_in_its_hours(tmp_path: Path) -> None:
    """Whatever they use; without gpus it is GPU-hours that calls are recorded with."""
    prices = load(
        '[[host]]\nname = "clock"\ngpu_hour = "2.49"\ngpus = 4\nallocate = "tokens"\n'
        '[[host]]\nname = "told"\ngpu_hour = "2.49"\n',
        tmp_path,
    )
    included = prices.cost("clock", ("llama",), Usage(classes={"input": 10, "output": 5}), at=MIDNIGHT)
    assert (included.status, included.amount) == ("included", 0)
    assert prices.cost("told", ("llama",), Usage(classes={"gpu_hours": 2}), at=MIDNIGHT).usd == Decimal("4.98")


def host(by: str = "busy_seconds", **runs: Any) -> Host:
    """Return a host at 3.60 USD an hour: 0.1 cent a second."""
    return Host("h", Fraction("1.80"), 2, by, Price(**runs))  # type: ignore[arg-type]  # one of three words


def call(start: float, seconds: float, key: str = "a", tokens: int = 0) -> Presence:
    """Return a call that began so many seconds after midnight."""
    begin = MIDNIGHT + int(start * 10**9)
    return Presence(begin, begin + int(seconds * 10**9), (key,), tokens)


CENT = 10**10


def test_an_hour_is_shared_out_for_the_time_in_which_calls_ran() -> None:
    """600 seconds by one, of which 300 with another: idle is the rest of the hour, apart."""
    calls = [call(0, 600, "a"), call(300, 300, "b")]
    found = allocate(host(), calls, MIDNIGHT, MIDNIGHT + HOUR, MIDNIGHT + HOUR)
    assert (found.total, found.idle, found.busy_ns) == (360 * CENT, 300 * CENT, 600 * 10**9)
    assert found.by_key == {("a",): 40 * CENT, ("b",): 20 * CENT}


def test_tokens_share_an_hour_out_by_what_calls_read_and_wrote() -> None:
    """A call over two hours has a part of its tokens in each."""
    calls = [call(3000, 1200, "a", tokens=200), call(3000, 600, "b", tokens=300)]
    found = allocate(host("tokens"), calls, MIDNIGHT, MIDNIGHT + 2 * HOUR, MIDNIGHT + 2 * HOUR)
    assert found.by_key == {("a",): 15 * CENT + 60 * CENT, ("b",): 45 * CENT}
    assert (found.total, found.idle) == (720 * CENT, 600 * CENT)


def test_the_hour_that_is_not_over_is_not_shared_out_yet() -> None:
    """What calls it will have nobody knows."""
    found = allocate(host(), [call(0, 3600)], MIDNIGHT, MIDNIGHT + HOUR + HOUR // 2, MIDNIGHT + HOUR)
    assert (found.by_key, found.idle, found.running) == ({("a",): 360 * CENT}, 0, 180 * CENT)


def test_a_host_costs_nothing_while_it_is_off() -> None:
    """Dates, hours and weekdays say when it runs: from 8 to 20 on weekdays, 24 of 48 hours."""
    on = host(daily=["08:00-20:00"], weekdays="12345", since="2026-11-02")
    found = allocate(on, [], MIDNIGHT - 48 * HOUR, MIDNIGHT + 48 * HOUR, MIDNIGHT + 48 * HOUR)
    assert (found.paid_ns, found.total) == (24 * HOUR, 24 * 360 * CENT)


PRESENCES = st.lists(
    st.builds(call, st.integers(-7200, 20_000), st.integers(0, 9_000), st.sampled_from("abc"), st.integers(0, 10**6)),
    max_size=15,
)


@given(PRESENCES, st.sampled_from(["tokens", "busy_seconds"]), st.integers(0, 6), st.fractions(0, 100))
def test_what_is_shared_out_and_idle_add_up_to_what_is_paid(
    calls: list[Presence], by: str, closed: int, price: Fraction
) -> None:
    """To the pico-USD; nothing is negative; a busy host is not idle."""
    one = host(by)._replace(gpu_hour=price)
    found = allocate(one, calls, MIDNIGHT, MIDNIGHT + 5 * HOUR, MIDNIGHT + closed * HOUR)
    parts = [*found.by_key.values(), found.idle, found.running]
    assert sum(parts) == found.total == 5 * round(one.cost(HOUR))
    assert min(parts) >= 0
    assert 0 <= found.busy_ns <= found.paid_ns == 5 * HOUR
    assert bool(found.busy_ns) == bool(found.by_key)


@given(st.integers(0, 10**15), st.lists(st.fractions(0, 10**6), min_size=1, max_size=8).filter(any))
def test_shares_add_up(amount: int, weights: list[Fraction]) -> None:
    """And none is a whole unit away from its exact share."""
    parts = apportion(amount, weights)
    assert sum(parts) == amount
    assert all(abs(part - amount * weight / sum(weights)) < 1 for part, weight in zip(parts, weights, strict=True))


def tier(tokens: int | None, factor: str, amount: str | None = None) -> Volume:
    """Return a volume for all calls."""
    usd = None if amount is None else Fraction(amount)
    return Volume(Scope("*", ("*",)), tokens, usd, Fraction(factor), "", "", "")


def test_what_lies_beyond_a_volume_costs_less() -> None:
    """The call that crosses the threshold in part; two tiers one after the other."""
    calls = [Spent(1, 600, 600), Spent(2, 800, 800), Spent(3, 1000, 1000)]
    assert discount([tier(1000, "0.9")], calls, 0) == 140
    assert discount([tier(2000, "0.5"), tier(1000, "0.9")], calls, 0) == 300
    assert discount([tier(1000, "0.9")], calls, 3) == 100
    assert discount([tier(None, "0.5", "0.000000001")], calls, 0) == 700
    assert discount([tier(5000, "0.5")], calls, 0) == 0


CALLS = st.lists(st.builds(Spent, st.integers(0, 9), st.integers(0, 10**6), st.integers(0, 10**9)), max_size=10)


@given(CALLS, st.lists(st.integers(1, 10**6), max_size=3, unique=True), st.integers(0, 10))
def test_a_discount_is_never_more_than_what_was_spent(calls: list[Spent], thresholds: list[int], since: int) -> None:
    """And what is left out of the time is the rest of the month's discount, but for the rounding."""
    calls = sorted(calls, key=lambda one: one.start)
    tiers = [tier(threshold, "0.5") for threshold in thresholds] or [tier(10**9, "0.5")]
    whole, part = discount(tiers, calls, 0), discount(tiers, calls, since)
    assert 0 <= part <= whole <= sum(one.cost for one in calls)
    assert whole <= round(Fraction(sum(one.cost for one in calls), 2))


VALUES = st.recursive(
    st.sampled_from(["2.5", "x", "", "-1", "openai", "gpt-4o", "per_token", "per_1m_tokens", "EUR", "tokens"])
    | st.integers(-5, 5)
    | st.booleans()
    | st.just(0.5)
    | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["usd", "per", "tier", "model"]), inner)
    ),
    max_leaves=4,
)
VALID: dict[str, dict[str, Any]] = {
    "price": {
        "provider": "acme",
        "model": "m",
        "unit": "per_1m_tokens",
        "input": "2.5",
        "over": [{"input_tokens": 5, "input": "5"}],
        "when": {"tier": "batch"},
        "daily": ["22:00-06:00"],
        "web_search": {"usd": "10", "per": 1000},
    },
    "adjust": {"match": {"provider": "openai", "model": "gpt-*"}, "multiply": "0.9", "why": "x", "order": 1},
    "volume": {"match": {"provider": "openai"}, "monthly_tokens": 5, "multiply": "0.9", "why": "x"},
    "commit": {"provider": "aws", "monthly": "5", "covers": ["a*"]},
    "host": {"name": "h", "gpu_hour": "2", "gpus": 1, "allocate": "tokens"},
    "exchange": {"currency": "EUR", "usd": "1.08", "source": "x"},
}
WORDS = st.sampled_from(sorted({name for table in VALID.values() for name in table} | {"total", "valid_from", "sure"}))
TABLES = st.sampled_from(sorted(VALID)).flatmap(
    lambda kind: st.dictionaries(WORDS, VALUES, max_size=2).map(lambda odd: (kind, VALID[kind] | odd))
)
"""Tables that are right but for a word or two."""


def toml(value: Any) -> str:
    """Write a value as TOML has it, in one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {toml(inner)}" for name, inner in value.items()) + " }"
    return str(value)


@settings(max_examples=200)
@given(st.lists(TABLES, min_size=1, max_size=3))
def test_whatever_stands_in_a_book_it_is_read_or_refused_in_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, tables: list[tuple[str, dict[str, Any]]]
) -> None:
    """Never another error; a refusal names the file and the line of the table."""
    text = "".join(
        f"[[{kind}]]\n" + "".join(f"{name} = {toml(value)}\n" for name, value in table.items())
        for kind, table in tables
    )
    folder = tmp_path_factory.mktemp("book")
    try:
        assert isinstance(load(text, folder).book, Book)
    except ConfigError as error:
        assert str(error).startswith(f"{folder / 'prices.toml'}:")  # noqa: PT017 - only where it is refused
