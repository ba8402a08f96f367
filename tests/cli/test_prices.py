"""``outlay prices`` shows what is known, since when and whence; ``update`` builds a newer table and fetches nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from outlay.pricing.table import load
from tests.cli.conftest import Cli, words_of
from tests.pricing import genai_data


def prices(cli: Cli, *arguments: str) -> Any:
    """Return what programs get."""
    done = cli("prices", *arguments, "--json")
    assert done.status == 0, done.err
    return json.loads(done.out)


def test_a_model_is_shown_with_all_its_rows(cli: Cli) -> None:
    """Classes, units, dates, windows, terms, sources, and the rule that found it."""
    (found,) = prices(cli, "deepseek-v4-pro", "--at", "2026-08-17T02:00Z")
    (listing,) = found["listings"]
    assert (listing["provider"], listing["model"], listing["rule"]) == ("deepseek", "deepseek-v4-pro", "exact")
    peak = listing["rows"][-1]
    assert {"name": "input", "usd": "1.32", "per": 1_000_000, "over": 0} in peak["rates"]
    assert (peak["since"], peak["daily"]) == ("2026-08-16T16:00:00+00:00", ["01:00-04:00", "06:00-10:00"])
    assert (peak["weekdays"], peak["holidays"]) == ("12345", "cn")
    assert peak["source"].startswith("https://api-docs.deepseek.com/")
    (now,) = found["now"]
    assert (now["since"], now["until"]) == ("2026-08-17T01:00:00+00:00", "2026-08-17T04:00:00+00:00")


def test_the_table_for_people_says_the_same(cli: Cli) -> None:
    """A line a row, sources below by number."""
    done = cli("prices", "openai:gpt-6-sol")
    lines = done.out.splitlines()
    assert lines[0] == "gpt-6-sol of openai; its name matched by: exact."
    assert "over 272,000 in" in done.out
    assert "USD per 1,000,000 tokens, file_search per 1,000, web_search per 1,000." in done.out
    assert "[1] https://developers.openai.com/api/docs/guides/batch" in lines
    assert "Also sold by" not in done.out


def test_a_model_that_several_sell_is_shown_for_all_of_them(cli: Cli) -> None:
    """A maker's own first in full; without a maker one line each, and how to see one in full."""
    assert "Also sold by:" in cli("prices", "gpt-4o").out
    done = cli("prices", "deepseek-ai/DeepSeek-R1")
    assert "is sold by 4 providers" in done.out
    assert any(words_of(line)[:1] == ["huggingface.together"] for line in done.out.splitlines())
    assert cli("prices", "huggingface.together:deepseek-ai/DeepSeek-R1").status == 0


def test_the_users_book_and_its_adjustments_are_shown(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which rows are the book's, and what all are multiplied by."""
    book = tmp_path / "prices.toml"
    book.write_text(
        'schema = 1\n[[price]]\nprovider = "acme"\nmodel = "m"\nunit = "per_1m_tokens"\ninput = "1"\n'
        'source = "a contract"\n[[adjust]]\nmatch = { provider = "acme" }\nmultiply = "0.5"\nwhy = "friends"\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("OUTLAY_PRICE_BOOK", str(book))
    done = cli("prices", "acme:m")
    assert "book:" in done.out
    assert "[1] a contract" in done.out
    assert "Your price book multiplies all of it by 0.5: friends." in done.out
    assert prices(cli)["price_book"] == str(book)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("gpt-4o-mni", "Did you mean gpt-4o-mini"),
        ("openai:gpt-4o-mni", "Did you mean gpt-4o-mini"),
        ("gpt-4o --table ffff", "no price table at hand with the version 'ffff'"),
        ("gpt-4o --at never", "'never' is no time"),
        ("update --from none.json", "none.json can't be read"),
    ],
)
def test_what_is_not_known_is_told_in_a_sentence(line: str, sentence: str, cli: Cli) -> None:
    """With a way out, and a status that scripts see."""
    done = cli("prices", *line.split())
    assert done.status in (1, 2)
    assert sentence in done.err
    assert done.out == ""


def test_an_update_shows_what_differs_and_keeps_the_table_before(cli: Cli, tmp_path: Path) -> None:
    """A dry run keeps nothing; afterwards both are at hand, and either can be looked into."""
    found = genai_data.data()
    genai_data.prices_of(found, "openai", "gpt-4")["input_mtok"] = 29
    genai_data.prices_of(found, "openai", "gpt-4-turbo")["input_mtok"] = 0.01
    file = genai_data.write(tmp_path / "data.json", found)
    arguments = ("update", "--from", str(file), "--dated", "2027-01-15")
    done = cli("prices", *arguments, "--dry-run")
    assert "Nothing is kept: this is a dry run." in done.out
    assert len(prices(cli, "tables")) == 1
    done = cli("prices", *arguments)
    assert ["openai", "gpt-4", "input", "30", "29"] in [words_of(line) for line in done.out.splitlines()]
    assert "Refused: openai gpt-4-turbo: input is 0.01 USD per 1M tokens, 1/1000 of the list price" in done.out
    new, old = prices(cli, "tables")
    assert (new["dated"], new["in_use"], old["version"], old["in_use"]) == ("2027-01-15", True, load().version, False)
    (now,) = prices(cli, "openai:gpt-4")[0]["now"]
    (before,) = prices(cli, "openai:gpt-4", "--table", old["version"])[0]["now"]
    assert [price["bands"][0]["rates"]["input"]["usd"] for price in (now, before)] == ["29", "30"]
    assert "No price differs" in cli("prices", *arguments).out


def test_older_data_is_not_kept(cli: Cli, tmp_path: Path) -> None:
    """It would replace what is known by what was."""
    found = genai_data.data()
    genai_data.prices_of(found, "openai", "gpt-4")["input_mtok"] = 29
    file = genai_data.write(tmp_path / "data.json", found)
    done = cli("prices", "update", "--from", str(file), "--dated", "2025-01-15")
    assert "older than the table in use" in done.out
    assert len(prices(cli, "tables")) == 1
