"""Files of records: what stands in them, and that they are whole whatever happens while they are written."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from outlay.export import Batch, Content, Delivered, Later, Place
from outlay.records import Cost, Span, Usage
from outlay_integrations.exporters.jsonl import JSONL
from outlay_integrations.exporters.parquet import PARQUET, schema
from tests.ledger.samples import call

WHOLE = call(
    tags={"user": "u-1"},
    terms={"tier": "batch"},
    finish_reasons=("stop",),
    first_chunk=250_000_000,
    usage=Usage(classes={"input": 100, "cache_read": 50, "output": 30}, reasoning=12),
    cost=Cost(status="priced", amount=585_000, by_class={"input": 585_000}),
)
UNKNOWN = call(usage=None, cost=Cost(status="unknown"))
SPAN = Span(id="1" * 16, trace_id="2" * 32, name="nightly", start=1_000, end=2_000, tags={"a": "b"})
SAID = Content(input_messages='[{"role": "user"}]', truncated=True)


def parquet(folder: Path, **options: Any) -> Any:
    """Open the exporter of Parquet files."""
    return PARQUET.open(PARQUET.options(**options), Place(folder=folder))


def rows(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of all files, as a reader of the folder gets them."""
    return list(pyarrow.parquet.read_table(folder / "files").to_pylist())


def test_a_line_holds_a_record_with_totals_and_usd(tmp_path: Path) -> None:
    """Exact decimals as text; null where nothing is known, which is not 0."""
    exporter = JSONL.open(JSONL.options(), Place(folder=tmp_path))
    assert exporter.send(Batch(records=(WHOLE, UNKNOWN, SPAN), content={WHOLE.id: SAID})) == Delivered()
    exporter.close()
    whole, unknown, span = map(json.loads, (tmp_path / "calls.jsonl").read_text().splitlines())
    assert (whole["kind"], whole["input_tokens"], whole["cache_read_input_tokens"]) == ("call", 150, 50)
    assert (whole["cost_usd"], whole["cost_status"]) == ("0.000000585000", "priced")
    assert (whole["start"], whole["first_chunk_seconds"]) == ("2025-11-22T08:26:40Z", 0.25)
    assert (whole["input_messages"], whole["content_truncated"]) == ('[{"role": "user"}]', True)
    assert (unknown["cost_usd"], unknown["input_tokens"], unknown["cost_status"]) == (None, None, "unknown")
    assert (span["kind"], span["name"], span["tags"]) == ("span", "nightly", {"a": "b"})
    assert (tmp_path / "calls.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_torn_line_is_ended_before_the_next(tmp_path: Path) -> None:
    """The machine went down in the middle of a write."""
    file = tmp_path / "mine.jsonl"
    file.write_text('{"kind":"call","id":"torn')
    exporter = JSONL.open(JSONL.options(path=str(file)), Place(folder=tmp_path))
    exporter.send(Batch(records=(WHOLE,)))
    exporter.close()
    torn, whole = file.read_text().splitlines()
    assert torn.endswith("torn")
    assert json.loads(whole)["id"] == WHOLE.id


def test_parquet_has_a_row_a_record_with_exact_amounts(tmp_path: Path) -> None:
    """Typed columns, the same in each file."""
    exporter = parquet(tmp_path)
    assert exporter.send(Batch(records=(WHOLE, UNKNOWN, SPAN), content={WHOLE.id: SAID})) == Delivered()
    exporter.close()
    table = pyarrow.parquet.read_table(tmp_path / "files")
    assert table.schema.equals(schema())
    whole, unknown, span = table.to_pylist()
    assert (whole["cost_usd"], whole["input_tokens"]) == (Decimal("0.000000585000"), 150)
    assert (whole["tags"], whole["terms"]) == ([("user", "u-1")], [("tier", "batch")])
    assert (unknown["cost_usd"], unknown["output_tokens"]) == (None, None)
    assert (span["name"], span["cost_status"]) == ("nightly", None)


def test_a_record_that_comes_twice_is_one_row(tmp_path: Path) -> None:
    """Also after a restart; a full file is left alone."""
    many = [call() for _ in range(5)]
    for batch in (many[:2], many[1:4], many[3:]):
        exporter = parquet(tmp_path, rows=4)
        exporter.send(Batch(records=tuple(batch)))
        exporter.close()
    found = [row["id"] for row in rows(tmp_path)]
    assert sorted(set(found)) == sorted(one.id for one in many)
    assert len(list((tmp_path / "files").iterdir())) == 2


def test_a_file_that_is_half_written_is_no_file(tmp_path: Path) -> None:
    """It has another name until it is whole, and goes at the next start."""
    parquet(tmp_path).send(Batch(records=(WHOLE,)))
    (tmp_path / "files" / "calls-000001.part").write_bytes(b"PAR1 torn")
    parquet(tmp_path).send(Batch(records=(UNKNOWN,)))
    assert {row["id"] for row in rows(tmp_path)} == {WHOLE.id, UNKNOWN.id}
    assert not list((tmp_path / "files").glob("*.part"))


def test_a_disk_that_can_not_be_written_is_trouble_and_no_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch comes again."""
    exporter = parquet(tmp_path)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(pyarrow.parquet, "write_table", full)
        result = exporter.send(Batch(records=(WHOLE,)))
    assert result == Later("the file can't be written: No space left on device")
    assert exporter.send(Batch(records=(WHOLE,))) == Delivered()
    assert [row["id"] for row in rows(tmp_path)] == [WHOLE.id]
