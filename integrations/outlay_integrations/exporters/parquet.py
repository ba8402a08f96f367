"""Parquet: a folder of files with one row per record, for DuckDB, Polars, Spark and the like.

A file is written anew while it grows, beside the old one and then in its place, so that readers never see half of one,
and a record that comes twice is one row. A full file is left alone, and the next one begun.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from outlay.integration import Backend, Batch, Delivered, Later, Place, Result
from outlay_integrations.exporters.rows import row

if TYPE_CHECKING:
    import pyarrow as pa


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What can be set under ``[exporters.parquet]``."""

    path: str = ""
    """The folder; ``files`` in the exporter's own where not set."""
    rows: Annotated[int, msgspec.Meta(ge=1)] = 20_000
    """Rows from which on a file is full."""


class Files:
    """A folder of Parquet files, and the one that grows."""

    def __init__(self, folder: Path, rows: int) -> None:
        self._folder = folder
        self._rows = rows
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for torn in folder.glob("*.part"):
            torn.unlink(missing_ok=True)
        self._number = max((int(file.stem.rpartition("-")[2]) for file in folder.glob("calls-*.parquet")), default=1)
        self._held = self._read()

    def send(self, batch: Batch) -> Result:
        """Add the batch to the file that grows."""
        held = self._held | {record.id: row(record, batch.content.get(record.id)) for record in batch.records}
        try:
            self._write(list(held.values()))
        except OSError as error:
            return Later(f"the file can't be written: {error.strerror or error}")
        self._held = held
        if len(held) >= self._rows:
            self._number += 1
            self._held = {}
        return Delivered()

    def close(self) -> None:
        """Nothing is open."""

    @property
    def _file(self) -> Path:
        return self._folder / f"calls-{self._number:06d}.parquet"

    def _read(self) -> dict[str, dict[str, Any]]:
        if not self._file.exists():
            return {}
        import pyarrow.parquet

        rows = pyarrow.parquet.read_table(self._file, schema=schema()).to_pylist()
        if len(rows) >= self._rows:
            self._number += 1
            return {}
        return {one["id"]: one for one in rows}

    def _write(self, rows: list[dict[str, Any]]) -> None:
        import pyarrow.parquet

        part = self._file.with_suffix(".part")
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema=schema()), part)
        os.replace(part, self._file)  # noqa: PTH105 - the one that also replaces on Windows


def schema() -> pa.Schema:
    """Return the columns and their types; docs/exporters.md says what they mean."""
    import pyarrow as pa

    text, number, real, flag = pa.string(), pa.int64(), pa.float64(), pa.bool_()
    texts, moment, usd = pa.list_(text), pa.timestamp("us", tz="UTC"), pa.decimal128(38, 12)
    pairs = pa.map_(text, text)
    types = {
        text: (
            *("kind", "id", "trace_id", "parent_id", "project", "name", "feature", "path", "release", "provider"),
            *("api", "operation", "host", "request_model", "response_model", "response_id", "request_id", "outcome"),
            *("error_type", "retry_of", "cost_status", "cost_source", "price_id", "price_table"),
            *("system_instructions", "input_messages", "output_messages"),
        ),
        pairs: ("tags", "terms"),
        moment: ("start", "end"),
        real: ("duration_seconds", "first_chunk_seconds"),
        flag: ("streamed", "estimated", "content_truncated"),
        number: (
            *("status", "attempt", "input_tokens", "output_tokens", "cache_read_input_tokens"),
            *("cache_write_input_tokens", "cache_write_1h_input_tokens", "reasoning_output_tokens"),
        ),
        usd: ("cost_usd", "cost_lower_usd", "cost_upper_usd"),
        texts: ("finish_reasons", "marks", "unpriced"),
    }
    return pa.schema([(name, kind) for kind, names in types.items() for name in names])


def _open(options: Options, place: Place) -> Files:
    return Files(Path(options.path).expanduser() if options.path else place.folder / "files", options.rows)


PARQUET = Backend(
    name="parquet", open=_open, options=Options, modules=("pyarrow",), install="outlay[parquet]", batch=2_000
)
