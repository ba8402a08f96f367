"""``outlay compare`` gives the bill of the same work on several models, from rates whose unit is always named."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli, words_of

MONTH = ("--input", "10M", "--output", "5M")


def compare(cli: Cli, *arguments: str) -> Any:
    """Return what programs get."""
    done = cli("compare", *arguments, "--json")
    assert done.status == 0, done.err
    return json.loads(done.out)


@pytest.mark.parametrize(
    ("rate", "cost"),
    [
        ("DeepSeek-R1-Distill-Llama-8B=0.05 per 1M tokens", "0.75"),
        ("Llama-3.2-90B-Vision=5e-06/1.6e-05 per token", "130"),
        ("Llama-3.2-90B-Vision=0.005/0.016 per 1K tokens", "130"),
        ("Qwen2.5-Coder-32B=6e-08/2e-07 per token", "1.6"),
        ("Qwen2.5-Coder-32B=0.06/0.2 per 1M", "1.6"),
    ],
)
def test_the_figures_of_the_report_come_out_exact(rate: str, cost: str, cli: Cli) -> None:
    """10M tokens in and 5M out; the report printed 0.13 and 0.0016 for the last two: per token read as per 1K."""
    (found,) = compare(cli, *MONTH, "--rate", rate)["models"]
    assert (found["asked"], Decimal(found["cost"])) == (rate.partition("=")[0], Decimal(cost))


def test_the_figures_come_from_the_price_book_too(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same three, in a book with three units."""
    book = tmp_path / "prices.toml"
    book.write_text(
        'schema = 1\n[[price]]\nprovider = "nscale"\nmodel = "deepseek-r1-distill-llama-8b"\nunit = "per_1m_tokens"\n'
        'total = "0.05"\n[[price]]\nprovider = "vertex_ai"\nmodel = "llama-3.2-90b"\nunit = "per_token"\n'
        'input = "5e-06"\noutput = "1.6e-05"\n[[price]]\nprovider = "nscale"\nmodel = "qwen2.5-coder-32b"\n'
        'unit = "per_1k_tokens"\ninput = "6e-05"\noutput = "2e-04"\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("OUTLAY_PRICE_BOOK", str(book))
    names = ("nscale:deepseek-r1-distill-llama-8b", "nscale:qwen2.5-coder-32b", "vertex_ai:llama-3.2-90b")
    found = compare(cli, *MONTH, *names)["models"]
    assert [(row["asked"], Decimal(row["cost"])) for row in found] == [
        (names[0], Decimal("0.75")),
        (names[1], Decimal("1.60")),
        (names[2], Decimal(130)),
    ]


@pytest.mark.parametrize(
    ("arguments", "times", "per_token"),
    [
        (("--at", "2025-03-01T12:00Z"), "4.4047", "27.397"),
        (("--at", "2025-03-01T12:00Z", "--input", "1M"), "5.2922", "27.372"),
        (("--at", "2025-03-01T20:00Z"), "17.539", "109.09"),
    ],
)
def test_r1_and_o1_are_compared_by_the_answer(arguments: tuple[str, ...], times: str, per_token: str, cli: Cli) -> None:
    """With five digits, beside what prices per token say."""
    line = ("--output", "1M", "o1", "deepseek-reasoner", "--reasoning", "deepseek-reasoner=6.22", *arguments)
    rows = [words_of(row) for row in cli("compare", *line, columns=120).out.splitlines()]
    (o1,) = [row for row in rows if row[:1] == ["o1"]]
    assert o1[-2:] == [times, per_token]


def test_a_host_says_from_which_volume_on_it_pays(cli: Cli) -> None:
    """1.80 USD for 730 hours against 4.50 USD for 15M tokens."""
    line = (*MONTH, "gpt-4o-mini", "--host", "one-a100=1.80 per gpu-hour")
    (even,) = compare(cli, *line)["break_even"]
    assert even == {
        "host": "one-a100",
        "model": "gpt-4o-mini",
        "host_cost": "1314",
        "tokens": 4_380_000_000,
        "tokens_per_second": "1666.7",
    }
    assert "from 4.4B tokens a month on: 1,666.7 a second in every hour." in cli("compare", *line).out
    (half,) = compare(cli, *line[:-1], "x=1.80 per gpu-hour x 2", "--hours", "365")["break_even"]
    assert half["host_cost"] == "1314"


@pytest.mark.usefixtures("shop_ledger")
def test_latency_stands_beside_the_cost_where_the_ledger_knows_it(cli: Cli) -> None:
    """The mean of what requests took."""
    known, unknown = compare(cli, *MONTH, "gpt-4o-mini", "gpt-4o")["models"]
    assert (Decimal(known["mean_seconds"]).quantize(Decimal("0.01")), unknown["mean_seconds"]) == (
        Decimal("0.84"),
        None,
    )
    assert "time: what a request took on average, by your ledger." in cli("compare", *MONTH, "gpt-4o-mini").out


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (["gpt-4o"], "name what to compare and for how many tokens"),
        ([*MONTH], "name what to compare"),
        (["--input", "ten", "gpt-4o"], "'ten' is no whole number: write it like 10M"),
        (["--input", "1.5", "gpt-4o"], "'1.5' is no whole number"),
        (["--input", "1k", "--cache-share", "120%", "gpt-4o"], "'120%' is no share"),
        (["--input", "1k", "--rate", "m=5/10"], "the unit is a part of the price"),
        (["--input", "1k", "--rate", "m=5/10/1 per 1M"], "a third price says what it is for"),
        (["--input", "1k", "--rate", "m=2.5/10 per token"], "is it a price per 1M tokens, written as one per token?"),
        (["--input", "1k", "--rate", "m=2.5/10/inptu:1 per 1M"], "inptu is not a key"),
        (["--input", "1k", "--host", "h=2.49", "gpt-4o"], "must be written NAME=1.80 per gpu-hour x 2"),
        (["--input", "1k", "--reasoning", "gpt-4o", "gpt-4o"], "must be written MODEL=6.22"),
        (["--input", "1k", "--reasoning", "o1=2", "gpt-4o"], "'o1', which is not compared"),
        (["--input", "1k", "gpt-4o-mni"], "Did you mean gpt-4o-mini"),
        (["--input", "1k", "deepseek-ai/DeepSeek-R1"], "say which with"),
    ],
)
def test_what_cannot_be_compared_is_told_in_a_sentence(line: list[str], sentence: str, cli: Cli) -> None:
    """With how to write it."""
    done = cli("compare", *line)
    assert done.status in (1, 2)
    assert sentence in done.err
    assert (len(done.err.splitlines()), done.out) == (1, "")
