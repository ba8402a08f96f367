"""The compiled table: current, whole, small, quick, and independent of what it was compiled from."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import msgspec
import pytest

import outlay.pricing
from outlay.errors import ConfigError
from outlay.pricing import compile as compiler
from outlay.pricing.corrections import Corrections
from outlay.pricing.overlay import apply
from outlay.pricing.schedule import instant, window
from outlay.pricing.table import SCHEMA, LoadedTable, Meaning, Price, Provider, load, packed, unpacked
from outlay.pricing.units import PER, STANDS_FOR, TOKENS
from outlay.records import INPUT_CLASSES, OUTPUT_CLASSES

FOLDER = Path(outlay.pricing.__file__).parent


def rows(table: LoadedTable) -> list[tuple[str, str, Price]]:
    """Return every row with its provider and model."""
    return [
        (name, model, row)
        for name in table.names()
        for model, sold in table.provider(name).models.items()  # type: ignore[union-attr]  # it is one of its names
        for row in ([Price(rates=sold)] if isinstance(sold, dict) else sold)
    ]


def test_the_table_is_what_its_sources_compile_to(capsys: pytest.CaptureFixture[str]) -> None:
    """With the genai-prices that it was compiled from: the version is named in it."""
    if metadata.version("genai-prices") != load().compiled_from.removeprefix("genai-prices "):
        return  # a newer genai-prices is no fault of the table's: `--check` in the release says so
    assert compiler.main(["--check"]) == 0, capsys.readouterr().out


def test_the_version_is_the_hash_of_the_bytes() -> None:
    """A table that was changed by hand has another version."""
    data = (FOLDER / "table.json").read_bytes()
    assert load().version == hashlib.sha256(data).hexdigest()[:16]
    assert len(data) < 340_000


def test_every_row_can_be_read() -> None:
    """Times, windows and figures of all rows; every class has a quantity; aliases lead to models."""
    table = load()
    for name, model, row in rows(table):
        assert row.rates.keys() <= PER.keys(), (name, model)
        for edge in filter(None, (row.since, row.until)):
            instant(edge)
        for times in row.daily:
            window(times)
        assert not row.holidays or row.holidays in table.holidays
    for name in table.names():
        provider = table.provider(name)
        assert provider is not None
        assert set(provider.aliases.values()) <= provider.models.keys(), name
        assert all(alias in provider.models or alias in provider.aliases for alias in provider.dated), name


def test_no_row_costs_nothing_without_saying_that_it_is_free() -> None:
    """A zero in the data most often means that nobody knows."""
    for name, model, row in rows(load()):
        figures = [rate if isinstance(rate, str) else rate[0] for rate in row.rates.values()]
        assert row.multiply or row.zero or not figures or any(float(figure) for figure in figures), (name, model)


def test_every_token_class_of_a_record_has_a_unit() -> None:
    """And stands for a class of tokens if it stands for another."""
    assert set(INPUT_CLASSES) | set(OUTPUT_CLASSES) <= TOKENS <= PER.keys()
    assert set(STANDS_FOR) | set(STANDS_FOR.values()) <= TOKENS


def test_every_correction_says_where_it_was_read_and_why() -> None:
    """A page and a sentence."""
    corrections = Corrections.load(FOLDER / "corrections.toml")
    for field in msgspec.structs.fields(Corrections):
        for item in getattr(corrections, field.name) if field.name != "dated" else ():
            assert item.source.startswith("https://")
            assert item.why.endswith(".")


def test_a_correction_that_corrects_nothing_stops_the_compiler(tmp_path: Path) -> None:
    """It is out of date, and would hide what the data says by then."""
    path = tmp_path / "corrections.toml"
    head = "dated = 2026-01-01\n"
    row = 'source = "https://x"\nwhy = "it says so"\n'
    for kind, body in (
        ("add", 'provider = "openai"\nmodels = ["m"]\nrates = { input = "2" }\n'),
        ("change", 'provider = "openai"\nmodel = "m"\nrates = { input = "1" }\n'),
        ("rename", 'provider = "openai"\naliases = { a = "n" }\n'),
        ("meant", 'provider = "openai"\nnames = ["m"]\nmodel = "m"\n'),
        ("meant", 'provider = "openai"\nnames = ["m"]\nmodel = "n"\n'),
    ):
        path.write_text(f"{head}[[{kind}]]\n{body}{row}")
        with pytest.raises(ConfigError, match="corrections: "):
            apply(Corrections.load(path), {"openai": Provider(models={"m": {"input": "1"}})})
    path.write_text(head + "[[add]]\nprovider = 1\n")
    with pytest.raises(ConfigError, match=r"corrections\.toml"):
        Corrections.load(path)


def test_a_name_that_moved_has_each_models_price_while_it_meant_that_model(tmp_path: Path) -> None:
    """Rows end where the name left the model; other names of the model that it means today have none of them."""
    path = tmp_path / "corrections.toml"
    path.write_text(
        'dated = 2026-01-01\n[[meant]]\nprovider = "openai"\nnames = ["m"]\nmodel = "old"\nuntil = "2025-03-01"\n'
        'source = "https://x"\nwhy = "so"\n'
    )
    old = [Price(rates={"input": "3"}), Price(rates={"input": "2"}, since="2025-02-01"), Price(since="2025-04-01")]
    data = {"openai": Provider(models={"old": old, "m": {"input": "1"}}, aliases={"m-2025-01-01": "m"})}
    got = apply(Corrections.load(path), data)["openai"]
    assert (got.models, got.aliases) == (data["openai"].models, data["openai"].aliases)
    rows = [
        Price(rates={"input": "3"}, until="2025-03-01", source="https://x"),
        Price(rates={"input": "2"}, since="2025-02-01", until="2025-03-01", source="https://x"),
    ]
    assert got.meant == [Meaning(names=["m"], rows=rows)]


def test_a_damaged_or_a_newer_table_is_refused() -> None:
    """With what to do."""
    with pytest.raises(ConfigError, match="can't be read"):
        LoadedTable(b"{")
    newer = b'{"schema":9,"dated":"2026-01-01","compiled_from":"x","holidays":{},"providers":{}}'
    with pytest.raises(ConfigError, match="schema 9"):
        LoadedTable(newer)


def test_nothing_of_genai_prices_is_needed_at_run_time() -> None:
    """Nor pydantic, which it stands on."""
    script = (
        "import sys; from outlay.pricing import Prices; from outlay.records import Usage\n"
        "cost = Prices.load().cost('openai', ('gpt-4o',), Usage(classes={'input': 1}), at=1_795_219_200 * 10**9)\n"
        "assert cost.amount == 2500000\n"
        "assert not {'genai_prices', 'pydantic', 'outlay.pricing.compile'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_name_stands_for_the_same_however_it_is_written() -> None:
    """In the file an id stands once beside its other names; a table of the format before is read as well."""
    table, head = load(), msgspec.json.decode((FOLDER / "table.json").read_bytes())
    for name, written in head["providers"].items():
        also, opened = written.pop("also", {}), written.pop("open", {})
        written["aliases"] = {alias: model for model, names in also.items() for alias in names}
        written["dated"] = {alias: kinds for kinds, names in opened.items() for alias in names}
        sold = table.own(name)
        assert sold is not None
        assert unpacked(packed(sold)) == sold
    before = LoadedTable(msgspec.json.encode({**head, "schema": 1}))
    assert [before.provider(name) for name in table.names()] == [table.provider(name) for name in table.names()]
    with pytest.raises(ConfigError, match="upgrade outlay"):
        LoadedTable(msgspec.json.encode({**head, "schema": SCHEMA + 1}))
