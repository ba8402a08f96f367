"""A working outlay whose records are at hand, and a call that needs no network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import outlay
from outlay import context
from tests.context.kept import Kept


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    """Start outlay, and yield what it keeps."""
    outlay.init(project="tests", data=str(tmp_path / "data"), instrument=False)
    assert context.home is not None
    records = Kept(context.home.keep)
    context.home.keep, context.home.keep_all = records.keep, None
    yield records
    outlay.uninstrument()
