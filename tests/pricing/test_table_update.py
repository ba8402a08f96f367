"""A newer table: from the package or its data file, with what differs, without what can't be, beside the old ones."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from outlay.errors import ConfigError
from outlay.pricing import Prices, shelf, source
from outlay.pricing.compile import compile_table
from outlay.pricing.revision import Difference, differences, plausible
from outlay.pricing.table import SHIPPED, LoadedTable, load
from outlay.records import Usage
from tests.pricing import genai_data

AT = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()) * 10**9
LATER = date(2026, 12, 24)


def built(path: Path, notes: list[str], refused: list[str]) -> bytes:
    """Return the table that an update makes of a data file."""
    return compile_table(LATER, source.read(path), unfit=notes.append, check=plausible(load(), refused.append))


def test_a_data_file_makes_the_table_that_the_package_makes(tmp_path: Path) -> None:
    """To the byte, so that nothing is lost by reading it without the package."""
    found = source.read(genai_data.write(tmp_path / "data.json", genai_data.data()))
    package = source.installed()
    assert compile_table(data=found._replace(name=package.name)) == compile_table(data=package)


def test_only_what_is_new_differs(tmp_path: Path) -> None:
    """A price, a class, a model more and one less; each is named with what it was."""
    found = genai_data.data()
    genai_data.prices_of(found, "openai", "gpt-4")["input_mtok"] = 29
    genai_data.prices_of(found, "openai", "gpt-4")["cache_read_mtok"] = 14.5
    models = next(provider["models"] for provider in found if provider["id"] == "openai")
    models[:] = [model for model in models if model["id"] != "gpt-3.5-0301"]
    models.append({"id": "gpt-7", "match": {"equals": "gpt-7"}, "prices": {"input_mtok": 1, "output_mtok": 8}})
    notes: list[str] = []
    new = LoadedTable(built(genai_data.write(tmp_path / "data.json", found), notes, []))
    assert differences(load(), new, AT) == [
        Difference("openai", "gpt-3.5-0301", "", "known", "gone"),
        Difference("openai", "gpt-4", "cache_read", "none", "14.5"),
        Difference("openai", "gpt-4", "input", "30", "29"),
        Difference("openai", "gpt-7", "", "not known", "known"),
    ]
    assert notes == []


@pytest.mark.parametrize(
    ("model", "prices", "why"),
    [
        ("gpt-4", {"input_mtok": 0.03, "output_mtok": 0.06}, "1/1000 of the list price of 30"),
        ("gpt-4", {"input_mtok": 30000, "output_mtok": 60000}, "1000 times the list price of 30"),
        ("gpt-7", {"input_mtok": 30, "output_mtok": 0.06}, "output is 0.002 times the price of input"),
        ("gpt-7", {"input_mtok": 0.0000025, "output_mtok": 0.00001}, "is it a price per token, written as one per 1M?"),
        ("gpt-7", {"input_mtok": 2500, "output_mtok": 10000}, "more than any text costs"),
        ("gpt-7", {"input_mtok": 2.5, "output_mtok": 10, "cache_read_mtok": 1250}, "cache_read is 500 times"),
    ],
)
def test_a_row_of_an_implausible_size_is_refused(
    model: str, prices: dict[str, float], why: str, tmp_path: Path
) -> None:
    """The row before stays; a model that is new stays unknown, since that is better than wrong."""
    found = genai_data.data()
    models = next(provider["models"] for provider in found if provider["id"] == "openai")
    models[:] = [one for one in models if one["id"] != model]
    models.append({"id": model, "match": {"equals": model}, "prices": prices})
    refused: list[str] = []
    new = LoadedTable(built(genai_data.write(tmp_path / "data.json", found), [], refused))
    (sentence,) = refused
    assert sentence.startswith(f"openai {model}: ")
    assert why in sentence
    assert [row.model for row in differences(load(), new, AT)] == []


def test_an_update_goes_on_where_a_release_stops(tmp_path: Path) -> None:
    """A unit that this outlay does not know, a correction that the data has made: said, and left out."""
    found = genai_data.data()
    genai_data.prices_of(found, "openai", "gpt-4")["dream_mtok"] = 1
    genai_data.prices_of(found, "openai", "gpt-image-1-mini")["output_image_mtok"] = 8
    path = genai_data.write(tmp_path / "data.json", found)
    notes: list[str] = []
    built(path, notes, [])
    assert [note for note in notes if "a price per dream_mtok, which this outlay does not know" in note]
    assert [note for note in notes if "gpt-image-1-mini has a price for output_image now" in note]
    with pytest.raises(ConfigError, match="dream_mtok"):
        compile_table(data=source.read(path))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "is not the data of genai-prices"),
        ('{"providers": []}', "is not the data of genai-prices"),
        ('[{"id": "openai", "models": [{"id": "m", "match": {"rhymes": "m"}, "prices": {}}]}]', "by a condition"),
        ('[{"id": "openai", "models": [{"id": "m", "match": {"equals": "m"}, "prices": {"a": "x"}}]}]', "is none"),
    ],
)
def test_what_is_no_data_is_refused(text: str, problem: str, tmp_path: Path) -> None:
    """In one sentence that names the file."""
    path = tmp_path / "data.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=problem) as raised:
        source.read(path)
    assert str(path) in str(raised.value)
    with pytest.raises(ConfigError, match="can't be read"):
        source.read(tmp_path / "none.json")


def test_a_kept_table_is_used_from_its_day_on_and_the_old_one_by_name(tmp_path: Path) -> None:
    """History keeps the price of its day: both can be priced with, each under its version."""
    found = genai_data.data()
    genai_data.prices_of(found, "openai", "gpt-4")["input_mtok"] = 29
    data = built(genai_data.write(tmp_path / "data.json", found), [], [])
    shelf.keep(tmp_path / "prices", SHIPPED.read_bytes())
    kept = shelf.keep(tmp_path / "prices", data)
    usage = Usage(classes={"input": 10**6})
    new = Prices.load(tables=tmp_path / "prices")
    old = Prices.load(tables=tmp_path / "prices", version=load().version[:6])
    assert [prices.cost("openai", ("gpt-4",), usage, at=AT).usd for prices in (new, old)] == [Decimal(29), Decimal(30)]
    assert (new.version, old.version) == (kept.version, load().version)
    assert [one.version for one in shelf.at_hand(tmp_path / "prices")] == [new.version, old.version]


def test_an_older_table_does_not_replace_a_newer_release(tmp_path: Path) -> None:
    """What was kept before an upgrade of outlay is behind it."""
    shelf.keep(tmp_path, compile_table(date(2026, 1, 1)))
    assert Prices.load(tables=tmp_path).version == load().version


def test_a_table_that_was_changed_or_damaged_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its name holds its hash; the release's own is used instead, and the log says why."""
    kept = shelf.keep(tmp_path, compile_table(LATER))
    kept.path.write_bytes(kept.path.read_bytes().replace(b'"gpt-4"', b'"gpt-x"'))
    with caplog.at_level(logging.WARNING, "outlay"):
        assert Prices.load(tables=tmp_path).version == load().version
    assert "was changed: delete it" in caplog.text
    kept.path.write_bytes(b"{")
    with pytest.raises(ConfigError, match="is damaged"):
        shelf.called(tmp_path, kept.version)


def test_a_version_that_is_not_at_hand_is_said(tmp_path: Path) -> None:
    """And where to look."""
    with pytest.raises(ConfigError, match=r"no price table at hand with the version 'ffff': `outlay prices tables`"):
        shelf.called(tmp_path, "ffff")
