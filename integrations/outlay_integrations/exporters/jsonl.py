"""JSON lines: each record is one JSON object in a file that grows. Also the pattern of an exporter, whole.

Amounts are decimal strings in USD, times are RFC 3339. A record that came twice (the process died before it had noted
that the file has it) stands there twice, with one ``id``.
"""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from outlay.integration import Backend, Batch, Delivered, Later, Place, Result
from outlay_integrations.exporters.rows import row


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What can be set under ``[exporters.jsonl]``."""

    path: str = ""
    """The file; ``calls.jsonl`` in the exporter's folder where not set."""


class JsonLines:
    """A file that is open."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        if not _ends_a_line(self._file):  # the machine went down in the middle of a line
            os.write(self._file, b"\n")

    def send(self, batch: Batch) -> Result:
        """Append the batch and have the system put it on the disk."""
        rows = [row(record, batch.content.get(record.id)) for record in batch.records]
        lines = memoryview(b"".join(_encode(one) + b"\n" for one in rows))
        try:
            while lines:
                lines = lines[os.write(self._file, lines) :]
            os.fsync(self._file)
        except OSError as error:
            return Later(f"the file can't be written: {error.strerror}")
        return Delivered()

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def _ends_a_line(file: int) -> bool:
    if not os.lseek(file, 0, os.SEEK_END):
        return True
    os.lseek(file, -1, os.SEEK_END)
    return os.read(file, 1) == b"\n"


def _encode(one: dict[str, Any]) -> bytes:
    return msgspec.json.encode(
        {name: f"{value:f}" if isinstance(value, Decimal) else value for name, value in one.items()}
    )


def _open(options: Options, place: Place) -> JsonLines:
    return JsonLines(Path(options.path).expanduser() if options.path else place.folder / "calls.jsonl")


JSONL = Backend(name="jsonl", open=_open, options=Options)
